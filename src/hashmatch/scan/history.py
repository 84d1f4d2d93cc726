"""What a scan asks its state about each item that a source yields.

An item whose identity is known is not opened: its rows are *recalled*. An item as large as a known
one is digested first, and if its contents are known, their rows are *adopted*. All others are
examined, and what is found is stored at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hashmatch.errors import OUT_OF_MEMORY
from hashmatch.files import is_object
from hashmatch.model import Examination, Reason, Verdict
from hashmatch.options import ExamineOptions
from hashmatch.scan.duplicates import InFlightDuplicates, Payoff
from hashmatch.scan.result import FileResult
from hashmatch.scan.visit import Visit
from hashmatch.sources import Item, Source
from hashmatch.state.files import Group
from hashmatch.state.rows import SHA256, Stored, key_of, keys_below, path_of_key, sha256_of
from hashmatch.state.settings import Settings
from hashmatch.state.store import State

_TRIED_AGAIN = frozenset(
    {
        Reason.TIMEOUT,
        Reason.DECODER_CRASH,
        Reason.PERMISSION,
        Reason.SPECIAL_FILE,
        Reason.CHANGED,
        Reason.VANISHED,
        Reason.UNAVAILABLE,
    }
)
"""Reasons that may not be the file's own fault, so the next scan tries again."""

_RACY_NS = 2_000_000_000
"""A file that changed this shortly before it was read may change again within one tick of a clock.

FAT counts in steps of two seconds. The next scan digests such a file, and can trust it then.
"""

_GONE_NAMED = 100


@dataclass(slots=True)
class Counts:
    """Where the examinations of a scan came from.

    Attributes:
        recalled: files known by their identity, which were not opened.
        adopted: files whose contents were known, which were not decoded.
        examined: files that were decoded, or could not be.
        gone: files of earlier scans that no longer exist.
        gone_matched: how many of these matched in the last scan that met them.
        gone_matches: the paths of the first 100 that no scan missed before.
        no_longer: recalled files that matched in the last scan that met them, and no longer do;
            without those that a review suppressed.
    """

    recalled: int = 0
    adopted: int = 0
    examined: int = 0
    gone: int = 0
    gone_matched: int = 0
    gone_matches: list[bytes] = field(default_factory=list)
    no_longer: int = 0

    def count_gone(self, group: Group) -> None:
        """Count a file that no longer exists."""
        self.gone += 1
        self.gone_matched += any(row.verdict == Verdict.MATCH for row in group)

    def name_gone(self, group: Group, moved: Container[bytes]) -> None:
        """Count a file that was not missed before, and keep its path if it matched.

        Args:
            group: its rows.
            moved: real paths of the files that hashmatch moved. They are not missed.
        """
        path = path_of_key(group[0].key)
        folder, name = os.path.split(path)
        real = path if is_object(path) else os.path.join(os.path.realpath(folder), name)
        if real in moved:
            self.gone += 1
            return
        matched = self.gone_matched
        self.count_gone(group)
        if matched < self.gone_matched <= _GONE_NAMED:
            self.gone_matches.append(path)


class NullHistory:
    """Knows nothing and keeps nothing, so every item is examined."""

    def enter(self, source: Source) -> None:
        """Note that the items of a source come next."""

    def leave(self) -> None:
        """Note that the source has yielded all its items."""

    def visit(self, item: Item) -> Visit:
        """Look up what is known about an item, without opening it."""
        return Visit(item)

    def opened(self, visit: Visit) -> bool:  # noqa: ARG002 # it knows nothing to compare with
        """Note that an item was opened, and return whether to take its digests first."""
        return False

    def settle(self, visit: Visit) -> Group | None:  # noqa: ARG002 # it has no rows
        """Decide what to do with an item that was digested.

        Returns:
            The rows of its contents, now stored for this item too; none if it must be examined;
            None if it must wait for an item that may be equal.
        """
        return []

    def learn(
        self,
        visit: Visit,  # noqa: ARG002 # it keeps nothing
        member: bytes | None,  # noqa: ARG002 # it keeps nothing
        found: Examination,  # noqa: ARG002 # it keeps nothing
    ) -> list[Visit]:
        """Keep what was found of a member of an item, or last of the item itself.

        Returns:
            Items that waited for this one, and must be settled again.
        """
        return []

    def refine(self, visit: Visit, member: int, found: Examination) -> None:
        """Keep what was found of a part by examining it in full."""

    def keep(self, visit: Visit, member: int, result: FileResult) -> None:
        """Keep the result of a member of an item, or with 0 of the item itself."""

    def commit(self) -> None:
        """Make everything kept so far durable."""

    def doubt(self) -> None:
        """Note that findings of this run may turn out false, so no other may rest on them."""

    def forget(self, item: Item) -> None:
        """Forget what was found of an item, since it is false."""

    def forget_run(self) -> None:
        """Forget all that this run found out, since some of it is false."""


