"""Ordinary pictures looked up in the operator's own lists: which entries match them falsely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hashmatch.evaluate import prose
from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import CHOOSE, LEFT_OUT, SCORE, Identities
from hashmatch.evaluate.intervals import Ints, wilson, wilson_needs
from hashmatch.evaluate.negatives import best_of_each
from hashmatch.evaluate.recommend import lacking_pictures
from hashmatch.evaluate.rules import label
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.hashing import ALGORITHMS, default_threshold
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import HashList, ListSection
from hashmatch.index import build_index
from hashmatch.report import list_record
from hashmatch.text import printable

REACH = 3 / 16
"""Thresholds are tried up to this share of the bits: 12 of 64."""

NAMED = 20
"""How many entries are named of those that match the most pictures, and of the flat ones."""

_BATCH = 64


def weigh_lists(
    pictures: Measurements,
    identities: Identities,
    hash_lists: Sequence[HashList],
    settings: EvaluationSettings,
) -> list[dict[str, Any]]:
    """Look up every picture in every section of an evaluated kind.

    Returns:
        For each list what the evaluation's record says about it.
    """
    return [
        {
            **list_record(hash_list, age=False),
            "name": printable(hash_list.name),
            "suppressed": [printable(entry) for entry in hash_list.suppressed],
            "warnings": list(hash_list.warnings),
            "kinds": [
                _weigh(pictures, identities, section, settings)
                for kind, section in hash_list.sections.items()
                if kind in pictures.kinds
            ],
        }
        for hash_list in hash_lists
    ]


def _weigh(
    pictures: Measurements,
    identities: Identities,
    section: ListSection,
    settings: EvaluationSettings,
) -> dict[str, Any]:
    kind, threshold = section.kind, default_threshold(section.kind)
    levels = max(int(REACH * kind.bits), threshold) + 1
    best, counts, nearest, hits = _look_up(pictures, identities, section, threshold, levels)
    parts = {}
    for name, part in (("choose", CHOOSE), ("score", SCORE)):
        members = identities.part == part
        matched = np.bincount(best[members], minlength=levels + 1)[:levels].cumsum()
        share = wilson(matched / members.sum(), members.sum())
        parts[name] = {
            "pictures": int(members.sum()),
            "matched": matched.tolist(),
            "share": share.record(),
            "files_per_day": share.times(settings.files_per_day).record(),
        }
        if part == CHOOSE:
            limit = settings.max_false_per_day / settings.files_per_day
            bearable = np.flatnonzero(share.high <= limit)
            needed = 0 if len(bearable) else wilson_needs(float(share.value[0]), limit)
    flat = np.flatnonzero(_near_flat(section, threshold))
    found: dict[str, Any] = {
        "algorithm": label(kind),
        "entries": len(section),
        "threshold": threshold,
        "level": int(bearable[-1]) if len(bearable) else None,
        "more_pictures": lacking_pictures(
            needed, parts["choose"]["pictures"] + parts["score"]["pictures"]
        ),
        **parts,
        "hits": hits.cumsum().tolist(),
        "matching_entries": int((counts > 0).sum()),
        "named": _named(section, counts, nearest),
        "near_flat_count": len(flat),
        "near_flat": [printable(section.entry(row).id) for row in flat[:NAMED].tolist()],
    }
    return found | {"sentence": prose.against_list(found, settings)}


def _named(section: ListSection, counts: Ints, nearest: Ints) -> list[dict[str, Any]]:
    """The entries near the most pictures; of equal ones, in the list's own order."""
    return [
        {
            "entry": printable(section.entry(row).id),
            "pictures": int(counts[row]),
            "nearest": int(nearest[row]),
        }
        for row in np.argsort(-counts, kind="stable")[:NAMED].tolist()
        if counts[row]
    ]


def _look_up(
    pictures: Measurements,
    identities: Identities,
    section: ListSection,
    threshold: int,
    levels: int,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Look up in batches, so that a list with many near entries takes little memory.

    Returns:
        Each picture's distance to its nearest entry; the number of pictures near each entry, and
        its smallest distance; the number of pairs at each distance.
    """
    index = build_index(section.codes, radius=levels - 1)
    best = np.full(len(pictures), levels, dtype=np.int64)
    counts = np.zeros(len(section), dtype=np.int64)
    nearest = np.full(len(section), levels, dtype=np.int64)
    hits = np.zeros(levels, dtype=np.int64)
    views = np.flatnonzero((identities.part[pictures.owner] != LEFT_OUT) & ~pictures.further)
    queries = pictures.queries[section.kind]
    # A batch holds whole pictures, so that one with several views counts once for an entry
    owners = np.unique(pictures.owner[views])
    for start in range(0, len(owners), _BATCH):
        batch = views[np.isin(pictures.owner[views], owners[start : start + _BATCH])]
        found = index.search(queries[batch], levels - 1)
        owner, apart = pictures.owner[batch][found.query], found.distance.astype(np.int64)
        owner, row, apart = best_of_each(owner, found.row, apart)
        np.minimum.at(best, owner, apart)
        np.minimum.at(nearest, row, apart)
        hits += np.bincount(apart, minlength=levels)
        counts += np.bincount(row[apart <= threshold], minlength=len(section))
    return best, counts, nearest, hits


def _near_flat(section: ListSection, threshold: int) -> npt.NDArray[np.bool_]:
    """Which entries are within the threshold of a blank picture's hash."""
    near = np.zeros(len(section), dtype=np.bool_)
    octets = section.kind.bits // 8
    for first in ALGORITHMS[section.kind.algorithm].flat:
        rest = b"\xff" if first == 0xFF else b"\0"
        pattern = np.frombuffer(bytes([first]) + rest * (octets - 1), dtype=">u8")
        near |= distances(section.codes, pattern.astype(np.uint64)) <= threshold
    return near
