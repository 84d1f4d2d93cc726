from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from counts import LONG
from hashmatch import (
    Cause,
    Entry,
    HashKind,
    HashList,
    HashListError,
    Limits,
    Matcher,
    Outcome,
    PerceptualHash,
    Reason,
    SettingsError,
    Verdict,
)
from hashmatch.errors import HashMismatchError
from hashmatch.examine.examination import examine
from hashmatch.options import FORMATS, ExamineOptions
from matchers import in_process
from pictures import animation, as_mode, encode, flat, padded, photo, with_orientation

LOW = Cause.LOW_INFORMATION

ROOT = Path(__file__).resolve().parents[2] / "fixtures"
FIXTURES = sorted((ROOT / "benign_images").rglob("[!.]*.*"))
EXPECTED = json.loads((ROOT / "expected.json").read_text("utf-8"))
PHASH, DHASH, WIDE = HashKind("phash", 64), HashKind("dhash", 64), HashKind("phash", 256)


def hash_of(picture: Image.Image, kind: HashKind = PHASH) -> PerceptualHash:
    """The hash of the stored view."""
    return examine(picture, ExamineOptions(kinds=(kind,))).views[0].hashes[0]


def moved(value: PerceptualHash, bits: int) -> PerceptualHash:
    """A hash this many bits away from another."""
    mask = (1 << bits) - 1
    return PerceptualHash(value.algorithm, value.bits, (value.words[0] ^ mask, *value.words[1:]))


def list_of(*entries: Entry, name: str = "list") -> HashList:
    """A list with these entries."""
    return HashList.from_entries(entries, name=name)


def digest_entry(data: bytes) -> Entry:
    """An entry that is the SHA-256 of these bytes."""
    return Entry("digest", PerceptualHash.from_hex(hashlib.sha256(data).hexdigest(), "sha256"))


