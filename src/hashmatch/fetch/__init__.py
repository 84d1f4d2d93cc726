"""Fetches hash lists from the bodies that publish them.

``hashmatch list fetch`` calls ``fetch`` once per source, in its own process, under a lock per
source. In go a source's settings (``settings``), its secrets (``secret``) and what is kept of
earlier fetches (``home``); out comes a compiled list, swapped in atomically.

A body's API is a ``Dialect``: how to ask for a page, how to read what comes back, where the
checkpoint is (``bodies``, ``files``). ``progress`` is a pure state machine: it says which page is
next, and refuses a page that does not fit. ``engine`` does the I/O: it asks through ``http`` or
runs a command, stages each page on disk (``staging``), and makes the new list once all are there
(``applying``).

Any fault raises ``FetchError`` or ``HashListError``, names the page, and leaves the old list. A
killed fetch continues with the page that it lacks.
"""

from hashmatch.fetch.engine import Fetched, Tools, fetch
from hashmatch.fetch.faults import FetchError, PageError
from hashmatch.fetch.settings import FetchSource, read_sources
from hashmatch.fetch.status import SourceStatus, status_of

__all__ = [
    "FetchError",
    "FetchSource",
    "Fetched",
    "PageError",
    "SourceStatus",
    "Tools",
    "fetch",
    "read_sources",
    "status_of",
]
