"""Read the files inside archives as a stream, within limits, without touching the disk.

The examination calls ``sniff_archive`` to recognise an archive by its first bytes, and
``read_archive`` to get its members, including those of nested archives. ``zip_reader`` and
``tar_reader`` yield the entries of one archive; ``packed`` decompresses; ``budget`` counts members
and bytes against the limits while they are unpacked. One member is in memory at a time.

All of this runs in a sandboxed worker. A member that cannot be read carries its problem; an archive
that cannot be read further raises ``DecodeError``. Formats that are recognised and not read, and
sparse files in tars, are ``unsupported_format``.
"""

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
