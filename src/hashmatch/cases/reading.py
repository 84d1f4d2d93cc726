"""Reads one case whole, and what happened to it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, Connection, Row, func, select

from hashmatch.cases.recording import place_of
from hashmatch.cases.schema import cases, decisions, leases, matches, notes, places, viewings
from hashmatch.cases.values import (
    Case,
    CaseMatch,
    DecisionRecord,
    Event,
    Lease,
    Note,
    Place,
    QueueRow,
    SeenPlace,
    Viewing,
)
from hashmatch.errors import CaseError
from hashmatch.text import printable

_SHOWN_PLACES = 200

MOST_NUMBER = 1 << 63
"""Numbers of rows are below this in every database."""

_CASE_FIELDS = (
    *("id", "content", "status", "size", "format", "width", "height"),
    *("first_seen", "last_seen"),
)
_MATCH_FIELDS = tuple(CaseMatch.__dataclass_fields__)
_DECISION_FIELDS = tuple(DecisionRecord.__dataclass_fields__)
_PLACE_FIELDS = tuple(Place.__dataclass_fields__)


def read_case(connection: Connection, case: int, now: datetime) -> Case:
    """Read a case, or raise ``CaseError`` if there is none of that number."""
    check_number(case)
    row = connection.execute(select(cases).where(cases.c.id == case)).one_or_none()
    if row is None:
        raise CaseError(f"no case has the number {case}")
    near = connection.execute(select(matches).where(matches.c.case == case)).all()
    here = connection.execute(
        select(places)
        .where(places.c.case == case)
        .order_by(places.c.last_seen.desc(), places.c.id.desc())
        .limit(_SHOWN_PLACES)
    ).all()
    copies = connection.execute(
        select(func.count()).select_from(places).where(places.c.case == case)
    ).scalar_one()
    ranked = sorted(near, key=lambda row: (row.cause is not None, row.distance, row.id))
    return Case(
        **{name: getattr(row, name) for name in _CASE_FIELDS},
        matches=tuple(map(match_of, ranked)),
        places=tuple(SeenPlace(place_of(each), each.first_seen, each.last_seen) for each in here),
        copies=copies,
        decisions=tuple(read_decisions(connection, [case])),
        notes=tuple(
            Note(each.at, each.reviewer, each.text) for each in _rows_of(connection, notes, case)
        ),
        viewings=tuple(
            Viewing(each.at, each.reviewer, each.what)
            for each in _rows_of(connection, viewings, case)
        ),
        lease=lease_of(connection, case, now),
    )


def check_number(case: int) -> None:
    """Raise ``CaseError`` for a number that no database can hold."""
    if not 0 < case < MOST_NUMBER:
        raise CaseError(f"no case has the number {case}")


def read_decisions(
    connection: Connection, about: Collection[int] | None = None
) -> list[DecisionRecord]:
    """Read the decisions about some cases, or all of them, in the order of their numbers."""
    query = select(decisions).order_by(decisions.c.id)
    if about is not None:
        query = query.where(decisions.c.case.in_(about))
    return [
        DecisionRecord(**{name: getattr(row, name) for name in _DECISION_FIELDS})
        for row in connection.execute(query)
    ]


def waiting_votes(known: Collection[DecisionRecord]) -> dict[str, DecisionRecord]:
    """The latest decision of each reviewer of a case that still waits for another one."""
    undone = {row.undoes for row in known}
    votes: dict[str, DecisionRecord] = {}
    for row in known:
        if row.undoes is not None or row.id in undone or row.match is not None:
            continue
        if row.settles:
            votes = {}
        else:
            votes[row.reviewer] = row
    return votes


def read_match_rows(connection: Connection, *, include_decided: bool) -> list[QueueRow]:
    """Read matches for a table; see ``Cases.match_rows``."""
    query = (
        select(matches, places)
        .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
        .join(cases, cases.c.id == matches.c.case)
        .join(places, places.c.id == cases.c.last_place)
        .order_by(matches.c.id)
    )
    if not include_decided:
        query = query.where(matches.c.decision.is_(None))
    made = {each.id: each for each in read_decisions(connection)} if include_decided else {}
    found = []
    for row in connection.execute(query):
        match = CaseMatch(**{name: getattr(row, f"matches_{name}") for name in _MATCH_FIELDS})
        place = Place(*(getattr(row, f"places_{name}") for name in _PLACE_FIELDS))
        decision = None if match.decided is None else made.get(match.decided)
        found.append(QueueRow(match, place, decision))
    return found


def match_of(row: Row[Any]) -> CaseMatch:
    """A row of the matches."""
    return CaseMatch(**{name: getattr(row, name) for name in _MATCH_FIELDS})


def lease_of(connection: Connection, case: int, now: datetime) -> Lease | None:
    """Who works on a case now."""
    row = connection.execute(
        select(leases).where(leases.c.case == case, leases.c.expires > now)
    ).one_or_none()
    return None if row is None else Lease(row.reviewer, row.expires)


def events_of(case: Case) -> list[Event]:
    """Everything that happened to a case, oldest first."""
    events = [
        Event(each.first_seen, "found", each.place.door, _where(each)) for each in case.places
    ]
    events += [
        Event(
            each.first_seen,
            "match",
            each.list,
            f"entry {printable(each.entry)} at {each.distance} of {each.threshold} bits",
        )
        for each in case.matches
    ]
    for made in case.decisions:
        what = f"undid decision {made.undoes}" if made.undoes is not None else _decided(made)
        kind = "undo" if made.undoes is not None else "decision"
        events.append(Event(made.recorded, kind, made.reviewer, what))
    events += [Event(note.at, "note", note.reviewer, note.text) for note in case.notes]
    events += [
        Event(seen.at, "viewing", seen.reviewer, f"looked at the preview ({seen.what})")
        for seen in case.viewings
    ]
    return sorted(events, key=lambda event: event.at)


def _where(seen: SeenPlace) -> str:
    place = seen.place
    if place.path is not None:
        return printable(place.path)
    return " ".join(filter(None, ("upload", place.number, place.request)))


def _decided(made: DecisionRecord) -> str:
    about = "" if made.match is None else f" about match {made.match}"
    waits = "" if made.settles else ", waits for a second reviewer"
    reason = "" if made.reason is None else f": {made.reason}"
    return f"{made.decision}{about}{waits}{reason}"


def _rows_of(connection: Connection, table: Any, case: int) -> list[Row[Any]]:
    query = select(table).where(table.c.case == case).order_by(table.c.id)
    return list(connection.execute(query))
