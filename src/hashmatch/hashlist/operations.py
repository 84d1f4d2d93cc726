"""What an operator does with lists before they are used: look into them, compare, join, convert."""

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
from hashmatch.hashlist import HashList, IndexTables, Policy, Section, save_compiled
from hashmatch.hashlist.columns import TextColumn
from hashmatch.hashlist.contents import NOTHING
from hashmatch.hashlist.formats import COMPILED, format_of
from hashmatch.hashlist.freshness import age_of
from hashmatch.hashlist.updates import ruled_out, withdrawing, without_entry
from hashmatch.index import BuiltIndex, build_index
from hashmatch.model import DIGEST_BITS, Entry, HashKind

SAMPLE = 20_000
"""Of longer sections, so many entries are looked at for neighbours."""

HUB = 10
"""Neighbours that make an entry a hub."""

_NAMED_HUBS = 5

_DIGEST = 16
"""Bytes that an entry is told from others by."""

_DECISIVE = ("category", "source", "expires")
"""What, besides its hash, decides whether an entry may match."""


@dataclass(frozen=True, slots=True)
class SectionFacts:
    """What can be said of the entries of one kind without showing a hash.

    Attributes:
        kind: algorithm and width.
        entries: how many there are.
        duplicates: entries whose hash an earlier entry has too.
        sampled: how many entries were looked at for neighbours.
        near: of those, how many have another entry within the default threshold.
        hubs: of those, how many have at least ``HUB`` of them.
        named_hubs: ids of the entries with the most neighbours, and how many those have; such an
            entry matches much, and may be near to blank pictures.
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
    """What a list is made of, whether or not it may match.

    Attributes:
        categories: entries by category; of none under the empty text.
        sources: entries by source, likewise.
        age_days: since the list was made, by its own word; None where it does not say.
        left_out: entries that would not match, by reason, unless other options ask for them.
    """

    categories: dict[str, int]
    sources: dict[str, int]
    age_days: int | None
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of the entries between two lists, by id.

    Attributes:
        added: ids that only the newer has.
        withdrawn: ids that only the older has.
        changed: ids whose hashes or labels differ.
    """

    added: tuple[str, ...]
    withdrawn: tuple[str, ...]
    changed: tuple[str, ...]


def facts(hash_list: HashList, *, seed: int = 0) -> list[SectionFacts]:
    """Look into each section of a list."""
    return [_facts(section, seed) for section in hash_list.sections.values()]


