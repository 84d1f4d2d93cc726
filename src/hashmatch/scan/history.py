"""What a scan asks its state about each file that the walk comes upon.

A file whose identity is known is not opened: its rows are *recalled*. A file whose size is that of
a known one is digested first, and where the contents are known, their rows are *adopted*. All
others are examined, and what is found is kept at once.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.model import Examination, ExamineOptions, Outcome, Reason
from hashmatch.scan.duplicates import InFlightDuplicates
from hashmatch.sources.found import Found, Identity
from hashmatch.state.files import Group
from hashmatch.state.rows import SHA256, Stored, key_of, path_of_key, sha256_of
from hashmatch.state.settings import Settings
from hashmatch.state.store import State


class Judged(NamedTuple):
    """An outcome, and which content it is about.

    Attributes:
        outcome: the outcome.
        sha256: of the file's bytes; None where they were not all read.
    """

    outcome: Outcome
    sha256: bytes | None


_TRIED_AGAIN = frozenset(
    {
        Reason.TIMEOUT,
        Reason.DECODER_CRASH,
        Reason.PERMISSION,
        Reason.SPECIAL_FILE,
        Reason.CHANGED,
        Reason.VANISHED,
    }
)
"""Reasons that may not be the file's own fault, so the next scan looks again."""

_RACY_NS = 2_000_000_000
"""A file changed this shortly before it was read may change again within one tick of its clock.

FAT counts in steps of two seconds. Such a file is digested by the next scan, which can trust it.
"""


@dataclass(slots=True)
class Counts:
    """Where a scan had its examinations from.

    Attributes:
        recalled: files known by their identity, and not opened.
        adopted: files whose contents were known, and not decoded.
        examined: files that were decoded, or tried.
        gone: files of earlier scans that are not there any more.
    """

    recalled: int = 0
    adopted: int = 0
    examined: int = 0
    gone: int = 0


@dataclass(slots=True, eq=False)
class Visit:
    """A file that the walk came upon, as the memory sees it.

    Attributes:
        key: in the state.
        known: its rows, where they can be trusted without a look at the file.
        identity: of the file; None where the system did not tell.
        since: when it was opened, nanoseconds since 1970.
        digested: its digests, where they were taken before anything else.
        parts: what was found out of it by examining it.
    """

    key: bytes = b""
    known: Sequence[Stored] = ()
    identity: Identity | None = None
    since: int = 0
    digested: Examination | None = None
    parts: list[tuple[bytes | None, Examination]] = field(default_factory=list)


class NullHistory:
    """Remembers nothing: every file is examined."""

    def visit(self, found: Found) -> Visit:  # noqa: ARG002 # what others look at
        """See what is known of a file, without opening it."""
        return Visit()

    def opened(self, visit: Visit, descriptor: int) -> bool:  # noqa: ARG002 # as above
        """Look at a file that was opened. True where it should be digested before all else."""
        return False

    def settle(self, visit: Visit) -> Group | None:  # noqa: ARG002 # as above
        """Decide what to do with a file that was digested.

        Returns:
            The rows of its contents, kept for this file too; none where it must be examined; None
            where it has to wait for a file that may be equal.
        """
        return []

    def learn(
        self,
        visit: Visit,  # noqa: ARG002 # as above
        member: bytes | None,  # noqa: ARG002 # as above
        found: Examination,  # noqa: ARG002 # as above
    ) -> list[Visit]:
        """Keep what was found out of a member of a file, or at the end of the file itself.

        Returns:
            Files that waited for this one, to be settled again.
        """
        return []

    def refine(self, visit: Visit, member: int, found: Examination) -> None:
        """Keep what was found out of a part by examining it again in full."""

    def keep(
        self, visit: Visit, member: int, path: bytes, result: Any
    ) -> None:  # whatever a conveyor carries
        """Keep what is to be kept of a result: of a member of a file, or with 0 of the file."""

    def commit(self) -> None:
        """Let all that was kept outlast this process."""


