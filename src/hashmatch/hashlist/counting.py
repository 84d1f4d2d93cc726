"""Counts the entries of a list by the kinds of perceptual hash that they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from hashmatch.hashlist.hash_list import HashList
from hashmatch.model import DIGEST_BITS, HashKind


def section_sizes(hash_list: HashList) -> dict[HashKind, int]:
    """How many entries have a hash of each perceptual kind."""
    updates = hash_list.updates  # asking sections for a kind with an update would merge it
    return {
        kind: len(updates[kind] if kind in updates else hash_list.sections[kind])
        for kind in hash_list.sections
        if kind.algorithm not in DIGEST_BITS
    }


def count_kinds(hash_list: HashList) -> Mapping[tuple[HashKind, ...], int]:
    """How many entries have hashes of exactly these perceptual kinds, in sorted order.

    It takes about a second per million entries.
    """
    sizes = section_sizes(hash_list)
    kinds = sorted(sizes)
    if len(kinds) == 1:
        return {(kind,): size for kind, size in sizes.items()}
    found: Counter[tuple[HashKind, ...]] = Counter()
    for place, kind in enumerate(kinds):
        section = hash_list.sections[kind]
        ids = section.ids(0, len(section))
        has = np.stack([hash_list.sections[other].find(ids) >= 0 for other in kinds], axis=1)
        new = has[~has[:, :place].any(axis=1)]  # others were counted by their first kind
        for row, number in zip(*np.unique(new, axis=0, return_counts=True), strict=True):
            names = tuple(kind for kind, there in zip(kinds, row, strict=True) if there)
            found[names] += int(number)
    return found
