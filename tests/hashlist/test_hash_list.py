"""``HashList`` and ``ListSection`` as objects: read-only, silent about hashes, never pickled."""

import copy
import os
import pickle
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from hashmatch.errors import HashListError, OutputError
from hashmatch.hashlist import HashList, ListSection
from hashmatch.hashlist.columns import TextColumn
from hashmatch.model import Entry, HashKind, PerceptualHash

PHASH = PerceptualHash.from_hex("ca9a11fe0123bead")
TEXT = f"# name: canary\n{PHASH} a-1 a label\n{PHASH}\n"


def test_repr_shows_no_hash() -> None:
    """The repr of lists, sections and columns has counts, never hashes."""
    found = HashList.loads(TEXT)
    section = found.sections[HashKind("phash", 64)]
    assert repr(found) == "<HashList 'canary', 2 entries>"
    assert repr(section) == "<ListSection phash-64, 2 entries>"
    assert repr(section.columns["id"]) == "<TextColumn of 2 rows>"
    assert repr(found.contents) == "<Contents 'canary'>"


@pytest.mark.parametrize("use", [pickle.dumps, copy.deepcopy])
def test_pickling_is_refused_with_an_explanation(use: object) -> None:
    """Neither a list nor a section can be pickled by mistake."""
    found = HashList.loads(TEXT)
    for thing in (found, found.sections[HashKind("phash", 64)]):
        with pytest.raises(TypeError, match=r"cannot pickle a .*: its hashes could leak"):
            use(thing)


def test_codes_cannot_be_written() -> None:
    """Threads share a list, so nobody can change it; the array it was made from stays writable."""
    codes = np.array([[7]], dtype=np.uint64)
    section = ListSection(HashKind("phash", 64), codes, {}, np.array([1]), "x")
    with pytest.raises(ValueError, match="read-only"):
        section.codes[0] = 1
    codes[0] = 9
    assert section.entry(0) == Entry("x:1", PerceptualHash("phash", 64, (9,)))


def test_columns_are_kept_only_where_needed() -> None:
    """Line numbers, ids and labels take memory only in sections that need them."""
    dhash = HashKind("dhash", 64)
    bare = HashList.loads(f"dhash:{PHASH}\n").sections[dhash]
    assert (dict(bare.columns), bare.line(0)) == ({}, 1)
    full = HashList.loads(f"dhash:{PHASH} a b\n").sections[dhash]
    assert (list(full.columns), full.lines, full.line(0)) == (["id", "label"], None, 0)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Entry("", PHASH), "the entry has no id"),
        (Entry("a\nb", PHASH), "a control character in the id"),
        (Entry("a\tb", PHASH), "a control character in the id"),
        (Entry("a", PHASH, "x\x1by"), "a control character in the label"),
        (Entry("a", PHASH, "\ud800"), "the label is not UTF-8"),
        (Entry("first", PHASH), "the id is on line 1 already"),
        (Entry("a", PerceptualHash("phash", 128, (1, 2))), "a hash list cannot hold phash-128"),
        (Entry("a", PerceptualHash("ahash", 64, (1,))), "a hash list cannot hold ahash-64"),
    ],
)
def test_bad_entries_are_told_by_number(entry: Entry, message: str) -> None:
    """An entry that a list cannot hold is refused by its number."""
    with pytest.raises(HashListError, match=r"1 of 2 entries is wrong; fix") as caught:
        HashList.from_entries([Entry("first", PHASH), entry], name="made")
    assert [(p.line, p.message) for p in caught.value.problems] == [(2, message)]


def test_a_bad_name_is_refused() -> None:
    """The name of a list goes into records and headers, so it must be one line."""
    with pytest.raises(HashListError, match="a control character in the name"):
        HashList.from_entries([], name="a\nb")
    assert HashList.from_entries([], name="  ").name == "list"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Entry("a b", PHASH), "entry 1 of phash-64: its id has a blank"),
        (Entry("a", PHASH, " b"), "its label begins or ends with a blank"),
        (Entry("a", PHASH, "x" * 70_000), "its id and label are too long for a line"),
    ],
)
def test_text_refuses_what_would_not_read_back(entry: Entry, message: str) -> None:
    """Writing fails rather than changing an entry."""
    found = HashList.from_entries([entry])
    assert len(found.digest) == 64
    with pytest.raises(HashListError, match=message):
        found.dumps()


def test_save_is_whole_private_and_reads_back(tmp_path: Path) -> None:
    """Saving replaces the old file with one that only its owner can read, and leaves no other."""
    path = tmp_path / "list.txt"
    path.write_text("old")
    found = HashList.loads(TEXT, name="list.txt")
    found.save(path)
    assert path.read_text() == found.dumps()
    assert list(HashList.load(path)) == list(found)
    assert os.name != "posix" or stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    """If writing stops halfway, the old file stays and nothing else is left."""
    path = tmp_path / "list.txt"
    path.write_text("old")
    with pytest.raises(HashListError):
        HashList.from_entries([Entry("a", PHASH), Entry("a b", PHASH)]).save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError, match="cannot be written"):
        HashList.loads(TEXT).save(tmp_path / "absent" / "list.txt")
    with pytest.raises(OutputError, match="cannot be written"):
        HashList.loads(TEXT).save(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_many_entries_come_through_in_order() -> None:
    """Lists longer than any internal slice keep ids, labels and hashes together."""
    count = 65_600
    codes = np.random.default_rng(5).integers(1, 2**63, count).tolist()
    made = [
        Entry(f"id-{n}", PerceptualHash("phash", 64, (code,)), f"label {n}" if n % 3 else None)
        for n, code in enumerate(codes)
    ]
    found = HashList.from_entries(made)
    assert list(found) == made
    again = HashList.loads(found.dumps())
    assert list(again) == made
    assert again.sections[HashKind("phash", 64)].entry(count - 1) == made[-1]


def test_colliding_fingerprints_are_not_taken_for_equal_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two ids are equal only if their bytes are, whatever their fingerprints."""
    monkeypatch.setattr(sys.modules["hashmatch.hashlist.columns"], "FINGERPRINT_BASE", 0)
    column = TextColumn.from_bytes([b"ab", b"ac", b"ab"])
    assert len(set(column.fingerprints().tolist())) == 1
    text = f"{PHASH} ab\n{PHASH} ac\n{PHASH} ab\n"
    with pytest.raises(HashListError) as caught:
        HashList.loads(text)
    assert [problem.line for problem in caught.value.problems] == [3]
