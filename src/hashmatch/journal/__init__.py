"""Append-only files of JSON records that hold each other by their digests.

The audit trail and the quarantine's manifest are both such files.
"""

from hashmatch.journal.chain import Event, canonical
from hashmatch.journal.reader import Finding, JournalReader
from hashmatch.journal.who import who
from hashmatch.journal.writer import Journal

__all__ = ["Event", "Finding", "Journal", "JournalReader", "canonical", "who"]
