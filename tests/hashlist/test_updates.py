"""``HashList.apply``: what the changed list holds, and how little it costs."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from counts import examples
from hashmatch.errors import HashListError, SettingsError
from hashmatch.hashlist import HashList, IndexTables, columns, save_compiled
from hashmatch.hashlist.columns import TextColumn
from hashmatch.hashlist.entry_ids import find_rows, fingerprint_order
from hashmatch.model import Entry, HashKind, PerceptualHash

from .strategies import KINDS, is_flat

PHASH = HashKind("phash", 64)


def entry(name: str, code: int, kind: HashKind = PHASH, label: str | None = None) -> Entry:
    """An entry whose hash is a number, repeated over its words."""
    return Entry(name, PerceptualHash(*kind, (code,) * kind.words), label)


def numbered(count: int, prefix: str = "n") -> list[Entry]:
    """Entries whose hashes all differ."""
    return [entry(f"{prefix}{n}", (n + 1) * 0x9E37_79B9_7F4A_7C15 % 2**64) for n in range(count)]


def live(hash_list: HashList) -> list[Entry]:
    """The entries, row by row, as a matcher that knows about updates sees them."""
    found = []
    for kind in hash_list.sections:
        update = hash_list.updates.get(kind)
        if update is None:
            found += list(hash_list.sections[kind])
            continue
        rows = set(range(len(update.base) + len(update.added))) - set(update.withdrawn.tolist())
        found += [update.entry(row) for row in sorted(rows)]
    return found


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Entries in an order that depends only on themselves."""
    return sorted(entries, key=lambda e: (e.id, e.hash.kind, str(e.hash)))


def same(hash_list: HashList, expected: Iterable[Entry]) -> None:
    """Check every view of a list against what it should have."""
    wanted = in_order(expected)
    assert len(hash_list) == len(wanted)
    assert in_order(live(hash_list)) == wanted
    assert in_order(hash_list) == wanted
    assert len(hash_list.sections) == len({e.hash.kind for e in wanted})


def test_additions_match_and_withdrawals_do_not() -> None:
    """The new list has the added and not the withdrawn entries; the old list is unchanged."""
    old = HashList.from_entries(numbered(600), name="daily", version="1")
    new = old.apply([entry("x", 7)], ["n5", "n6"], version="2")
    same(new, [*numbered(600)[:5], *numbered(600)[7:], entry("x", 7)])
    same(old, numbered(600))
    assert (old.version, new.version, new.name, new.notices) == ("1", "2", "daily", ())
    assert new.digest != old.digest


def test_few_changes_share_the_base() -> None:
    """Base rows keep their numbers, added rows follow, and withdrawn rows are listed."""
    old = HashList.from_entries(numbered(600))
    new = old.apply([entry("x", 7)], ["n5"]).apply([], ["n8"])
    assert vars(new.sections)["_sections"] == {}, "nothing is merged until asked for"
    update = new.updates[PHASH]
    assert update.base is old.sections[PHASH]
    assert update.withdrawn.tolist() == [5, 8]
    assert update.entry(599).id == "n599"
    assert update.entry(600) == entry("x", 7)
    assert repr(update) == "<SectionUpdate phash-64, 599 entries>"
    with pytest.raises(TypeError, match="cannot pickle"):
        update.__reduce__()


def test_many_changes_are_merged() -> None:
    """Once the changes grow too large, they are merged into one section."""
    old = HashList.from_entries(numbered(600))
    new = old.apply([entry(f"x{n}", n + 1) for n in range(6)], ["n0", "n1"])
    assert new.updates == {}
    same(new, [*numbered(600)[2:], *(entry(f"x{n}", n + 1) for n in range(6))])
    same(new.apply([], ["x0"]), [*numbered(600)[2:], *(entry(f"x{n}", n + 1) for n in range(1, 6))])


