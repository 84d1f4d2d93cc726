"""Operations on hash lists: inspects, compares, updates, merges and converts them before use."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain

import numpy as np

from hashmatch.errors import HashListError
from hashmatch.hashing import default_threshold
from hashmatch.hashlist import HashList, IndexTables, ListSection, Policy, save_compiled
from hashmatch.hashlist.columns import TextColumn
from hashmatch.hashlist.contents import NOTHING
from hashmatch.hashlist.formats import COMPILED, format_of
from hashmatch.hashlist.freshness import age_of
from hashmatch.hashlist.updates import ruled_out, withdrawing, without_entry
from hashmatch.index import BuiltIndex, build_index
from hashmatch.model import DIGEST_BITS, Entry, HashKind
from hashmatch.text import count

SAMPLE = 20_000
"""The most entries per section to examine for neighbours."""

HUB = 10
"""An entry with at least this many neighbours is a hub."""

_NAMED_HUBS = 5

_DIGEST = 16
"""Bytes of the digest by which entries are compared."""

_DECISIVE = ("category", "source", "expires")
"""The fields, besides the hash, that decide whether an entry may match."""


@dataclass(frozen=True, slots=True)
class SectionFacts:
    """Facts about the entries of one kind, none of which shows a hash.

    Attributes:
        duplicates: how many have the hash of an earlier entry.
        sampled: how many were examined for neighbours.
        near: of those, how many have another entry within the default threshold.
        hubs: of those, how many have at least ``HUB`` neighbours.
        named_hubs: the entries with the most neighbours: their ids and how many they have. Such an
            entry matches a lot, and may be near blank pictures.
        index: which index would be used, and why.
    """

    kind: HashKind
    entries: int
    duplicates: int
    sampled: int
    near: int
    hubs: int
    named_hubs: tuple[tuple[str, int], ...]
    index: str


@dataclass(frozen=True, slots=True)
class Makeup:
    """What a list consists of, whether or not it may match.

    Attributes:
        categories: number of entries by category; those without one are under the empty string.
        sources: number of entries by source, in the same way.
        age_days: days since the list was made, by its own date; None if it has none.
        left_out: entries that do not match by default, by reason.
    """

    categories: dict[str, int]
    sources: dict[str, int]
    age_days: int | None
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """The ids that only the newer list has, that only the older one has, and that differ."""

    added: tuple[str, ...]
    withdrawn: tuple[str, ...]
    changed: tuple[str, ...]


def facts(hash_list: HashList) -> list[SectionFacts]:
    """Inspect each section of a list."""
    return [_facts(section) for section in hash_list.sections.values()]


def makeup(hash_list: HashList, *, now: datetime | None = None) -> Makeup:
    """Count what a list consists of.

    Load the list without a policy, which would hide entries from the count.

    Raises:
        SettingsError: ``now`` has no time zone.
    """
    now = now or datetime.now(UTC)
    left_out = hash_list.select(Policy(now=now)).left_out
    age = age_of(hash_list, now)
    return Makeup(
        categories=_counts(hash_list, "category"),
        sources=_counts(hash_list, "source"),
        age_days=None if age is None else age.days,
        left_out=dict(left_out),
    )


def difference(old: HashList, new: HashList) -> Difference:
    """Compare two lists by the ids of their entries, in the lists' order."""
    before, after = _by_id(old), _by_id(new)
    return Difference(
        added=tuple(name for name in after if name not in before),
        withdrawn=tuple(name for name in before if name not in after),
        changed=tuple(
            name for name, entries in after.items() if before.get(name, entries) != entries
        ),
    )


def apply_deltas(base: HashList, deltas: Iterable[HashList]) -> HashList:
    """Apply updates to a list, one after the other.

    An entry of a delta replaces every entry with its id; an entry without an id is added; withdrawn
    entries are removed. The withdrawals are kept, so deltas joined into one have the same effect as
    each in turn; see ``without_withdrawals``. Version and date come from the last delta that has
    them. Load all of them without a policy, so that nothing is lost; the oldest delta comes first.

    Raises:
        HashListError: something is wrong with an entry.
    """
    for delta in deltas:
        base = _joined(base, delta, base.apply(delta, version=delta.version, created=delta.created))
    return base


