"""``match_many`` with worker processes takes files ahead, and changes nothing else."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image

from examine.archive.makers import make_zip
from hashmatch import Entry, HashList, Matcher, Reason, SettingsError, Verdict, dhash, phash
from hashmatch.examine.inputs import PictureInput
from hashmatch.match import ahead
from pictures import encode, padded, photo

PICTURES = [photo(number, 220, 190) for number in range(5)]
DATA = [encode(picture, "JPEG", quality=85) for picture in PICTURES]
LISTED = HashList.from_entries(
    [Entry(str(number), phash(DATA[number])) for number in (0, 2)], name="listed"
)
OTHERS = HashList.from_entries([Entry("other", phash(DATA[1]))], name="others")
SOURCES = [
    *DATA,
    encode(padded(PICTURES[2]), "JPEG", quality=90),
    make_zip({"far.jpg": DATA[1], "near.jpg": DATA[0]}),
    make_zip({"near.jpg": DATA[2]}) + bytes(10),
    DATA[3][:2000],
    b"no picture",
    PICTURES[0],
    encode(photo(2, 900, 800), "JPEG"),
]


def open_files() -> int:
    """How many descriptors this process has; 0 where the system does not say."""
    place = Path("/proc/self/fd")
    return len([*place.iterdir()]) if place.is_dir() else 0


@pytest.fixture(scope="module")
def matcher() -> Iterator[Matcher]:
    """A matcher with two workers."""
    with Matcher(LISTED, workers=2) as found:
        yield found


def test_many_have_the_outcomes_of_each_by_itself(matcher: Matcher) -> None:
    """Previews, near pictures, borders, archives, broken files and pixels, in their order."""
    expected = [matcher.match(source) for source in SOURCES]
    assert {outcome.verdict for outcome in expected} >= {Verdict.MATCH, Verdict.CLEAR}
    assert list(matcher.match_many(SOURCES * 5)) == expected * 5


def test_files_may_be_closed_once_the_next_one_is_taken(
    matcher: Matcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, or a path that then vanishes, is examined to the end, in full as well."""
    monkeypatch.setattr(ahead, "_FRESH", 0.0)

    def sources() -> Iterator[BinaryIO | Path]:
        for number in range(60):
            path = tmp_path / f"{number}.jpg"
            path.write_bytes(DATA[number % 5])
            if number % 2:
                yield path
            else:
                with path.open("rb") as file:
                    yield file
            path.unlink()

    expected = [matcher.match(data).verdict for data in DATA] * 12
    assert [outcome.verdict for outcome in matcher.match_many(sources())] == expected


def rewritten(path: Path) -> Iterator[Path]:
    """Yield one file again and again, with other contents each time."""
    for number in range(10):
        path.write_bytes(DATA[number % 5])
        yield path


def test_a_file_that_is_written_again_and_again_is_examined_each_time(
    matcher: Matcher, tmp_path: Path
) -> None:
    """A file that was written just now has its outcome before the next one is taken."""
    found = [outcome.verdict for outcome in matcher.match_many(rewritten(tmp_path / "upload"))]
    assert found == [matcher.match(data).verdict for data in DATA] * 2


