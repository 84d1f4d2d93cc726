"""A bucket, or what lies below a prefix in it, as a source; and objects named one by one."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial

from hashmatch.errors import DecodeError, SettingsError
from hashmatch.sources.folder import WalkCounts, WalkOptions, compile_patterns
from hashmatch.sources.objects.fetcher import CONNECTIONS
from hashmatch.sources.objects.item import ObjectItem
from hashmatch.sources.objects.listing import pages_ahead
from hashmatch.sources.objects.open_stores import OpenStores
from hashmatch.sources.objects.store import ObjectInfo, Store


class BucketSource:
    """The objects whose keys begin with a prefix, in the order of the keys' bytes.

    A listing that fails is an item that cannot be opened: nothing is skipped silently. The root is
    such as ``s3://bucket/prefix``; without a prefix, it is the whole bucket. The counts are updated
    on the way.

    Raises:
        SettingsError: an option is for folders only.
        InputError: there is no such bucket.
    """

    ordered = True

    def __init__(
        self, stores: OpenStores, root: bytes, counts: WalkCounts, options: WalkOptions
    ) -> None:
        if options.max_depth is not None:
            raise SettingsError("--max-depth is for folders: give object storage a longer prefix")
        self._store, self._prefix = stores.of(root)
        self.root = self._store.url + self._prefix
        self._fetcher = stores.fetcher
        self._counts = counts
        self._include = compile_patterns(options.include)
        self._exclude = compile_patterns(options.exclude)
        self._listed_to: bytes | None = b""  # None once all of it is listed

    def check(self) -> None:
        """Make sure that the bucket is there and lets us in, or raise ``InputError``."""
        self._store.check()

    def __iter__(self) -> Iterator[ObjectItem]:
        """List it; see ``Source``."""
        try:
            for page in pages_ahead(self._store, self._prefix, self._fetcher):
                for info in page:
                    if not self._leaves_out(info.key):
                        self._listed_to = info.key
                        yield ObjectItem(self._store, self._fetcher, info.key, info, root=self.root)
        except DecodeError as error:
            # Not as the name of an object: there may be one with any name
            problem = DecodeError(error.reason, f"its listing ended early: {error.message}")
            yield ObjectItem(
                self._store, self._fetcher, self._prefix, problem=problem, root=self.root
            )
        else:
            self._listed_to = None

    def is_gone(self, path: bytes) -> bool:
        """See ``Source.is_gone``. Patterns hide objects, too: then nobody knows."""
        if self._include is not None or self._exclude is not None:
            return False
        return self._listed_to is None or path[len(self._store.url) :] < self._listed_to

    def _leaves_out(self, key: bytes) -> bool:
        if self._exclude is None and self._include is None:
            return False
        name = os.fsdecode(key[len(self._prefix) :]).lstrip("/")
        out = (self._exclude is not None and self._exclude(name)) or (
            self._include is not None and not self._include(name)
        )
        self._counts.excluded += out
        return out


class NamedObjects:
    """Objects that a manifest names, in its order.

    Each comes with what an inventory says of it, or None to ask the store.
    """

    root = b""
    ordered = False

    def __init__(
        self, stores: OpenStores, named: Iterable[tuple[bytes, ObjectInfo | None]]
    ) -> None:
        self._stores = stores
        self._named = named

    def __iter__(self) -> Iterator[ObjectItem]:
        """Ask about several at a time, and yield them one by one; see ``Source``."""
        ahead: deque[tuple[Store, bytes, Future[ObjectInfo] | ObjectInfo]] = deque()
        for path, info in self._named:
            store, key = self._stores.of(path)
            found = info or self._stores.fetcher.readers.submit(
                partial(self._stores.fetcher.look_now, store, key)
            )
            ahead.append((store, key, found))
            if len(ahead) >= CONNECTIONS:
                yield self._item(*ahead.popleft())
        while ahead:
            yield self._item(*ahead.popleft())

    def is_gone(self, path: bytes) -> bool:  # noqa: ARG002 # a manifest tells of nothing else
        """See ``Source.is_gone``."""
        return False

    def _item(self, store: Store, key: bytes, found: Future[ObjectInfo] | ObjectInfo) -> ObjectItem:
        fetcher = self._stores.fetcher
        if isinstance(found, ObjectInfo):
            return ObjectItem(store, fetcher, key, found)
        error = found.exception()
        if isinstance(error, DecodeError):
            return ObjectItem(store, fetcher, key, problem=error.bare())
        return ObjectItem(store, fetcher, key, found.result())
