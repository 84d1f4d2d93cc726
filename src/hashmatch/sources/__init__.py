"""Where files come from.

A **source** yields **items**, one by one, in an order that never varies. An item knows its path,
how to open it, and its **identity**, which shows whether it changed. ``source.py`` defines the
three as protocols, and the pipeline knows nothing else: to scan something new, implement them.

``FolderSource`` walks a folder or takes a single file; a list of paths is one such source per path.
``objects/`` lists buckets. Sources run in the scanning process, on the thread that scans, which
alone asks for items; objects are read ahead by other threads. What cannot be entered, listed or
opened is still yielded, and opening it raises the reason: nothing is skipped silently.
"""

from hashmatch.sources.folder import FolderSource, WalkCounts, WalkOptions, walk
from hashmatch.sources.objects import (
    BucketSource,
    NamedObjects,
    OpenStores,
    S3Options,
    columns_of,
    read_inventory,
)
from hashmatch.sources.paths import below, check_paths, read_paths
from hashmatch.sources.source import Identity, Item, Source

__all__ = [
    "BucketSource",
    "FolderSource",
    "Identity",
    "Item",
    "NamedObjects",
    "OpenStores",
    "S3Options",
    "Source",
    "WalkCounts",
    "WalkOptions",
    "below",
    "check_paths",
    "columns_of",
    "read_inventory",
    "read_paths",
    "walk",
]