def test_a_file_that_changes_on_its_way_is_not_scanned(
    matcher: Matcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was examined is not what was taken, so it is never clear."""
    monkeypatch.setattr(ahead, "_FRESH", 0.0)
    *earlier, last = matcher.match_many(rewritten(tmp_path / "upload"))
    assert {(each.verdict, each.reason) for each in earlier} == {
        (Verdict.UNSCANNED, Reason.CHANGED)
    }
    assert last.verdict is matcher.match(DATA[4]).verdict


def test_few_are_taken_ahead_where_few_descriptors_are_left(matcher: Matcher) -> None:
    """Files that wait for their outcomes take no descriptor that the next one needs."""
    resource = pytest.importorskip("resource")
    if not open_files():
        pytest.skip("this system does not list descriptors")
    expected = [outcome.verdict for outcome in matcher.match_many(DATA)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for each in taken[-16:]:
            os.close(each)
        del taken[-16:]
        assert [outcome.verdict for outcome in matcher.match_many(DATA * 10)] == expected * 10
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_few_large_ones_are_taken_ahead(matcher: Matcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes on their way are held in memory, so their size counts."""
    monkeypatch.setattr(ahead, "_MOST_BYTES", 2 * len(DATA[0]))
    taken: list[bytes] = []

    def sources() -> Iterator[bytes]:
        for _ in range(20):
            taken.append(DATA[0])
            yield DATA[0]

    next(matcher.match_many(sources()))
    assert len(taken) == 3


def test_no_more_are_taken_ahead_than_two_batches(
    matcher: Matcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of endless sources, a few are taken, and leaving early closes every file."""
    monkeypatch.setattr(ahead, "_BATCH", 4)
    taken: list[int] = []

    def sources() -> Iterator[bytes]:
        while True:
            taken.append(len(taken))
            yield DATA[len(taken) % 5]

    list(matcher.match_many(DATA))  # which starts the workers
    before = open_files()
    outcomes = matcher.match_many(sources())
    for _ in range(3):
        next(outcomes)
    assert len(taken) <= 16
    outcomes.close()  # type: ignore[attr-defined] # it is a generator
    deadline = time.monotonic() + 60
    while open_files() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # the workers end what they had begun
    assert open_files() <= before


def test_an_error_comes_in_its_turn(matcher: Matcher) -> None:
    """A source that is none raises after the outcomes of all before it."""
    outcomes = matcher.match_many([DATA[0], DATA[1], io.StringIO("text"), DATA[2]])
    assert [next(outcomes).verdict for _ in range(2)] == [Verdict.MATCH, Verdict.CLEAR]
    with pytest.raises(SettingsError, match="open as text"):
        next(outcomes)


def test_each_outcome_is_by_the_lists_in_force_when_it_is_given_out() -> None:
    """Lists that are replaced count from the next outcome on, for files taken before as well."""
    sources = [*DATA[:2] * 2, make_zip({"a.jpg": DATA[0]}), Path("missing.jpg"), PICTURES[0]]
    with Matcher(LISTED, workers=1) as matcher:

        def replacing() -> Iterator[PictureInput]:
            yield from sources
            matcher.replace(OTHERS)

        by_others = [Matcher(OTHERS, isolate=False).match(each).verdict for each in sources]
        assert [each.verdict for each in matcher.match_many(replacing())] == by_others
        outcomes = matcher.match_many(sources)
        found = [next(outcomes).verdict]
        matcher.replace(LISTED)
        found += [each.verdict for each in outcomes]
        by_listed = [Matcher(LISTED, isolate=False).match(each).verdict for each in sources]
    assert by_listed != by_others
    assert found == [by_others[0], *by_listed[1:]]


def test_files_are_examined_again_where_new_lists_need_other_hashes() -> None:
    """A list of another kind of hash that is put in force meanwhile finds what it lists."""
    dhashes = HashList.from_entries([Entry("d", dhash(DATA[1]))], name="dhashes")
    with Matcher(LISTED, workers=1) as matcher:
        outcomes = matcher.match_many([*DATA[:3], PICTURES[1]])
        assert next(outcomes).verdict is Verdict.MATCH
        matcher.replace(dhashes)
        found = [each.verdict for each in outcomes]
    assert found == [Verdict.MATCH, Verdict.CLEAR, Verdict.MATCH]


def test_pixels_need_no_worker(matcher: Matcher) -> None:
    """A ``PIL.Image`` among files gets its outcome at its place."""
    with Image.open(io.BytesIO(DATA[2])) as image:
        found = list(matcher.match_many([DATA[1], image, DATA[0]]))
    assert [outcome.verdict for outcome in found] == [Verdict.CLEAR, Verdict.MATCH, Verdict.MATCH]
