"""Bombs of every kind, read under a limit on memory as a worker has it."""

import bz2
import json
import lzma
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from hashmatch.model import Reason

from .makers import (
    MIB,
    PACKERS,
    TAR_END,
    Forged,
    deflated,
    forge_zip,
    make_zip,
    pax_entry,
    tar_block,
    tar_entry,
)

GIB = 1024 * MIB

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no rlimits")

_READ = """
import json, os, resource, sys
from hashmatch.examine.container import read_members
from hashmatch.errors import DecodeError
from hashmatch.options import ArchiveLimits

def read(path):
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        limit = taken + int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = []
    with open(path, "rb") as file:
        try:
            for member in read_members(file, ArchiveLimits(), int(sys.argv[2])):
                told.append(member.problem and member.problem.reason)
        except DecodeError as error:
            told.append(error.reason)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([told, used * (1 if sys.platform == "darwin" else 1024)]), flush=True)

for path in sys.argv[3:]:
    child = os.fork()
    if child == 0:
        try:
            read(path)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""


def _bzip2_in_zip() -> bytes:
    """41 GiB of zeros, of which the directory announces 100 bytes."""
    packed = bz2.compress(bytes(45 * MIB))
    return forge_zip([Forged(b"a", packed, 12, size=100, crc=0)])


def _wide_lzma() -> bytes:
    """LZMA that asks for a window of 4 GiB to unpack 1,000 bytes, and has them."""
    data = bytes(range(250)) * 4
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}])
    packed = b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff" + packed
    return forge_zip([Forged(b"a", packed, 14, size=len(data), crc=zlib.crc32(data))])


def _wide_xz() -> bytes:
    """Xz that asks for a window of 4 GiB."""
    packed = bytearray(lzma.compress(b"1"))
    header = packed[12 : 12 + (packed[12] + 1) * 4]
    header[4] = 40  # flags, filter, length of its properties, then the window
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    packed[12 : 12 + len(header)] = header
    return bytes(packed)


def _wide_zstd() -> bytes:
    """Zstandard that asks for a window of 2 TiB."""
    return b"\x28\xb5\x2f\xfd\x00\xf8" + b"\x01\x00\x00" * 4


def _long_header() -> bytes:
    """A tar whose header for a long name goes on for 4 GiB."""
    return PACKERS["GZIP"](tar_block(b"x", 4 * GIB, b"L") + bytes(50 * MIB))


def _chain_of_headers() -> bytes:
    """A tar with nothing but long names for the next entry."""
    return PACKERS["GZIP"](tar_entry(b"x", b"name" * 9, b"L") * 100_000)


def _global_keywords(prefix: bytes) -> bytes:
    """A tar with a new keyword before each entry, which holds for all entries to come."""
    said = (
        pax_entry((prefix + b"%d" % n, bytes(1000)), kind=b"g") + tar_entry(b"a")
        for n in range(9000)
    )
    return PACKERS["ZSTD"](b"".join(said) + TAR_END)


def _nested() -> bytes:
    """Zips in zips in zips, 16 to a level, with 16 MiB of zeros in each of the last."""
    data = make_zip({f"{n}": bytes(MIB) for n in range(16)})
    for _ in range(2):
        data = make_zip({f"{n}": data for n in range(16)})
    return data


def _directory_of_lies() -> bytes:
    """A zip whose members all are the same 16 MiB."""
    kernel = deflated(b"0", bytes(MIB))
    lies = {"crc": kernel.crc, "size": kernel.size, "packed_size": len(kernel.packed), "offset": 0}
    return forge_zip([kernel, *(Forged(b"%d" % n, b"", 8, **lies) for n in range(9000))])


def _packed_again_and_again() -> bytes:
    """A gzip in a gzip, and so on, ten times, of zeros."""
    data = bytes(30 * MIB)
    for _ in range(10):
        data = PACKERS["GZIP"](data)
    return data


BOMBS: dict[Callable[[], bytes], Reason | None] = {
    _bzip2_in_zip: Reason.UNDECODABLE,
    _wide_lzma: None,
    _wide_xz: Reason.TOO_LARGE,
    _wide_zstd: Reason.TOO_LARGE,
    _long_header: Reason.UNDECODABLE,
    _chain_of_headers: Reason.UNDECODABLE,
    _nested: Reason.ARCHIVE_LIMIT,
    _directory_of_lies: Reason.ARCHIVE_LIMIT,
    _packed_again_and_again: Reason.ARCHIVE_LIMIT,
}


def _read_limited(
    folder: Path, *archives: bytes, more: int = GIB, max_member_bytes: int = MIB
) -> list[tuple[list[str | None], int]]:
    """Read archives, each in a process that may take so much more memory than it starts with.

    Returns:
        What was told of each, and the bytes that it took.
    """
    paths = [folder / str(number) for number in range(len(archives))]
    for path, data in zip(paths, archives, strict=True):
        path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(more), str(max_member_bytes), *map(str, paths)],
        capture_output=True,
        timeout=300,
        check=True,
    )
    assert done.stderr == b""
    return [(told, used) for told, used in map(json.loads, done.stdout.splitlines())]


def test_bombs_take_little_memory(tmp_path: Path) -> None:
    """Whatever an archive unpacks to, it takes no more than some members' worth of memory."""
    found = _read_limited(tmp_path, *(bomb() for bomb in BOMBS))
    for (bomb, reason), (told, used) in zip(BOMBS.items(), found, strict=True):
        assert reason in told, bomb.__name__
        assert used < 24 * MIB, bomb.__name__


@pytest.mark.parametrize(
    ("prefix", "reason"), [(b"SCHILY.", None), (b"GNU.sparse.", Reason.UNSUPPORTED_FORMAT)]
)
def test_global_keywords_are_not_collected(
    tmp_path: Path, prefix: bytes, reason: Reason | None
) -> None:
    """However many keywords an archive has, they take no memory."""
    ((told, used),) = _read_limited(tmp_path, _global_keywords(prefix))
    assert told == [reason] * 9000
    assert used < 16 * MIB


def test_one_member_in_memory_at_a_time(tmp_path: Path) -> None:
    """Members of 32 MiB, each in a zip of its own, take the memory of one and of its zip."""
    numbers = range(5)
    inner = [make_zip({"a": bytes([n]) * 32 * MIB}, 0) for n in numbers]
    data = make_zip({f"{n}.zip": inner[n] for n in numbers}, 0)
    ((told, used),) = _read_limited(tmp_path, data, max_member_bytes=40 * MIB)
    assert told == [None] * 10
    assert used < 3 * 32 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_no_memory_for_a_member_is_told(tmp_path: Path) -> None:
    """A member that the process has no memory for is ``too_large``, and the next one is read."""
    data = make_zip({"large": bytes(128 * MIB), "small": b"1"}, 0)
    limits = {"max_member_bytes": 512 * MIB}
    ((told, _),) = _read_limited(tmp_path, data, more=100 * MIB, **limits)
    assert told == [Reason.TOO_LARGE, None]
    window = Forged(b"a", b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff" + bytes(MIB), 14)
    window.size = 64 * MIB
    ((told, _),) = _read_limited(tmp_path, forge_zip([window]), more=64 * MIB, **limits)
    assert told == [Reason.TOO_LARGE]
