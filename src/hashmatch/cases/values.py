"""What goes into the case store and what comes out: frozen values, all times in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from hashmatch.cases.doubt import band, doubt
from hashmatch.model import Match


@dataclass(frozen=True, slots=True)
class Place:
    """Where a copy of the content was found, or came in.

    Attributes:
        door: ``scan``, ``rematch``, ``http``, ``clamd`` or ``icap``.
        path: of the file, absolute; for an upload the name that the client gave, if any.
        client: the name of the client's key or profile.
        request: of an upload, its number in the logs and in the audit trail.
        number: of an upload, the case number that the client was given.
        address: the uploader's IP address, where the door was told.
        quarantine: the folder that keeps the file as evidence.
        item: its number there.
    """

    door: str
    path: bytes | None = None
    client: str | None = None
    request: str | None = None
    number: str | None = None
    address: str | None = None
    quarantine: str | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a door found near an entry.

    Attributes:
        content: identifies the content; see ``Cases.content``.
        matches: the near entries: matches and candidates.
        place: where.
        list_versions: by the name of the list.
        size: of the file, in bytes.
        format: of the picture or video.
        width: pixels.
        height: pixels.
    """

    content: str
    matches: tuple[Match, ...]
    place: Place
    list_versions: dict[str, str | None] = field(default_factory=dict)
    size: int | None = None
    format: str | None = None
    width: int = 0
    height: int = 0


class Decision(StrEnum):
    """What a human decided about a match."""

    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false_positive"
    UNSURE = "unsure"


OPEN = "open"
"""The status of a case that waits for a decision, or for a second one. Others are a decision."""


class SeenPlace(NamedTuple):
    """A ``Place``, and when it was first and last seen."""

    place: Place
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class CaseMatch:
    """One entry near a case's content.

    Attributes:
        id: its number, which a table of decisions names.
        case: the number of its case.
        list: the name of the list.
        list_version: as the list says.
        entry: the id of the entry.
        label: of the entry.
        category: of the entry, as the list names it.
        algorithm: of both hashes.
        bits: their width.
        distance: Hamming, in bits.
        threshold: in bits.
        view: the view of the file that is this near.
        quality: 0 to 100, of that view.
        cause: why it is only a candidate; None for a match.
        exact: the distance is exact, not that of a preview.
        expected_false: how many entries of the list are this near by chance; None if not known.
        version: of hashmatch.
        first_seen: when it was first found.
        last_seen: when it was last found.
        decision: the one in force; None if nobody has decided.
        decided: the number of that decision.
    """

    id: int
    case: int
    list: str
    list_version: str | None
    entry: str
    label: str | None
    category: str | None
    algorithm: str
    bits: int
    distance: int
    threshold: int
    view: str
    quality: int
    cause: str | None
    exact: bool
    expected_false: float | None
    version: str
    first_seen: datetime
    last_seen: datetime
    decision: str | None
    decided: int | None

    @property
    def band(self) -> str:
        """How far it is from certain; see ``band``."""
        return band(self.distance, self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision about a case, or the undoing of one.

    Attributes:
        id: its number; decisions of a store are numbered from 1 without a gap.
        case: the number of the case.
        match: the match it is about; None for all matches up to number ``through``.
        through: the last match that the reviewer saw.
        decision: a ``Decision``, or ``undo``.
        reviewer: who.
        reason: why.
        at: when it was made, which counts when decisions are compared.
        recorded: when it was stored.
        settles: it counts; otherwise it waits for a second reviewer.
        undoes: the number of the decision that it takes back.
    """

    id: int
    case: int
    match: int | None = None
    through: int | None = None
    decision: str
    reviewer: str
    reason: str | None = None
    at: datetime
    recorded: datetime
    settles: bool
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A match, as a table of decisions has it.

    Attributes:
        match: the match.
        place: where its content was found last.
        decision: the one in force; None if nobody has decided.
    """

    match: CaseMatch
    place: Place
    decision: DecisionRecord | None

    @property
    def doubt(self) -> float:
        """How likely it is a mistake; see ``doubt``."""
        return doubt(self.match)


class Lease(NamedTuple):
    """Who works on a case, and until when; then anyone may."""

    reviewer: str
    expires: datetime


class Note(NamedTuple):
    """A note on a case."""

    at: datetime
    reviewer: str
    text: str


class Viewing(NamedTuple):
    """Someone looked at a case's picture: when, who, and how it was shown, such as ``blurred``."""

    at: datetime
    reviewer: str
    what: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as the queue shows it.

    Attributes:
        id: its number.
        status: ``open``, or the decision.
        best: its nearest match.
        near: how many entries are near.
        place: where the content was found last.
        copies: how many places have it.
        first_seen: when its first match was found.
        last_seen: when a door last met the content.
        votes: how many reviewers have decided, if it waits for another one.
        lease: who works on it now.
    """

    id: int
    status: str
    best: CaseMatch
    near: int
    place: Place
    copies: int
    first_seen: datetime
    last_seen: datetime
    votes: int
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known about one content that is near an entry.

    Attributes:
        id: its number.
        content: identifies the content; begins with ``sha256:`` where its bytes are known.
        status: ``open``, or the decision.
        size: of the file, in bytes.
        format: of the picture or video.
        width: pixels.
        height: pixels.
        first_seen: when its first match was found.
        last_seen: when a door last met the content.
        matches: matches before candidates, nearest first.
        places: the last 200, latest first.
        copies: how many places there are.
        decisions: oldest first.
        notes: oldest first.
        viewings: oldest first.
        lease: who works on it now.
    """

    id: int
    content: str
    status: str
    size: int | None
    format: str | None
    width: int
    height: int
    first_seen: datetime
    last_seen: datetime
    matches: tuple[CaseMatch, ...]
    places: tuple[SeenPlace, ...]
    copies: int
    decisions: tuple[DecisionRecord, ...]
    notes: tuple[Note, ...]
    viewings: tuple[Viewing, ...]
    lease: Lease | None

    @property
    def through(self) -> int:
        """The number of the latest match; give it to ``decide`` as what the reviewer saw."""
        return max(match.id for match in self.matches)

    @property
    def last_decision(self) -> int:
        """The number of the latest decision, 0 if there is none; ``decide`` compares it."""
        return self.decisions[-1].id if self.decisions else 0

    @property
    def sha256(self) -> str | None:
        """Of the content, in hex; None if not all of its bytes were read."""
        kind, _, value = self.content.partition(":")
        return value if kind == "sha256" else None


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision.

    Attributes:
        id: its number, for ``undo``.
        status: of the case now. ``open`` means that a second reviewer must look.
        undo_until: when it can no longer be undone.
    """

    id: int
    status: str
    undo_until: datetime


class Event(NamedTuple):
    """Something that happened to a case.

    Attributes:
        at: when.
        kind: ``found``, ``match``, ``decision``, ``undo``, ``note`` or ``viewing``.
        who: a reviewer, or the door.
        text: what, in words.
    """

    at: datetime
    kind: str
    who: str
    text: str
