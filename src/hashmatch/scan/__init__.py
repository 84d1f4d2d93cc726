"""Folders to outcomes: walked, examined and looked up, in an order that never varies."""

from hashmatch.scan.conveyor import MEMBER_MARK
from hashmatch.scan.engine import FileResult, examine_all, scan
from hashmatch.scan.rematch import Replay, new_entries, rematch
from hashmatch.scan.state import Counts, Memory, State, path_of_key
from hashmatch.scan.walk import WalkCounts, WalkOptions, below, check_paths, read_paths
from hashmatch.workers import make_pool

__all__ = [
    "MEMBER_MARK",
    "Counts",
    "FileResult",
    "Memory",
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
