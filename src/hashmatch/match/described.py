"""A hit described in full: which entry, through which view, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hashmatch.match.agreement import sorts_of
from hashmatch.match.cutoffs import FURTHER, USUAL
from hashmatch.match.expected import ExpectedFalse, significant
from hashmatch.match.hits import BYTES, FULL_QUALITY, Hit, view_name
from hashmatch.match.sections import EntryName, IndexedSection, perceptual_kinds
from hashmatch.model import Cause, Examination, Match


def describe_hit(
    hit: Hit, examination: Examination, sections: Sequence[IndexedSection], expected: ExpectedFalse
) -> Match:
    """Describe a hit in the examination of what was looked up."""
    section = sections[hit.section]
    view = examination.views[hit.view] if hit.perceptual else None
    threshold = section.threshold
    if hit.sort != USUAL or hit.distance > threshold:
        within = expected.cutoffs.of(dict(hit.together), hit.sort)
        threshold = within.get(section.kind, threshold)
    return Match(
        list=section.hash_list.name,
        entry=section.rows.entry(hit.row),
        algorithm=section.kind.algorithm,
        bits=section.kind.bits,
        distance=hit.distance,
        threshold=threshold,
        view=view_name(view, hit.symmetry) if view else BYTES,
        quality=view.quality if view else FULL_QUALITY,
        cause=hit.cause,
        expected_false=_expected_false(hit, examination, sections, expected),
    )


def _expected_false(
    hit: Hit, examination: Examination, sections: Sequence[IndexedSection], expected: ExpectedFalse
) -> float | None:
    """How many entries of the list are this near by chance; see ``Match``."""
    if hit.cause is Cause.LOW_INFORMATION:  # the rates are those of pictures with detail
        return None
    section = sections[hit.section]
    hash_list, near = section.hash_list, {section.kind: hit.distance} | dict(hit.together)
    cutoffs = expected.cutoffs
    if cutoffs.all_must and hit.perceptual:
        name = EntryName(hash_list, section.rows.entry_id(hit.row))
        near = {kind: cutoffs.near[kind] for kind in perceptual_kinds(name)} | near
    entries = min(
        len(each.rows) for each in sections if each.hash_list is hash_list and each.kind in near
    )
    chance = expected.rule.rates.of(near)
    readings = _count_readings(hit, examination, expected)
    return None if chance is None else significant(chance.rate * entries * readings)


def _count_readings(hit: Hit, examination: Examination, expected: ExpectedFalse) -> int:
    """How many readings of the picture are looked up at least as far out as this one."""
    if not hit.perceptual:
        return 1
    usual, quartered, further = np.bincount(sorts_of(examination.views), minlength=3).tolist()
    cutoffs = expected.cutoffs
    if not hit.together:
        return int(usual + further if cutoffs.all_must else usual)
    if hit.sort == USUAL:
        return int(usual)
    every = (usual + quartered * cutoffs.quarters) * (1 + len(cutoffs.symmetries))
    return int(every + further * (hit.sort == FURTHER))
