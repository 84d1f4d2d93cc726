"""Folders to outcomes: walked, examined and looked up, in an order that never varies."""

from hashmatch.examine.sandbox import make_pool
from hashmatch.scan.engine import FileResult, examine_all, scan
from hashmatch.scan.history import Counts, History
from hashmatch.scan.rematch import Replay, new_entries, rematch
from hashmatch.sources.walk import WalkCounts, WalkOptions, below, check_paths, read_paths
from hashmatch.state import State, path_of_key

__all__ = [
    "Counts",
    "FileResult",
    "History",
    "Replay",
    "State",
    "WalkCounts",
    "WalkOptions",
    "below",
    "check_paths",
    "examine_all",
    "make_pool",
    "new_entries",
    "path_of_key",
    "read_paths",
    "rematch",
    "scan",
]
