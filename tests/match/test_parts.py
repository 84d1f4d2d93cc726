"""Archives in a matcher have the same parts with the same outcomes as in a scan."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examine.archive.makers import make_tar, make_zip, marked_as_encrypted, zip_crypto
from hashmatch import Entry, HashKind, HashList, Limits, Matcher, Outcome, Reason, Verdict
from hashmatch.examine.examination import examine
from hashmatch.examine.sandbox.base import AnyPool
from hashmatch.match.parts import match_parts
from hashmatch.match.verdict import decide_whole
from hashmatch.model import Examination, Part
from hashmatch.options import ArchiveLimits, ExamineOptions
from hashmatch.scan import make_pool, scan
from pictures import encode, photo

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "benign_images"
LISTED = photo(1, 700, 600)
FAINT = photo(7, 320, 240).point([176 + level // 8 for level in range(256)] * 3)
NEAR, FAR = encode(LISTED, "JPEG", quality=60), encode(photo(2, 700, 600), "JPEG")
SMALL = encode(LISTED.resize((350, 300)), "PNG")
FAINT_DATA = encode(FAINT, "PNG")


def entry(name: str, picture: Any) -> Entry:
    """An entry with the hash of a picture's stored view."""
    options = ExamineOptions(kinds=(HashKind("phash", 64),))
    return Entry(name, examine(picture, options).views[0].hashes[0])


@pytest.fixture(scope="module")
def hash_list() -> HashList:
    """A list with a detailed picture, one with little detail, and one of the fixtures."""
    fixture = next(FIXTURES.rglob("*.jpg"))
    entries = [entry("listed", LISTED), entry("faint", FAINT), entry("fixture", fixture)]
    return HashList.from_entries(entries, name="list")


@pytest.fixture(params=[False, True], ids=["in process", "isolated"], scope="module")
def matcher(request: pytest.FixtureRequest, hash_list: HashList) -> Iterator[Matcher]:
    """A matcher over that list, isolated or not."""
    with Matcher(hash_list, isolate=request.param) as matcher:
        yield matcher


