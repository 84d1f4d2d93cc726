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
    """Where a copy of the content was found, or came in."""

    door: str  # ``scan``, ``rematch``, ``http``, ``clamd`` or ``icap``
    # of the file, absolute; for an upload the name that the client gave, if any
    path: bytes | None = None
    client: str | None = None  # the name of the client's key or profile
    request: str | None = None  # of an upload, its number in the logs and in the audit trail
    number: str | None = None  # of an upload, the case number that the client was given
    address: str | None = None  # the uploader's IP address, where the door was told
    quarantine: str | None = None  # the folder that keeps the file as evidence
    item: int | None = None  # its number there


@dataclass(frozen=True, slots=True)
class Finding:
    """What a door found near an entry."""

    content: str  # identifies the content; see ``Cases.content``
    matches: tuple[Match, ...]  # the near entries: matches and candidates
    place: Place
    list_versions: dict[str, str | None] = field(default_factory=dict)  # by the name of the list
    size: int | None = None  # of the file, in bytes
    format: str | None = None  # of the picture or video
    width: int = 0  # pixels
    height: int = 0  # pixels


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
    """One entry near a case's content."""

    id: int  # its number, which a table of decisions names
    case: int  # the number of its case
    list: str  # the name of the list
    list_version: str | None  # as the list says
    entry: str  # the id of the entry
    label: str | None  # of the entry
    category: str | None  # of the entry, as the list names it
    algorithm: str  # of both hashes
    bits: int  # their width
    distance: int  # Hamming, in bits
    threshold: int  # in bits
    view: str  # the view of the file that is this near
    quality: int  # 0 to 100, of that view
    cause: str | None  # why it is only a candidate; None for a match
    exact: bool  # the distance is exact, not that of a preview
    # how many entries of the list are this near by chance; None if not known
    expected_false: float | None
    version: str  # of hashmatch
    first_seen: datetime  # when it was first found
    last_seen: datetime  # when it was last found
    decision: str | None  # the one in force; None if nobody has decided
    decided: int | None  # the number of that decision

    @property
    def band(self) -> str:
        """How far it is from certain; see ``band``."""
        return band(self.distance, self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision about a case, or the undoing of one."""

    id: int  # its number; decisions of a store are numbered from 1 without a gap
    case: int  # the number of the case
    match: int | None = None  # the match it is about; None for all matches up to number ``through``
    through: int | None = None  # the last match that the reviewer saw
    decision: str  # a ``Decision``, or ``undo``
    reviewer: str
    reason: str | None = None
    at: datetime  # when it was made, which counts when decisions are compared
    recorded: datetime  # when it was stored
    settles: bool  # it counts; otherwise it waits for a second reviewer
    undoes: int | None = None  # the number of the decision that it takes back


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A match, as a table of decisions has it."""

    match: CaseMatch
    place: Place  # where its content was found last
    decision: DecisionRecord | None  # the one in force; None if nobody has decided

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
    """A case as the queue shows it."""

    id: int
    status: str  # ``open``, or the decision
    best: CaseMatch  # its nearest match
    near: int  # how many entries are near
    place: Place  # where the content was found last
    copies: int  # how many places have it
    first_seen: datetime  # when its first match was found
    last_seen: datetime  # when a door last met the content
    votes: int  # how many reviewers have decided, if it waits for another one
    lease: Lease | None  # who works on it now


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known about one content that is near an entry."""

    id: int
    content: str  # identifies the content; begins with ``sha256:`` where its bytes are known
    status: str  # ``open``, or the decision
    size: int | None  # of the file, in bytes
    format: str | None  # of the picture or video
    width: int  # pixels
    height: int  # pixels
    first_seen: datetime  # when its first match was found
    last_seen: datetime  # when a door last met the content
    matches: tuple[CaseMatch, ...]  # matches before candidates, nearest first
    places: tuple[SeenPlace, ...]  # the last 200, latest first
    copies: int  # how many places there are
    decisions: tuple[DecisionRecord, ...]  # oldest first
    notes: tuple[Note, ...]  # oldest first
    viewings: tuple[Viewing, ...]  # oldest first
    lease: Lease | None  # who works on it now

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
    """What became of a decision."""

    id: int  # its number, for ``undo``
    status: str  # of the case now. ``open`` means that a second reviewer must look
    undo_until: datetime  # when it can no longer be undone


class Event(NamedTuple):
    """Something that happened to a case."""

    at: datetime
    kind: str  # ``found``, ``match``, ``decision``, ``undo``, ``note`` or ``viewing``
    who: str  # a reviewer, or the door
    text: str  # what, in words
