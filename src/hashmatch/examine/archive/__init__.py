"""Archives to the files inside them: streamed, bounded, and without touching the disk."""

from hashmatch.examine.archive.archive_reader import read_archive
from hashmatch.examine.archive.entries import Member
from hashmatch.examine.archive.formats import sniff_archive
from hashmatch.examine.archive.zip_reader import ends_in_zip, zip_behind

__all__ = [
    "Member",
    "ends_in_zip",
    "read_archive",
    "sniff_archive",
    "zip_behind",
]