class History(NullHistory):
    """A state, as one scan uses it.

    Args:
        state: the state.
        options: how the scan's matcher wants pictures examined.
        rehash: open and digest every file, whatever its times say.
        command: what this run is, for the record.

    Attributes:
        state: the state.
        options: how to examine files, so that they can be kept.
        counts: what became of the files so far.
    """

    def __init__(
        self,
        state: State,
        options: ExamineOptions,
        *,
        rehash: bool = False,
        command: str = "scan",
    ) -> None:
        self.state = state
        self.options = replace(options, digests=tuple(dict.fromkeys((*options.digests, SHA256))))
        self.counts = Counts()
        self._rehash = rehash
        settings = Settings.of(self.options)
        self._settings = state.runs.settings_number(settings)
        self._serving = state.runs.serving(settings)
        self._run = state.runs.begin(command, self._settings)
        self._duplicates: InFlightDuplicates[Visit] = InFlightDuplicates()
        self._ahead: Iterator[Group] = iter(())
        self._next: Group | None = None
        self._folder: tuple[bytes, bytes] | None = None

    def enter(self, root: bytes) -> None:
        """Say that the walk begins with this root."""
        self._ahead = self.state.files.below(key_of(root))
        self._next = next(self._ahead, None)

    def leave(self) -> None:
        """Say that the walk is through with the root: files of it that it did not see may be gone.

        Patterns and unreadable folders hide files too, so the system is asked about each.
        """
        while self._next is not None:
            self._pass_over(self._next)
            self._next = next(self._ahead, None)

    def visit(self, found: Found) -> Visit:
        """See ``NullHistory.visit``."""
        visit = Visit(self._key(found))
        group = self._seek(visit.key)
        if found.problem is not None:
            return visit
        try:
            visit.identity = Identity.of(found.stat())
        except (OSError, ValueError):  # the latter for a NUL in its name; opening it tells
            return visit
        if group is None:
            return visit
        if group[0].gone is not None:
            self.state.files.mark_back(visit.key)
        if group[0].identity == visit.identity and self._trusts(group):
            self.counts.recalled += 1
            visit.known = group
        return visit

    def opened(self, visit: Visit, descriptor: int) -> bool:
        """See ``NullHistory.opened``."""
        visit.identity = Identity.of(os.fstat(descriptor))
        visit.since = time.time_ns()
        size = visit.identity.size
        if self._duplicates.has(size) or self.state.files.has_size(size):
            return True
        self._duplicates.begin(visit, size, None)
        return False

    def settle(self, visit: Visit) -> Group | None:
        """See ``NullHistory.settle``."""
        if visit.identity is None or visit.digested is None:
            return []
        sha256 = sha256_of(visit.digested, self.options.digests)
        if sha256 is None:
            return []
        for group in self.state.files.with_contents(visit.identity.size, sha256):
            if self._serves(group):
                self.counts.adopted += 1
                return self.state.files.adopt(visit.key, visit.identity, visit.since, group)
        if self._duplicates.wait(visit, visit.identity.size, sha256):
            return None
        self._duplicates.begin(visit, visit.identity.size, sha256)
        return []

    def learn(self, visit: Visit, member: bytes | None, found: Examination) -> list[Visit]:
        """See ``NullHistory.learn``. A file is kept all at once, so no kill leaves half of it."""
        visit.parts.append((member, found))
        if member is not None:
            return []
        self.counts.examined += 1
        self.state.files.put(visit.key, visit.identity, visit.since, self._settings, visit.parts)
        return [] if visit.identity is None else self._duplicates.end(visit, visit.identity.size)

    def refine(self, visit: Visit, member: int, found: Examination) -> None:
        """See ``NullHistory.refine``."""
        self.state.files.refine(visit.key, member, self._settings, found)

    def keep(self, visit: Visit, member: int, path: bytes, result: Judged) -> None:
        """See ``NullHistory.keep``. The matches of each content are kept for review."""
        verdict = result.outcome.verdict
        if not visit.known or visit.known[member].verdict != verdict:
            self.state.files.note_verdict(self._run, visit.key, member, verdict)
        self._keep_matches(path, result)

    def _keep_matches(self, path: bytes, result: Judged) -> None:
        if result.sha256 is not None and result.outcome.matches:
            place = os.path.join(os.getcwdb(), path)
            for match in result.outcome.matches:
                self.state.matches.note(self._run, place, result.sha256, match)

    def commit(self) -> None:
        """See ``NullHistory.commit``."""
        self.state.commit()

    def end(self, summary: Mapping[str, Any]) -> None:
        """Keep what came of the whole run."""
        self.state.runs.end(self._run, summary)

    def _key(self, found: Found) -> bytes:
        if not found.name:
            return key_of(found.path)
        folder = found.path[: -len(found.name)]
        if self._folder is None or self._folder[0] != folder:
            self._folder = (folder, key_of(folder) + b"\0")
        return self._folder[1] + found.name

    def _seek(self, key: bytes) -> Group | None:
        """The rows of a file; the walk and the state have the same order."""
        while self._next is not None and self._next[0].key < key:
            self._pass_over(self._next)
            self._next = next(self._ahead, None)
        if self._next is None or self._next[0].key != key:
            return None
        group, self._next = self._next, next(self._ahead, None)
        return group

    def _pass_over(self, group: Group) -> None:
        if group[0].gone is None and is_gone(group[0].key):
            self.state.files.mark_gone(group[0].key)
            self.state.commit()
            self.counts.gone += 1

    def _trusts(self, group: Group) -> bool:
        """Whether rows hold for a file with their identity."""
        first = group[0]
        racy = first.changed is not None and first.changed + _RACY_NS > first.examined
        return not self._rehash and not racy and self._serves(group)

    def _serves(self, group: Sequence[Stored]) -> bool:
        """Whether rows are whole, and hold all that this scan would find out."""
        if group[0].sha256 is None or group[0].members != len(group) - 1:
            return False
        for row in group:
            if (
                row.settings not in self._serving
                or not (row.exact or self.options.fast)
                or row.reason in _TRIED_AGAIN
                or row.detail == OUT_OF_MEMORY
            ):
                return False
        return True


def is_gone(key: bytes) -> bool:
    """Whether there is no file at a path any more, as far as the system tells.

    A folder is none, be it in the place of a file or one that could not be read at first.
    """
    try:
        return stat.S_ISDIR(os.stat(path_of_key(key)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def changed_since(visit: Visit, descriptor: int) -> DecodeError | None:
    """Why an open file is not the one that rows are about; None where it is."""
    if visit.known and Identity.of(os.fstat(descriptor)) != visit.known[0].identity:
        return DecodeError(Reason.CHANGED, "the file changed since its hashes were stored")
    return None
