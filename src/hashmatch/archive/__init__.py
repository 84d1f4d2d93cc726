"""Archives to the files inside them: streamed, bounded, and without touching the disk."""

from hashmatch.archive.entries import Member
from hashmatch.archive.formats import sniff_archive
from hashmatch.archive.reader import NESTED, read_archive
from hashmatch.archive.zip_reader import ends_in_zip, zip_behind

__all__ = [
    "NESTED",
    "Member",
    "ends_in_zip",
    "read_archive",
    "sniff_archive",
    "zip_behind",
]
