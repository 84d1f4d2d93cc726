"""Matches on their way to a human, and the decisions that come back.

Every door writes what it finds near an entry into one ``Cases`` store: equal content is one case,
however many copies there are. The store is a SQLite file, or a PostgreSQL database that several
machines share. A command or service opens it by ``Cases(place, chain=..., clock=...)``; any thread
may call it, each call is one transaction, and what it wrote is on disk when it returns.

* Doors call ``record(findings)``, and ``rejected(contents)`` to learn of false positives.
* Reviewers, through the page or the command line, call ``queue(filters, order, after=...)`` for a
  page of the queue, ``lease(reviewer)`` for the next case that nobody else has, ``get(case)``,
  ``decide(case, reviewer, decision, reason, second=..., through=..., last=...)``,
  ``undo(decision, reviewer)``, ``release``, ``note``, ``viewed``, ``choices``, ``viewed_since`` and
  ``decided_since``; ``events_of(case)`` is its history.
* ``chain`` adds each decision and viewing to the audit trail before it is committed.

What fails: a ``CaseError`` (not there, with someone else, decided meanwhile), an ``OutputError``
(the database or the trail; nothing was changed), a ``DecisionsError`` (a wrong table).
"""

from hashmatch.cases.deciding import UNDO_WITHIN, Chain
from hashmatch.cases.decisions import Imported, import_decisions
from hashmatch.cases.doubt import band
from hashmatch.cases.precision import Precision, Stats, review_stats, wilson
from hashmatch.cases.queueing import Filters, Order, QueuePage
from hashmatch.cases.reading import events_of
from hashmatch.cases.store import LEASE, Cases
from hashmatch.cases.summary import write_stats_json, write_stats_table
from hashmatch.cases.table import read_queue, write_queue
from hashmatch.cases.trail_check import TrailCheck, check_trail
from hashmatch.cases.values import (
    OPEN,
    Case,
    CaseMatch,
    CaseRow,
    Decided,
    Decision,
    DecisionRecord,
    Event,
    Finding,
    Lease,
    Note,
    Place,
    SeenPlace,
    Viewing,
)

__all__ = [
    "LEASE",
    "OPEN",
    "UNDO_WITHIN",
    "Case",
    "CaseMatch",
    "CaseRow",
    "Cases",
    "Chain",
    "Decided",
    "Decision",
    "DecisionRecord",
    "Event",
    "Filters",
    "Finding",
    "Imported",
    "Lease",
    "Note",
    "Order",
    "Place",
    "Precision",
    "QueuePage",
    "SeenPlace",
    "Stats",
    "TrailCheck",
    "Viewing",
    "band",
    "check_trail",
    "events_of",
    "import_decisions",
    "read_queue",
    "review_stats",
    "wilson",
    "write_queue",
    "write_stats_json",
    "write_stats_table",
]
