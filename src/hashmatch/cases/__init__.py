"""Matches on their way to a human, and the decisions that come back.

A scan with a state keeps each match. ``read_queue`` picks those that wait for a decision, and
``write_queue`` writes them as a CSV table, without pictures or hashes. People fill in its last
columns; ``import_decisions`` checks every row and stores all of them or none. ``review_stats``
computes from the decisions how precise the matches are, with confidence intervals, and
``make_stats_writer`` writes that for people or programs.

``hashmatch review`` calls this, in its own process and thread; a scan of the same state may run at
the same time. From the next scan on, a false positive suppresses its content and entry. What fails:
a wrong table is a ``DecisionsError``, an unreadable file an ``InputError``.
"""

from hashmatch.cases.decisions import Decision, Imported, import_decisions
from hashmatch.cases.precision import Precision, Stats, review_stats, wilson
from hashmatch.cases.queue import band, read_queue, write_queue
from hashmatch.cases.summary import make_stats_writer

__all__ = [
    "Decision",
    "Imported",
    "Precision",
    "Stats",
    "band",
    "import_decisions",
    "make_stats_writer",
    "read_queue",
    "review_stats",
    "wilson",
    "write_queue",
]
