"""Makes decisions: each is numbered, chained in the audit trail, and then committed.

The number comes from a counter whose row stays locked until the transaction ends, so decisions are
made one after another, on any number of machines, and their numbers have no gap. A trail may have
one decision more than the store: a process that was killed between the two had confirmed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, func, insert, select, update

from hashmatch.cases.queueing import check_free, release
from hashmatch.cases.reading import check_number, read_decisions, waiting_votes
from hashmatch.cases.recording import as_text, settle
from hashmatch.cases.schema import cases, decisions, matches, meta
from hashmatch.cases.values import Decision, DecisionRecord
from hashmatch.errors import CaseError

UNDO_WITHIN = timedelta(minutes=1)

UNDO = "undo"

Chain: TypeAlias = Callable[[dict[str, Any]], None]
"""Adds an event to an audit trail, and returns only once it is on disk.

``lambda event: log.add(event, sync=True)`` with an ``AuditLog`` is one. If it raises, nothing is
decided.
"""


def decide(
    connection: Connection,
    case: int,
    reviewer: str,
    decision: Decision,
    reason: str | None,
    *,
    second: bool,
    through: int | None,
    last: int | None,
    now: datetime,
) -> tuple[DecisionRecord, str]:
    """Decide all matches of a case that the reviewer saw; see ``Cases.decide``."""
    number = _next_number(connection)
    highest = _lock(connection, case)
    check_free(connection, case, reviewer, now)
    known = read_decisions(connection, [case])
    if last is not None and known and known[-1].id > last:
        raise CaseError(f"case {case} was decided meanwhile: look at it again")
    through = highest if through is None else min(through, highest)
    settles = True
    if second:
        votes = waiting_votes(known)
        votes.pop(reviewer, None)
        agreeing = [vote for vote in votes.values() if vote.decision == decision]
        settles = bool(agreeing) or len(votes) > 1
        # A second reviewer cannot settle what the first one never saw
        through = min([through, *(vote.through or 0 for vote in agreeing)])
    made = DecisionRecord(
        id=number,
        case=case,
        through=through,
        decision=decision,
        reviewer=reviewer,
        reason=None if reason is None else as_text(reason),
        at=now.replace(microsecond=0),  # as a table of decisions has it
        recorded=now,
        settles=settles,
    )
    connection.execute(insert(decisions).values(asdict(made)))
    status = settle(connection, case)
    release(connection, reviewer, case=case)
    return made, status


def undo(
    connection: Connection, decision: int, reviewer: str, now: datetime
) -> tuple[DecisionRecord, str]:
    """Take back a decision; see ``Cases.undo``."""
    number = _next_number(connection)
    case = connection.execute(
        select(decisions.c.case).where(decisions.c.id == decision)
    ).scalar_one_or_none()
    if case is None:
        raise CaseError(f"there is no decision {decision}")
    _lock(connection, case)
    last = read_decisions(connection, [case])[-1]
    if last.id != decision or last.undoes is not None:
        raise CaseError(f"decision {decision} is not the last one about case {case}")
    if last.reviewer != as_text(reviewer):
        raise CaseError(f"decision {decision} is not yours to undo")
    if now - last.recorded > UNDO_WITHIN:
        raise CaseError(f"decision {decision} is more than a minute old: decide the case again")
    made = DecisionRecord(
        id=number,
        case=case,
        decision=UNDO,
        reviewer=last.reviewer,
        at=now,
        recorded=now,
        settles=False,
        undoes=decision,
    )
    connection.execute(insert(decisions).values(asdict(made)))
    return made, settle(connection, case)


class MatchDecision(NamedTuple):
    """A decision about one match, from a table."""

    match: int
    decision: Decision
    by: str
    at: datetime  # when, in UTC
    note: str | None


def decide_matches(
    connection: Connection, rows: Sequence[MatchDecision], now: datetime
) -> list[DecisionRecord]:
    """Store decisions about single matches, and return those that were not known already."""
    number = _next_number(connection) - 1
    owners = dict(connection.execute(select(matches.c.id, matches.c.case)).all())
    known: dict[tuple[int, str, str, datetime], list[DecisionRecord]] = {}
    stored = read_decisions(connection)
    undone = {old.undoes for old in stored}
    for old in (each for each in stored if each.id not in undone):
        known.setdefault((old.case, old.decision, old.reviewer, old.at), []).append(old)
    made = []
    for row in rows:
        reviewer = as_text(row.by)
        equal = known.get((owners[row.match], row.decision, reviewer, row.at), ())
        if any(row.match in (old.match, min(row.match, old.through or 0)) for old in equal):
            continue
        number += 1
        made.append(
            DecisionRecord(
                id=number,
                case=owners[row.match],
                match=row.match,
                decision=row.decision,
                reviewer=reviewer,
                reason=None if row.note is None else as_text(row.note),
                at=row.at,
                recorded=now,
                settles=True,
            )
        )
    if made:
        connection.execute(insert(decisions), [asdict(each) for each in made])
    _set_number(connection, number)
    for case in sorted({each.case for each in made}):
        _lock(connection, case)
        settle(connection, case)
    return made


def trail_event(store: str, made: DecisionRecord) -> dict[str, Any]:
    """A decision as the audit trail has it: all of it, so that no field can change unnoticed."""
    fields = asdict(made) | {"at": made.at.isoformat(), "recorded": made.recorded.isoformat()}
    return {"type": "decision", "cases": store, **fields}


def _next_number(connection: Connection) -> int:
    """The next decision's number. Nobody else gets one before this transaction ends."""
    here = meta.c.name == "decisions"
    connection.execute(update(meta).where(here).values(value=meta.c.value))  # takes the lock
    number = int(connection.execute(select(meta.c.value).where(here)).scalar_one()) + 1
    _set_number(connection, number)
    return number


def _set_number(connection: Connection, number: int) -> None:
    connection.execute(update(meta).where(meta.c.name == "decisions").values(value=str(number)))


def _lock(connection: Connection, case: int) -> int:
    """Keep doors from adding to a case for now, and return the number of its last match.

    Raises ``CaseError`` if there is no such case.
    """
    check_number(case)
    found = connection.execute(
        select(cases.c.id).where(cases.c.id == case).with_for_update()
    ).scalar_one_or_none()
    if found is None:
        raise CaseError(f"no case has the number {case}")
    return int(
        connection.execute(
            select(func.max(matches.c.id)).where(matches.c.case == case)
        ).scalar_one()
    )
