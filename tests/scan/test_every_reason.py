"""A scan with a planted fault for every reason reports all of them, and the counts add up."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from examine.sandbox import plants
from hashmatch.model import Reason, Verdict
from pictures import animation, as_mode, encode, flat, photo

from . import commands

NOT_PLANTED = {Reason.PERMISSION, Reason.CHANGED, Reason.VANISHED, Reason.UNAVAILABLE}
"""They need another user, timing, or object storage, and have tests of their own."""


def encrypted_zip() -> bytes:
    """A zip whose one member says that it is encrypted."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("secret.jpg", plants.picture(1))
    data = bytearray(file.getvalue())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def plant(folder: Path) -> None:
    """Files of every verdict, and one for each reason that needs no timing."""
    folder.mkdir()
    frames = [photo(seed, 60, 40) for seed in range(6)]
    files = {
        "clear.jpg": plants.picture(1, side=200),
        "match.jpg": encode(photo(77, 320, 240), "JPEG"),
        "low.png": encode(flat(), "PNG"),
        "text.txt": b"no picture at all",
        "empty": b"",
        "undecodable.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "truncated.jpg": plants.picture(2, side=200)[:-500],
        "too_large.png": encode(flat(3000, 2000), "PNG"),
        "timeout.jpg": plants.picture(1, plants.HANG),
        "decoder_crash.jpg": plants.picture(1, plants.SEGV),
        "unsupported_format.dds": b"DDS |" + bytes(100),
        "encrypted.zip": encrypted_zip(),
        "frame_limit.gif": animation([as_mode(frame, "P") for frame in frames], "GIF"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with zipfile.ZipFile(folder / "archive_limit.zip", "w") as packed:
        for number in range(12):
            packed.writestr(f"{number}.jpg", plants.picture(number))
    os.mkfifo(folder / "special_file")


@pytest.mark.timing
def test_every_fault_is_told_and_the_counts_add_up(tmp_path: Path) -> None:
    """Each file ends in exactly one record, and the summary counts verdicts and reasons."""
    folder = tmp_path / "files"
    plant(folder)
    plants.install(tmp_path / "plug-in")
    (tmp_path / "list.txt").write_text("# algorithm: phash\n" + hash_of(folder / "match.jpg"))
    code, records = commands.scan(
        *(folder, "--list", tmp_path / "list.txt", "--jobs", "2", "--timeout", "2"),
        *("--max-pixels", "4000000", "--max-frames", "4", "--max-members", "10"),
        plug_in=[tmp_path / "plug-in"],
    )
    *files, summary = records
    verdicts = {record["path"][len(str(folder)) + 1 :]: record["verdict"] for record in files}
    reasons = {record["path"][len(str(folder)) + 1 :]: record["reason"] for record in files}
    assert code == 3
    assert len(files) == len(verdicts) == summary["files"] == 15 + 1 + 10
    assert sum(summary["verdicts"].values()) == len(files)
    assert Counter(verdicts.values()) == +Counter(summary["verdicts"])
    assert Counter(filter(None, reasons.values())) == +Counter(summary["reasons"])
    for reason in set(Reason) - NOT_PLANTED:
        (name,) = (n for n in reasons if n.split(".")[0] == reason and "!/" not in n)
        expected = None if reason is Reason.ENCRYPTED else reason
        assert reasons[name] == expected, name
    assert reasons["encrypted.zip!/secret.jpg"] == "encrypted"
    assert [reasons[f"archive_limit.zip!/{n}.jpg"] for n in range(10)] == [None] * 10
    assert verdicts["match.jpg"] == Verdict.MATCH
    assert verdicts["clear.jpg"] == Verdict.CLEAR
    assert verdicts["text.txt"] == verdicts["empty"] == Verdict.NOT_IMAGE


def hash_of(path: Path) -> str:
    """A list's line for a picture."""
    import imagehash  # noqa: PLC0415 # heavy
    from PIL import Image  # noqa: PLC0415 # heavy

    with Image.open(path) as image:
        return f"{imagehash.phash(image)} planted\n"


_SCAN_AS_NOBODY = """
import os, sys
from hashmatch import HashList, Matcher
from hashmatch.scan import make_pool, scan
matcher = Matcher(HashList.load(sys.argv[1]))
pool = make_pool(1)
if os.geteuid() == 0:
    os.seteuid(65534)  # root may read anything; its decoding process has begun already
try:
    for result in scan(map(os.fsencode, sys.argv[2:]), matcher, pool):
        print(result.outcome.reason)
finally:
    if os.getuid() == 0:
        os.seteuid(0)
    pool.close()
"""


def test_files_without_permission_gone_or_changing_are_told(tmp_path: Path) -> None:
    """A file that cannot be opened, is gone, or changes while it is read is unscanned."""
    (tmp_path / "permission.jpg").write_bytes(plants.picture(1))
    (tmp_path / "permission.jpg").chmod(0)
    changing = tmp_path / "changed.bin"
    changing.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50_000_000))
    (tmp_path / "list.txt").write_text("# algorithm: phash\n0123456789abcdef a\n")
    names = ["permission.jpg", changing.name, "vanished.jpg"]
    stop = threading.Event()

    def touch() -> None:
        while not stop.wait(0.0005):
            os.utime(changing)

    thread = threading.Thread(target=touch)
    thread.start()
    # From within the folder: every other pytest that starts closes those above it to all but root
    tmp_path.chmod(0o711)
    try:
        told = subprocess.run(
            [sys.executable, "-c", _SCAN_AS_NOBODY, "list.txt", *names],
            cwd=tmp_path,
            env=commands.environment(),
            capture_output=True,
            check=False,
            timeout=60,
        )
    finally:
        stop.set()
        thread.join()
    assert told.stdout.split() == [b"permission", b"changed", b"vanished"], told.stderr


@pytest.mark.timing
def test_progress_does_not_stand_in_the_way(tmp_path: Path) -> None:
    """A scan waits for a slow reader, and blames no file for that time."""
    folder = tmp_path / "files"
    folder.mkdir()
    data = plants.picture(1, side=200)
    for number in range(600):
        (folder / f"{number:05}{'n' * 200}.jpg").write_bytes(data)
    (tmp_path / "list.txt").write_text("# algorithm: phash\n0123456789abcdef a\n")
    process = commands.start(
        *("scan", folder, "--list", tmp_path / "list.txt", "--format", "jsonl"),
        *("--timeout", "1", "--jobs", "2"),
    )
    time.sleep(2.5)  # the pipe is full long before
    output, errors = process.communicate(timeout=60)
    summary = json.loads(output.splitlines()[-1])
    assert process.returncode == 0, errors
    assert summary["verdicts"]["clear"] == 600