INNER = make_zip({"far.jpg": FAR, "near.png": SMALL})
MIXED = {"text": b"no picture", "far.jpg": FAR, "near.jpg": NEAR, "cut.jpg": FAR[:3000]}
FILES = {
    "zip": make_zip(MIXED),
    "tar": make_tar(MIXED),
    "packed tar": gzip.compress(make_tar(MIXED), mtime=0),
    "packed picture": gzip.compress(NEAR, mtime=0),
    "nested": make_zip({"inner.zip": INNER, "inner.tar": make_tar({"a/far.jpg": FAR}), "b": FAR}),
    "after a far picture": FAR + make_zip({"near.jpg": NEAR}),
    "after a near picture": NEAR + make_zip({"far.jpg": FAR}),
    "candidate": make_zip({"faint.png": FAINT_DATA, "cut.jpg": FAR[:3000]}),
    "clear": make_zip({"far.jpg": FAR, "text": b"no picture"}),
    "texts": make_zip({"a": b"one", "b": b"two"}),
    "empty": make_zip({}),
    "cut": make_zip(MIXED)[:-200],
    "cut tar": make_tar(MIXED)[: -len(FAR) // 2],
    "broken": b"PK\3\4" + bytes(90),
    "unknown": b"ALZ\x01" + bytes(90),
    "encrypted": marked_as_encrypted(
        make_zip({"a.jpg": zip_crypto(b"key", NEAR[:99], 0)}, zipfile.ZIP_STORED)
    ),
    "many": make_zip({f"{number:03}.txt": b"text" for number in range(150)} | {"x.jpg": NEAR}),
    "picture": NEAR,
    "text": b"no picture",
    "nothing": b"",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[AnyPool]:
    """One worker for all scans."""
    with make_pool(1) as pool:
        yield pool


def scanned(path: Path, matcher: Matcher, pool: AnyPool) -> dict[bytes, Outcome]:
    """The records of a scan of a file, by the path inside it."""
    return {
        result.path[len(bytes(path)) :].removeprefix(b"!/"): result.outcome
        for result in scan([path], matcher, pool)
    }


def parts_of(outcome: Outcome) -> dict[bytes, Outcome]:
    """The parts of an outcome by path. A file without members is its own only part."""
    return {part.path: part.outcome for part in outcome.parts} or {b"": outcome}


@pytest.mark.parametrize("name", FILES)
def test_matching_a_file_is_scanning_it(
    name: str, matcher: Matcher, pool: AnyPool, tmp_path: Path
) -> None:
    """Each part has the same path and outcome as in a scan of the same file."""
    path = tmp_path / "file"
    path.write_bytes(FILES[name])
    expected = scanned(path, matcher, pool)
    assert parts_of(matcher.match(path)) == expected
    assert parts_of(matcher.match(FILES[name])) == expected


def test_matching_a_fixture_is_scanning_it(matcher: Matcher, pool: AnyPool) -> None:
    """The example pictures get the same outcomes as in a scan, which gives each one result."""
    paths = sorted(path for path in FIXTURES.rglob("[!.]*") if path.is_file())[::2]
    expected = [result.outcome for result in scan(paths, matcher, pool)]
    assert list(matcher.match_many(paths)) == expected


@pytest.mark.parametrize(
    ("name", "verdict", "reason"),
    [
        ("zip", Verdict.MATCH, Reason.TRUNCATED),
        ("nested", Verdict.MATCH, None),
        ("packed picture", Verdict.MATCH, None),
        ("after a far picture", Verdict.MATCH, None),
        ("after a near picture", Verdict.MATCH, None),
        ("candidate", Verdict.CANDIDATE, Reason.TRUNCATED),
        ("clear", Verdict.CLEAR, None),
        ("texts", Verdict.NOT_IMAGE, None),
        ("empty", Verdict.NOT_IMAGE, None),
        ("encrypted", Verdict.UNSCANNED, Reason.ENCRYPTED),
        ("unknown", Verdict.UNSCANNED, Reason.UNSUPPORTED_FORMAT),
        ("many", Verdict.MATCH, None),
    ],
)
def test_a_file_has_the_gravest_verdict_of_its_parts(
    name: str, verdict: Verdict, reason: Reason | None, matcher: Matcher
) -> None:
    """One member is enough for a match, and a reason is kept whatever the verdict."""
    outcome = matcher.match(FILES[name])
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert (outcome.reason is None) == (outcome.detail is None)
    assert bool(outcome.matches) is (verdict in {Verdict.MATCH, Verdict.CANDIDATE})


def test_the_nearest_entries_are_those_of_all_parts(hash_list: HashList) -> None:
    """Matches of all members come best first, up to the number asked for, and all are counted."""
    members = {f"{number}.png": [FAINT_DATA, SMALL, NEAR][number % 3] for number in range(9)}
    outcome = Matcher(hash_list, max_matches=4, isolate=False).match(make_zip(members))
    assert outcome.match_count == 9
    assert [match.cause for match in outcome.matches] == [None] * 4
    distances = [match.distance for match in outcome.matches]
    assert distances == sorted(distances)
    assert distances[0] == 0
    assert sum(part.outcome.match_count for part in outcome.parts) == 9
    assert [part.path for part in outcome.parts] == [*(name.encode() for name in members), b""]


def test_limits_are_those_of_the_matcher(hash_list: HashList) -> None:
    """A member or an archive over a limit leaves the file unscanned."""
    data = make_zip({"a.jpg": FAR, "b.jpg": FAR, "c.zip": INNER})
    for settings, reason in (
        ({"archives": ArchiveLimits(max_members=1)}, Reason.ARCHIVE_LIMIT),
        ({"archives": ArchiveLimits(max_depth=1)}, Reason.ARCHIVE_LIMIT),
        ({"limits": Limits(max_pixels=10)}, Reason.TOO_LARGE),
    ):
        outcome = Matcher(hash_list, isolate=False, **settings).match(data)
        assert (outcome.verdict, outcome.reason) == (Verdict.UNSCANNED, reason)


def test_archives_of_any_size_are_opened_by_path(hash_list: HashList, tmp_path: Path) -> None:
    """The limit on bytes is for pictures: a larger archive is opened if it is a file."""
    path = tmp_path / "a.zip"
    path.write_bytes(make_zip({"a.txt": os.urandom(9000), "near.png": SMALL}))
    matcher = Matcher(hash_list, limits=Limits(max_bytes=len(SMALL)), isolate=False)
    assert path.stat().st_size > len(SMALL)
    with path.open("rb") as file:
        for source in (path, path.read_bytes(), file):
            outcome = matcher.match(source)
            assert outcome.verdict is Verdict.MATCH
            assert {part.path for part in outcome.parts} == {b"a.txt", b"near.png", b""}
        file.seek(0)
        streamed = matcher.match(io.BytesIO(file.read()))
    assert (streamed.verdict, streamed.reason) == (Verdict.UNSCANNED, Reason.TOO_LARGE)


def test_every_kind_of_file_is_the_same(matcher: Matcher, tmp_path: Path) -> None:
    """Bytes, paths, files of every kind and pipes give the same parts."""
    data = FILES["nested"]
    expected = matcher.match(data)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    read, write = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(write, data), os.close(write)))
    with (
        path.open("rb") as file,
        path.open("rb", buffering=0) as raw,
        path.open("r+b") as updated,
        open(read, "rb") as pipe,
        tempfile.TemporaryFile() as unnamed,
        tempfile.SpooledTemporaryFile() as spooled,
        gzip.open(io.BytesIO(gzip.compress(data))) as unpacked,
    ):
        writer.start()
        for written in (unnamed, spooled):
            written.write(data)  # and nothing is flushed
        file.seek(100)
        sources = [bytearray(data), str(path), file, raw, updated, pipe, unnamed, spooled, unpacked]
        assert [matcher.match(source) for source in sources] == [expected] * len(sources)
        assert file.tell() == 100
        writer.join()


