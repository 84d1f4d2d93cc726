"""Turn all pictures of some folders into arrays of distances, in an order that never varies."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.errors import DecodeError
from hashmatch.evaluate.cache import Cache
from hashmatch.evaluate.intervals import Flags, Ints
from hashmatch.evaluate.pictures import Facts, Hashes, examine_options, facts_of, hashed_kinds
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.examine.examination import digest_file
from hashmatch.examine.sandbox import AnyPool, WorkerLimits, make_pool
from hashmatch.hashing import Codes
from hashmatch.model import Examination, HashKind, is_further
from hashmatch.options import ExamineOptions
from hashmatch.scan.engine import Engine
from hashmatch.sources import Item, WalkCounts, walk
from hashmatch.sources.file_item import FileItem

Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, repr=False)
class Measurements:
    """The usable pictures of an evaluation, n of them, as arrays.

    Attributes:
        names: paths, as the file system gives them.
        digests: SHA-256 of each file, hex.
        kinds: the hashes evaluated, which are the columns of every array of distances.
        entries: what a list would hold of each picture, shape (n, words), by kind.
        queries: every view that could match, shape (views, words), by kind.
        owner: the picture of each view, in ascending order.
        further: shape (views,), whether a view counts only where two hashes agree.
        variant: shape (rows, 2), the picture and the transform of each view of a variant.
        stored: shape (rows,), whether it is the view of the pixels as stored.
        variant_further: shape (rows,), the same as ``further`` for each view of a variant.
        distance: shape (rows, kinds), uint16, in bits, from that view to the picture's entry.
        samples: crops of pictures that stand for others, shape (samples, words), by kind.
        sample_owner: the picture of each, in ascending order.
    """

    names: tuple[bytes, ...]
    digests: tuple[str, ...]
    kinds: tuple[HashKind, ...]
    transforms: tuple[str, ...]
    entries: Mapping[HashKind, Codes]
    queries: Mapping[HashKind, Codes]
    owner: Ints
    further: Flags
    variant: Ints
    stored: Flags
    variant_further: Flags
    distance: npt.NDArray[np.uint16]
    samples: Mapping[HashKind, Codes] = field(default_factory=dict)
    sample_owner: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Unused:
    """A file that was left out of the evaluation, and the reason in words."""

    name: bytes
    why: str


def gather(
    paths: Sequence[bytes],
    settings: EvaluationSettings,
    *,
    jobs: int = 1,
    workers: WorkerLimits | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Measurements, list[Unused], int]:
    """Measure every picture at or below the paths, in worker processes.

    The result is the same for any number of workers. Their time limit holds for a file, and again
    for each of its variants. ``cache`` is a file that keeps what was measured. ``progress`` is
    called with the number of files done, and of all files.

    Returns:
        The measurements, the files left out, and how many files there were.

    Raises:
        OutputError: the cache cannot be opened.
        HashmatchError: the workers cannot be started, or have all died.
    """
    files = [FileItem(item.path, item.problem) for item in walk(paths, WalkCounts())]
    measured: dict[int, Facts] = {}
    with (
        Cache(cache, settings) if cache is not None else nullcontext() as kept,
        make_pool(jobs, workers) as pool,
    ):
        for number, facts in _measure(files, settings, pool, kept):
            if kept is not None:
                kept.add(facts)
            measured[number] = facts
            if progress is not None:
                progress(len(measured), len(files))
    used, unused = [], []
    for number, file in enumerate(files):
        facts = measured[number]
        if facts.problem is None:
            used.append((file.path, facts))
        else:
            unused.append(Unused(file.path, facts.problem))
    return stack(used, settings), unused, len(files)


def _measure(
    files: Sequence[Item], settings: EvaluationSettings, pool: AnyPool, cache: Cache | None
) -> Iterator[tuple[int, Facts]]:
    """Yield the number and the facts of each file: those in the cache first, as they come by."""
    known: deque[tuple[int, Facts]] = deque()
    waiting: deque[int] = deque()

    def unknown() -> Iterator[Item]:
        for number, file in enumerate(files):
            facts = None if cache is None else cache.get(_digest(file))
            if facts is None:
                waiting.append(number)
                yield file
            else:
                known.append((number, facts))

    options = examine_options(settings)
    for found, variants in examine_files(unknown(), options, pool):
        yield waiting.popleft(), facts_of(found, variants, settings)
        while known:
            yield known.popleft()
    yield from known


def examine_files(
    files: Iterable[Item], options: ExamineOptions, pool: AnyPool
) -> Iterator[tuple[Examination, list[tuple[str, Examination]]]]:
    """Yield the examination of each file, with the names and examinations of its variants."""
    variants: list[tuple[str, Examination]] = []
    engine = Engine(pool.configure(options), list)
    for part in chain.from_iterable(engine.run(files)):
        if part.name is not None:
            variants.append((os.fsdecode(part.name), part.result))
            continue
        yield part.result, variants
        variants = []


def _digest(file: Item) -> str:
    """SHA-256 of a file, hex; empty where it cannot be read."""
    try:
        descriptor = file.open()
    except DecodeError:
        return ""
    try:
        found = digest_file(descriptor, ExamineOptions(kinds=(), digests=("sha256",)))
    finally:
        os.close(descriptor)
    return "".join(found.digests)


def stack(used: Sequence[tuple[bytes, Facts]], settings: EvaluationSettings) -> Measurements:
    """Put the facts of usable pictures into arrays."""
    facts = [fact for _, fact in used]
    kinds = hashed_kinds(settings)
    owner = [number for number, fact in enumerate(facts) for _ in fact.views]
    rows = [
        (number, transform, view)
        for number, fact in enumerate(facts)
        for transform, views in enumerate(fact.variants)
        for view in views
    ]
    return Measurements(
        names=tuple(name for name, _ in used),
        digests=tuple(fact.digest for fact in facts),
        kinds=settings.kinds,
        transforms=settings.transforms,
        entries=_by_kind(kinds, [fact.views[0] for fact in facts]),
        queries=_by_kind(kinds, [view for fact in facts for view in fact.views]),
        owner=np.array(owner, dtype=np.int64),
        further=np.array([each for fact in facts for each in fact.further], dtype=np.bool_),
        variant=np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2),
        stored=np.array([view.view == "stored" for _, _, view in rows], dtype=np.bool_),
        variant_further=np.array([is_further(view.view) for _, _, view in rows], dtype=np.bool_),
        distance=np.array([view.distances for _, _, view in rows], dtype=np.uint16).reshape(
            -1, len(settings.kinds)
        ),
        samples=_by_kind(kinds, [each for fact in facts for each in fact.samples]),
        sample_owner=np.array(
            [number for number, fact in enumerate(facts) for _ in fact.samples], dtype=np.int64
        ),
    )


def _by_kind(kinds: tuple[HashKind, ...], hashes: list[Hashes]) -> dict[HashKind, Codes]:
    return {
        kind: np.array([row[column].words for row in hashes], dtype=np.uint64).reshape(
            -1, kind.words
        )
        for column, kind in enumerate(kinds)
    }
