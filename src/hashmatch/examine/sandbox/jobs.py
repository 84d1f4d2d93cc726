"""What is asked of workers, and in which order they may answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from hashmatch.errors import SettingsError
from hashmatch.model import Examination, Thumbnail
from hashmatch.options import PROGRESS_SECONDS, ExamineOptions, ThumbnailOptions


class ProtocolError(Exception):
    """A worker said what no worker says: it cannot be trusted any more."""


@dataclass(slots=True, eq=False)
class Job:
    """An open file to examine.

    Attributes:
        descriptor: of the file; it stays open, and the caller's. -1 for an examiner elsewhere.
        exact: decode in full, whatever the options say.
        digest_only: take the file's digests, and look no further into it.
        skip: how many members of an archive to pass over, those that are done included.
        count: how many members to examine; 0 for all, and then the file itself.
        urgent: somebody waits for this very file, so its time runs from when it is submitted, and
            not from when a worker takes it.
        member: the member that a worker has begun.
        deaths: how many workers died on it since it last got on.
        faults: how many of those died by a fault of their own, and not by a signal of others.
        until: when its time is up, or that of the member in hand; None until it runs.
        last: when its time is up with all of its members; None until it runs.
        bytes_left: how much workers may still say of it.
        progress: how often a worker has said that it is still at work on what it is on.
        loaded_late: a worker has asked for what is loaded late, and that is there now.
        thumbnail: make a thumbnail, and examine nothing; None to examine the file.
        item: what the descriptor is of, for an examiner that opens it where it examines it.
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
    loaded_late: bool = False
    thumbnail: ThumbnailOptions | None = None
    item: object = None

    def take(self, said: Said, options: ExamineOptions) -> Reply | None:
        """Note what a worker says of this job.

        Returns:
            None if it only says which member it begins, or that it is still at work.

        Raises:
            ProtocolError: no worker may say that next.
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
        """Note how many bytes a worker said of this job.

        Raises:
            ProtocolError: they are more than the job, with all its members, is worth.
        """
        self.bytes_left -= length
        if self.bytes_left < 0:
            raise ProtocolError

    def done(self, examination: Examination, thumbnail: Thumbnail | None = None) -> Reply:
        """Note what came of what a worker was on: of a member, or of the file."""
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
        """Whether nothing comes after what a worker is on."""
        return self.member is None or self.count == 1


BYTES_PER_MEMBER = 16 * 1024
"""What a member adds to the bytes that workers may say of an archive; most need a few hundred."""


class Reply(NamedTuple):
    """What came of a job, or of a part of it.

    Attributes:
        job: the job.
        member: which member of an archive it is about; None for the file itself.
        examination: of the one or the other.
        end: nothing more comes of this job. A job with a ``count`` ends with the last of its
            members, any other with the file's own examination. An archive that has fewer members
            than the count ends with that, too.
        thumbnail: what the job asked for; None if it cannot be had, which the examination explains.
    """

    job: Job
    member: bytes | None
    examination: Examination
    end: bool
    thumbnail: Thumbnail | None = None


Said: TypeAlias = bytes | Reply | None
"""What a worker says of a job: the path of the member that it begins, or what came of a part; or,
as None, that it is still at work on a long one."""


def check_size(workers: int) -> int:
    """Return how many workers there are to be.

    Raises:
        SettingsError: there are none.
    """
    if workers < 1:
        raise SettingsError("there must be at least 1 worker")
    return workers
