"""Reads the queue, and hands cases out so that no two people work on the same one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    literal,
    select,
    tuple_,
)

from hashmatch.cases.database import upsert
from hashmatch.cases.reading import MOST_NUMBER, lease_of, match_of, read_decisions, waiting_votes
from hashmatch.cases.recording import copies_of, facet_value, place_of
from hashmatch.cases.schema import (
    Moment,
    cases,
    choices,
    decisions,
    facets,
    leases,
    matches,
    microseconds,
    moment,
    places,
)
from hashmatch.cases.values import OPEN, CaseRow, DecisionRecord, Lease
from hashmatch.errors import CaseError, SettingsError

COUNTED = 1_000
"""How many cases of a queue are counted before it is just many."""

_NOWHERE = "after is not a place in this queue"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cases a queue shows: those with a match or a place of each kind asked for."""

    status: str = OPEN  # ``open``, or a decision
    list: str | None = None  # the name of a list
    category: str | None = None  # as a list names it
    band: str | None = None  # ``equal``, ``close``, ``far`` or ``edge``
    door: str | None = None  # as in ``Place``
    min_age: timedelta | None = None  # found at least this long ago
    max_age: timedelta | None = None  # found at most this long ago


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Part of a queue."""

    rows: tuple[CaseRow, ...]
    next: str | None  # what to pass as ``after`` for the next page; None if this is the last
    count: int  # how many cases pass the filters; at most 1,000 are counted
    more: bool  # there are more than that


class Order(StrEnum):
    """The order of a queue: by age, or by how likely a mistake is."""

    OLDEST = "oldest"
    NEWEST = "newest"
    DOUBTFUL = "doubtful"
    CERTAIN = "certain"


def read_page(
    connection: Connection,
    filters: Filters,
    order: Order,
    after: str | None,
    size: int,
    now: datetime,
) -> QueuePage:
    """One page of the queue; see ``Cases.queue``."""
    if size < 1:
        raise SettingsError("a page has at least 1 case")
    query = queue_query(filters, order, now)
    if after is not None:
        query = query.where(_beyond(order, after))
    found = connection.execute(query.limit(size + 1)).all()
    rows = _rows(connection, [row.case for row in found[:size]], now)
    last = None
    if len(found) > size:
        at = found[size - 1]
        value = at.doubt if _by_doubt(order) else microseconds(at.first_seen)
        last = f"{value!r}:{at.case}"
    counted = connection.execute(
        select(func.count()).select_from(
            queue_query(filters, Order.OLDEST, now).limit(COUNTED + 1).subquery()
        )
    ).scalar_one()
    return QueuePage(rows, last, min(counted, COUNTED), counted > COUNTED)


def queue_query(filters: Filters, order: Order, now: datetime) -> Select[Any]:
    """The query for the cases of a queue, in order, by the indexes of the facets."""
    asked = {name: getattr(filters, name) for name in ("list", "category", "band", "door")}
    wanted = [(name, facet_value(value)) for name, value in asked.items() if value is not None]
    (name, value), *others = wanted or [("", "")]
    query = select(facets.c.case, facets.c.first_seen, facets.c.doubt).where(
        facets.c.name == name, facets.c.value == value, facets.c.status == filters.status
    )
    for name, value in others:
        also = facets.alias()
        query = query.where(
            exists().where(also.c.case == facets.c.case, also.c.name == name, also.c.value == value)
        )
    if filters.min_age is not None:
        query = query.where(facets.c.first_seen <= now - filters.min_age)
    if filters.max_age is not None:
        query = query.where(facets.c.first_seen >= now - filters.max_age)
    column = _column(order)
    if _descends(order):
        return query.order_by(column.desc(), facets.c.case.desc())
    return query.order_by(column, facets.c.case)


def lease(
    connection: Connection,
    reviewer: str,
    filters: Filters,
    order: Order,
    now: datetime,
    expires: datetime,
) -> int | None:
    """Take the next case that nobody else has, and return its number; None if there is none."""
    taken = exists().where(leases.c.case == facets.c.case, leases.c.expires > now)
    others = taken.where(leases.c.reviewer != reviewer)
    query = queue_query(filters, order, now).where(~others, ~_voted(reviewer))
    mine = query.where(taken.where(leases.c.reviewer == reviewer))
    refused: set[int] = set()  # somebody took them between two statements
    for each in (mine, query):
        while True:
            row = connection.execute(each.where(facets.c.case.not_in(refused)).limit(1)).first()
            if row is None:
                break
            if take(connection, row.case, reviewer, now, expires):
                release(connection, reviewer, but=row.case)
                return int(row.case)
            refused.add(row.case)
    release(connection, reviewer)
    return None


def take(
    connection: Connection, case: int, reviewer: str, now: datetime, expires: datetime
) -> bool:
    """Give someone a case, unless another one has it."""
    values = {"reviewer": reviewer, "expires": expires}
    free = (leases.c.expires <= now) | (leases.c.reviewer == reviewer)
    connection.execute(
        upsert(connection, leases)
        .values(case=case, **values)
        .on_conflict_do_update(index_elements=["case"], set_=values, where=free)
    )
    holder = connection.execute(select(leases.c.reviewer).where(leases.c.case == case))
    return bool(holder.scalar_one() == reviewer)


def release(
    connection: Connection, reviewer: str, *, case: int | None = None, but: int | None = None
) -> None:
    """Give back the cases that someone has: one, all but one, or all."""
    query = delete(leases).where(leases.c.reviewer == reviewer)
    if case is not None:
        query = query.where(leases.c.case == case)
    if but is not None:
        query = query.where(leases.c.case != but)
    connection.execute(query)


def check_free(connection: Connection, case: int, reviewer: str, now: datetime) -> None:
    """Raise ``CaseError`` if someone else works on a case."""
    found = lease_of(connection, case, now)
    if found is not None and found.reviewer != reviewer:
        until = found.expires.isoformat(timespec="minutes")
        raise CaseError(f"case {case} is with {found.reviewer} until {until}")


def read_choices(connection: Connection) -> dict[str, list[str]]:
    """The values to filter by, by the name of the filter."""
    found: dict[str, list[str]] = {name: [] for name in ("list", "category", "band", "door")}
    for name, value in connection.execute(
        select(choices).order_by(choices.c.name, choices.c.value)
    ):
        if name:
            found[name].append(value)
    return found


def _voted(reviewer: str) -> ColumnElement[bool]:
    """Whether someone has said already what they think of a case that waits for a second one."""
    later = decisions.alias()
    return exists().where(
        decisions.c.case == facets.c.case,
        decisions.c.reviewer == reviewer,
        ~decisions.c.settles,
        decisions.c.undoes.is_(None),
        ~exists().where(
            and_(
                later.c.case == decisions.c.case,
                (later.c.undoes == decisions.c.id)
                | (later.c.settles & (later.c.id > decisions.c.id)),
            )
        ),
    )


def _by_doubt(order: Order) -> bool:
    return order in {Order.DOUBTFUL, Order.CERTAIN}


def _descends(order: Order) -> bool:
    return order in {Order.NEWEST, Order.DOUBTFUL}


def _column(order: Order) -> Any:
    return facets.c.doubt if _by_doubt(order) else facets.c.first_seen


def _beyond(order: Order, after: str) -> ColumnElement[bool]:
    """Only what comes after a row of the page before."""
    text, _, number = after.partition(":")
    try:
        case = int(number)
        value: Any = (
            literal(float(text)) if _by_doubt(order) else literal(moment(int(text)), Moment)
        )
    except (ValueError, OverflowError) as error:
        raise SettingsError(_NOWHERE) from error
    if not 0 <= case < MOST_NUMBER:
        raise SettingsError(_NOWHERE)
    here, there = tuple_(_column(order), facets.c.case), tuple_(value, literal(case))
    return here < there if _descends(order) else here > there


def _rows(connection: Connection, ids: Sequence[int], now: datetime) -> tuple[CaseRow, ...]:
    if not ids:
        return ()
    found = {row.id: row for row in connection.execute(select(cases).where(cases.c.id.in_(ids)))}
    best = _by_id(connection, matches, [row.best for row in found.values()])
    last = _by_id(connection, places, [row.last_place for row in found.values()])
    near: dict[int, int] = dict(
        connection.execute(
            select(matches.c.case, func.count())
            .where(matches.c.case.in_(ids))
            .group_by(matches.c.case)
        ).all()
    )
    held = {
        row.case: Lease(row.reviewer, row.expires)
        for row in connection.execute(
            select(leases).where(leases.c.case.in_(ids), leases.c.expires > now)
        )
    }
    made: defaultdict[int, list[DecisionRecord]] = defaultdict(list)
    for each in read_decisions(connection, ids):
        made[each.case].append(each)
    copies = copies_of(connection, ids)
    return tuple(
        CaseRow(
            id=case,
            status=found[case].status,
            best=match_of(best[found[case].best]),
            near=near[case],
            place=place_of(last[found[case].last_place]),
            copies=copies[case],
            first_seen=found[case].first_seen,
            last_seen=found[case].last_seen,
            votes=len(waiting_votes(made[case])),
            lease=held.get(case),
        )
        for case in ids
    )


def _by_id(connection: Connection, table: Any, ids: Sequence[int]) -> dict[int, Any]:
    return {row.id: row for row in connection.execute(select(table).where(table.c.id.in_(ids)))}
