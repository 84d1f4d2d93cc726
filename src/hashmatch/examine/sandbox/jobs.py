"""Jobs for workers, and the order in which workers may answer them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from hashmatch.errors import SettingsError
from hashmatch.model import Examination, Thumbnail
from hashmatch.options import PROGRESS_SECONDS, ExamineOptions, ThumbnailOptions


class ProtocolError(Exception):
    """A worker broke the protocol, so it can no longer be trusted."""


@dataclass(slots=True, eq=False)
class Job:
    """An open file to examine.

    Attributes:
        descriptor: of the file; -1 for an examiner elsewhere. It belongs to the caller and stays
            open.
        exact: decode in full, whatever the options say.
        digest_only: compute the file's digests and nothing else.
        skip: how many members of an archive to skip, including those that are done.
        count: how many members to examine; 0 for all, and then the file itself.
        urgent: somebody is waiting for this file, so its time runs from when it is submitted, not
            from when a worker takes it.
        member: the member that a worker has begun.
        deaths: how many workers have died on it since it last made progress.
        faults: how many of those died by their own fault, not by a signal from outside.
        until: when the time for it, or for its current member, is up; None until it starts.
        last: when the time for all of its members is up; None until it starts.
        bytes_left: how many more bytes workers may answer about it.
        progress: how often a worker has reported that it is still at work on the current part.
        alone: the worker that has it has no other job.
        thumbnail: make a thumbnail instead of examining the file; None to examine it.
        item: the file's item, for an examiner elsewhere, which opens it there.
    """

    descriptor: int
    exact: bool = False
    digest_only: bool = False
    skip: int = 0
    count: int = 0
    urgent: bool = False
    member: bytes | None = None
    deaths: int = 0
    faults: int = 0
    until: float | None = None
    last: float | None = None
    bytes_left: int = 16 * 1024 * 1024
    progress: int = 0
    alone: bool = False
    thumbnail: ThumbnailOptions | None = None
    item: object = None

    def take(self, said: Said, options: ExamineOptions) -> Reply | None:
        """Take in what a worker says about this job.

        Returns:
            None if it only says which member it begins, or that it is still at work.

        Raises:
            ProtocolError: a worker may not say that at this point.
        """
        if said is None:
            self.progress += 1
            if self.progress > options.video.max_length // PROGRESS_SECONDS:
                raise ProtocolError
            return None
        if isinstance(said, bytes):
            if self.member is not None or self.skip >= options.archives.max_members:
                raise ProtocolError
            self.member = said
            self.bytes_left += BYTES_PER_MEMBER
            return None
        if (
            said.member != self.member
            or said.end is not self._is_last
            or not (said.examination.exact or (options.fast and not self.exact))
        ):
            raise ProtocolError
        return self.done(said.examination, said.thumbnail)

    def pay(self, length: int) -> None:
        """Deduct the bytes of an answer.

        Raises:
            ProtocolError: workers have sent more than the job and its members allow.
        """
        self.bytes_left -= length
        if self.bytes_left < 0:
            raise ProtocolError

    def done(self, examination: Examination, thumbnail: Thumbnail | None = None) -> Reply:
        """Note the result of what a worker was examining: a member, or the file."""
        reply = Reply(self, self.member, examination, self._is_last, thumbnail)
        if self.member is not None:
            self.skip += 1
            self.count -= self.count > 0
        self.member = None
        self.deaths = self.faults = self.progress = 0
        self.until = None
        return reply

    @property
    def _is_last(self) -> bool:
        """Whether the job ends with what a worker is examining now."""
        return self.member is None or self.count == 1


BYTES_PER_MEMBER = 16 * 1024
"""How many bytes each member adds to what workers may answer; most need a few hundred."""


class Reply(NamedTuple):
    """The result of a job, or of a part of it.

    Attributes:
        member: which member of an archive it is about; None for the file itself.
        examination: of the member or the file.
        end: this is the last reply. A job with a ``count`` ends with the last of its members, any
            other with the file's own examination. So does an archive with fewer members than the
            count.
        thumbnail: what the job asked for; None if there is none, and the examination says why.
        node: the machine that says so; empty for this one.
    """

    job: Job
    member: bytes | None
    examination: Examination
    end: bool
    thumbnail: Thumbnail | None = None
    node: str = ""


Said: TypeAlias = bytes | Reply | None
"""What a worker says about a job: the path of the member that it begins, the result of a part, or
None, which means that it is still at work on a long part."""


def check_size(workers: int) -> int:
    """Return the number of workers. Raises ``SettingsError`` if it is under 1."""
    if workers < 1:
        raise SettingsError("there must be at least 1 worker")
    return workers