def without_withdrawals(hash_list: HashList) -> HashList:
    """Keep only the entries, for a list that will not be applied to another one."""
    contents = replace(hash_list.contents, withdrawn=NOTHING, dropped=NOTHING)
    return HashList(contents, source=hash_list.source)


def merge(hash_lists: Sequence[HashList], *, prefix: bool = False) -> HashList:
    """Merge independent lists into one.

    If two lists have the same entry, the label of the later one counts. Withdrawals are kept; see
    ``without_withdrawals``.

    Args:
        hash_lists: at least one, loaded without a policy.
        prefix: put each list's name and a slash before its ids.

    Raises:
        HashListError: an entry would be lost: two lists disagree on an id's hashes, category,
            source or expiry, or on whether it is withdrawn; or, with ``prefix``, two lists have the
            same name.
    """
    if prefix:
        hash_lists = [_prefixed(hash_list) for hash_list in hash_lists]
        for name, times in Counter(hash_list.name for hash_list in hash_lists).items():
            if times > 1:
                raise HashListError("two lists have this name, so their ids may clash", path=name)
    merged = hash_lists[0]
    for hash_list in hash_lists[1:]:
        if clashes := _clashes(merged, hash_list):
            raise HashListError(
                f"{count(clashes, 'id clashes', 'ids clash')} with an earlier list, by another"
                " entry or a withdrawal: use --prefix, or, for an update, hashmatch list apply",
                path=hash_list.source,
            )
        merged = _joined(merged, hash_list, merged.apply(hash_list))
    return merged


def overrides(hash_list: HashList) -> list[str]:
    """The ids that must not match in a list that this one is applied to.

    They are withdrawn or have a flat hash, and this list has no entry with them.
    """
    return without_entry(hash_list.contents, ruled_out(hash_list.contents))


def save(hash_list: HashList, path: str | os.PathLike[str], list_format: str | None = None) -> None:
    """Write a list in any format that can be written, atomically.

    The format is ``text``, ``csv`` or ``compiled``; None chooses it by the ending of the file's
    name.

    Raises:
        HashListError: the format cannot hold it.
        OutputError: the file cannot be written.
        SettingsError: the format is unknown, or the file's name does not give it.
    """
    chosen = list_format or format_of(path)
    if chosen == COMPILED:
        if overrides(hash_list):
            raise HashListError(
                "the compiled format cannot hold withdrawals; csv can. A flat hash withdraws"
                " its id",
                path=hash_list.name,
            )
        compile_list(hash_list, path)
    else:
        hash_list.save(path, chosen)


def compile_list(hash_list: HashList, path: str | os.PathLike[str]) -> list[str]:
    """Compile a list and its indexes into a file that opens at once.

    The file has only the entries, not the ids that the list rules out in others; see ``overrides``.

    Returns:
        For each kind of hash, which index was chosen and why.

    Raises:
        OutputError: the file cannot be written.
    """
    indexes = {kind: _index(section) for kind, section in hash_list.sections.items()}
    index_tables = {
        kind: IndexTables(index.kind, index.tables()) for kind, index in indexes.items()
    }
    save_compiled(hash_list, path, index_tables)
    return [f"{kind}: {index.explain()}" for kind, index in indexes.items()]


def _index(section: ListSection) -> BuiltIndex:
    return build_index(section.codes, radius=_radius(section.kind))


def _radius(kind: HashKind) -> int:
    return 0 if kind.algorithm in DIGEST_BITS else default_threshold(kind)


