"""Archives to the files inside them: streamed, bounded, and without touching the disk."""

from hashmatch.archive.entries import Member
from hashmatch.archive.formats import HEAD_BYTES, sniff_archive
from hashmatch.archive.reader import read_archive

__all__ = ["HEAD_BYTES", "Member", "read_archive", "sniff_archive"]
