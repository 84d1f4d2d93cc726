"""The case store as scan and rematch use it: opened when needed, written in batches."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hashmatch.cli.deferred import deferred
from hashmatch.errors import InputError, SettingsError
from hashmatch.files import Closing, is_object

if TYPE_CHECKING:
    from hashmatch import cases
    from hashmatch import state as states
    from hashmatch.hashlist import HashList
    from hashmatch.match.reviews import Rejection, ReviewedEntry
    from hashmatch.model import Match
    from hashmatch.scan import FileResult
else:
    cases, states = deferred("hashmatch.cases"), deferred("hashmatch.state")

_BATCH = 200
_SECONDS = 5.0

DOOR = "scan"


def cases_place(place: str | None, state: str | None) -> str:
    """Which case store a command uses: the one that is given, or that of the state.

    Raises ``SettingsError`` if neither is given, ``InputError`` if the state does not exist.
    """
    if place is not None:
        return place
    if state is None:
        raise SettingsError("give --cases, or the --state whose cases are meant")
    if not os.path.exists(state):  # noqa: PTH110 # as the state opens it
        raise InputError("cannot read the state: No such file or directory", path=state)
    return states.cases_beside(state)


def open_store(place: str | None, state: str | None, stack: ExitStack) -> CaseStore | None:
    """The case store of a scan; None if it has neither one of its own nor a state."""
    if place is None and state is None:
        return None
    store = CaseStore(place or states.cases_beside(state or ""), at_once=place is not None)
    return stack.enter_context(store)


class CaseStore(Closing):
    """The decisions that a matcher asks for, and the findings of a scan on their way to a human.

    Most scans find nothing, so the store is opened once something is near an entry, or with
    ``at_once`` now, to fail early. Whatever opens it raises as ``Cases`` does. Findings are written
    in batches. A scan that is killed before it has written one finds the same again.
    """

    def __init__(self, place: str, *, at_once: bool) -> None:
        self.place = place
        self._cases: cases.Cases | None = None
        self._versions: dict[str, str | None] = {}
        self._findings: list[cases.Finding] = []
        self._file: list[cases.Finding] = []  # of the one in hand and its members
        self._since = 0.0
        if at_once:
            self._opened()

    def begin(self, hash_lists: Sequence[HashList]) -> None:
        """Note which versions of the lists are in use."""
        self._versions = {each.name: each.version for each in hash_lists}

    def content(self, hashes: Sequence[str]) -> str:
        """See ``Reviews``."""
        return self._opened().content(hashes)

    def name(self, match: Match) -> ReviewedEntry:
        """See ``Reviews``."""
        return self._opened().name(match)

    def rejected(
        self, contents: Collection[str]
    ) -> Mapping[str, Mapping[ReviewedEntry, Rejection]]:
        """See ``Reviews``."""
        return self._opened().rejected(contents)

    def add(self, result: FileResult) -> None:
        """Add what a scan found of a file, or first of a member of an archive."""
        if result.outcome.content is not None:
            self._file.append(self._finding(result, result.outcome.content))

    def write_before_move(self) -> None:
        """Write what was found of the file in hand, since no scan finds it where it is moved to."""
        self._findings += self._file
        self.flush()

    def end_file(self, quarantine: str | None, item: int | None) -> None:
        """Note where the file in hand is now, as an item of a quarantine if it was moved."""
        held = None if quarantine is None or item is None else _resolved(quarantine)
        for each in self._file:
            place = replace(each.place, quarantine=held, item=item)
            self._findings.append(replace(each, place=place))
        self._file = []
        late = self._findings and time.monotonic() - self._since > _SECONDS
        if item is not None or late or len(self._findings) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write all findings so far."""
        findings, self._findings = self._findings, []
        self._since = time.monotonic()
        if findings:
            self._opened().record(findings)

    def close(self) -> None:
        """Write the rest, and close the store."""
        try:
            self.flush()
        finally:
            if self._cases is not None:
                self._cases.close()

    def _opened(self) -> cases.Cases:
        if self._cases is None:
            self._cases = cases.Cases(self.place)
            self.place = self._cases.place
        return self._cases

    def _finding(self, result: FileResult, content: str) -> cases.Finding:
        outcome = result.outcome
        return cases.Finding(
            content=content,
            matches=outcome.near,
            place=cases.Place(DOOR, _absolute(result.path)),
            list_versions=self._versions,
            format=outcome.format,
            width=outcome.width,
            height=outcome.height,
        )


def _resolved(quarantine: str) -> str:
    return quarantine if is_object(quarantine) else str(Path(quarantine).resolve())


def _absolute(path: bytes) -> bytes:
    """A path that means the same in any folder; an object's address does already."""
    return path if is_object(path) else os.path.join(os.getcwdb(), path)  # noqa: PTH109, PTH118 # bytes
