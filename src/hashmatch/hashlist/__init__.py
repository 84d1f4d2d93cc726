"""Hash lists: reads, checks, updates, signs and writes them.

The CLI, the library and the service load lists here; ``match`` looks up in their sections. Bytes in
any known format go in, and a ``HashList`` comes out: sections of flat arrays, one per algorithm
and width. They never change, so threads share them. A ``Policy`` decides which entries may match,
``operations`` compares and merges lists, ``freshness`` and ``signing`` tell whether to trust one.
Loading fails with ``HashListError``, which has every error by line. No worker process that touches
untrusted pictures ever holds a list, and no message, repr or pickle shows a hash.
"""

from hashmatch.hashlist.compiled import save_compiled
from hashmatch.hashlist.contents import IndexTables
from hashmatch.hashlist.hash_list import HashList
from hashmatch.hashlist.policy import Policy
from hashmatch.hashlist.section import ListSection
from hashmatch.hashlist.suppressions import Suppressions, read_suppressions
from hashmatch.hashlist.updates import SectionUpdate

__all__ = [
    "HashList",
    "IndexTables",
    "ListSection",
    "Policy",
    "SectionUpdate",
    "Suppressions",
    "read_suppressions",
    "save_compiled",
]
