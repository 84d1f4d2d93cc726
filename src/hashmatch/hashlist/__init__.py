"""Hash lists: reading, checking, writing."""

from hashmatch.hashlist.compiled import save_compiled
from hashmatch.hashlist.contents import IndexTables
from hashmatch.hashlist.lists import HashList
from hashmatch.hashlist.section import Section

__all__ = ["HashList", "IndexTables", "Section", "save_compiled"]
