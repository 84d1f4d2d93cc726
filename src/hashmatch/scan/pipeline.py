"""Many files on their way at a time, leaving in the order in which they came.

Every file, and every member of an archive, goes the same way: a worker examines it, the matcher
screens what was found, and where a preview could be near to an entry, a worker decodes it in full
and the matcher judges that. What a memory knows of a file takes the place of the first step.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from hashmatch.errors import DecodeError
from hashmatch.examine.sandbox import AnyPool, Job, Reply
from hashmatch.model import MEMBER_MARK, Examination, Reason
from hashmatch.scan.history import NullHistory, Visit, changed_since
from hashmatch.sources.descriptors import descriptors
from hashmatch.sources.found import Found
from hashmatch.state.rows import Evidence, Stored, Unconfirmed

Result = TypeVar("Result")

_MOST = 1024
"""Files on their way at a time, most of them known, so that they are not open."""

_BATCH = 64
"""Examinations that are screened together, if they come quickly enough."""

_PATIENCE = 0.05
"""Seconds that an examination waits for others to be screened with."""

_CHANGED = DecodeError(Reason.CHANGED, "the archive changed while it was read")


@dataclass(slots=True, eq=False)
class _Part(Generic[Result]):
    """A file, or a member of an archive, on its way to its result."""

    file: _File[Result]
    path: bytes
    evidence: Evidence
    member: int | None  # which one of the archive; None for the file itself
    result: Result | None = None

    @property
    def number(self) -> int:
        """As the memory counts: 0 for the file itself, its members from 1."""
        return 0 if self.member is None else self.member + 1


@dataclass(slots=True, eq=False)
class _File(Generic[Result]):
    """A walked file on its way."""

    found: Found
    visit: Visit
    descriptor: int | None = None
    holds: bool = False  # the folder to open it from
    error: DecodeError | None = None  # why it cannot be opened any more
    parts: deque[_Part[Result]] = field(default_factory=deque)  # those that have not left yet
    members: int = 0
    undecided: int = 0
    complete: bool = False  # no further part comes

    @property
    def path(self) -> bytes:
        """As the walk found it."""
        return self.found.path

    def open(self) -> int:
        """Open it, and return its descriptor.

        Raises:
            DecodeError: it cannot be opened.
        """
        if self.error is not None:
            raise self.error.bare()
        self.descriptor = self.found.open()
        return self.descriptor

    def hold(self) -> bool:
        """Make sure that it can be opened later. True where that takes one descriptor more."""
        folder = self.found.folder
        self.holds = folder is not None
        return folder is not None and folder.hold()

    def close(self) -> bool:
        """Close it. True where it was open."""
        if self.descriptor is None:
            return False
        os.close(self.descriptor)
        self.descriptor = None
        return True

    def let_go(self) -> bool:
        """It is not to be opened any more. True where that gives a folder's descriptor back."""
        if not self.holds or self.found.folder is None:
            return False
        self.holds = False
        return self.found.folder.let_go()


class Carried(NamedTuple, Generic[Result]):
    """What leaves a conveyor.

    Attributes:
        path: of the file, or of the member of an archive.
        archive: the path of the archive that it is a member of; None for a file.
        root: as of what was found.
        result: the result.
    """

    path: bytes
    archive: bytes | None
    root: bytes | None
    result: Result


