"""Hash lists: reading, checking, writing."""

from hashmatch.hashlist.lists import HashList
from hashmatch.hashlist.section import Section

__all__ = ["HashList", "Section"]
