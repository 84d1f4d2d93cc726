"""The one loop that turns sources into results, for scans and rematches alike.

These are generators: nothing starts, and nothing waits for the pool, until you ask for the first
result. So an interrupt works from the very beginning.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox import AnyPool
from hashmatch.match.matcher import Matcher
from hashmatch.model import MEMBER_MARK, Examination
from hashmatch.options import ExamineOptions
from hashmatch.scan.engine import Engine
from hashmatch.scan.history import History, NullHistory
from hashmatch.scan.journey import PartJourney
from hashmatch.scan.result import FileResult
from hashmatch.scan.stored_matcher import StoredMatcher
from hashmatch.scan.visit import Visit
from hashmatch.sources import FolderSource, Item, Source, WalkCounts, WalkOptions, walk
from hashmatch.state.rows import SHA256, sha256_of


def scan(
    paths: Iterable[str | bytes | os.PathLike[str]],
    matcher: Matcher,
    pool: AnyPool,
    counts: WalkCounts | None = None,
    options: WalkOptions = WalkOptions(),
    history: History | None = None,
    *,
    digests: bool = False,
) -> Iterator[FileResult]:
    """Scan files and folders.

    Args:
        paths: files and folders.
        matcher: what to look up in.
        pool: the workers that examine files; any number of them gives the same results.
        counts: updated with what the walk meets apart from files.
        options: which files to take.
        history: what earlier scans found out. Results are the same as without it.
        digests: also take the SHA-256 of every file; a history implies it.

    Returns:
        One result for every file and every member of an archive, in the order of the walk; an
        archive comes after its members.

    Raises:
        SettingsError: the pool is in use for something else, or ``paths`` is a single path.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        raise SettingsError("a scan takes a list of paths: put this one in a list")
    counted = counts or WalkCounts()
    sources = (FolderSource(os.fsencode(path), counted, options) for path in paths)
    yield from scan_sources(sources, matcher, pool, history, digests=digests)


def scan_sources(
    sources: Iterable[Source],
    matcher: Matcher,
    pool: AnyPool,
    history: History | None = None,
    *,
    digests: bool = False,
) -> Iterator[FileResult]:
    """Scan any sources, one after another; otherwise as ``scan`` does."""
    if history is not None:
        yield from scan_known(_items(sources, history), matcher, pool, history)
        return
    asked = matcher.options
    if digests:
        asked = replace(asked, digests=tuple(dict.fromkeys((*asked.digests, SHA256))))
    nothing = NullHistory()
    engine = Engine(pool.configure(asked), matcher.screen)
    yield from _results(engine, _items(sources, nothing), nothing, asked.digests)


def scan_known(
    items: Iterable[Item], matcher: Matcher, pool: AnyPool, history: History
) -> Iterator[FileResult]:
    """Scan items, or use what the history knows of them."""
    asked = history.options
    engine = Engine(pool.configure(asked), StoredMatcher(matcher, history.state).screen, history)
    yield from _results(engine, items, history, asked.digests)


def examine_all(
    paths: Iterable[bytes], options: ExamineOptions, pool: AnyPool
) -> Iterator[tuple[bytes, Examination]]:
    """Examine files and folders without any list, in the order of the walk."""
    engine = Engine(pool.configure(options), list)
    for parts in engine.run(walk(paths, WalkCounts())):
        for part in parts:
            yield _path(part), part.result


def _items(sources: Iterable[Source], history: NullHistory) -> Iterator[Item]:
    for source in sources:
        history.enter(source)
        yield from source
        history.leave()


def _results(
    engine: Engine, items: Iterable[Item], history: NullHistory, digests: Sequence[str]
) -> Iterator[FileResult]:
    """Run the engine, and let the history keep what it wants of each result."""
    for parts in engine.run(items):
        done = []
        for part in parts:
            item = part.journey.item
            result = FileResult(
                _path(part),
                part.result,
                sha256_of(part.evidence, digests),
                None if part.name is None else item.path,
                item.root,
            )
            history.keep(part.journey, part.number, result)
            done.append(result)
        # Before yielding: the caller may take its time, and others need the state
        history.commit()
        yield from done


def _path(part: PartJourney[Visit]) -> bytes:
    path = part.journey.item.path
    return path if part.name is None else path + MEMBER_MARK + part.name
