"""Append-only files of JSON records that hold each other by their digests.

The audit trail and the quarantine's manifest are both such files.
"""

from hashmatch.custody.journal.chain import Event, canonical
from hashmatch.custody.journal.journal_reader import Finding, JournalReader
from hashmatch.custody.journal.who import who
from hashmatch.custody.journal.writer import Journal

__all__ = ["Event", "Finding", "Journal", "JournalReader", "canonical", "who"]
