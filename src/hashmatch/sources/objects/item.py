"""One object as an item."""

from __future__ import annotations

from hashmatch.errors import DecodeError
from hashmatch.sources.objects.fetcher import Fetch, Fetcher
from hashmatch.sources.objects.store import ObjectInfo, Store
from hashmatch.sources.source import Identity


class ObjectItem:
    """An object, or the part of a bucket that could not be listed.

    Args:
        store: where it is.
        fetcher: reads it.
        key: its key.
        info: what a listing says of it; None to ask the store when that is needed.
        problem: why it cannot be examined, if that is known already.
        root: the prefix that it was found below; None if it was named itself.
    """

    __slots__ = ("_fetch", "_fetcher", "_info", "_key", "_problem", "_store", "root")

    name = b""
    place = None

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        key: bytes,
        info: ObjectInfo | None = None,
        *,
        problem: DecodeError | None = None,
        root: bytes | None = None,
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._key = key
        self._info = info
        self._problem = problem
        self._fetch: Fetch | None = None
        self.root = root

    @property
    def path(self) -> bytes:
        """See ``Item.path``."""
        return self._store.url + self._key

    @property
    def listed(self) -> tuple[ObjectInfo | None, DecodeError | None]:
        """What is known without asking: which object it is, or why it cannot be examined."""
        return self._info, self._problem

    def ready(self, timeout: float = 0) -> bool:
        """See ``Item.ready``."""
        if self._fetch is None:
            try:
                self._fetch = self._fetcher.begin(self._store, self._known())
            except DecodeError:
                return True  # opening it says why
            return False
        return self._fetch.wait(timeout)

    def open(self) -> int:
        """See ``Item.open``. The descriptor is of a file in memory."""
        if self._fetch is not None:
            return self._fetch.take()
        return self._fetcher.read(self._store, self._known())

    def identity(self, descriptor: int | None = None) -> Identity | None:  # noqa: ARG002 # what was read is what was asked for
        """See ``Item.identity``."""
        try:
            return self._known().identity(self._store.endpoint)
        except DecodeError:
            return None

    def hold(self) -> None:
        """See ``Item.hold``. An object can be read at any time."""

    def let_go(self) -> None:
        """See ``Item.let_go``. It gives back the memory that a fetch took."""
        if self._fetch is not None:
            self._fetch.drop()
            self._fetch = None

    def _known(self) -> ObjectInfo:
        """What is known of it; the store is asked once."""
        if self._info is None and self._problem is None:
            try:
                self._info = self._fetcher.look_now(self._store, self._key)
            except DecodeError as error:
                self._problem = error.bare()
        if self._info is None or self._problem is not None:
            assert self._problem is not None  # noqa: S101 # one of the two is set
            raise self._problem.bare()
        return self._info
