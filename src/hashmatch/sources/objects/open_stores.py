"""From the path of an object to the store that holds it."""

from __future__ import annotations

from hashmatch.errors import InputError, SettingsError
from hashmatch.files import Closing
from hashmatch.sources.objects.fetcher import Fetcher
from hashmatch.sources.objects.item import ObjectItem
from hashmatch.sources.objects.plugged import PluggedStore
from hashmatch.sources.objects.s3 import S3Store
from hashmatch.sources.objects.s3_connection import S3Connection, S3Options
from hashmatch.sources.objects.store import Store
from hashmatch.text import printable


class OpenStores(Closing):
    """Connects to each bucket once, when it is first needed."""

    def __init__(
        self, options: S3Options = S3Options(), most_bytes: int = 1 << 30
    ) -> None:  # frozen
        self._options = options
        self._most_bytes = most_bytes
        self._fetcher: Fetcher | None = None
        self._s3: S3Connection | None = None
        self._stores: dict[bytes, Store] = {}

    @property
    def fetcher(self) -> Fetcher:
        """Reads the objects of all of them; raises ``SettingsError`` if this system cannot."""
        if self._fetcher is None:
            self._fetcher = Fetcher(self._most_bytes)
        return self._fetcher

    def of(self, path: bytes) -> tuple[Store, bytes]:
        """Return the store of a path, such as ``s3://bucket/key``, and the rest of the path.

        Raises:
            InputError: it names no bucket.
            MissingExtraError: a package is needed to reach it.
        """
        scheme, _, rest = path.partition(b"://")
        bucket, _, key = rest.partition(b"/")
        url = scheme + b"://" + bucket + b"/"
        if url not in self._stores:
            if not bucket or not bucket.isascii():
                raise InputError("it names no bucket", path=printable(path))
            self._stores[url] = self._open(scheme.decode(), bucket.decode("ascii"))
        return self._stores[url], key

    def s3(self, path: bytes) -> tuple[S3Store, bytes]:
        """The same for S3, whose stores can also copy; raises ``SettingsError`` for others."""
        store, key = self.of(path)
        if not isinstance(store, S3Store):
            raise SettingsError("only S3 copies objects by itself", path=printable(path))
        return store, key

    def item(self, path: bytes) -> ObjectItem:
        """Return the object at a path as an item. The store is asked once that is needed."""
        store, key = self.of(path)
        return ObjectItem(store, self.fetcher, key)

    def close(self) -> None:
        """Read no more."""
        if self._fetcher is not None:
            self._fetcher.close()

    def _open(self, scheme: str, bucket: str) -> Store:
        if scheme != "s3":
            return PluggedStore(scheme, bucket)
        if self._s3 is None:
            self._s3 = S3Connection(self._options)
        return S3Store(self._s3, bucket)