def _facts(section: ListSection) -> SectionFacts:
    index = _index(section)
    rows = np.arange(len(section))
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(0).choice(rows, SAMPLE, replace=False))
    hits = index.search(section.codes[rows], _radius(section.kind))
    others = hits.query[rows[hits.query] != hits.row]
    neighbours = Counter(others.tolist())
    return SectionFacts(
        kind=section.kind,
        entries=len(section),
        duplicates=len(section) - len(np.unique(section.codes, axis=0)),
        sampled=len(rows),
        near=len(neighbours),
        hubs=sum(number >= HUB for number in neighbours.values()),
        named_hubs=tuple(
            (section.entry(int(rows[row])).id, number)
            for row, number in neighbours.most_common(_NAMED_HUBS)
            if number >= HUB
        ),
        index=index.explain(),
    )


def _counts(hash_list: HashList, field: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for section in hash_list.sections.values():
        found.update(section.column(field).counts())
    return dict(sorted(found.items()))


def _clashes(merged: HashList, other: HashList) -> int:
    """How many of a list's ids mean a different entry in the list that it is merged with."""
    # Entries without their own id replace nothing
    every = (section.column("id").texts(0, len(section)) for section in other.sections.values())
    ids = list(dict.fromkeys(filter(None, chain.from_iterable(every))))
    known = np.zeros(len(ids), dtype=np.bool_)
    differs = np.zeros(len(ids), dtype=np.bool_)
    for kind in {**merged.sections, **other.sections}:
        ours, theirs = (
            each.sections[kind].find(ids) if kind in each.sections else np.full(len(ids), -1)
            for each in (merged, other)
        )
        known |= ours >= 0
        differs |= (ours >= 0) != (theirs >= 0)
        both = ((ours >= 0) & (theirs >= 0)).nonzero()[0]
        if len(both):
            here = merged.sections[kind].take(ours[both])
            there = other.sections[kind].take(theirs[both])
            differs[both] |= (here.codes != there.codes).any(axis=1)
            for field in _DECISIVE:
                differs[both] |= here.column(field).fingerprints() != (
                    there.column(field).fingerprints()
                )
    return int((known & differs).sum()) + len(
        _held(merged, ruled_out(other.contents)) | _held(other, ruled_out(merged.contents))
    )


def _held(hash_list: HashList, ids: Sequence[str]) -> set[str]:
    return set(ids).difference(without_entry(hash_list.contents, ids))


def _joined(old: HashList, new: HashList, both: HashList) -> HashList:
    """Two lists joined, with the ids that either rules out and the result does not have."""
    ids = list(dict.fromkeys([*ruled_out(old.contents), *ruled_out(new.contents)]))
    return HashList(withdrawing(both.contents, ids), source=both.source)


def _prefixed(hash_list: HashList) -> HashList:
    contents, sections = hash_list.contents, {}
    for kind, section in hash_list.sections.items():
        ids = _prefixed_ids(hash_list.name, section.ids(0, len(section)))
        sections[kind] = ListSection(
            kind, section.codes, {**section.columns, "id": ids}, None, section.origin
        )
    withdrawn, dropped = (
        _prefixed_ids(hash_list.name, filter(None, column.texts(0, len(column))))
        for column in (contents.withdrawn, contents.dropped)
    )
    prefixed = replace(
        contents,
        sections=sections,
        index_tables={},
        updates={},
        withdrawn=withdrawn,
        dropped=dropped,
    )
    return HashList(prefixed, source=hash_list.source)


def _prefixed_ids(name: str, ids: Iterable[str]) -> TextColumn:
    return TextColumn.from_bytes([f"{name}/{entry_id}".encode() for entry_id in ids])


def _by_id(hash_list: HashList) -> dict[str, bytes]:
    """The sorted digests of each id's entries. Lists are long and entries large, so digests do."""
    found: dict[str, bytes] = {}
    for entry in hash_list:
        known = found.get(entry.id, b"")
        others = {known[at : at + _DIGEST] for at in range(0, len(known), _DIGEST)}
        found[entry.id] = b"".join(sorted({_digest(entry), *others}))
    return found


def _digest(entry: Entry) -> bytes:
    said = (entry.label, entry.category, entry.source, entry.added, entry.expires)
    whole = repr((*entry.hash.kind, entry.hash.words, *said))
    return blake2b(whole.encode(errors="surrogatepass"), digest_size=_DIGEST).digest()
