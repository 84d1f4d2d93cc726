"""Walk, examine, look up: one outcome for every file, in the order of the walk."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from hashmatch.errors import DecodeError
from hashmatch.examine import examine
from hashmatch.matcher import Matcher
from hashmatch.model import Examination, ExamineOptions, Outcome
from hashmatch.reading import read_descriptor
from hashmatch.scan.walk import Found, WalkCounts, walk

_BATCH = 64
_AHEAD = 4  # files that are read ahead, for each job


@dataclass(frozen=True, slots=True)
class FileResult:
    """What came of one file.

    Attributes:
        path: as given on the command line, with what lies below it; any bytes but NUL.
        outcome: the outcome.
    """

    path: bytes
    outcome: Outcome


def scan(
    paths: Sequence[bytes], matcher: Matcher, *, jobs: int = 1, counts: WalkCounts | None = None
) -> Iterator[FileResult]:
    """Scan files and folders.

    Args:
        paths: as ``check_paths`` returns them.
        matcher: what to look up in.
        jobs: how many pictures to decode at a time; the results are the same for any number.
        counts: is counted up with what the walk meets besides files.

    Returns:
        One result for every file, in the order of the walk.
    """
    examined = examine_all(paths, matcher.exact_options, jobs=jobs, counts=counts)
    while batch := list(islice(examined, _BATCH)):
        outcomes = matcher.judge([examination for _, examination in batch])
        for (path, _), outcome in zip(batch, outcomes, strict=True):
            yield FileResult(path, outcome)


def examine_all(
    paths: Sequence[bytes],
    options: ExamineOptions,
    *,
    jobs: int = 1,
    counts: WalkCounts | None = None,
) -> Iterator[tuple[bytes, Examination]]:
    """Examine files and folders without any list, in the order of the walk."""
    waiting: deque[tuple[bytes, Future[Examination]]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for found in walk(paths, counts or WalkCounts()):
                waiting.append((found.path, _submit(pool, found, options)))
                if len(waiting) >= _AHEAD * jobs:
                    path, future = waiting.popleft()
                    yield path, future.result()
            while waiting:
                path, future = waiting.popleft()
                yield path, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _submit(pool: ThreadPoolExecutor, found: Found, options: ExamineOptions) -> Future[Examination]:
    try:
        if found.problem is not None:
            raise found.problem
        descriptor = found.open()
    except DecodeError as error:
        future: Future[Examination] = Future()
        future.set_result(Examination(reason=error.reason, detail=error.message))
        return future
    return pool.submit(_examine_descriptor, descriptor, options)


def _examine_descriptor(descriptor: int, options: ExamineOptions) -> Examination:
    try:
        data = read_descriptor(descriptor, options.limits.max_bytes)
    except DecodeError as error:
        return Examination(reason=error.reason, detail=error.message)
    finally:
        os.close(descriptor)
    return examine(data, options)
