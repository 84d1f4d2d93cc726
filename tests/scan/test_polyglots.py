"""Files that are an archive and a picture at the same time."""

import io
import os
import tarfile
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from examine.archive.makers import make_zip
from hashmatch import Entry, HashKind, HashList, Limits, Matcher, PerceptualHash, Reason, Verdict
from hashmatch.examine.examination import examine
from hashmatch.options import ArchiveLimits, ExamineOptions
from hashmatch.scan import History, State, make_pool, scan
from matchers import in_process
from pictures import encode, photo

BLOCK = tarfile.BLOCKSIZE


def flipped(value: PerceptualHash) -> PerceptualHash:
    """The hash that is farthest from this one."""
    return PerceptualHash(
        value.algorithm, value.bits, tuple(word ^ (2**64 - 1) for word in value.words)
    )


def scan_one(path: Path, matcher: Matcher) -> dict[bytes, tuple[Verdict, Reason | None]]:
    """The records of a file and its members, by their part of the path."""
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
    return in_process(HashList.from_entries([Entry("it", found.views[0].hashes[0])], name="list"))


def bmp_that_is_a_tar(seed: int) -> bytes:
    """A BMP whose header is the name of a tar's first member, followed by the tar."""
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
    """A JPEG whose comment spans a tar's first header, followed by members."""
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
    """Members do not get in the way when the picture itself is decoded in full."""
    path = tmp_path / "both.jpg"
    member = encode(photo(5, 900, 700), "PNG", compress_level=1)
    path.write_bytes(jpeg_that_is_a_tar(1, member, member))
    os.utime(path, (0, 0))
    found = examine(photo(1, 640, 480), ExamineOptions(kinds=(HashKind("phash", 64),)))
    code = found.views[0].hashes[0]
    matcher = in_process(HashList.from_entries([Entry("it", code)], name="list"))
    if known:
        with State(tmp_path / "scan.db") as state, make_pool(1) as pool:
            far = in_process(HashList.from_entries([Entry("far", flipped(code))], name="list"))
            memory = History(state, far.options)
            assert len(list(scan([bytes(path)], far, pool, history=memory))) == 4
            memory.end({})
        with State(tmp_path / "scan.db") as state, make_pool(1) as pool:
            memory = History(state, matcher.options)
            *_, last = scan([bytes(path)], matcher, pool, history=memory)
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


def test_one_over_the_limit_is_told(tmp_path: Path) -> None:
    """A tar that begins as a picture and has too many bytes for one is unscanned."""
    path = tmp_path / "both"
    path.write_bytes(bmp_that_is_a_tar(1))
    small = in_process(matcher_for(1).hash_lists, limits=Limits(max_bytes=1000))
    assert scan_one(path, small)[b""] == (Verdict.UNSCANNED, Reason.TOO_LARGE)


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


zipped = partial(make_zip, method=zipfile.ZIP_STORED)


def with_zip_behind(seed: int, behind: Iterable[int], **options: Any) -> bytes:
    """A JPEG followed by a zip of other pictures, as ``cat`` makes it."""
    members = {f"{number}.jpg": encode(photo(number, 320, 240), "JPEG") for number in behind}
    return encode(photo(seed, 320, 240), "JPEG", **options) + zipped(members)


def test_a_zip_behind_a_picture_is_opened(tmp_path: Path) -> None:
    """Both a picture and the members of a zip appended to it are examined."""
    path = tmp_path / "both.jpg"
    path.write_bytes(with_zip_behind(1, [2, 3]))
    assert scan_one(path, matcher_for(3)) == {
        b"!/2.jpg": (Verdict.CLEAR, None),
        b"!/3.jpg": (Verdict.MATCH, None),
        b"": (Verdict.CLEAR, None),
    }
    assert scan_one(path, matcher_for(1))[b""] == (Verdict.MATCH, None)


def test_a_zip_behind_anything_is_opened(tmp_path: Path) -> None:
    """A zip appended to a program, or to a file over the limit on bytes, is opened too."""
    path = tmp_path / "program"
    path.write_bytes(b"#!/bin/sh\n" * 9 + zipped({"a.jpg": encode(photo(3, 320, 240), "JPEG")}))
    found = scan_one(path, matcher_for(3))
    assert found == {b"!/a.jpg": (Verdict.MATCH, None), b"": (Verdict.NOT_IMAGE, None)}
    path.write_bytes(encode(photo(1, 640, 480), "BMP") + zipped({"a.txt": b"words"}))
    small = in_process(matcher_for(3).hash_lists, limits=Limits(max_bytes=100_000))
    assert scan_one(path, small) == {
        b"!/a.txt": (Verdict.NOT_IMAGE, None),
        b"": (Verdict.UNSCANNED, Reason.TOO_LARGE),
    }


