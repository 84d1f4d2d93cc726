"""The list stays in the scanning process: no other process of a scan holds a byte of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashmatch import HashList, Matcher
from hashmatch.scan import make_pool, scan

from . import plants
from .processes import children

pytestmark = pytest.mark.usefixtures("real_processes")

CANARY = 0x9E3779B97F4A7C15
IDS = ("canary-id-5d1f", "canary label 77ab")


def needles() -> dict[str, bytes]:
    """Every form in which a hash, or the rest of its entry, could be in memory."""
    text = f"{CANARY:016x}"
    return {
        "lower-case hex": text.encode(),
        "upper-case hex": text.upper().encode(),
        "hex in UTF-16": text.encode("utf-16-le"),
        "hex in UTF-32": text.encode("utf-32-le"),
        "decimal": str(CANARY).encode(),
        "big-endian": CANARY.to_bytes(8, "big"),
        "little-endian": CANARY.to_bytes(8, "little"),
        # How CPython stores a large integer: digits of 30 bits in words of 32
        "a Python integer": b"".join(
            (CANARY >> shift & (1 << 30) - 1).to_bytes(4, "little") for shift in (0, 30, 60)
        ),
        **{f"text {text!r}": text.encode() for text in IDS},
    }


def found_in(pid: int, sought: dict[str, bytes]) -> set[str]:
    """Which of these the memory of a process holds."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            assert "list.txt" not in line or pid == os.getpid()
            if not rights.startswith("rw"):
                continue  # read-only pages come from a file, not from the list
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                content = memory.read(end - start) or b""
            except (OSError, OverflowError, ValueError):
                continue  # mapped, but not present
            found |= {name for name in sought.keys() - found if sought[name] in content}
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read what is not dumpable")
@pytest.mark.parametrize("decode", ["fast", "exact"])
def test_no_worker_has_the_list_in_its_memory(tmp_path: Path, decode: str) -> None:
    """A canary entry is in the supervisor's memory, but not in the zygote's or any worker's."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.jpg").write_bytes(plants.picture(number, side=300))
    listed = tmp_path / "list.txt"
    listed.write_text(f"# algorithm: phash\n{CANARY:016x} {IDS[0]} {IDS[1]}\n")
    pool = make_pool(2)
    try:
        matcher = Matcher(HashList.load(listed), decode=decode)
        results = scan([bytes(folder)], matcher, pool)
        next(results)  # so that workers have seen files and the matcher has searched
        zygote = pool._zygote.pid
        workers = children(zygote)
        assert len(workers) == 2
        for pid in (zygote, *workers):
            assert found_in(pid, needles()) == set()
        if decode == "fast":
            held = {f"text {IDS[0]!r}", "little-endian"}
            assert found_in(os.getpid(), {name: needles()[name] for name in held}) == held
        assert len(list(results)) == 19
    finally:
        pool.close()
