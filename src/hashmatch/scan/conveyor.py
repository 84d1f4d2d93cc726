"""Many files on their way at a time, leaving in the order in which they came.

Every file, and every member of an archive, goes the same way: a worker examines it, the matcher
screens what was found, and where a preview could be near to an entry, a worker decodes it in full
and the matcher judges that.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from hashmatch.errors import DecodeError
from hashmatch.examine import failed
from hashmatch.model import Examination
from hashmatch.scan.walk import Found
from hashmatch.workers import Job, Pool, Reply, ThreadPool

AnyPool: TypeAlias = Pool | ThreadPool

Result = TypeVar("Result")

MEMBER_MARK = b"!/"
"""Between an archive's path and that of its member."""

_WINDOW = 192
"""Files on their way at a time. Each may hold a descriptor, and a process has 256 at the least."""

_BATCH = 64
"""Examinations that are screened together, if they come quickly enough."""

_PATIENCE = 0.05
"""Seconds that an examination waits for others to be screened with."""


@dataclass(slots=True, eq=False)
class _Part(Generic[Result]):
    """A file, or a member of an archive, on its way to its result."""

    file: _File[Result]
    path: bytes
    examination: Examination
    member: int | None  # which one of the archive; None for the file itself
    result: Result | None = None


@dataclass(slots=True, eq=False)
class _File(Generic[Result]):
    """A walked file on its way."""

    path: bytes
    descriptor: int | None = None
    parts: deque[_Part[Result]] = field(default_factory=deque)  # those that have not left yet
    members: int = 0
    undecided: int = 0
    complete: bool = False  # no further part comes

    def close(self) -> None:
        """Close its descriptor, if it is still open."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


class Conveyor(Generic[Result]):
    """Carries files from the walk to their results.

    Args:
        pool: who examines.
        screen: gives each of a batch of examinations its result, or None where it must be examined
            again in full.
    """

    def __init__(
        self, pool: AnyPool, screen: Callable[[Sequence[Examination]], Sequence[Result | None]]
    ) -> None:
        self._pool = pool
        self._screen = screen
        self._files: deque[_File[Result]] = deque()
        self._jobs: dict[Job, tuple[_File[Result], _Part[Result] | None]] = {}
        self._unscreened: list[_Part[Result]] = []
        self._since = 0.0

    def run(self, found: Iterable[Found]) -> Iterator[tuple[bytes, Result]]:
        """Yield the path and the result of every file and member, in order."""
        source = iter(found)
        more = True
        try:
            while more or self._files:
                more = more and self._load(source)
                for reply in self._pool.poll(_PATIENCE if self._pool.busy else 0):
                    self._take(reply)
                if self._is_time_to_screen():
                    self._screen_all()
                yield from self._unload()
        finally:
            for file in self._files:
                file.close()

    def _load(self, source: Iterator[Found]) -> bool:
        """Take files from the walk while there is room. False where there are no more."""
        while len(self._files) < _WINDOW and self._pool.hungry:
            found = next(source, None)
            if found is None:
                return False
            file: _File[Result] = _File(found.path)
            self._files.append(file)
            try:
                # At once: the walk keeps its folder open only until the next file
                file.descriptor = found.open()
            except DecodeError as error:
                self._arrive(_Part(file, file.path, failed(error), None))
            else:
                self._submit(Job(file.descriptor), file, None)
        return True

    def _submit(self, job: Job, file: _File[Result], part: _Part[Result] | None) -> None:
        self._jobs[job] = (file, part)
        self._pool.submit(job)

    def _take(self, reply: Reply) -> None:
        file, part = self._jobs[reply.job]
        if reply.end:
            del self._jobs[reply.job]
        if reply.examination is None:
            return
        if part is not None:  # it was examined again, in full
            part.examination = reply.examination
            self._queue(part)
        elif reply.member is None:
            self._arrive(_Part(file, file.path, reply.examination, None))
        else:
            path = file.path + MEMBER_MARK + reply.member
            self._arrive(_Part(file, path, reply.examination, file.members))

    def _arrive(self, part: _Part[Result]) -> None:
        file = part.file
        if part.member is None:
            file.complete = True
        else:
            file.members += 1
        file.undecided += 1
        file.parts.append(part)
        self._queue(part)

    def _queue(self, part: _Part[Result]) -> None:
        if not self._unscreened:
            self._since = time.monotonic()
        self._unscreened.append(part)

    def _is_time_to_screen(self) -> bool:
        return bool(self._unscreened) and (
            len(self._unscreened) >= _BATCH
            or not self._pool.busy
            or time.monotonic() - self._since >= _PATIENCE
        )

    def _screen_all(self) -> None:
        parts, self._unscreened = self._unscreened, []
        results = self._screen([part.examination for part in parts])
        for part, result in zip(parts, results, strict=True):
            if result is None:
                self._examine_in_full(part)
                continue
            part.result = result
            part.file.undecided -= 1
            if part.file.complete and not part.file.undecided:
                part.file.close()

    def _examine_in_full(self, part: _Part[Result]) -> None:
        descriptor = part.file.descriptor
        assert descriptor is not None  # noqa: S101 # open until all its parts are decided
        if part.member is None:
            job = Job(descriptor, exact=True)
        else:
            job = Job(descriptor, exact=True, skip=part.member, count=1)
        self._submit(job, part.file, part)

    def _unload(self) -> Iterator[tuple[bytes, Result]]:
        while self._files:
            file = self._files[0]
            while file.parts and file.parts[0].result is not None:
                part = file.parts.popleft()
                assert part.result is not None  # noqa: S101 # as the loop says
                yield part.path, part.result
            if file.parts or not file.complete:
                return
            self._files.popleft()
