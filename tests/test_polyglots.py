"""Files that are an archive and a picture at the same time."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from hashmatch import Entry, HashKind, HashList, Matcher, PerceptualHash, Reason, Verdict
from hashmatch.examine import examine
from hashmatch.model import ExamineOptions
from hashmatch.scan import Memory, State, make_pool, scan
from pictures import encode, photo

BLOCK = tarfile.BLOCKSIZE


def flipped(value: PerceptualHash) -> PerceptualHash:
    """The hash that is farthest from this one."""
    return PerceptualHash(
        value.algorithm, value.bits, tuple(word ^ (2**64 - 1) for word in value.words)
    )


def scan_one(path: Path, matcher: Matcher) -> dict[bytes, tuple[Verdict, Reason | None]]:
    """What a scan says of a file and its members, by the part of the path that is theirs."""
    pool = make_pool(1)
    try:
        return {
            result.path.removeprefix(bytes(path)): (result.outcome.verdict, result.outcome.reason)
            for result in scan([bytes(path)], matcher, pool)
        }
    finally:
        pool.close()


def matcher_for(seed: int) -> Matcher:
    """A matcher whose list has one generated picture."""
    found = examine(photo(seed, 320, 240), ExamineOptions(kinds=(HashKind("phash", 64),)))
    return Matcher(HashList.from_entries([Entry("it", found.views[0].hashes[0])], name="list"))


def bmp_that_is_a_tar(seed: int) -> bytes:
    """A BMP whose header is the name of a tar's first member, with a tar behind that header."""
    picture = bytearray(encode(photo(seed, 320, 240), "BMP"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x"))
    tar = bytearray(buffer.getvalue())
    # The pixels move behind the tar's blocks, and the header says so
    header = picture[:54]
    header[10:14] = (len(tar)).to_bytes(4, "little")
    header[2:6] = (len(tar) + len(picture) - 54).to_bytes(4, "little")
    tar[:54] = header
    tar[148:156] = b" " * 8
    tar[148:156] = f"{sum(tar[:512]):06o}\0 ".encode()
    return bytes(tar + picture[54:])


def jpeg_that_is_a_tar(seed: int, *members: bytes) -> bytes:
    """A JPEG with a comment that reaches over a tar's first header, and members behind it."""
    picture = encode(photo(seed, 640, 480), "JPEG", quality=90)
    start = picture[:2] + b"\xff\xfe" + (BLOCK - 4).to_bytes(2, "big")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number, data in enumerate([picture[2:], *members]):
            name = tarfile.TarInfo("x" * len(start) + str(number))
            name.size = len(data)
            archive.addfile(name, io.BytesIO(data))
    tar = bytearray(buffer.getvalue())
    tar[: len(start)] = start
    tar[148:156] = b" " * 8
    tar[148:156] = f"{sum(tar[:BLOCK]):06o}\0 ".encode()
    return bytes(tar)


@pytest.mark.parametrize("known", [False, True])
def test_so_does_a_jpeg_with_a_preview(tmp_path: Path, known: bool) -> None:
    """Its members do not get in the way when the picture itself is decoded in full."""
    path = tmp_path / "both.jpg"
    member = encode(photo(5, 900, 700), "PNG", compress_level=1)
    path.write_bytes(jpeg_that_is_a_tar(1, member, member))
    os.utime(path, (0, 0))
    found = examine(photo(1, 640, 480), ExamineOptions(kinds=(HashKind("phash", 64),)))
    code = found.views[0].hashes[0]
    matcher = Matcher(HashList.from_entries([Entry("it", code)], name="list"))
    if known:
        with State(tmp_path / "scan.db") as state, make_pool(1) as pool:
            far = Matcher(HashList.from_entries([Entry("far", flipped(code))], name="list"))
            memory = Memory(state, far.options)
            assert len(list(scan([bytes(path)], far, pool, memory=memory))) == 4
            memory.end({})
        with State(tmp_path / "scan.db") as state, make_pool(1) as pool:
            memory = Memory(state, matcher.options)
            *_, last = scan([bytes(path)], matcher, pool, memory=memory)
            assert (memory.counts.recalled, last.outcome.verdict) == (1, Verdict.MATCH)
    else:
        results = scan_one(path, matcher)
        assert len(results) == 4
        assert results[b""] == (Verdict.MATCH, None)


def test_a_picture_that_is_also_a_tar_matches(tmp_path: Path) -> None:
    """A tar that begins as a picture is examined as both."""
    path = tmp_path / "both"
    path.write_bytes(bmp_that_is_a_tar(1))
    assert tarfile.is_tarfile(path)
    found = scan_one(path, matcher_for(1))
    assert found[b""][0] is Verdict.MATCH
    assert len(found) == 2  # the tar's member is there too


def test_so_does_one_within_an_archive(tmp_path: Path) -> None:
    """A member that is a tar and a picture is examined as both."""
    path = tmp_path / "outer.tar"
    with tarfile.open(path, "w") as archive:
        data = bmp_that_is_a_tar(2)
        info = tarfile.TarInfo("inner")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    found = scan_one(path, matcher_for(2))
    assert found[b"!/inner"][0] is Verdict.MATCH
