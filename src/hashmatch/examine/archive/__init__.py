"""Read the files inside archives as streams, within limits and without touching the disk.

``sniff_archive`` recognises an archive by its first bytes. ``zip_reader``, ``tar_reader`` and
``libarchive_reader`` yield the entries of one archive; ``packed`` decompresses; ``budget`` counts
members and bytes against the limits while they are unpacked. ``container`` calls the reader that a
file needs, and those for archives inside it. One member is in memory at a time.

All of this runs in a sandboxed worker. A member that cannot be read carries its problem; an archive
that cannot be read any further raises ``DecodeError``. Formats that are recognised but not read,
and sparse files in tars, are ``unsupported_format``.
"""

from hashmatch.examine.archive.entries import Member
from hashmatch.examine.archive.formats import sniff_archive
from hashmatch.examine.archive.zip_reader import ends_in_zip

__all__ = ["Member", "ends_in_zip", "sniff_archive"]
