"""What is asked of workers, and in which order they may answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox.protocol import JOB, Answer, ProtocolError
from hashmatch.model import Examination, ExamineOptions


@dataclass(slots=True, eq=False)
class Job:
    """An open file to examine.

    Attributes:
        descriptor: of the file; it stays open, and the caller's.
        exact: decode in full, whatever the options say.
        digest_only: take the file's digests, and look no further into it.
        skip: how many members of an archive to pass over, those that are done included.
        count: how many members to examine; 0 for all, and then the file itself.
        member: the member that a worker has begun.
        deaths: how many workers died on it, since it last got on.
        faults: how many of those by a fault of their own, and not by a signal of others.
    """

    descriptor: int
    exact: bool = False
    digest_only: bool = False
    skip: int = 0
    count: int = 0
    member: bytes | None = None
    deaths: int = 0
    faults: int = 0

    def header(self) -> bytes:
        """The job as it goes over the wire, with its descriptor beside it."""
        return JOB.pack(id(self), self.exact, self.digest_only, self.skip, self.count)

    def take(self, answer: Answer, options: ExamineOptions) -> Reply | None:
        """Note what a worker says of this job.

        Returns:
            None where it only says which member it begins.

        Raises:
            ProtocolError: that is not what a worker may say next.
        """
        examination = answer.examination
        if examination is None:
            endless = self.skip >= options.archives.max_members
            if answer.member is None or answer.end or self.member is not None or endless:
                raise ProtocolError
            self.member = answer.member
            return None
        if (
            answer.member != self.member
            or answer.end is not self._is_last
            or not (examination.exact or (options.fast and not self.exact))
        ):
            raise ProtocolError
        return self.done(examination)

    def done(self, examination: Examination) -> Reply:
        """Note what came of what a worker was on: of a member, or of the file."""
        reply = Reply(self, self.member, examination, end=self._is_last)
        if self.member is not None:
            self.skip += 1
            self.count -= self.count > 0
        self.member = None
        self.deaths = self.faults = 0
        return reply

    @property
    def _is_last(self) -> bool:
        """Whether nothing comes after what a worker is on."""
        return self.member is None or self.count == 1


def check_size(workers: int) -> int:
    """Return how many workers there are to be, if there are any.

    Raises:
        SettingsError: there are none.
    """
    if workers < 1:
        raise SettingsError("there must be at least 1 worker")
    return workers


def may_begin(before: ExamineOptions | None, options: ExamineOptions, *, busy: bool) -> bool:
    """Whether the workers of a pool are still to begin; False where they will do as they are.

    Raises:
        SettingsError: they are on something else.
    """
    if before is None:
        return True
    if busy or before != options:
        raise SettingsError(
            "this pool has a scan that was not taken to its end, or one of another matcher: make a"
            " pool for each"
        )
    return False


class Reply(NamedTuple):
    """What came of a job, or of a part of it.

    Attributes:
        job: the job.
        member: which member of an archive it is about; None for the file itself.
        examination: of the one or the other.
        end: nothing more comes of this job. That is so behind its ``count`` of members, else with
            the file's own examination; an archive that has fewer members ends with that, too.
    """

    job: Job
    member: bytes | None
    examination: Examination
    end: bool
