"""From one upload to one outcome: each part is examined, screened and, if need be, judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeAlias

from hashmatch.errors import DecodeError
from hashmatch.examine.sandbox import SharedPool, nameless_file
from hashmatch.match.hits import BYTES, DOUBTS
from hashmatch.match.verdict import decide, decide_whole
from hashmatch.model import Examination, Match, Outcome, Part, Reason
from hashmatch.options import ExamineOptions

if TYPE_CHECKING:
    from hashmatch.examine.inputs import Content

_BATCH = 64
"""Parts to look up together, so that a huge archive is never in memory as a whole."""

CHANGED = DecodeError(Reason.CHANGED, "the archive changed while it was read")

Examined: TypeAlias = tuple[bytes | None, Examination]


class PartExaminer(Protocol):
    """Examines a file's members after the first ``skip``, then the file itself, as None."""

    def __call__(self, *, exact: bool = False, skip: int = 0, count: int = 0) -> Iterator[Examined]:
        """Return each path with its examination."""


def examiner(
    content: Content, options: ExamineOptions, pool: SharedPool | None
) -> AbstractContextManager[PartExaminer]:
    """Return what examines this content: in worker processes, or without a pool, in this one."""
    return _in_process(content, options) if pool is None else _isolated(content, options, pool)


@contextmanager
def _in_process(content: Content, options: ExamineOptions) -> Iterator[PartExaminer]:
    from hashmatch.examine.examination import examine_parts  # noqa: PLC0415 # loads decoders

    def run(*, exact: bool = False, skip: int = 0, count: int = 0) -> Iterator[Examined]:
        how = replace(options, fast=options.fast and not exact)
        parts = examine_parts(content, how, skip=skip, count=count)
        examined = ((path, found) for path, found in parts if found is not None)
        return islice(examined, count or None)

    yield run


@contextmanager
def _isolated(
    content: Content, options: ExamineOptions, pool: SharedPool
) -> Iterator[PartExaminer]:
    if isinstance(content, bytes):
        with nameless_file(content) as descriptor, _isolated(descriptor, options, pool) as run:
            yield run
        return
    yield partial(pool.examine, content, options)


def match_parts(
    examined: Iterable[Examined],
    examine: PartExaminer,
    screen: Callable[[Sequence[Examination]], Sequence[Outcome | None]],
    judge: Callable[[Sequence[Examination]], Sequence[Outcome]],
    max_matches: int,
) -> Outcome:
    """Give a file its outcome."""
    paths: list[bytes | None] = []
    outcomes: list[Outcome | None] = []
    for batch in _batches(examined):
        paths += (path for path, _ in batch)
        outcomes += screen([found for _, found in batch])
    parts = [
        # None is a preview that may be near, so the picture must be decoded in full
        Part(path or b"", judge([_in_full(examine, number, path)])[0] if found is None else found)
        for number, (path, found) in enumerate(zip(paths, outcomes, strict=True))
    ]
    return whole(parts, max_matches)


def _batches(parts: Iterable[Examined]) -> Iterator[list[Examined]]:
    parts = iter(parts)
    while batch := list(islice(parts, _BATCH)):
        yield batch


def _in_full(examine: PartExaminer, number: int, path: bytes | None) -> Examination:
    """Decode one part in full; the file itself comes after its members."""
    count = 0 if path is None else 1
    examined = examine(exact=True, skip=number, count=count)
    again, found = next(examined)
    return found if again == path else Examination.failed(CHANGED)


def whole(parts: Sequence[Part], max_matches: int) -> Outcome:
    """Combine the outcomes of a file's parts, the last of which is the file itself.

    ``decide_whole`` gives the verdict. The nearest entries are those of all parts together.
    """
    own = parts[-1].outcome
    if len(parts) == 1:
        return own
    outcomes = [part.outcome for part in parts]
    unexamined = next((each for each in (own, *outcomes) if each.reason is not None), own)
    nearest = sorted((match for each in outcomes for match in each.matches), key=_rank)
    return replace(
        own,
        verdict=decide_whole([each.verdict for each in outcomes]),
        reason=unexamined.reason,
        detail=unexamined.detail,
        matches=tuple(nearest[:max_matches]),
        match_count=sum(each.match_count for each in outcomes),
        suppressed=tuple(match for each in outcomes for match in each.suppressed),
        parts=tuple(parts),
    )


def _rank(match: Match) -> tuple[int, bool, int]:
    """The order of hits: matches first, then exact digests, then the distance."""
    return DOUBTS.index(match.cause), match.view != BYTES, match.distance


def far(examination: Examination) -> Outcome:
    """The outcome of an examination that is near no entry."""
    return Outcome(
        verdict=decide(
            (), count=0, reason=examination.reason, is_picture=examination.format is not None
        ),
        reason=examination.reason,
        detail=examination.detail,
        quality=examination.quality,
        width=examination.width,
        height=examination.height,
        format=examination.format,
        kind=examination.kind,
    )
