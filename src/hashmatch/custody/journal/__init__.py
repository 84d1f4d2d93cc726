"""Append-only files of JSON records, chained by their digests.

The audit trail and the manifest of a quarantine are both journals. ``Journal`` appends: one process
writes at a time, under a lock, and each record goes out in one write. ``JournalReader`` reads one
record after another and reports what was edited and what a crash tore. ``chain`` defines the
records and their digests. What fails is an ``OutputError`` when writing and an ``InputError`` when
reading.
"""

from hashmatch.custody.journal.chain import Event, canonical
from hashmatch.custody.journal.journal_reader import JournalProblem, JournalReader
from hashmatch.custody.journal.who import who
from hashmatch.custody.journal.writer import Journal

__all__ = ["Event", "Journal", "JournalProblem", "JournalReader", "canonical", "who"]
