"""Entries with several hashes, and lists replaced while other threads match."""

import hashlib
import json
import threading
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from counts import LONG
from hashmatch import Entry, HashKind, HashList, SettingsError, Verdict
from hashmatch.cli.main import run
from hashmatch.errors import HashListError
from hashmatch.examine.examination import examine
from hashmatch.model import PerceptualHash
from hashmatch.options import ExamineOptions
from matchers import in_process
from pictures import animation, as_mode, encode, photo

KINDS = (HashKind("phash", 64), HashKind("dhash", 64))


@cache
def frames() -> list[Image.Image]:
    """Two pictures with palettes."""
    return [as_mode(photo(seed, 400, 300), "P") for seed in (1, 2)]


def hashes_of(seed: int) -> tuple[PerceptualHash, ...]:
    """The pHash and the dHash of a picture."""
    return examine(photo(seed, 400, 300), ExamineOptions(kinds=KINDS)).views[0].hashes


@pytest.fixture(scope="module")
def consensus_list() -> HashList:
    """Three entries: both hashes of one picture, hashes of two pictures, and a single hash."""
    (phash, dhash), (other_phash, _) = hashes_of(1), hashes_of(2)
    return HashList.from_entries(
        [
            Entry("both", phash),
            Entry("both", dhash),
            Entry("one-of-two", other_phash),
            Entry("one-of-two", dhash),
            Entry("single", phash),
        ],
        name="consensus",
    )


def test_any_near_hash_of_an_entry_is_a_match(consensus_list: HashList) -> None:
    """With require=any, an entry matches if any of its hashes is near."""
    outcome = in_process(consensus_list).match(photo(1, 400, 300))
    assert {match.entry.id for match in outcome.matches} == {"both", "one-of-two", "single"}


def test_all_hashes_of_an_entry_must_agree(consensus_list: HashList) -> None:
    """With require=all, an entry matches only if all hashes that its list gives are near."""
    outcome = in_process(consensus_list, require="all").match(photo(1, 400, 300))
    named = [(match.entry.id, match.algorithm) for match in outcome.matches]
    assert sorted(named) == [("both", "dhash"), ("both", "phash"), ("single", "phash")]


def test_no_agreement_is_no_match(consensus_list: HashList) -> None:
    """With require=all, a picture near only one of an entry's two hashes is clear."""
    only = HashList.from_entries([e for e in consensus_list if e.id == "one-of-two"], name="x")
    assert in_process(only, require="all").match(photo(1, 400, 300)).verdict is Verdict.CLEAR


def test_hashes_agree_through_one_view_or_not_at_all() -> None:
    """With require=all, two frames that are near by different hashes do not make a match."""
    (phash, dhash), (other_phash, other_dhash) = frame_hashes = [
        examine(frame, ExamineOptions(kinds=KINDS)).views[0].hashes for frame in frames()
    ]
    entries = [
        *(Entry("across", value) for value in (phash, other_dhash)),
        *(Entry("across-too", value) for value in (other_phash, dhash)),
        *(Entry("second", value) for value in frame_hashes[1]),
    ]
    matcher = in_process(HashList.from_entries(entries, name="frames"), require="all")
    outcome = matcher.match(animation(frames(), "GIF"))
    assert outcome.match_count == 2
    assert {(match.entry.id, match.algorithm, match.view) for match in outcome.matches} == {
        ("second", "phash", "frame:1"),
        ("second", "dhash", "frame:1"),
    }
    assert matcher.match(animation(frames()[:1] * 2, "GIF")).verdict is Verdict.CLEAR


def test_an_exact_digest_needs_no_agreement() -> None:
    """A file's digest matches even if the entry's perceptual hash is far off."""
    data = encode(photo(1, 400, 300), "PNG")
    digest = PerceptualHash.from_hex(hashlib.sha256(data).hexdigest(), "sha256")
    hash_list = HashList.from_entries(
        [Entry("e", digest), Entry("e", hashes_of(2)[0])], name="digests"
    )
    (match,) = in_process(hash_list, require="all").match(data).matches
    assert (match.algorithm, match.view, match.distance) == ("sha256", "bytes", 0)


