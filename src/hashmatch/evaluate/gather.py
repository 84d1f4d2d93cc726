"""All pictures of a folder to arrays of hashes and distances, in an order that never varies."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.evaluate.cache import Cache
from hashmatch.evaluate.pictures import Facts, hashed_kinds, measure_picture, read_picture
from hashmatch.evaluate.settings import Settings
from hashmatch.hashing import Codes
from hashmatch.model import HashKind, PerceptualHash
from hashmatch.sources import WalkCounts, walk

Ints: TypeAlias = npt.NDArray[np.int64]
Progress: TypeAlias = Callable[[int, int], None]
Result: TypeAlias = "Facts | Future[Facts]"

_AHEAD = 4  # pictures that are read ahead, for each job


@dataclass(frozen=True, slots=True, repr=False)
class Measurements:
    """The usable pictures of an evaluation, n of them, as arrays.

    Attributes:
        names: paths, as the file system gives them.
        digests: SHA-256 of each file, hex.
        kinds: what is evaluated: the columns of every array of distances.
        transforms: names.
        entries: what a list would hold of each picture, shape (n, words), by kind.
        queries: every view that could match, shape (views, words), by kind.
        owner: the picture of each view, in ascending order.
        variant: shape (rows, 2), the picture and the transform of each view of a variant.
        stored: shape (rows,), whether it is the view of the pixels as they are stored.
        distance: shape (rows, kinds), uint16, in bits, from that view to the picture's entry.
    """

    names: tuple[bytes, ...]
    digests: tuple[str, ...]
    kinds: tuple[HashKind, ...]
    transforms: tuple[str, ...]
    entries: Mapping[HashKind, Codes]
    queries: Mapping[HashKind, Codes]
    owner: Ints
    variant: Ints
    stored: npt.NDArray[np.bool_]
    distance: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Unused:
    """A file that is no part of the evaluation.

    Attributes:
        name: its path.
        why: in words.
    """

    name: bytes
    why: str


def gather(
    paths: Sequence[bytes],
    settings: Settings,
    *,
    jobs: int = 1,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Measurements, list[Unused], int]:
    """Measure every picture at or below the paths.

    Args:
        paths: as ``scan.check_paths`` returns them.
        settings: what to compute.
        jobs: how many processes to use; the result is the same for any number.
        cache: a file that keeps what was measured.
        progress: is called with the files done, and all of them.

    Returns:
        The measurements, the files that are no use, and how many files there were.

    Raises:
        OutputError: the cache cannot be opened.
    """
    names: list[bytes] = []
    used: list[tuple[bytes, Facts]] = []
    unused: list[Unused] = []
    for found in walk(paths, WalkCounts()):
        if found.problem is None:
            names.append(found.path)
        else:
            unused.append(Unused(found.path, f"{found.problem.reason}: {found.problem.message}"))
    files = len(names) + len(unused)
    with Cache(cache, settings) if cache is not None else nullcontext() as kept:
        for done, (name, facts) in enumerate(_measured(names, settings, jobs, kept), start=1):
            if kept is not None:
                kept.add(facts)
            if facts.problem is not None or facts.low_information:
                unused.append(Unused(name, facts.problem or "low_information: too little detail"))
            else:
                used.append((name, facts))
            if progress is not None:
                progress(done, len(names))
    return stack(used, settings), unused, files


def _measured(
    names: Iterable[bytes], settings: Settings, jobs: int, cache: Cache | None
) -> Iterator[tuple[bytes, Facts]]:
    if jobs == 1:
        for name in names:
            data, facts = _look(name, settings, cache)
            yield name, facts or measure_picture(data, settings)
        return
    waiting: deque[tuple[bytes, Result]] = deque()
    # Spawned, not forked: the same on every system, and no lock of a thread is carried along
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _serve_parent)
    try:
        for name in names:
            data, facts = _look(name, settings, cache)
            with _interrupts_held():  # the pool may begin a process
                waiting.append((name, facts or pool.submit(measure_picture, data, settings)))
            if len(waiting) >= _AHEAD * jobs:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _look(name: bytes, settings: Settings, cache: Cache | None) -> tuple[bytes, Facts | None]:
    data, facts = read_picture(name, settings)
    if facts is None and cache is not None:
        facts = cache.get(hashlib.sha256(data).hexdigest())
    return data, facts


def _first(waiting: deque[tuple[bytes, Result]]) -> tuple[bytes, Facts]:
    name, result = waiting.popleft()
    return name, result.result() if isinstance(result, Future) else result


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let a Ctrl-C wait: processes begun meanwhile are deaf to it from their first moment."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def stack(used: Sequence[tuple[bytes, Facts]], settings: Settings) -> Measurements:
    """Put the facts of usable pictures side by side."""
    facts = [fact for _, fact in used]
    kinds = hashed_kinds(settings)
    owner = [number for number, fact in enumerate(facts) for _ in fact.queries]
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
        entries=_by_kind(kinds, [fact.entry for fact in facts]),
        queries=_by_kind(kinds, [view for fact in facts for view in fact.queries]),
        owner=np.array(owner, dtype=np.int64),
        variant=np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2),
        stored=np.array([view.view == "stored" for _, _, view in rows], dtype=np.bool_),
        distance=np.array([view.distances for _, _, view in rows], dtype=np.uint16).reshape(
            -1, len(settings.kinds)
        ),
    )


def _by_kind(
    kinds: tuple[HashKind, ...], hashes: list[tuple[PerceptualHash, ...]]
) -> dict[HashKind, Codes]:
    return {
        kind: np.array([row[column].words for row in hashes], dtype=np.uint64).reshape(
            -1, kind.words
        )
        for column, kind in enumerate(kinds)
    }
