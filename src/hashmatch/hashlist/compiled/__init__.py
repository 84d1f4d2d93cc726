"""Compiled list files, which open at once because their arrays are mapped from the file.

::

    offset 0   magic, 8 bytes
           8   format version, uint32, little-endian as all numbers here
          12   length of the header, uint32
          16   SHA-256 of the magic, the version, the length and the header
          48   the header: JSON, UTF-8, padded with blanks up to a multiple of 64
               the arrays in the header's order, each padded with zeros up to a multiple of 64

The header has the SHA-256 of every array, padding included, in pieces of 16 MiB that are checked in
parallel, so a checksum covers every byte of the file. Checksums reveal accidents. They do not
protect against people who can write the file; a signature does, because it covers the header.
"""

from hashmatch.hashlist.compiled.compiled_reader import read_compiled
from hashmatch.hashlist.compiled.compiled_writer import save_compiled
from hashmatch.hashlist.compiled.layout import MAGIC

__all__ = ["MAGIC", "read_compiled", "save_compiled"]
