"""Folders to outcomes: walked, examined and looked up, in an order that never varies."""

from hashmatch.scan.engine import FileResult, examine_all, scan
from hashmatch.scan.walk import WalkCounts, below, check_paths

__all__ = ["FileResult", "WalkCounts", "below", "check_paths", "examine_all", "scan"]