def makeup(hash_list: HashList, *, now: datetime | None = None) -> Makeup:
    """Count what a list is made of.

    Args:
        hash_list: loaded without a policy, or what the policy left out is not counted.
        now: when its age is asked for.

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
    """Compare two lists by the ids of their entries, in the order of the lists."""
    before, after = _by_id(old), _by_id(new)
    return Difference(
        added=tuple(name for name in after if name not in before),
        withdrawn=tuple(name for name in before if name not in after),
        changed=tuple(
            name for name, entries in after.items() if before.get(name, entries) != entries
        ),
    )


def apply_deltas(base: HashList, deltas: Iterable[HashList]) -> HashList:
    """A list brought up to date by others, one after the other.

    An entry of a delta replaces whatever has its id, one without an id is added, and what a delta
    withdraws is gone. That it does is kept, so that deltas in one do what they do one after the
    other; see ``without_withdrawals``. The version and the date are those of the last delta that
    gives them.

    Args:
        base: loaded without a policy, so that the new list has all that it says.
        deltas: likewise, the oldest first.

    Raises:
        HashListError: something is wrong with an entry.
    """
    for delta in deltas:
        base = _joined(base, delta, base.apply(delta, version=delta.version, created=delta.created))
    return base


def without_withdrawals(hash_list: HashList) -> HashList:
    """The entries alone of a list that is whole, and is not going to be applied to another."""
    contents = replace(hash_list.contents, withdrawn=NOTHING, dropped=NOTHING)
    return HashList(contents, source=hash_list.source)


def merge(hash_lists: Sequence[HashList], *, prefix: bool = False) -> HashList:
    """One list of several that have nothing to do with each other.

    Where two have the same entry, the later one's label stands. What they withdraw is kept, see
    ``without_withdrawals``.

    Args:
        hash_lists: at least one, loaded without a policy.
        prefix: put each list's name and a slash before its ids.

    Raises:
        HashListError: two lists use an id for different hashes, or do not agree on its category,
            its source, or until when or whether it may match; or with ``prefix``, two lists have
            the same name. One of the entries would be lost.
    """
    if prefix:
        hash_lists = [_prefixed(hash_list) for hash_list in hash_lists]
        for name, count in Counter(hash_list.name for hash_list in hash_lists).items():
            if count > 1:
                raise HashListError("two lists have this name, so their ids would agree", path=name)
    merged = hash_lists[0]
    for hash_list in hash_lists[1:]:
        if clashes := _clashes(merged, hash_list):
            raise HashListError(
                f"{clashes:,} of its ids stand for something else in an earlier list, or are"
                " withdrawn in one of the two: put the lists' names before their ids (--prefix),"
                " or apply it if it is an update",
                path=hash_list.source,
            )
        merged = _joined(merged, hash_list, merged.apply(hash_list))
    return merged


def overrides(hash_list: HashList) -> list[str]:
    """The ids that a list has no entry of, and that none must match of a list it is applied to.

    They are withdrawn, or those of flat hashes.
    """
    return without_entry(hash_list.contents, ruled_out(hash_list.contents))


def save(hash_list: HashList, path: str | os.PathLike[str], list_format: str | None = None) -> None:
    """Write a list in any format that is written, whole or not at all.

    Args:
        hash_list: the list.
        path: the file.
        list_format: ``text``, ``csv``, ``jsonl`` or ``compiled``; None for what the end of the
            file's name tells.

    Raises:
        HashListError: the format cannot hold it.
        OutputError: the file cannot be written.
        SettingsError: there is no such format, or the file's name tells none.
    """
    chosen = list_format or format_of(path)
    if chosen == COMPILED:
        if overrides(hash_list):
            raise HashListError(
                "the compiled format cannot hold withdrawals; csv and jsonl can. A flat hash"
                " withdraws its id too",
                path=hash_list.name,
            )
        compile_list(hash_list, path)
    else:
        hash_list.save(path, chosen)


def compile_list(hash_list: HashList, path: str | os.PathLike[str]) -> list[str]:
    """Write a list with its indexes as a compiled file, which opens at once.

    It has the entries alone: which ids it overrides in other lists is not kept, see ``overrides``.

    Returns:
        For each kind of hash, which index was chosen and why.

    Raises:
        OutputError: the file cannot be written.
    """
    indexes = {kind: _index(section) for kind, section in hash_list.sections.items()}
    tables = {kind: IndexTables(index.kind, index.tables()) for kind, index in indexes.items()}
    save_compiled(hash_list, path, tables)
    return [f"{kind}: {index.explain()}" for kind, index in indexes.items()]


def _index(section: Section) -> BuiltIndex:
    return build_index(section.codes, radius=_radius(section.kind))


def _radius(kind: HashKind) -> int:
    return 0 if kind.algorithm in DIGEST_BITS else default_threshold(kind)


def _facts(section: Section, seed: int) -> SectionFacts:
    index = _index(section)
    rows = np.arange(len(section))
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    hits = index.search(section.codes[rows], _radius(section.kind))
    others = hits.query[rows[hits.query] != hits.row]
    neighbours = Counter(others.tolist())
    return SectionFacts(
        kind=section.kind,
        entries=len(section),
        duplicates=len(section) - len(np.unique(section.codes, axis=0)),
        sampled=len(rows),
        near=len(neighbours),
        hubs=sum(count >= HUB for count in neighbours.values()),
        named_hubs=tuple(
            (section.entry(int(rows[row])).id, count)
            for row, count in neighbours.most_common(_NAMED_HUBS)
            if count >= HUB
        ),
        index=index.explain(),
    )


def _counts(hash_list: HashList, field: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for section in hash_list.sections.values():
        found.update(section.column(field).counts())
    return dict(sorted(found.items()))


def _clashes(merged: HashList, other: HashList) -> int:
    """How many ids of a list stand for something else in one that it is to be merged with."""
    # Entries without an id of their own replace none
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
    """Which of the ids a list has entries of."""
    return set(ids).difference(without_entry(hash_list.contents, ids))


def _joined(old: HashList, new: HashList, both: HashList) -> HashList:
    """Of two lists in one, the list that also keeps what they rule out and it does not have."""
    ids = list(dict.fromkeys([*ruled_out(old.contents), *ruled_out(new.contents)]))
    return HashList(withdrawing(both.contents, ids), source=both.source)


def _prefixed(hash_list: HashList) -> HashList:
    contents, sections = hash_list.contents, {}
    for kind, section in hash_list.sections.items():
        ids = _prefixed_ids(hash_list.name, section.ids(0, len(section)))
        sections[kind] = Section(
            kind, section.codes, {**section.columns, "id": ids}, None, section.origin
        )
    withdrawn, dropped = (
        _prefixed_ids(hash_list.name, filter(None, column.texts(0, len(column))))
        for column in (contents.withdrawn, contents.dropped)
    )
    prefixed = replace(
        contents, sections=sections, tables={}, updates={}, withdrawn=withdrawn, dropped=dropped
    )
    return HashList(prefixed, source=hash_list.source)


def _prefixed_ids(name: str, ids: Iterable[str]) -> TextColumn:
    return TextColumn.from_bytes([f"{name}/{entry_id}".encode() for entry_id in ids])


def _by_id(hash_list: HashList) -> dict[str, bytes]:
    """For each id the digests of its entries, sorted: lists are long, and entries large."""
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
