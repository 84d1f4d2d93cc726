"""Records that come late: within a file by their time, and across files by what is remembered."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch import HashList, HashListError
from hashmatch.hashlist.columns import TextColumn
from hashmatch.hashlist.formats.feed import rank_of
from hashmatch.hashlist.revisions import Revisions

from .feeds import Item, ncmec, stopncii, tat, threat_updates

MD5 = "0123456789abcdef0123456789abcdef"
EARLY, LATE = "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"

records = st.tuples(st.sampled_from(["", "a", "b", "c", "d"]), st.integers(0, 9), st.booleans())


def take(revisions: Revisions, batch: list[tuple[str, int, bool]]) -> list[bool]:
    """Offer records that have distinct ids, and tell which of them are outdated."""
    ids = TextColumn.from_texts([name for name, _, _ in batch])
    ranks = np.array([rank for _, rank, _ in batch], dtype=np.int64)
    gone = np.array([gone for _, _, gone in batch], dtype=np.bool_)
    return list(revisions.note(ids, ranks, gone, np.zeros(len(ids), dtype=np.bool_)))


@given(st.lists(st.lists(records, max_size=5, unique_by=lambda each: each[0]), max_size=8))
def test_revisions_are_those_of_a_dictionary(batches: list[list[tuple[str, int, bool]]]) -> None:
    """The latest rank of each id is always known, and older records are outdated."""
    revisions, model = Revisions(), dict[str, tuple[int, bool]]()
    for batch in batches:
        expected = [
            bool(name) and 0 < rank < model.get(name, (0, False))[0] for name, rank, _ in batch
        ]
        assert take(revisions, batch) == expected
        for (name, rank, gone), outdated in zip(batch, expected, strict=True):
            if name and not outdated:
                model[name] = (max(rank, model.get(name, (0, False))[0]), gone)
    assert len(revisions) == len(model)
    assert revisions.withdrawn == sum(gone for _, gone in model.values())


def test_revisions_are_kept(tmp_path: Path) -> None:
    """What was saved is loaded; anything else is refused."""
    revisions = Revisions()
    take(revisions, [("a", 5, False), ("b", 6, True)])
    revisions.save(tmp_path / "r.npz")
    again = Revisions.load(tmp_path / "r.npz")
    assert (len(again), again.withdrawn) == (2, 1)
    assert take(again, [("a", 4, True), ("b", 7, False)]) == [True, False]
    assert again.withdrawn == 0
    for damage in (b"", b"PK", (tmp_path / "r.npz").read_bytes()[:-30]):
        (tmp_path / "r.npz").write_bytes(damage)
        with pytest.raises(HashListError, match="cannot read these revisions"):
            Revisions.load(tmp_path / "r.npz")


@pytest.mark.parametrize("write", [ncmec, tat, threat_updates])
def test_the_latest_change_counts(tmp_path: Path, write: object) -> None:
    """An older record of an id changes nothing, be it later in the file or in a later file."""
    assert callable(write)
    old, gone = Item("1-a", {"md5": MD5}, added=EARLY), Item("1-a", gone=True, added=LATE)
    assert not len(HashList.loads(write([gone, old])))
    assert len(HashList.loads(write([old])))
    revisions, path = Revisions(), tmp_path / "page"
    for item in (gone, old):
        path.write_text(write([item]))
        assert not len(HashList.load(path, revisions=revisions))
    path.write_text(write([Item("1-a", {"md5": MD5}, added="2026-01-04T00:00:00Z")]))
    assert len(HashList.load(path, revisions=revisions)) == 1


def test_a_record_without_a_time_is_the_latest() -> None:
    """Where a record has no time, the order decides, as in a file that has none at all."""
    records = [Item("a", {"md5": MD5}), Item("b", {"md5": MD5}, gone=True)]
    text = stopncii(records).replace(
        '"lastModtimestamp": 1700000000', '"lastModtimestamp": null', 2
    )
    assert not len(HashList.loads(text))
    mixed = stopncii(records)[::-1].replace("0000000071 :", "llun :", 1)[::-1]
    assert not len(HashList.loads(mixed))


def test_times_become_ranks() -> None:
    """ISO 8601, seconds and fractions of them are the same time; anything else is none."""
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 500_000, dt.UTC)
    rank = int(moment.timestamp() * 1_000_000)
    for text in ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.5", "2026-01-02T04:04:05.5+01:00"):
        assert rank_of(text) == rank
    assert rank_of(moment.timestamp()) == rank
    for other in ("soon", "", None, True, -1, 1e300, float("nan"), [], {}):
        assert rank_of(other) == 0


def test_pages_say_what_follows() -> None:
    """A page that says that more follow makes an incomplete list; what else it says is kept."""
    items = [Item("1-a", {"md5": MD5})]
    found = HashList.loads(threat_updates(items, following="https://x/?after=y"))
    assert any("more follow" in warning for warning in found.warnings)
    assert found.contents.paging is not None
    assert found.contents.paging.records == 1
    assert "paging" in found.contents.paging.said
    assert MD5 not in repr(found.contents.paging)
