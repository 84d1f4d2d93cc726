"""Archives to the files inside them: streamed, bounded, and without touching the disk."""

from hashmatch.archive.entries import Member
from hashmatch.archive.formats import HEAD_BYTES, sniff_archive
from hashmatch.archive.reader import NESTED, read_archive

__all__ = ["HEAD_BYTES", "NESTED", "Member", "read_archive", "sniff_archive"]
