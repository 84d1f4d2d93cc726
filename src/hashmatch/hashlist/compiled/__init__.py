"""The compiled list file: a list that opens at once, its arrays mapped from the file.

::

    offset 0   magic, 8 bytes
           8   format version, uint32, little-endian as all numbers here
          12   length of the header, uint32
          16   SHA-256 of the magic, the version, the length and the header
          48   the header: JSON, UTF-8, padded with blanks up to a multiple of 64
               the arrays in the header's order, each padded with zeros up to a multiple of 64

The header gives the SHA-256 of every array, padding included, in pieces of 16 MiB that are checked
in parallel. So every byte of the file is under some checksum, and nothing may follow the last one.
The checksums show accidents. They are no protection from whoever can write the file; a signature
is, which covers the header's, and thereby every byte.
"""

from hashmatch.hashlist.compiled.compiled_reader import read_compiled
from hashmatch.hashlist.compiled.layout import MAGIC
from hashmatch.hashlist.compiled.writer import save_compiled

__all__ = ["MAGIC", "read_compiled", "save_compiled"]
