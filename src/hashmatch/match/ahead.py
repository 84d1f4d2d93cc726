"""Matches many files in worker processes, several at a time and ahead of the caller."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain

from hashmatch.errors import DecodeError
from hashmatch.examine.decode import PilImage
from hashmatch.examine.examination import examine
from hashmatch.examine.inputs import PictureInput, held
from hashmatch.examine.sandbox import SharedPool, nameless_file
from hashmatch.match.in_force import ListsInForce
from hashmatch.match.parts import CHANGED, Examined, match_parts
from hashmatch.model import Examination, Outcome, Reason

_BATCH = 24
"""Files for each worker that are looked up together. As many more are on their way meanwhile."""

_MOST_BYTES = 1 << 28
"""Bytes that are held in memory for files on their way."""

_SPARE = 8
"""Descriptors that the next file may need, and whatever else begins meanwhile."""

_FRESH = 2.0
"""Seconds since a file was written in which another write need not change its time, since clocks of
some file systems are that coarse."""

_CHANGED = DecodeError(Reason.CHANGED, "the file changed before it was examined")


class _Begun:
    """A file whose examination has begun.

    Attributes:
        descriptor: of the open file; -1 if there is none.
        examine: examines the file, or a part of it, again; only if there is one.
        rest: the parts after the first one that ``found`` gives.
        held: its bytes that are held in memory.
    """

    def __init__(self, source: PictureInput, lists: ListsInForce, pool: SharedPool) -> None:
        self.held = 0
        self.descriptor = -1
        self._first: Examined | None = None
        self._before: os.stat_result | None = None  # of a file that others may write to
        self._pool = pool
        self._resources = ExitStack()
        try:
            self._content = self._hold(source, lists)
            self._begin(lists)
        except BaseException:
            self.close()
            raise

    def _hold(self, source: PictureInput, lists: ListsInForce) -> PilImage | Examination | None:
        """Hold the file; return what stands for it if there is no descriptor."""
        if isinstance(source, PilImage):
            return source
        content = self._resources.enter_context(held(source, lists.options))
        if isinstance(content, Examination):
            return content
        if isinstance(content, bytes):
            self.held = len(content)
            self.descriptor = self._resources.enter_context(nameless_file(content))
        else:
            self._before = os.fstat(content)
            self.descriptor = content
            if not isinstance(source, str | os.PathLike):  # the caller may close it meanwhile
                self.descriptor = os.dup(content)
                self._resources.callback(os.close, self.descriptor)
        return None

    def _begin(self, lists: ListsInForce) -> None:
        """Have the file examined for these lists."""
        self._options = lists.options
        self._first = None
        self.rest: Iterator[Examined]
        if isinstance(self._content, PilImage):
            self.rest = iter([(None, examine(self._content, lists.exact_options))])
        elif self._content is not None:
            self.rest = iter([(None, self._content)])
        else:
            self.examine = partial(self._pool.examine, self.descriptor, lists.options)
            self.rest = self.examine(urgent=False)

    def found(self, lists: ListsInForce) -> Examined:
        """Wait for the first part, as these lists need it."""
        if self._options != lists.options:
            self._begin(lists)
        if self._first is None:
            self._first = next(self.rest)
        return self._first

    def is_fresh(self) -> bool:
        """Whether the file was written so recently that a change might not show."""
        return self._before is not None and time.time() - self._before.st_ctime < _FRESH

    def is_changed(self) -> bool:
        """Whether the file has been written to since it was taken."""
        if self._before is None:
            return False
        now = os.fstat(self.descriptor)
        return (now.st_mtime_ns, now.st_size) != (self._before.st_mtime_ns, self._before.st_size)

    def close(self) -> None:
        """Let go of the file."""
        self._resources.close()


def match_ahead(
    sources: Iterable[PictureInput], pool: SharedPool, lists: Callable[[], ListsInForce]
) -> Iterator[Outcome]:
    """Give each file its outcome, in order, and take some files ahead.

    Some sources write one file again and again. So a file that was written just now gets its
    outcome before the next one is taken, and one that changes meanwhile is not scanned.

    An outcome is by the lists in force when it is given out. Where new lists need other hashes, the
    files that were taken are examined again.

    Raises:
        HashmatchError: what ``Matcher.match`` raises for a source, once all before it have their
            outcomes.
    """
    batch = _batch(pool.size)
    begun: deque[_Begun] = deque()
    failure: Exception | None = None
    try:
        for each in _begin_all(sources, pool, lists):
            if isinstance(each, Exception):
                failure = each
                break
            begun.append(each)
            if _must_end(begun):
                count = len(begun)
            elif len(begun) == 2 * batch:
                count = batch
            else:
                continue
            yield from _outcomes([begun[number] for number in range(count)], lists)
            for _ in range(count):
                begun.popleft().close()
        yield from _outcomes([*begun], lists)
        if failure is not None:
            raise failure
    finally:
        for each in begun:
            each.close()


def _batch(workers: int) -> int:
    """How many files to look up together. Each takes up to two descriptors."""
    try:
        import resource  # noqa: PLC0415 # not every system has it
    except ImportError:
        return _BATCH
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(_BATCH * workers, most // 16 if most > 0 else _BATCH))


def _must_end(begun: Sequence[_Begun]) -> bool:
    """Whether files must have their outcomes before the next one is taken."""
    held = sum(each.held for each in begun)
    return begun[-1].is_fresh() or held > _MOST_BYTES or not _has_descriptors(begun)


def _has_descriptors(begun: Sequence[_Begun]) -> bool:
    """Whether this process may have some more descriptors, or has none for these files."""
    one = max(each.descriptor for each in begun)
    copies: list[int] = []
    try:
        for _ in range(_SPARE if one >= 0 else 0):
            copies.append(os.dup(one))  # noqa: PERF401 # those made before an error are closed
    except OSError:
        return False
    finally:
        for each in copies:
            os.close(each)
    return True


def _begin_all(
    sources: Iterable[PictureInput], pool: SharedPool, lists: Callable[[], ListsInForce]
) -> Iterator[_Begun | Exception]:
    """Begin files as they are asked for; at an error, yield it and end."""
    try:
        for source in sources:
            yield _Begun(source, lists(), pool)
    except Exception as error:  # noqa: BLE001 # the caller raises it in its turn
        yield error


def _outcomes(files: Sequence[_Begun], lists: Callable[[], ListsInForce]) -> Iterator[Outcome]:
    """Give files their outcomes, each by the lists that are in force just before."""
    screened: _Screened | None = None
    for number, each in enumerate(files):
        now = lists()
        if screened is None or screened.lists is not now:
            screened = _Screened(files[number:], now)
        yield screened.outcome(each)


class _Screened:
    """Files whose first parts were screened together, as most files have no other.

    Those that may be near an entry are examined in full meanwhile.
    """

    def __init__(self, files: Sequence[_Begun], lists: ListsInForce) -> None:
        self.lists = lists
        firsts = [(each, *each.found(lists)) for each in files]
        alone = [(each, found) for each, path, found in firsts if path is None]
        outcomes = lists.screen([found for _, found in alone])
        self._outcomes = {each: found for (each, _), found in zip(alone, outcomes, strict=True)}
        self._again = {
            each: each.examine(exact=True)
            for each, outcome in self._outcomes.items()
            if outcome is None
        }

    def outcome(self, file: _Begun) -> Outcome:
        """Give one of them its outcome. Of an archive, that takes all of its parts."""
        lists = self.lists
        outcome = self._outcomes.get(file)
        if file in self._again:
            path, found = next(self._again[file])
            [outcome] = lists.judge([found if path is None else Examination.failed(CHANGED)])
        elif outcome is None:
            parts = chain([file.found(lists)], file.rest)
            outcome = match_parts(parts, file.examine, lists.screen, lists.judge, lists.max_matches)
        if file.is_changed():
            [outcome] = lists.judge([Examination.failed(_CHANGED)])
        return outcome