def test_what_a_file_unpacks_is_not_taken_for_the_file(matcher: Matcher, tmp_path: Path) -> None:
    """A reader of unpacked bytes has the descriptor of the packed ones, and that is not used."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(NEAR))
    with gzip.open(path) as unpacked:
        wrapped = io.BufferedReader(unpacked)  # type: ignore[arg-type] # as programs do
        for source in (unpacked, wrapped):
            outcome = matcher.match(source)
            assert (outcome.verdict, outcome.format, outcome.parts) == (Verdict.MATCH, "JPEG", ())


def test_a_huge_archive_is_never_in_memory_as_a_whole(hash_list: HashList) -> None:
    """Of 120 MB unpacked, only a few members are in memory at a time."""
    data = make_zip({f"{number}.bin": bytes(2_000_000) for number in range(60)})
    limits = ArchiveLimits(max_ratio=10_000)
    matcher = Matcher(hash_list, archives=limits, isolate=False)
    tracemalloc.start()
    try:
        outcome = matcher.match(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (outcome.verdict, len(outcome.parts)) == (Verdict.NOT_IMAGE, 61)
    assert peak < 20_000_000


def test_a_member_that_is_another_by_now_is_not_taken_for_it() -> None:
    """An archive whose member is gone or moved on a second look is reported as changed."""
    for again, reason in ((b"a.jpg", None), (b"b.jpg", Reason.CHANGED), (None, Reason.CHANGED)):

        def examined(
            *, exact: bool = False, skip: int = 0, count: int = 0, again: bytes | None = again
        ) -> Iterator[tuple[bytes | None, Examination]]:
            assert (skip, count) == ((0, 1) if exact else (0, 0))
            yield again if exact else b"a.jpg", Examination(format="JPEG", exact=exact)
            if not exact:
                yield None, Examination()

        def judge(found: Any) -> list[Outcome]:
            return [
                Outcome(Verdict.UNSCANNED if each.reason else Verdict.CLEAR, each.reason)
                for each in found
            ]

        def screen(found: Any) -> list[Outcome | None]:
            return (
                [*judge(found)] if all(each.exact for each in found) else [None, *judge(found[1:])]
            )

        outcome = match_parts(examined(), examined, screen, judge, 1)
        assert outcome.reason is reason
        assert outcome.parts[0] == Part(b"a.jpg", judge([Examination(reason=reason)])[0])


ORDER = [
    Verdict.NOT_IMAGE,
    Verdict.CLEAR,
    Verdict.UNSCANNED,
    Verdict.CANDIDATE,
    Verdict.MATCH,
]


def test_the_rule_for_the_whole() -> None:
    """The gravest part decides, in any order; without parts the verdict is not_image."""
    for number, verdict in enumerate(ORDER):
        lesser = ORDER[: number + 1]
        assert decide_whole(lesser) is verdict
        assert decide_whole(lesser[::-1]) is verdict
    assert decide_whole([]) is Verdict.NOT_IMAGE
    assert set(ORDER) == set(Verdict)
