"""Which entries may match, by date, category and source, and that none vanishes silently."""

import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hashmatch.errors import HashListError, SettingsError
from hashmatch.hashlist import HashList, IndexTables, Policy, save_compiled
from hashmatch.hashlist.operations import makeup
from hashmatch.hashlist.policy import end_of_life
from hashmatch.model import Entry, PerceptualHash


def entry(name: str, **fields: str) -> Entry:
    """An entry with that id."""
    return Entry(name, PerceptualHash("phash", 64, (zlib.crc32(name.encode()),)), **fields)


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

ENTRIES = [
    entry("plain"),
    entry("graded", category="A", source="one"),
    entry("other", category="B", source="two"),
    entry("zero", category="0"),
    entry("wrong", category="FALSE_POSITIVE", source="one"),
    entry("over", category="A", expires="2026-02-28"),
    entry("today", category="A", expires="2026-03-01"),
    entry("noon", category="A", expires="2026-03-01T12:00:00Z"),
    entry("later", category="0", expires="2026-03-01T08:00:01-04:00"),
]


def names(hash_list: HashList) -> set[str]:
    """The ids of the entries that may match."""
    return {e.id for e in hash_list}


@pytest.mark.parametrize(
    ("policy", "expected", "left_out"),
    [
        ({}, "plain graded other today", {"expired": 2, "not pertinent": 3}),
        ({"categories": {"A"}}, "graded today", {"expired": 2, "not pertinent": 3, "category": 2}),
        (
            {"categories": {"0", "B"}},
            "other zero later",
            {"expired": 2, "not pertinent": 1, "category": 3},
        ),
        (
            {"exclude_categories": {"A"}},
            "plain other",
            {"expired": 2, "not pertinent": 3, "category": 2},
        ),
        ({"sources": {"one"}}, "graded", {"expired": 2, "not pertinent": 3, "source": 3}),
    ],
)
def test_policy_decides_what_may_match(
    policy: dict[str, set[str]], expected: str, left_out: dict[str, int], tmp_path: Path
) -> None:
    """A list holds what the policy lets match, counts the rest by reason, and says so."""
    chosen = Policy(now=NOW, **{key: frozenset(value) for key, value in policy.items()})
    whole = HashList.from_entries(ENTRIES, policy=None)
    assert len(whole) == len(ENTRIES)
    save_compiled(whole, tmp_path / "a", {k: IndexTables("x", {}) for k in whole.sections})
    for found in (
        HashList.from_entries(ENTRIES, policy=chosen),
        HashList.load(tmp_path / "a", policy=chosen),
        whole.select(chosen),
    ):
        assert names(found) == set(expected.split())
        assert len(found) == len(expected.split())
        assert found.left_out == left_out
        assert len(found.notices) == len(left_out)


def test_a_stored_index_stays_in_use(tmp_path: Path) -> None:
    """Entries left out of a compiled list are laid over it, so its index is still valid."""
    whole = HashList.from_entries(ENTRIES, policy=None)
    (kind,) = whole.sections
    save_compiled(whole, tmp_path / "a", {kind: IndexTables("x", {})})
    found = HashList.load(tmp_path / "a", policy=Policy(now=NOW))
    assert len(found.updates[kind].base) == len(ENTRIES)
    assert found.updates[kind].index_tables == IndexTables("x", {})
    assert found.index_tables == {}
    none = HashList.load(tmp_path / "a", policy=Policy(sources=frozenset({"nobody"})))
    assert dict(none.sections) == {}
    everything = Policy(categories=frozenset({"A"}), now=datetime(2020, 1, 1, tzinfo=UTC))
    graded = HashList.from_entries(ENTRIES[1:2], policy=everything)
    assert names(graded) == {"graded"}


def test_what_is_left_out_of_a_change_is_withdrawn(tmp_path: Path) -> None:
    """A change that makes an entry expired or not pertinent stops it from matching."""
    base = HashList.from_entries([entry("a"), entry("b"), entry("c"), entry("d")])
    changes = HashList.from_entries(
        [entry("a", category="0"), entry("b", expires="2020-01-01"), entry("c", category="A")]
    )
    changed = base.apply(changes)
    assert names(changed) == {"c", "d"}
    assert changed.left_out == {"expired": 1, "not pertinent": 1}
    save_compiled(changed, tmp_path / "a")
    assert HashList.load(tmp_path / "a").left_out == changed.left_out


def test_an_absurd_date_is_refused() -> None:
    """An entry with an unreadable expiry is an error, not a guess."""
    assert end_of_life("9999-12-31") is not None
    assert end_of_life("") is None
    for text in ("soon", "2026-13-01", "20260301T", "2026-03-01T25:00"):
        assert end_of_life(text) is None
        with pytest.raises(HashListError) as caught:
            HashList.from_entries([entry("a", expires=text)])
        assert caught.value.problems[0].message == "expires is not a date"


@pytest.mark.parametrize("name", ["categories", "exclude_categories", "sources", "suppressed"])
def test_a_text_is_no_set_of_names(name: str) -> None:
    """A string in place of a set is refused, rather than split into characters."""
    with pytest.raises(SettingsError, match=f"{name} must be a set"):
        Policy(**{name: "A1"})


def test_a_time_without_a_zone_is_refused() -> None:
    """A time without a zone is refused, because it does not settle what has expired."""
    with pytest.raises(SettingsError, match="now needs a time zone"):
        Policy(now=NOW.replace(tzinfo=None))
    dated = HashList.from_entries(ENTRIES, created="2026-01-01")
    with pytest.raises(SettingsError, match="now needs a time zone"):
        makeup(dated, now=NOW.replace(tzinfo=None))


def test_default_policy_takes_the_time_of_loading() -> None:
    """By default, an entry matches if it has not expired yet."""
    soon = datetime.now(UTC).replace(year=datetime.now(UTC).year + 1).isoformat()
    found = HashList.from_entries([entry("a", expires=soon), entry("b", expires="2001-01-01")])
    assert names(found) == {"a"}


def test_text_cannot_hold_what_a_policy_needs() -> None:
    """Writing fails rather than losing a category or a date."""
    with pytest.raises(HashListError, match="the text format cannot hold category, source"):
        HashList.from_entries([entry("a", category="A", source="x")]).dumps()
