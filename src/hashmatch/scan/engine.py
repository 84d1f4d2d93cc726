"""Walk, examine, look up: one outcome for every file, in the order of the walk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox import AnyPool
from hashmatch.match.matcher import Matcher
from hashmatch.model import Examination, ExamineOptions, Outcome
from hashmatch.scan.history import History, Judged
from hashmatch.scan.pipeline import Pipeline
from hashmatch.scan.stored_matcher import StoredMatcher
from hashmatch.sources.found import Found
from hashmatch.sources.walk import WalkCounts, WalkOptions, walk
from hashmatch.state.rows import SHA256, sha256_of


@dataclass(frozen=True, slots=True)
class FileResult:
    """What came of one file, or of one member of an archive.

    Attributes:
        path: as given on the command line, with what lies below it; any bytes but NUL.
        outcome: the outcome.
        sha256: of the bytes that were examined; None where that was not asked for, or they were not
            all read.
        archive: the path of the archive that it is a member of; None for a file.
        root: the folder named that it was found in; None where it was named itself.
    """

    path: bytes
    outcome: Outcome
    sha256: bytes | None = field(default=None, repr=False)
    archive: bytes | None = None
    root: bytes | None = None


def scan(
    paths: Iterable[str | bytes | os.PathLike[str]],
    matcher: Matcher,
    pool: AnyPool,
    counts: WalkCounts | None = None,
    options: WalkOptions = WalkOptions(),
    memory: History | None = None,
    *,
    digests: bool = False,
) -> Iterator[FileResult]:
    """Scan files and folders.

    Args:
        paths: of files and folders.
        matcher: what to look up in.
        pool: who decodes; the results are the same for any number of workers.
        counts: is counted up with what the walk meets besides files.
        options: which files to take.
        memory: what earlier scans found out, which then is not found out again; the results are the
            same, but for matches that a human took back.
        digests: also take the SHA-256 of every file; with a memory, that is done anyway.

    Returns:
        One result for every file and every member of an archive, in the order of the walk; an
        archive comes behind its members.

    Raises:
        SettingsError: the pool is on something else, or ``paths`` is a single path.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        raise SettingsError("a scan takes several paths: put this one in a list")
    named = map(os.fsencode, paths)
    counts = counts or WalkCounts()
    if memory is None:
        asked = matcher.options
        if digests:
            asked = replace(asked, digests=tuple(dict.fromkeys((*asked.digests, SHA256))))
        conveyor = Pipeline(pool.configure(asked), partial(_screen, matcher, asked.digests))
        for path, archive, root, judged in conveyor.run(walk(named, counts, options)):
            yield FileResult(path, judged.outcome, judged.sha256, archive, root)
        return
    judge = StoredMatcher(matcher, memory.state, memory.options.digests)
    remembering = Pipeline(pool.configure(memory.options), judge.screen, memory)
    found = _walk_knowing(named, counts, options, memory)
    for path, archive, root, judged in remembering.run(found):
        yield FileResult(path, judged.outcome, judged.sha256, archive, root)


def _screen(
    matcher: Matcher, digests: Sequence[str], examinations: Sequence[Examination]
) -> list[Judged | None]:
    """Screen for a conveyor without memory."""
    outcomes = matcher.screen(examinations)
    return [
        None
        if outcome is None
        else Judged(outcome, sha256_of(found, digests) if SHA256 in digests else None)
        for found, outcome in zip(examinations, outcomes, strict=True)
    ]


def _walk_knowing(
    paths: Iterable[bytes], counts: WalkCounts, options: WalkOptions, memory: History
) -> Iterator[Found]:
    for path in paths:
        memory.enter(path)
        yield from walk([path], counts, options)
        memory.leave()


def examine_all(
    paths: Iterable[bytes],
    options: ExamineOptions,
    pool: AnyPool,
    counts: WalkCounts | None = None,
) -> Iterator[tuple[bytes, Examination]]:
    """Examine files and folders without any list, in the order of the walk."""
    conveyor: Pipeline[Examination] = Pipeline(pool.configure(options), list)
    for path, _, _, examination in conveyor.run(walk(paths, counts or WalkCounts())):
        yield path, examination