def test_scan_names_each_hash_that_agreed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --require all, a scan reads both hashes of an entry from a text list, and names each."""
    (phash, dhash), (other, _) = hashes_of(1), hashes_of(2)
    hash_list = tmp_path / "list.txt"
    hash_list.write_text(
        f"{phash} both\ndhash:{dhash} both\n{other} one-of-two\ndhash:{dhash} one-of-two\n"
    )
    hash_list.chmod(0o600)
    for seed in (1, 2):
        photo(seed, 400, 300).save(tmp_path / f"{seed}.png")
    files = [str(tmp_path / f"{seed}.png") for seed in (1, 2)]
    common = ["scan", *files, "--list", str(hash_list), "--format", "jsonl", "--jobs", "1"]
    named = {}
    for require in ("any", "all"):
        run([*common, "--require", require])
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        named[require] = [
            [(match["entry"], match["algorithm"]) for match in row["matches"]]
            for row in rows
            if row["type"] == "file"
        ]
    both = [("both", "phash"), ("both", "dhash")]
    assert sorted(named["any"][0]) == sorted([*both, ("one-of-two", "dhash")])
    assert named["any"][1] == [("one-of-two", "phash")]
    assert sorted(named["all"][0]) == sorted(both)
    assert named["all"][1] == []


def test_an_unknown_requirement_is_refused(consensus_list: HashList) -> None:
    """An unknown requirement is an error that names the known ones."""
    with pytest.raises(SettingsError, match="any, all"):
        in_process(consensus_list, require="most")


def test_replaced_lists_are_seen_whole() -> None:
    """Threads that match during a replacement see one list or the other, never a mixture."""
    phash, dhash = hashes_of(1)
    lists = [
        HashList.from_entries([Entry(f"{name}-p", phash), Entry(f"{name}-d", dhash)], name=name)
        for name in ("old", "new")
    ]
    matcher, picture = in_process(lists[0]), photo(1, 400, 300)
    wrong: list[set[str]] = []
    done = threading.Event()

    def match_on() -> None:
        while not done.is_set():
            seen = {match.list for match in matcher.match(picture).matches}
            if len(seen) != 1:
                wrong.append(seen)

    threads = [threading.Thread(target=match_on) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(1_000 if LONG else 150):
        matcher.replace(lists[number % 2])
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_replacement_that_cannot_match_changes_nothing(consensus_list: HashList) -> None:
    """A list without entries is refused, and the old list stays in force."""
    matcher = in_process(consensus_list)
    with pytest.raises(HashListError):
        matcher.replace(HashList.from_entries([], name="empty"))
    assert matcher.match(photo(1, 400, 300)).verdict is Verdict.MATCH


def test_changes_are_seen_at_the_next_call() -> None:
    """After a replacement, added entries match and withdrawn ones no longer do."""
    phash, _ = hashes_of(1)
    base = HashList.from_entries(
        [Entry("a", phash), *(Entry(f"x{n}", value) for n, value in enumerate(far_hashes(2000)))],
        name="updated",
    )
    matcher, picture = in_process(base), photo(1, 400, 300)
    changed = base.apply([Entry("b", phash)], ["a"])
    matcher.replace(changed)
    assert [match.entry.id for match in matcher.match(picture).matches] == ["b"]
    matcher.replace(changed.apply([], ["b"]))
    assert matcher.match(picture).verdict is Verdict.CLEAR
    matcher.replace(base)
    assert [match.entry.id for match in matcher.match(picture).matches] == ["a"]


def far_hashes(count: int) -> list[PerceptualHash]:
    """Hashes that are near no picture used here."""
    return [PerceptualHash("phash", 64, (number + 1,)) for number in range(count)]


def test_the_nearest_are_named_and_all_are_counted() -> None:
    """If very many entries are near, the nearest ten are named and the rest are counted."""
    phash, _ = hashes_of(1)
    (word,) = phash.words
    entries = [
        Entry(f"e{number:04}", PerceptualHash("phash", 64, (word ^ (1 << number % 8) - 1,)))
        for number in range(4000)
    ]
    outcome = in_process(HashList.from_entries(entries, name="many")).match(photo(1, 400, 300))
    assert outcome.match_count == 4000
    assert [match.distance for match in outcome.matches] == [0] * 10
    assert [match.entry.id for match in outcome.matches] == [f"e{n:04}" for n in range(0, 80, 8)]
