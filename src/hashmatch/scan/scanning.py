"""The one loop that turns sources into results, for scans and rematches alike.

These are generators: nothing starts, and nothing waits for the pool, until you ask for the first
result. So an interrupt works from the very beginning.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from hashmatch.errors import HashmatchError, SettingsError
from hashmatch.examine.sandbox import AnyPool
from hashmatch.match.matcher import Matcher
from hashmatch.model import MEMBER_MARK, Examination
from hashmatch.options import ExamineOptions
from hashmatch.scan.engine import Engine, Screen
from hashmatch.scan.held import Held, settled
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
    waiting: Callable[[int], None] = lambda _: None,
) -> Iterator[FileResult]:
    """Scan any sources, one after another; otherwise as ``scan`` does.

    If other machines check each other's answers, all results wait until every check has been made.
    Meanwhile ``waiting`` is called with the number of items that wait.
    """
    if history is not None:
        run = _known_run(matcher, pool, history)
    else:
        asked = matcher.options
        if digests:
            asked = replace(asked, digests=tuple(dict.fromkeys((*asked.digests, SHA256))))
        run = _Run(NullHistory(), asked, matcher.screen, pool)
    if not pool.checks:
        yield from run.results(_items(sources, run.history))
        return
    run.history.doubt()
    try:
        yield from settled(run.held(_items(sources, run.history)), run.again, pool, waiting)
    except (HashmatchError, KeyboardInterrupt):
        if pool.liars:
            run.history.forget_run()
        raise


def scan_known(
    items: Iterable[Item], matcher: Matcher, pool: AnyPool, history: History
) -> Iterator[FileResult]:
    """Scan items, or use what the history knows of them."""
    yield from _known_run(matcher, pool, history).results(items)


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


def _known_run(matcher: Matcher, pool: AnyPool, history: History) -> _Run:
    return _Run(history, history.options, StoredMatcher(matcher, history.state).screen, pool)


class _Run(NamedTuple):
    """What all passes of a scan have in common."""

    history: NullHistory
    options: ExamineOptions
    screen: Screen
    pool: AnyPool

    def results(self, items: Iterable[Item]) -> Iterator[FileResult]:
        """Yield the result of each part of each item."""
        for done in self._batches(items):
            for _, result in done:
                yield result

    def held(self, items: Iterable[Item]) -> Iterator[Held]:
        """Yield the results of each item together."""
        results: list[FileResult] = []
        for done in self._batches(items):
            for part, result in done:
                results.append(result)
                if part.name is None:
                    visit = part.journey
                    yield Held(visit.item, visit.nodes, results)
                    results = []

    def again(self, items: Iterable[Item]) -> Iterator[Held]:
        """Examine items again whose results were false."""
        return self.held(_items([_FalselyAnswered(items, self.history)], self.history))

    def _batches(
        self, items: Iterable[Item]
    ) -> Iterator[list[tuple[PartJourney[Visit], FileResult]]]:
        """Run the engine, and let the history keep what it wants of each result."""
        engine = Engine(self.pool.configure(self.options), self.screen, self.history)
        for parts in engine.run(items):
            done = []
            for part in parts:
                item = part.journey.item
                result = FileResult(
                    _path(part),
                    part.result,
                    sha256_of(part.evidence, self.options.digests),
                    None if part.name is None else item.path,
                    item.root,
                )
                self.history.keep(part.journey, part.number, result)
                done.append((part, result))
            # Before yielding: the caller may take its time, and others need the state
            self.history.commit()
            yield done


@dataclass(frozen=True, slots=True)
class _FalselyAnswered:
    """Items whose results were false, as a source. The history forgets each as it comes."""

    items: Iterable[Item]
    history: NullHistory
    root = b""
    ordered = False

    def __iter__(self) -> Iterator[Item]:
        for item in self.items:
            self.history.forget(item)
            yield item

    def is_gone(self, path: bytes) -> bool:  # noqa: ARG002 # others may be there
        """See ``Source.is_gone``."""
        return False


def _path(part: PartJourney[Visit]) -> bytes:
    path = part.journey.item.path
    return path if part.name is None else path + MEMBER_MARK + part.name
