"""Decodes in processes that hold no list, may do next to nothing, and can die one at a time.

The *supervisor* (``pool.py``) is in the scanning process. It starts one *zygote* (``zygote.py``), a
fresh interpreter that loads the decoders and forks *workers* (``worker.py``) on demand. Before it
sees a file, a worker puts up three walls around itself (``walls.py``): Landlock without any rule,
no privileges, and a system call filter. It then receives open files, one at a time or a handful of
small ones (``handful.py``), and answers with hashes (``protocol.py``). Its answers are limited in
size, parsed, and checked field by field; nothing is ever unpickled.

Scans use a ``Pool`` from one thread; the threads of an upload pipeline share one through
``SharedPool``. Whatever a file does to its worker, it ends as ``timeout``, ``too_large`` or
``decoder_crash``, and the other files are not affected. ``docs/threat-model.md`` says what holds on
which system.
"""

from hashmatch.examine.sandbox.base import AnyPool
from hashmatch.examine.sandbox.jobs import Job, Reply
from hashmatch.examine.sandbox.limits import WorkerLimits
from hashmatch.examine.sandbox.pool import Pool, isolation_available
from hashmatch.examine.sandbox.protection import (
    Sandbox,
    missing_walls,
    protection_in_words,
    sandbox_notice,
)
from hashmatch.examine.sandbox.shared import SharedPool, make_unchangeable, nameless_file
from hashmatch.examine.sandbox.start import make_pool
from hashmatch.examine.sandbox.threads import ThreadPool

__all__ = [
    "AnyPool",
    "Job",
    "Pool",
    "Reply",
    "Sandbox",
    "SharedPool",
    "ThreadPool",
    "WorkerLimits",
    "isolation_available",
    "make_pool",
    "make_unchangeable",
    "missing_walls",
    "nameless_file",
    "protection_in_words",
    "sandbox_notice",
]
