"""Where files come from.

A **source** hands over **items**, one by one, in an order that never varies; an item knows its
path, how to be opened, and its **identity**, which tells whether it changed. ``source.py`` has the
three as protocols, which is all that the pipeline knows: object storage or uploads need only a
class of each.

``FolderSource`` walks a folder or takes a single file; a list of paths is one such source for each
path. It runs in the scanning process, on the thread that scans. A folder or file that cannot be
entered or opened is handed over all the same, and says why when it is opened: nothing is skipped
in silence.
"""

from hashmatch.sources.folder import FolderSource, WalkCounts, WalkOptions, walk
from hashmatch.sources.paths import below, check_paths, read_paths
from hashmatch.sources.source import Identity, Item, Source

__all__ = [
    "FolderSource",
    "Identity",
    "Item",
    "Source",
    "WalkCounts",
    "WalkOptions",
    "below",
    "check_paths",
    "read_paths",
    "walk",
]
