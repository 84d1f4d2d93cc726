"""Hash lists: reading, checking, writing."""

from hashmatch.hashlist.compiled import save_compiled
from hashmatch.hashlist.contents import IndexTables
from hashmatch.hashlist.lists import HashList
from hashmatch.hashlist.policy import Policy
from hashmatch.hashlist.section import Section
from hashmatch.hashlist.suppressions import Suppressions, read_suppressions
from hashmatch.hashlist.updates import SectionUpdate

__all__ = [
    "HashList",
    "IndexTables",
    "Policy",
    "Section",
    "SectionUpdate",
    "Suppressions",
    "read_suppressions",
    "save_compiled",
]
