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

from hashmatch.cases.decisions import import_decisions
from hashmatch.cases.doubt import band
from hashmatch.cases.precision import Precision, review_stats, wilson
from hashmatch.cases.queueing import Filters, Order, QueuePage
from hashmatch.cases.reading import events_of
from hashmatch.cases.store import Cases
from hashmatch.cases.summary import write_stats_json, write_stats_table
from hashmatch.cases.table import read_queue, write_queue
from hashmatch.cases.trail_check import check_trail
from hashmatch.cases.values import (
    OPEN,
    Case,
    CaseMatch,
    Decided,
    Decision,
    Event,
    Finding,
    Place,
    SeenPlace,
)

__all__ = [
    "OPEN",
    "Case",
    "CaseMatch",
    "Cases",
    "Decided",
    "Decision",
    "Event",
    "Filters",
    "Finding",
    "Order",
    "Place",
    "Precision",
    "QueuePage",
    "SeenPlace",
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