class Pipeline(Generic[Result]):
    """Carries files from the walk to their results.

    Args:
        pool: who examines.
        screen: gives each of a batch of examinations, or of what is known in their place, its
            result, or None where it must be examined again in full.
        memory: what is known of files, and what is to be kept of them.
    """

    def __init__(
        self,
        pool: AnyPool,
        screen: Callable[[Sequence[Any]], Sequence[Result | None]],
        memory: NullHistory | None = None,
    ) -> None:
        self._pool = pool
        self._screen = screen
        self._memory = memory or NullHistory()
        self._files: deque[_File[Result]] = deque()
        self._jobs: dict[Job, tuple[_File[Result], _Part[Result] | None]] = {}
        self._waiting: dict[Visit, _File[Result]] = {}
        self._limits = descriptors()
        self._open = 0
        self._held = 0
        self._unopened: deque[_Part[Result]] = deque()
        self._unscreened: list[_Part[Result]] = []
        self._since = 0.0

    def run(self, found: Iterable[Found]) -> Iterator[Carried[Result]]:
        """Yield the result of every file and member, in order; an archive behind its members."""
        source = iter(found)
        more = True
        try:
            while more or self._files:
                self._open_candidates()
                more = more and self._load(source)
                for reply in self._pool.poll(_PATIENCE if self._pool.busy else 0):
                    self._take(reply)
                if self._is_time_to_screen():
                    self._screen_all()
                yield from self._unload()
        finally:
            for file in self._files:
                file.close()
                file.let_go()

    def _load(self, source: Iterator[Found]) -> bool:
        """Take files from the walk while there is room. False where there are no more."""
        hungry = self._pool.hungry
        while hungry and len(self._files) < _MOST and self._has_room():
            found = next(source, None)
            if found is None:
                return False
            file: _File[Result] = _File(found, self._memory.visit(found))
            self._files.append(file)
            # At once: the walk keeps its folder open only until the next file
            if file.visit.known:
                if not all(row.exact for row in file.visit.known):
                    self._held += file.hold()
                self._arrive_known(file, file.visit.known)
            elif self._open_file(file):
                if self._memory.opened(file.visit, file.descriptor or 0):
                    self._submit(Job(file.descriptor or 0, digest_only=True), file, None)
                else:
                    self._submit(Job(file.descriptor or 0), file, None)
                hungry = self._pool.hungry
        return True

    def _has_room(self) -> bool:
        return self._open < self._limits.files and self._held < self._limits.held

    def _open_file(self, file: _File[Result]) -> bool:
        """Open a file to be examined. False where it cannot be, which is all there is to know."""
        try:
            file.open()
        except DecodeError as error:
            self._arrive(file, None, Examination.failed(error))
            return False
        self._open += 1
        return True

    def _settle(self, file: _File[Result]) -> None:
        """Decide about a file that was digested: it is known, must be examined, or waits."""
        known = self._memory.settle(file.visit)
        if known is None:
            self._waiting[file.visit] = file
        elif known:
            self._arrive_known(file, known)
        else:
            assert file.descriptor is not None  # noqa: S101 # it was digested
            self._submit(Job(file.descriptor), file, None)

    def _submit(self, job: Job, file: _File[Result], part: _Part[Result] | None) -> None:
        self._jobs[job] = (file, part)
        self._pool.submit(job)

    def _take(self, reply: Reply) -> None:
        file, part = self._jobs[reply.job]
        if reply.end:
            del self._jobs[reply.job]
        if part is not None:  # it was examined again, in full
            if not reply.end:
                return  # a member that was not there when the file itself was asked for
            path = file.path if reply.member is None else file.path + MEMBER_MARK + reply.member
            found = reply.examination if path == part.path else Examination.failed(_CHANGED)
            part.evidence = found
            self._memory.refine(file.visit, part.number, found)
            self._queue(part)
        elif reply.job.digest_only and reply.examination.reason is None:
            file.visit.digested = reply.examination
            self._settle(file)
        else:
            self._arrive(file, reply.member, reply.examination)

    def _arrive(self, file: _File[Result], member: bytes | None, examination: Examination) -> None:
        """Take what a worker found out of a file, or of a member of it."""
        self._add_part(file, member, examination)
        for visit in self._memory.learn(file.visit, member, examination):
            self._settle(self._waiting.pop(visit))

    def _arrive_known(self, file: _File[Result], known: Sequence[Stored]) -> None:
        """Take what is known of a file and of its members, which come first."""
        for row in (*known[1:], known[0]):
            self._add_part(file, row.name, row)

    def _add_part(self, file: _File[Result], member: bytes | None, evidence: Evidence) -> None:
        if member is None:
            part = _Part(file, file.path, evidence, None)
            file.complete = True
        else:
            part = _Part(file, file.path + MEMBER_MARK + member, evidence, file.members)
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
        results = self._screen([part.evidence for part in parts])
        for part, result in zip(parts, results, strict=True):
            if result is None:
                self._unopened.append(part)
                continue
            part.result = result
            part.file.undecided -= 1
            if part.file.complete and not part.file.undecided:
                self._close(part.file)

    def _close(self, file: _File[Result]) -> None:
        self._open -= file.close()
        self._held -= file.let_go()

    def _open_candidates(self) -> None:
        """Have candidates examined in full, as far as files may be opened for it."""
        for _ in range(len(self._unopened)):
            part = self._unopened.popleft()
            if part.file.descriptor is not None or self._open < self._limits.files:
                self._examine_in_full(part)
            else:
                self._unopened.append(part)

    def _examine_in_full(self, part: _Part[Result]) -> None:
        try:
            descriptor = self._descriptor(part.file)
        except DecodeError as error:
            assert isinstance(part.evidence, Stored)  # noqa: S101 # other files are still open
            part.evidence = Unconfirmed(part.evidence, error.bare())
            self._queue(part)
            return
        if part.member is None:  # a picture can be an archive too, whose members are done
            job = Job(descriptor, exact=True, skip=part.file.members)
        else:
            job = Job(descriptor, exact=True, skip=part.member, count=1)
        self._submit(job, part.file, part)

    def _descriptor(self, file: _File[Result]) -> int:
        """The file, open until all its parts are decided, or opened now where it was known."""
        if file.descriptor is not None:
            return file.descriptor
        descriptor = file.open()
        self._open += 1
        file.error = changed_since(file.visit, descriptor)
        if file.error is not None:
            self._close(file)
            raise file.error.bare()
        return descriptor

    def _unload(self) -> list[Carried[Result]]:
        done: list[Carried[Result]] = []
        while self._files:
            file = self._files[0]
            while file.parts and (result := file.parts[0].result) is not None:
                part = file.parts.popleft()
                archive = file.path if part.number else None
                done.append(Carried(part.path, archive, file.found.root, result))
                self._memory.keep(file.visit, part.number, part.path, result)
            if file.parts or not file.complete:
                break
            self._files.popleft()
        # Whoever takes them may take their time, and the state be needed by others
        self._memory.commit()
        return done
