"""Holds results back while a node that examined files may still turn out to lie.

The results of a whole pass wait in a file. Then the examiner names the nodes that lied, and every
item that one of them had a hand in is examined again, by others. That may expose further liars, so
it repeats until it exposes none. Only then do results leave, in the order of the sources.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple, Protocol

from hashmatch.errors import OutputError
from hashmatch.files import Closing, raising
from hashmatch.scan.result import FileResult
from hashmatch.sources import Item
from hashmatch.sources.file_item import OpenFolder
from hashmatch.sources.objects.fetcher import Fetcher
from hashmatch.sources.objects.plugged import PluggedStore
from hashmatch.sources.objects.s3 import S3Store

_UNWRITTEN = "results that wait for their check cannot be kept"


class Held(NamedTuple):
    """The results of one item."""

    item: Item
    nodes: frozenset[str]  # the machines that had a hand in them
    results: list[FileResult]  # one for each member of an archive, and last its own


class CheckedExaminer(Protocol):
    """An examiner whose answers are checked."""

    @property
    def liars(self) -> frozenset[str]:
        """The nodes that are known to have given a false answer."""

    def settle(self) -> None:
        """Wait for all checks."""


def settled(
    first: Iterator[Held],
    again: Callable[[Iterator[Item]], Iterator[Held]],
    examiner: CheckedExaminer,
    waiting: Callable[[int], None] = lambda _: None,
) -> Iterator[FileResult]:
    """Yield results once no known liar has had a hand in any of them.

    An interrupt ends ``first`` early; then the results without a known liar leave, and the
    interrupt follows. ``waiting`` is called after each item with the number of those that wait.
    """
    with ExitStack() as stack:
        spool = stack.enter_context(Spool())
        try:
            spool.fill(_counted(first, waiting))
            examiner.settle()
            while (liars := examiner.liars) & spool.nodes:
                anew, merged = stack.enter_context(Spool()), stack.enter_context(Spool())
                anew.fill(again(each.item for each in spool if each.nodes & liars))
                others = iter(anew)
                merged.fill(next(others) if each.nodes & liars else each for each in spool)
                spool = merged
                examiner.settle()
        except KeyboardInterrupt:
            for held in spool:
                if not held.nodes & examiner.liars:
                    yield from held.results
            raise
        for held in spool:
            yield from held.results


def _counted(found: Iterable[Held], waiting: Callable[[int], None]) -> Iterator[Held]:
    for number, held in enumerate(found, 1):
        waiting(number)
        yield held


class Spool(Closing):
    """Held results in a temporary file that has no name, so nothing else can write to it."""

    def __init__(self) -> None:
        self.nodes: frozenset[str] = frozenset()  # all machines that had a hand in them
        self._folder = tempfile.gettempdir()
        with raising(OutputError, _UNWRITTEN, self._folder):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 # closed by close()
        self._live: list[object] = []
        self._end = 0

    def fill(self, found: Iterable[Held]) -> None:
        """Put results in, in order."""
        for held in found:
            with raising(OutputError, _UNWRITTEN, self._folder):
                _Pickler(self._file, self._live).dump(tuple(held))
                self._file.flush()
            self._end = self._file.tell()
            self.nodes |= held.nodes

    def __iter__(self) -> Iterator[Held]:
        """Read the results. End one iteration before you begin another."""
        self._file.seek(0)
        while self._file.tell() < self._end:
            yield Held(*_Unpickler(self._file, self._live).load())

    def close(self) -> None:
        """Remove the file."""
        with suppress(OSError):  # it would write what cannot be written
            self._file.close()


class _Pickler(pickle.Pickler):
    """Writes results and items, without the objects that only this process can have."""

    def __init__(self, file: Any, live: list[object]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._live = live

    def persistent_id(self, obj: object) -> int | None:
        """Tell which object to leave out: an open folder for good, since the path remains."""
        if isinstance(obj, OpenFolder):
            return -1
        if not isinstance(obj, Fetcher | S3Store | PluggedStore):
            return None
        if obj not in self._live:
            self._live.append(obj)
        return self._live.index(obj)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, live: list[object]) -> None:
        super().__init__(file)
        self._live = live

    def persistent_load(self, pid: int) -> object:
        """Put back what was left out."""
        return None if pid < 0 else self._live[pid]
