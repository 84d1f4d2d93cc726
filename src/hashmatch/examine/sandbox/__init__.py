"""Decoding in processes that hold no list, may do next to nothing, and can be lost one by one.

The *supervisor* (``pool.py``) is in the scanning process. It starts one *zygote* (``zygote.py``), a
fresh interpreter that loads the decoders, gives up every right it can, and then forks *workers*
(``worker.py``) on demand. A worker is handed open files, one by one, and answers with hashes
(``protocol.py``). What it answers is parsed and checked, never unpickled.
"""

from hashmatch.examine.sandbox.jobs import Job, Reply
from hashmatch.examine.sandbox.pool import Pool, WorkerLimits, isolation_available
from hashmatch.examine.sandbox.shared import SharedPool, nameless_file
from hashmatch.examine.sandbox.start import AnyPool, make_pool
from hashmatch.examine.sandbox.threads import ThreadPool

__all__ = [
    "AnyPool",
    "Job",
    "Pool",
    "Reply",
    "SharedPool",
    "ThreadPool",
    "WorkerLimits",
    "isolation_available",
    "make_pool",
    "nameless_file",
]