def test_an_addition_replaces_its_id_under_every_algorithm() -> None:
    """An entry that is added again replaces all its earlier hashes."""
    text = "".join(f"phash:{n:016x} n{n}\ndhash:{n:016x} n{n}\n" for n in range(1, 601))
    old = HashList.loads(text)
    new = old.apply([entry("n7", 2**40, label="new")], ["n7"])
    assert new.find("n7") == (entry("n7", 2**40, label="new"),)
    assert len(new) == 1199
    assert new.apply([], ["n7"]).find("n7") == ()
    assert old.find("n7") == (entry("n7", 7), entry("n7", 7, HashKind("dhash", 64)))


def test_entries_without_id_are_withdrawn_by_line() -> None:
    """``file:line`` names a base entry that has no id."""
    lines = "".join(f"{n + 1:016x}\n" for n in range(400))
    old = HashList.loads(f"# algorithm: phash\n{lines}", name="a.txt")
    assert [e.id for e in old.find("a.txt:3")] == ["a.txt:3"]
    absent = ["a.txt:1", "a.txt:402", "a.txt:03", "b.txt:3", "a.txt:", "", f"a.txt:{10**30}"]
    added = HashList.loads("phash:00000000000000aa\n", name="b.txt")
    new = old.apply(added, ["a.txt:3", *absent])
    assert new.notices == ("7 withdrawn ids not on the list",)
    assert new.find("a.txt:3") == ()
    called = f"b.txt:1@{added.digest[:12]}"
    assert new.find(called) == (entry(called, 0xAA),)
    assert new.apply([], [called]).find(called) == ()
    merged = new.apply([], [f"a.txt:{n}" for n in range(4, 100)])
    assert merged.updates == {}
    assert len(merged) == 400 + 1 - 97
    assert merged.find("a.txt:100") == (entry("a.txt:100", 99),)
    same(HashList.loads(merged.dumps()), merged)


@pytest.mark.parametrize("padding", [0, 600])
def test_entries_without_id_replace_none(padding: int) -> None:
    """An entry without an id replaces nothing on the same line of a file of the same name.

    Nor does it if that line is spelt out as an id, or if the entry is flat; and applying the same
    list again changes nothing.
    """
    lines = [entry(f"hashes.txt:{n}", n + 100) for n in (1, 2, 3)]
    padded = [*lines, *numbered(padding)]
    text = "".join(f"phash:{e.hash}" + (f" {e.id}\n" if e.id[0] == "n" else "\n") for e in padded)
    delta = HashList.loads("phash:000000000000000a\nphash:0000000000000000\n", name="hashes.txt")
    other = HashList.loads("phash:000000000000000b\n", name="hashes.txt")
    for old in (HashList.loads(text, name="hashes.txt"), HashList.from_entries(padded)):
        new = old.apply(delta)
        assert new.contents.dropped.is_empty()
        added = [entry(f"hashes.txt:1@{delta.digest[:12]}", 10)]
        same(new, [*padded, *added])
        same(new.apply(delta), [*padded, *added])
        both = [*padded, *added, entry(f"hashes.txt:1@{other.digest[:12]}", 11)]
        same(new.apply(other), both)
        same(HashList.loads(new.apply(other).dumps()), both)


def test_an_expired_entry_without_id_replaces_none() -> None:
    """An entry without an id that is left out withdraws nothing by its line, either."""
    old = HashList.loads("hash\n00000000000000aa\n", name="day.csv")
    late = "hash,expires\n00000000000000ab,2020-01-01\n"
    assert [e.id for e in old.apply(HashList.loads(late, name="day.csv"))] == ["day.csv:2"]


def test_a_kind_can_come_and_go() -> None:
    """A section appears with its first entry and disappears with its last."""
    old = HashList.from_entries([entry("a", 5)])
    both = old.apply(HashList.loads("dhash:0000000000000007 b\n"))
    assert set(both.sections) == {PHASH, ("dhash", 64)}
    assert list(both.apply([], ["a"]).sections) == [("dhash", 64)]
    none = both.apply([], ["a", "b"])
    assert dict(none.sections) == {}
    assert "the list has no entry that can match" in none.notices


def test_bad_additions_are_refused_and_flat_ones_counted() -> None:
    """Additions are checked like any list."""
    old = HashList.from_entries(numbered(3))
    with pytest.raises(HashListError, match="1 of 2 entries is wrong"):
        old.apply([entry("x", 7), entry("x", 8)])
    assert old.apply([entry("x", 0)]).flat == 1
    same(old.apply([entry("n1", 0)]), [numbered(3)[0], numbered(3)[2]])


