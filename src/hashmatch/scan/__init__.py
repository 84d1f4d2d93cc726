"""Sources to results, in an order that never varies.

``scan`` and ``rematch`` are one loop (``scanning.py``) around an engine. The engine (``engine.py``)
opens items, has the sandbox examine them, and has batches of examinations screened by a matcher.
A state machine without I/O (``pipeline.py``) decides what it does next. A history (``history.py``)
spares it what a state already knows; ``Replay`` (``rematch.py``) is a history and a source in one.

The command line calls this with a matcher and a pool, and gets one ``FileResult`` for every file
and every member of an archive. A file that cannot be read or decoded is a result with a reason;
only a broken state, or a sandbox that cannot be started, is an error. All of it runs on the
caller's thread, at the pace at which the caller takes results.
"""

from hashmatch.examine.sandbox import make_pool
from hashmatch.scan.history import Counts, History
from hashmatch.scan.rematch import Replay, new_entries, rematch
from hashmatch.scan.result import FileResult
from hashmatch.scan.scanning import examine_all, scan, scan_sources
from hashmatch.sources import WalkCounts, WalkOptions, below, check_paths, read_paths
from hashmatch.state import State

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
    "read_paths",
    "rematch",
    "scan",
    "scan_sources",
]