PICTURE = photo(1, 320, 240)
DATA = encode(PICTURE, "PNG")
HASH = hash_of(PICTURE)
FAINT = photo(7, 320, 240).point([176 + level // 8 for level in range(256)] * 3)
OTHER = encode(photo(2, 320, 240), "PNG")


@pytest.fixture(scope="module")
def fixtures_matcher() -> Matcher:
    """A matcher over the example list."""
    return in_process(HashList.load(ROOT / "hashes.txt"))


def test_fixtures_get_their_verdicts(fixtures_matcher: Matcher) -> None:
    """Each example picture gets the verdict and the one entry that it was made for."""
    assert len(FIXTURES) == len(EXPECTED)
    for path in FIXTURES:
        expected = EXPECTED[path.relative_to(ROOT / "benign_images").as_posix()]
        outcome = fixtures_matcher.match(path)
        assert (outcome.verdict, outcome.reason) == (expected["verdict"], None), path.name
        assert [match.entry.id for match in outcome.matches] == [
            name for name in (expected["entry"],) if name
        ], path.name


@pytest.mark.parametrize("index", ["auto", "linear", "bktree"])
@pytest.mark.parametrize("decode", ["fast", "exact"])
def test_ways_to_look_change_no_outcome(fixtures_matcher: Matcher, index: str, decode: str) -> None:
    """Every index and both decode modes give exactly the same outcomes."""
    other = in_process(HashList.load(ROOT / "hashes.txt"), index=index, decode=decode)
    large = [encode(photo(seed, 900, 700), "JPEG", quality=70) for seed in range(2)]
    sources = [*FIXTURES[:: 1 if LONG else 6], *large]
    assert list(other.match_many(sources)) == list(fixtures_matcher.match_many(sources))


def test_a_match_says_which_and_how_near() -> None:
    """A match names the list, entry, label, distance, threshold and view."""
    matcher = in_process(list_of(Entry("one", moved(HASH, 6), "a label"), name="some list"))
    outcome = matcher.match(DATA)
    (match,) = outcome.matches
    assert (outcome.verdict, outcome.match_count, outcome.reason) == (Verdict.MATCH, 1, None)
    assert (match.list, match.entry.id, match.entry.label) == ("some list", "one", "a label")
    assert (match.algorithm, match.bits, match.view) == ("phash", 64, "stored")
    assert (match.distance, match.threshold, match.cause) == (6, 8, None)
    assert (outcome.format, outcome.width, outcome.height) == ("PNG", 320, 240)
    assert match.quality == outcome.quality >= 50
    assert match.entry.hash == moved(HASH, 6)


@pytest.mark.parametrize("bits", range(12))
def test_the_threshold_is_inclusive(bits: int) -> None:
    """A distance equal to the threshold matches; one bit more does not."""
    matcher = in_process(list_of(Entry("one", moved(HASH, bits))))
    assert (matcher.match(DATA).verdict is Verdict.MATCH) == (bits <= 8)
    matcher = in_process(list_of(Entry("one", moved(HASH, bits))), threshold=3)
    assert (matcher.match(DATA).verdict is Verdict.MATCH) == (bits <= 3)


def test_thresholds_are_by_algorithm_and_width() -> None:
    """A number is for all algorithms, a name for its algorithm, name and width for that kind."""
    entries = [Entry(str(kind), moved(hash_of(PICTURE, kind), 3)) for kind in (PHASH, DHASH, WIDE)]
    lists = list_of(*entries)
    for threshold, bits in (
        (None, [4, 8, 32]),
        (2, [2, 2, 2]),
        ({"phash": 5, "phash-256": 7}, [4, 5, 7]),
    ):
        found = in_process(lists, threshold=threshold).settings()["thresholds"]
        assert found == dict(zip(["dhash-64", "phash-64", "phash-256"], bits, strict=True))
    found = in_process(lists, threshold={"phash-64": 2}).match(DATA)
    assert [match.entry.id for match in found.matches] == ["dhash-64", "phash-256"]


@pytest.mark.parametrize(
    "threshold",
    [
        -1,
        32,
        64,
        {"phash": -1},
        {"phash": 32},
        {"whash": 4},
        {"phash-128": 4},
        7.5,
        {"phash": "8"},
        True,
    ],
)
def test_thresholds_that_make_no_sense_are_refused(threshold: object) -> None:
    """A threshold that would match everything, or for an unknown algorithm, is an error at once."""
    with pytest.raises(SettingsError, match="threshold"):
        in_process(list_of(Entry("one", HASH)), threshold=threshold)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quality_floor": 101}, "quality floor"),
        ({"quality_floor": -1}, "quality floor"),
        ({"max_matches": 0}, "at least 1"),
        ({"index": "hash"}, "unknown kind of index"),
        ({"decode": "half"}, "unknown decode mode"),
        ({"formats": ["PNG", "EPS"]}, "unknown format EPS"),
        ({"formats": "PNG"}, "unknown format"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    """An invalid setting is an error when the matcher is made, not when it is used."""
    with pytest.raises(SettingsError, match=message):
        in_process(list_of(Entry("one", HASH)), **settings)


def test_lists_that_can_match_nothing_are_refused() -> None:
    """No list, an empty one or one with only flat hashes is an error: it would clear all."""
    flat_hash = PerceptualHash("phash", 64, (0,))
    for lists in (
        [],
        list_of(),
        list_of(Entry("flat", flat_hash)),
        [list_of(Entry("a", HASH)), list_of()],
    ):
        with pytest.raises(HashListError):
            in_process(lists)


def test_near_entries_come_best_first() -> None:
    """Matches are sorted by distance, then by list and entry, and have each entry once."""
    first = list_of(Entry("a", moved(HASH, 4)), Entry("b", HASH), Entry("c", moved(HASH, 4)))
    second = list_of(Entry("d", moved(HASH, 2)), Entry("e", moved(HASH, 60)), name="second")
    outcome = in_process([first, second]).match(encode(padded(PICTURE, 0.02), "PNG"))
    assert outcome.match_count == 4
    distances = [match.distance for match in outcome.matches]
    assert distances == sorted(distances)
    assert {match.entry.id for match in outcome.matches} == {"a", "b", "c", "d"}
    exact = in_process([first, second]).match(DATA)
    assert [match.entry.id for match in exact.matches] == ["b", "d", "a", "c"]


def test_only_the_nearest_are_named_and_all_are_counted() -> None:
    """An outcome names as many matches as asked for, and counts them all."""
    lists = list_of(*(Entry(f"entry-{bits}", moved(HASH, bits)) for bits in range(8)))
    outcome = in_process(lists, max_matches=3).match(DATA)
    assert [match.entry.id for match in outcome.matches] == ["entry-0", "entry-1", "entry-2"]
    assert outcome.match_count == 8


def test_the_best_view_of_an_entry_counts() -> None:
    """A padded and turned picture matches by its nearest view, and the match names it."""
    turned = with_orientation(padded(PICTURE, 0.1, "white"), 6, "PNG")
    outcome = in_process(list_of(Entry("one", HASH))).match(turned)
    assert [(match.view, match.distance) for match in outcome.matches] == [("upright+trimmed", 0)]


def test_little_detail_makes_a_candidate_not_a_match() -> None:
    """An entry near a picture below the quality floor is a candidate for a human, never dropped."""
    lists = list_of(Entry("one", hash_of(FAINT)))
    data = encode(FAINT, "PNG")
    outcome = in_process(lists).match(data)
    assert outcome.quality < 50
    assert outcome.verdict is Verdict.CANDIDATE
    assert [(match.distance, match.cause) for match in outcome.matches] == [(0, LOW)]
    assert in_process(lists, quality_floor=outcome.quality).match(data).verdict is Verdict.MATCH
    above = in_process(lists, quality_floor=outcome.quality + 1).match(data)
    assert above.verdict is Verdict.CANDIDATE
    assert (
        in_process(list_of(Entry("one", HASH))).match(encode(flat(), "PNG")).verdict
        is Verdict.CLEAR
    )


def test_matches_come_before_candidates() -> None:
    """A match at some distance ranks before a candidate at distance 0."""
    frames = animation([FAINT, PICTURE], "PNG")
    lists = list_of(Entry("candidate", hash_of(FAINT)), Entry("match", moved(HASH, 4)))
    outcome = in_process(lists, threshold=4).match(frames)
    assert outcome.verdict is Verdict.MATCH
    first = outcome.matches[0]
    assert (first.entry.id, first.cause, first.view) == ("match", None, "frame:1")
    assert [match.cause for match in outcome.matches] == [None, LOW]


def test_matches_count_where_the_rest_was_not_examined() -> None:
    """A match in the part that was examined counts, and the reason says what was not."""
    frames = [photo(seed, 90, 60) for seed in (1, 2, 3)]
    data = animation(frames, "TIFF")
    lists = list_of(Entry("first", hash_of(frames[0])))
    for source, limits, reason in (
        (data[:-4000], Limits(), Reason.TRUNCATED),
        (data, Limits(max_frames=2), Reason.FRAME_LIMIT),
    ):
        outcome = in_process(lists, limits=limits).match(source)
        assert (outcome.verdict, outcome.reason) == (Verdict.MATCH, reason)
        nothing = in_process(list_of(Entry("none", moved(HASH, 30))), limits=limits).match(source)
        assert (nothing.verdict, nothing.reason) == (Verdict.UNSCANNED, reason)


def test_candidates_do_not_hide_that_something_was_not_examined() -> None:
    """With only a candidate, a file that was not fully examined is unscanned and names it."""
    data = animation([FAINT, photo(5, 320, 240)], "TIFF")
    outcome = in_process(list_of(Entry("one", hash_of(FAINT)))).match(data[:-9000])
    assert (outcome.verdict, outcome.reason) == (Verdict.UNSCANNED, Reason.TRUNCATED)
    assert [match.cause for match in outcome.matches] == [LOW]


def test_every_ending_has_its_verdict(tmp_path: Path) -> None:
    """Match, clear, not an image and unscanned are distinguished for every kind of source."""
    matcher = in_process(list_of(Entry("one", HASH)))
    path = tmp_path / "picture"
    path.write_bytes(DATA)
    with path.open("rb") as file, Image.open(io.BytesIO(OTHER)) as opened:
        for source, verdict, reason in (
            (DATA, Verdict.MATCH, None),
            (path, Verdict.MATCH, None),
            (str(path), Verdict.MATCH, None),
            (file, Verdict.MATCH, None),
            (PICTURE, Verdict.MATCH, None),
            (OTHER, Verdict.CLEAR, None),
            (opened, Verdict.CLEAR, None),
            (b"no picture", Verdict.NOT_IMAGE, None),
            (b"", Verdict.NOT_IMAGE, None),
            (DATA[:900], Verdict.UNSCANNED, Reason.TRUNCATED),
            (b"DDS |", Verdict.UNSCANNED, Reason.UNSUPPORTED_FORMAT),
            (tmp_path / "none", Verdict.UNSCANNED, Reason.VANISHED),
            (tmp_path, Verdict.UNSCANNED, Reason.SPECIAL_FILE),
        ):
            outcome = matcher.match(source)
            assert (outcome.verdict, outcome.reason) == (verdict, reason)
            assert (outcome.reason is None) == (outcome.detail is None)


def test_limits_and_formats_are_the_matchers() -> None:
    """Limits and formats given to the matcher apply to everything that it matches."""
    lists = list_of(Entry("one", HASH))
    assert in_process(lists, limits=Limits(max_bytes=100)).match(DATA).reason is Reason.TOO_LARGE
    assert (
        in_process(lists, limits=Limits(max_pixels=100)).match(PICTURE).reason is Reason.TOO_LARGE
    )
    gif = encode(as_mode(PICTURE, "P"), "GIF")
    assert in_process(lists, formats={"PNG"}).match(gif).reason is Reason.UNSUPPORTED_FORMAT
    avif = encode(PICTURE, "AVIF")
    denied = in_process(lists, formats=FORMATS - {"AVIF"})
    assert denied.match(avif).reason is Reason.UNSUPPORTED_FORMAT
    assert in_process(lists).match(avif).verdict is Verdict.MATCH


@pytest.mark.parametrize("isolate", [False, True])
def test_files_over_the_limit_are_known_by_all_their_bytes(isolate: bool, tmp_path: Path) -> None:
    """A file over the limit is digested in full, whatever it is and however it is passed."""
    limits = Limits(max_bytes=4000)
    for data in (bytes(5000), DATA, b"PK\x03\x04" + bytes(5000)):
        path = tmp_path / "blob"
        path.write_bytes(data)
        known, begun = (digest_entry(some) for some in (data, data[:4001]))
        with (
            path.open("rb") as file,
            path.open("rb", buffering=0) as raw,
            in_process(list_of(known), limits=limits, isolate=isolate) as matcher,
            in_process(list_of(begun), limits=limits) as other,
        ):
            for source in (data, path, file, raw, io.BytesIO(data)):
                assert matcher.match(source).verdict is Verdict.MATCH
                assert not other.match(source).matches


def test_streams_over_the_limit_are_unscanned_where_digests_count() -> None:
    """A stream is read only up to the limit; if digests are compared, it is then unscanned."""
    limits = Limits(max_bytes=4000)
    for data in (bytes(5000), DATA, b"PK\x03\x04" + bytes(5000)):
        read, write = os.pipe()
        with open(write, "wb") as end:
            end.write(data[:8000])
        with open(read, "rb") as pipe:
            outcome = in_process(list_of(digest_entry(data)), limits=limits).match(pipe)
        assert (outcome.verdict, outcome.reason) == (Verdict.UNSCANNED, Reason.TOO_LARGE)


def test_pictures_without_bytes_are_never_clear_of_digests() -> None:
    """A PIL.Image is compared by its views; if the lists hold only digests, it is an error."""
    with Image.open(io.BytesIO(DATA)) as opened:
        for source in (opened, PICTURE):
            with pytest.raises(SettingsError, match="has no bytes"):
                in_process(list_of(digest_entry(DATA))).match(source)
            (match,) = (
                in_process(list_of(digest_entry(DATA), Entry("one", HASH))).match(source).matches
            )
            assert match.entry.id == "one"


@pytest.mark.parametrize(
    ("kinds", "digests"),
    [
        ((DHASH,), ("sha256",)),
        ((DHASH, PHASH), ("sha256",)),
        ((PHASH, DHASH), ("sha256",)),
        ((WIDE,), ("sha256",)),
        ((), ("sha256",)),
        ((PHASH,), ("md5",)),
        ((PHASH,), ()),
    ],
)
def test_examinations_for_other_lists_are_refused(
    kinds: tuple[HashKind, ...], digests: tuple[str, ...]
) -> None:
    """Hashes of other kinds than the lists have, or too few digests, are an error."""
    matcher = in_process(list_of(Entry("one", HASH), digest_entry(OTHER)))
    data = encode(photo(3, 640, 480), "JPEG")
    for fast in (True, False):
        found = examine(data, ExamineOptions(kinds=kinds, digests=digests, fast=fast))
        for ask in (matcher.screen, matcher.judge):
            with pytest.raises(HashMismatchError, match="not of the kinds in the lists"):
                ask([examine(data, matcher.options), found])


def test_examinations_that_have_less_for_a_reason_are_judged(tmp_path: Path) -> None:
    """An unreadable or undecodable file, or one that is not a picture, has no hashes; no error."""
    matcher = in_process(list_of(Entry("one", HASH), digest_entry(OTHER)))
    more = replace(matcher.options, digests=("sha256", "md5"))
    sources = (tmp_path / "none", DATA[:900], b"no picture", b"")
    found = [examine(source, options) for source in sources for options in (matcher.options, more)]
    verdicts = [outcome.verdict for outcome in matcher.judge(found)]
    assert verdicts == [Verdict.UNSCANNED] * 4 + [Verdict.NOT_IMAGE] * 4


def test_mirrors_are_looked_up_on_demand() -> None:
    """A mirrored copy is clear by default; with mirrors it is a match that names the flip."""
    lists = list_of(Entry("one", HASH))
    mirrored = encode(PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "PNG")
    assert in_process(lists).match(mirrored).verdict is Verdict.CLEAR
    (match,) = in_process(lists, mirrors=True).match(mirrored).matches
    assert (match.view, match.distance) == ("mirror", 0)


def test_lists_of_several_kinds_are_all_looked_up() -> None:
    """One picture may match by several algorithms and widths, in one or several lists."""
    kinds = (PHASH, DHASH, WIDE, HashKind("dhash", 256))
    entries = [Entry(str(kind), hash_of(PICTURE, kind)) for kind in kinds]
    together = in_process(list_of(*entries)).match(DATA)
    apart = in_process([list_of(entry, name=entry.id) for entry in entries]).match(DATA)
    for outcome in (together, apart):
        assert {match.entry.id for match in outcome.matches} == {str(kind) for kind in kinds}
        assert {(match.algorithm, match.bits) for match in outcome.matches} == set(kinds)
        assert [match.distance for match in outcome.matches] == [0] * 4


def test_many_are_taken_as_they_are_needed() -> None:
    """``match_many`` keeps the order and takes no more sources than it returns outcomes."""
    matcher = in_process(list_of(Entry("one", HASH)))
    taken = []

    def sources() -> Iterator[bytes]:
        for number in range(10_000_000):
            taken.append(number)
            yield OTHER if number % 2 else DATA

    outcomes = matcher.match_many(sources())
    verdicts = [next(outcomes).verdict for _ in range(5)]
    assert verdicts == [Verdict.MATCH, Verdict.CLEAR, Verdict.MATCH, Verdict.CLEAR, Verdict.MATCH]
    assert len(taken) <= 64


@pytest.mark.parametrize("decode", ["fast", "exact"])
def test_threads_share_a_matcher(decode: str) -> None:
    """Eight threads that share a matcher get the same outcomes as one."""
    matcher = in_process(HashList.load(ROOT / "hashes.txt"), decode=decode)
    data = [path.read_bytes() for path in FIXTURES[:: 1 if LONG else 2]]
    sources = [*data, *(one[: len(one) // 2] for one in data[::4]), b"none"]
    alone = list(matcher.match_many(sources))
    with ThreadPoolExecutor(8) as threads:
        for _ in range(2):
            assert list(threads.map(matcher.match, sources)) == alone


def test_settings_say_whatever_could_change_a_verdict() -> None:
    """Settings, explanation and ``repr`` show everything except hashes."""
    matcher = in_process(list_of(Entry("one", HASH), name="a name"), threshold=6, mirrors=True)
    settings = matcher.settings()
    assert json.loads(json.dumps(settings)) == settings
    assert settings["thresholds"] == {"phash-64": 6}
    assert settings["mirrors"] is True
    assert settings["limits"] == {
        "max_pixels": 100_000_000,
        "max_bytes": 268_435_456,
        "max_frames": 64,
    }
    (explained,) = matcher.explain()
    assert explained.startswith("a name, phash-64: ")
    assert repr(matcher) == "<Matcher of a name>"
    for told in (settings, explained, matcher, matcher.match(DATA)):
        assert str(HASH) not in repr(told)


def test_an_outcome_is_no_boolean() -> None:
    """Writing ``if matcher.match(...)`` by mistake is an error, not a match."""
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(in_process(list_of(Entry("one", HASH))).match(DATA))
    assert Outcome(Verdict.CLEAR) == Outcome(Verdict.CLEAR)


def test_a_list_is_loaded_anew_from_its_file(tmp_path: Path) -> None:
    """Reloading puts the file's current content in force, and says so if it cannot."""
    path, more = tmp_path / "list.txt", tmp_path / "more.txt"
    path.write_text(f"phash:{moved(HASH, 30)}\n")
    matcher = in_process(HashList.load(path))
    assert matcher.match(DATA).verdict is Verdict.CLEAR
    path.write_text(f"phash:{HASH} now\n")
    matcher.reload(path)
    assert [match.entry.id for match in matcher.match(DATA).matches] == ["now"]
    for wrong in ("no hash\n", ""):
        path.write_text(wrong)
        with pytest.raises(HashListError) as caught:
            matcher.reload(path)
        assert caught.value.__notes__ == ["the lists in force are still the old ones"]
        assert matcher.match(DATA).verdict is Verdict.MATCH
    path.unlink()
    with pytest.raises(HashListError):
        matcher.reload(path)
    with pytest.raises(HashListError, match="no hash list given"):
        matcher.reload()
    assert matcher.match(DATA).verdict is Verdict.MATCH
    path.write_text(f"phash:{moved(HASH, 30)}\n")
    more.write_text(f"{hash_of(PICTURE, DHASH)} of-more\n")
    with pytest.raises(HashListError):
        matcher.reload(path, more, algorithm="sha256")
    matcher.reload(path, more, algorithm="dhash")
    assert [match.entry.id for match in matcher.match(DATA).matches] == ["of-more"]


def test_lists_are_reloaded_while_threads_match(tmp_path: Path) -> None:
    """Threads see one list or the other, and a reload is in force once it returns."""
    path = tmp_path / "list.txt"
    path.write_text(f"phash:{HASH} entry-0\n")
    matcher = in_process(HashList.load(path))
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(matcher.match, DATA) for _ in range(60)]
        for number in range(1, 6):
            path.write_text(f"phash:{HASH} entry-{number}\n")
            matcher.reload(path)
            assert matcher.match(DATA).matches[0].entry.id == f"entry-{number}"
        outcomes = [each.result() for each in waiting]
    assert {len(outcome.matches) for outcome in outcomes} == {1}


@pytest.mark.parametrize("isolate", [False, True])
def test_what_is_not_a_regular_file_is_unscanned(isolate: bool, tmp_path: Path) -> None:
    """Folders and pipes are special files, and a path that leads nowhere has vanished."""
    os.mkfifo(tmp_path / "pipe")
    with Matcher(list_of(digest_entry(b"x")), isolate=isolate) as matcher:
        for path in (tmp_path, tmp_path / "pipe"):
            found = matcher.match(path)
            assert (found.verdict, found.reason) == (Verdict.UNSCANNED, Reason.SPECIAL_FILE)
            assert found.detail == "not a regular file"
        found = matcher.match(tmp_path / "nowhere")
        assert (found.reason, found.detail) == (Reason.VANISHED, "no such file")