def test_a_text_is_no_set_of_withdrawals() -> None:
    """One id in place of several is refused, rather than split into characters."""
    old = HashList.from_entries([entry("a", 5), entry("ab", 6)])
    with pytest.raises(SettingsError, match="withdrawals must be a set"):
        old.apply(withdrawals="ab")
    same(old.apply(withdrawals=["ab"]), [entry("a", 5)])


def test_tables_stay_with_their_base(tmp_path: Path) -> None:
    """A stored index is only available with the rows that it was built over."""
    old = HashList.from_entries([*numbered(600), entry("d", 5, HashKind("dhash", 64))])
    index_tables = {kind: IndexTables("x", {"t": np.arange(3)}) for kind in old.sections}
    save_compiled(old, tmp_path / "a.hml", index_tables)
    opened = HashList.load(tmp_path / "a.hml")
    new = opened.apply([entry("x", 7)])
    assert list(new.index_tables) == [("dhash", 64)]
    assert new.updates[PHASH].index_tables is opened.index_tables[PHASH]
    merged = new.apply([entry(f"x{n}", n + 1) for n in range(100)])
    assert list(merged.index_tables) == [("dhash", 64)]
    assert merged.updates == {}
    save_compiled(new, tmp_path / "b.hml")
    same(HashList.load(tmp_path / "b.hml"), new)


small_ids = st.sampled_from([f"n{n}" for n in range(12)])
changes = st.lists(
    st.builds(
        entry,
        small_ids,
        st.integers(0, 2**64 - 1) | st.just(0),
        st.sampled_from(KINDS[:3]),
        st.none() | st.just("label"),
    ),
    max_size=6,
    unique_by=lambda made: (made.id, made.hash.kind),
)


class Updating(RuleBasedStateMachine):
    """Applies random changes to lists, and checks each list against a plain dictionary."""

    lists = Bundle("lists")

    @initialize(target=lists, made=changes, padding=st.integers(0, 200))
    def start(self, made: list[Entry], padding: int) -> tuple[HashList, list[Entry]]:
        """Start with a list, padded so that changes are small or large in comparison."""
        entries = [*made, *numbered(padding, "p")]
        return HashList.from_entries(entries), [e for e in entries if not is_flat(e.hash)]

    @rule(target=lists, state=lists, made=changes, gone=st.lists(small_ids, max_size=5))
    def apply(
        self, state: tuple[HashList, list[Entry]], made: list[Entry], gone: list[str]
    ) -> tuple[HashList, list[Entry]]:
        """Change any of the lists made so far."""
        hash_list, expected = state
        solid = [e for e in made if not is_flat(e.hash)]
        replaced = {*gone, *(e.id for e in made)}
        left = [e for e in expected if e.id not in replaced]
        new = hash_list.apply(made, gone)
        same(new, [*left, *solid])
        for name in ("n0", "n7", "p3"):
            wanted = [e for e in [*left, *solid] if e.id == name]
            assert in_order(new.find(name)) == in_order(wanted)
        return new, [*left, *solid]

    @rule(state=lists)
    def look_again(self, state: tuple[HashList, list[Entry]]) -> None:
        """A list does not change, whatever was made from it."""
        same(*state)


TestUpdating = Updating.TestCase
TestUpdating.settings = settings(examples(40), stateful_step_count=12)


@given(st.lists(st.text(max_size=4), unique=True), st.lists(st.text(max_size=4)), st.booleans())
def test_rows_are_found_by_text(texts: list[str], asked: list[str], collide: bool) -> None:
    """Every text is found in its place, even if all fingerprints are equal."""
    base = columns.FINGERPRINT_BASE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "FINGERPRINT_BASE", 0 if collide else base)
        column = TextColumn.from_bytes([text.encode() for text in texts])
        order = fingerprint_order(column)
        asked = [*asked, *texts]
        found = find_rows(column, order, [text.encode() for text in asked]).tolist()
    assert found == [texts.index(text) if text and text in texts else -1 for text in asked]
