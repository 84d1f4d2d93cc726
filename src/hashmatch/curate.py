"""What an operator does with lists before they are used: look into them, compare, compile."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass

import numpy as np

from hashmatch.hashing import default_threshold
from hashmatch.hashlist import HashList, IndexTables, Section, save_compiled
from hashmatch.index import BuiltIndex, build_index
from hashmatch.model import DIGEST_BITS, Entry, HashKind

SAMPLE = 20_000
"""Of longer sections, so many entries are looked at for neighbours."""

_HUBS = 5


@dataclass(frozen=True, slots=True)
class SectionFacts:
    """What can be said of the entries of one kind without showing a hash.

    Attributes:
        kind: algorithm and width.
        entries: how many there are.
        duplicates: entries whose hash an earlier entry has too.
        sampled: how many entries were looked at for neighbours.
        near: of those, how many have another entry within the default threshold.
        hubs: ids of entries with the most neighbours, and how many those have; such an entry
            matches much, and may be near to blank pictures.
        index: which index would be used, and why.
    """

    kind: HashKind
    entries: int
    duplicates: int
    sampled: int
    near: int
    hubs: tuple[tuple[str, int], ...]
    index: str


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


def compile_list(hash_list: HashList, path: str | os.PathLike[str]) -> list[str]:
    """Write a list with its indexes as a compiled file, which opens at once.

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
        hubs=tuple(
            (section.entry(int(rows[row])).id, count)
            for row, count in neighbours.most_common(_HUBS)
        ),
        index=index.explain(),
    )


def _by_id(hash_list: HashList) -> dict[str, frozenset[tuple[HashKind, Entry]]]:
    found: dict[str, set[tuple[HashKind, Entry]]] = {}
    for entry in hash_list:
        found.setdefault(entry.id, set()).add((entry.hash.kind, entry))
    return {name: frozenset(entries) for name, entries in found.items()}