def test_limits_hold_for_a_zip_behind_a_picture(tmp_path: Path) -> None:
    """Members of an appended zip count like any, and the picture's reason reports the rest."""
    path = tmp_path / "both.jpg"
    path.write_bytes(with_zip_behind(1, [2, 3]))
    one = in_process(matcher_for(3).hash_lists, archives=ArchiveLimits(max_members=1))
    assert scan_one(path, one) == {
        b"!/2.jpg": (Verdict.CLEAR, None),
        b"": (Verdict.UNSCANNED, Reason.ARCHIVE_LIMIT),
    }


def test_a_state_keeps_what_is_behind_a_picture(tmp_path: Path) -> None:
    """The second scan knows the members, and finds those that are on a new list."""
    path = tmp_path / "both.jpg"
    path.write_bytes(with_zip_behind(1, [2, 3]))
    os.utime(path, (0, 0))
    for seed, recalled in ((9, 0), (3, 1), (1, 1)):
        matcher = matcher_for(seed)
        with State(tmp_path / "scan.db") as state, make_pool(1) as pool:
            memory = History(state, matcher.options)
            results = list(scan([bytes(path)], matcher, pool, history=memory))
            memory.end({})
            assert memory.counts.recalled == recalled
        assert [result.outcome.verdict is Verdict.MATCH for result in results] == [
            False,
            seed == 3,
            seed == 1,
        ]


def test_within_an_archive_a_zip_behind_a_picture_is_opened(tmp_path: Path) -> None:
    """A member with an appended zip matches by itself, or by what is in that zip."""
    path = tmp_path / "outer.zip"
    path.write_bytes(zipped({"both.jpg": with_zip_behind(1, [3]), "3.jpg": b"words"}))
    for listed, found in ((3, b"!/both.jpg!/3.jpg"), (1, b"!/both.jpg")):
        verdicts = scan_one(path, matcher_for(listed))
        assert [part for part in verdicts if verdicts[part][0] is Verdict.MATCH] == [found]


@pytest.mark.parametrize("isolate", [False, True])
def test_a_matcher_opens_the_zip_that_is_behind(isolate: bool) -> None:
    """An upload with an appended zip matches by its picture, or by what is in the zip."""
    upload = with_zip_behind(1, [3], quality=60)
    with in_process(matcher_for(3).hash_lists, isolate=isolate) as matcher:
        told = matcher.match(upload)
        verdicts = {part.path: part.outcome.verdict for part in told.parts}
        assert told.verdict is Verdict.MATCH
        assert sorted(verdicts.values()) == [Verdict.CLEAR, Verdict.MATCH]
        assert verdicts[b""] is Verdict.CLEAR
        assert (told.format, told.width) == ("JPEG", 320)
        assert matcher.match(b"MZ" + zipped({"a": b"1"})).verdict is Verdict.NOT_IMAGE
        assert matcher.match(encode(photo(2, 320, 240), "JPEG")).verdict is Verdict.CLEAR
    with in_process(matcher_for(1).hash_lists, isolate=isolate) as matcher:
        assert matcher.match(upload).verdict is Verdict.MATCH


def test_a_matcher_opens_the_zip_behind_a_large_file_too(tmp_path: Path) -> None:
    """A file over the limit on bytes is not read whole, but a zip at its end is opened."""
    path = tmp_path / "video"
    upload = encode(photo(3, 320, 240), "JPEG")
    path.write_bytes(bytes(200_000) + zipped({"a.jpg": upload}))
    small = in_process(matcher_for(3).hash_lists, limits=Limits(max_bytes=100_000))
    with path.open("rb") as file:
        for source in (path, file, path.read_bytes()):
            assert small.match(source).verdict is Verdict.MATCH
        # Where only a copy in memory could be opened, it is not: and never cleared either
        told = small.match(io.BytesIO(path.read_bytes()))
    assert (told.verdict, told.reason) == (Verdict.UNSCANNED, Reason.UNSUPPORTED_FORMAT)


@pytest.mark.parametrize("behind", [b"PK\x05\x06", b"PK\x05\x06" + bytes(40), zipped({})])
def test_a_chance_mark_leaves_a_picture_clear(tmp_path: Path, behind: bytes) -> None:
    """Bytes that only look like a zip's end change nothing about a picture."""
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo(1, 320, 240), "JPEG") + behind)
    assert scan_one(path, matcher_for(3)) == {b"": (Verdict.CLEAR, None)}
    assert matcher_for(3).match(path).verdict is Verdict.CLEAR