class History(NullHistory):
    """A state, as one scan uses it.

    Args:
        state: the state.
        options: how the scan's matcher wants pictures examined.
        rehash: open and digest every file, even if its times have not changed.
        command: what this run is, for the record.

    Attributes:
        state: the state.
        options: how to examine items so that the findings can be stored.
        counts: how the items so far were handled.
        moved: real paths of the files that hashmatch moved. They are gone, but not missed.
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
        self.moved: Container[bytes] = ()
        self._rehash = rehash
        settings = Settings.of(self.options)
        self._settings = state.runs.settings_number(settings)
        self._serving = state.runs.serving(settings)
        self._run = state.runs.begin(command, self._settings)
        self._duplicates: InFlightDuplicates[Visit] = InFlightDuplicates()
        self._payoff = Payoff()
        self._ahead: Iterator[Group] = iter(())
        self._next: Group | None = None
        self._folder: tuple[bytes, bytes] | None = None
        self._source: Source | None = None
        self._began = time.time_ns()
        self._doubts = False
        self._refined: set[bytes] = set()

    def enter(self, source: Source) -> None:
        """See ``NullHistory.enter``."""
        self._source = source
        self._ahead = iter(())
        if source.ordered:
            self._ahead = self.state.files.between(*keys_below(source.root))
        self._next = next(self._ahead, None)

    def leave(self) -> None:
        """See ``NullHistory.leave``. Files below the root that did not come may be gone."""
        while self._next is not None:
            self._pass_over(self._next)
            self._next = next(self._ahead, None)

    def visit(self, item: Item) -> Visit:
        """See ``NullHistory.visit``."""
        key = self._key(item)
        group = self._seek(key)
        visit = Visit(item, key)
        if group is None:
            return visit
        visit.identity = item.identity()
        if visit.identity is None:
            return visit
        if group[0].gone is not None:
            self.state.files.mark_back(key)
        if group[0].identity == visit.identity and self._trusts(group):
            self.counts.recalled += 1
            visit.known = group
        return visit

    def opened(self, visit: Visit) -> bool:
        """See ``NullHistory.opened``."""
        visit.identity = visit.look()
        visit.since = time.time_ns()
        if visit.identity is None:
            return False
        size = visit.identity.size
        if self._payoff.is_worth(size) and (
            self._duplicates.has(size) or self.state.files.has_size(size)
        ):
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
            if self._serves(group) and not self._is_doubtful(group):
                self.counts.adopted += 1
                self._payoff.note(known=True)
                return self.state.files.adopt(visit.key, visit.identity, visit.since, group)
        if not self._doubts and self._duplicates.wait(visit, visit.identity.size, sha256):
            return None
        self._payoff.note(known=False)
        self._duplicates.begin(visit, visit.identity.size, sha256)
        return []

    def learn(self, visit: Visit, member: bytes | None, found: Examination) -> list[Visit]:
        """See ``NullHistory.learn``. An item is stored all at once: no kill leaves half of it."""
        visit.findings.append((member, found))
        if member is not None:
            return []
        self.counts.examined += 1
        self.state.files.put(visit.key, visit.identity, visit.since, self._settings, visit.findings)
        for number, verdict in visit.early:
            self.state.files.note_verdict(self._run, visit.key, number, verdict)
        return [] if visit.identity is None else self._duplicates.end(visit, visit.identity.size)

    def refine(self, visit: Visit, member: int, found: Examination) -> None:
        """See ``NullHistory.refine``."""
        self.state.files.refine(visit.key, member, self._settings, found)
        if self._doubts:
            self._refined.add(visit.key)

    def keep(self, visit: Visit, member: int, result: FileResult) -> None:
        """See ``NullHistory.keep``."""
        verdict = result.outcome.verdict
        before = visit.known[member].verdict if visit.known else None
        if before == Verdict.MATCH != verdict and not result.outcome.suppressed:
            self.counts.no_longer += 1
        if visit.is_unfinished:  # so it has no rows yet
            visit.early.append((member, verdict))
        elif before != verdict:
            self.state.files.note_verdict(self._run, visit.key, member, verdict)

    def commit(self) -> None:
        """See ``NullHistory.commit``."""
        self.state.commit()

    def doubt(self) -> None:
        """See ``NullHistory.doubt``."""
        self._doubts = True

    def forget(self, item: Item) -> None:
        """See ``NullHistory.forget``."""
        self.state.files.forget(self._key(item))
        self.counts.examined -= 1

    def forget_run(self) -> None:
        """See ``NullHistory.forget_run``."""
        self.state.files.forget_since(self._began)
        for key in self._refined:
            self.state.files.forget(key)
        self.state.commit()

    def end(self, summary: Mapping[str, Any]) -> None:
        """Record that the run has ended, with its summary."""
        self.state.runs.end(self._run, summary)

    def _key(self, item: Item) -> bytes:
        path, name = item.path, item.name
        if not name:
            return key_of(path)
        folder = path[: -len(name)]
        if self._folder is None or self._folder[0] != folder:
            self._folder = (folder, key_of(folder) + b"\0")
        return self._folder[1] + name

    def _seek(self, key: bytes) -> Group | None:
        """Find the rows of an item; the source and the state have the same order, if any."""
        if self._source is not None and not self._source.ordered:
            return self.state.files.group(key) or None
        while self._next is not None and self._next[0].key < key:
            self._pass_over(self._next)
            self._next = next(self._ahead, None)
        if self._next is None or self._next[0].key != key:
            return None
        group, self._next = self._next, next(self._ahead, None)
        return group

    def _pass_over(self, group: Group) -> None:
        key = group[0].key
        if group[0].gone is None and self._source and self._source.is_gone(path_of_key(key)):
            self.state.files.mark_gone(key)
            self.state.commit()
            self.counts.name_gone(group, self.moved)

    def _is_doubtful(self, group: Group) -> bool:
        return self._doubts and (group[0].examined >= self._began or group[0].key in self._refined)

    def _trusts(self, group: Group) -> bool:
        """Whether rows can be trusted for an item with their identity."""
        first = group[0]
        racy = first.changed is not None and first.changed + _RACY_NS > first.examined
        return not self._rehash and not racy and self._serves(group)

    def _serves(self, group: Sequence[Stored]) -> bool:
        """Whether rows are complete, and hold all that this scan would find out."""
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
