"""Near entries while they are weighed, and before they become matches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hashmatch.index import Hits
from hashmatch.match.sections import Rows
from hashmatch.model import QUARTER, Cause, Examination, HashKind, ViewHashes

STORED = "stored"
BYTES = "bytes"
"""The view of a match by exact digest: the file's bytes."""

BYTES_VIEW = -1
FULL_QUALITY = 100


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A near entry. The best hits sort first.

    Attributes:
        doubt: why this is only a candidate, as a number: 0 for a match, so that matches come first.
        perceptual: near by a perceptual hash, rather than equal by an exact digest.
        distance: in bits.
        section: the number of the entry's section.
        row: the entry's row in that section.
        view: the number of the picture's view; -1 for its bytes.
        symmetry: which mirror image of the view is near; empty for the view itself.
        together: if two hashes of the entry agree, the distance of each, in bits.
        sort: of the reading, as in ``cutoffs``.
    """

    doubt: int
    perceptual: bool
    distance: int
    section: int
    row: int
    view: int
    symmetry: str = ""
    together: tuple[tuple[HashKind, int], ...] = field(default=(), compare=False)
    sort: int = field(default=0, compare=False)

    @property
    def cause(self) -> Cause | None:
        """Why this is only a candidate; None for a match."""
        return DOUBTS[self.doubt]


DOUBTS: tuple[Cause | None, ...] = (None, *Cause)
SURE, BY_CHANCE, LONE_FRAME, FAINT = range(4)


@dataclass(frozen=True, slots=True)
class Near:
    """The entries near one picture.

    Attributes:
        hits: the nearest entries, each through its best view, best first.
        count: how many entries are near. If more than were asked for are near through several
            views, it may be too low.
    """

    hits: list[Hit]
    count: int


def view_name(view: ViewHashes, symmetry: str) -> str:
    """The name of a view or of a mirror image of it, as ``ExamineOptions.mirrors`` names them."""
    before, _, last = view.view.rpartition("+")
    steps = [before, last]
    if last == QUARTER:
        steps[1] = _QUARTERED[symmetry]
    elif symmetry:
        steps.append(symmetry)
    named = [step for step in steps if step not in ("", STORED)]
    return "+".join(named) or STORED


_QUARTERED = {
    "": "transpose",
    "mirror": "rotate-270",
    "flip": "rotate-90",
    "rotate-180": "transverse",
}
"""What a mirror image of a view with rows and columns exchanged is of the view itself."""


def count_unseen(near: Hits, counts: Rows, places: Sequence[tuple[int, int]]) -> dict[int, int]:
    """How many near entries each examination has beyond those found: the most of any view."""
    missing = counts - np.bincount(near.query, minlength=len(counts))
    most: dict[int, int] = defaultdict(int)
    for query in missing.nonzero()[0].tolist():
        number, _ = places[query]
        most[number] = max(most[number], int(missing[query]))
    return most


def places_of(examinations: Sequence[Examination], numbers: Sequence[int]) -> list[tuple[int, int]]:
    """List every view of these examinations: the examination's number, and the view's in it."""
    return [(number, view) for number in numbers for view in range(len(examinations[number].views))]


def best_hits(hits: list[Hit]) -> list[Hit]:
    """The best hit of each entry, best first."""
    best: dict[tuple[int, int], Hit] = {}
    for hit in sorted(hits):
        best.setdefault((hit.section, hit.row), hit)
    return list(best.values())
