"""What a store of objects does, and how often it is asked again when it fails."""

from __future__ import annotations

import random
from calendar import timegm
from collections.abc import Callable, Iterator
from functools import lru_cache
from time import strptime
from typing import NamedTuple, Protocol, TypeVar

from hashmatch.errors import DecodeError
from hashmatch.sources.source import Identity

_DELAYS = (0.2, 0.8, 2.0, 5.0)
"""Seconds before each further attempt, give or take half."""

T = TypeVar("T")

Pause = Callable[[float], bool]
"""Waits so many seconds; true if nobody wants the result any more."""


class TransientError(DecodeError):
    """A store failed in a way that may pass."""


class ObjectInfo(NamedTuple):
    """What a listing says of one object."""

    key: bytes  # any bytes except NUL
    size: int  # in bytes
    # names the contents, in the store's own terms; empty if the store gives none. It is compared
    # and nothing else: it need not be a digest
    etag: str
    modified: str  # when the object was written, in UTC, such as ``2026-01-31T12:00:00``
    version: str = ""  # the id of its version, if that is known; else empty

    def identity(self, endpoint: str) -> Identity:
        """What the state compares.

        Two different objects can share size and ETag if the ETag is an MD5, so the time counts,
        too. It has whole seconds: an object that was written just before it was read is read again.
        """
        mark = f"{endpoint} {self.etag} {self.modified}"
        return Identity.bounded(self.size, mark, _nanoseconds(self.modified))


class Store(Protocol):
    """A bucket, or a container, as one client sees it. Any thread may use it.

    All methods raise ``TransientError`` where another attempt may succeed, and ``DecodeError``,
    with the reason, where it will not.
    """

    @property
    def url(self) -> bytes:
        """What the path of each of its objects begins with, such as ``s3://bucket/``."""

    @property
    def endpoint(self) -> str:
        """Tells it from a bucket of the same name elsewhere."""

    def check(self) -> None:
        """Make sure that it is there and lets us in, or raise ``InputError``."""

    def pages(
        self, prefix: bytes, after: bytes, until: bytes | None, pause: Pause
    ) -> Iterator[list[ObjectInfo]]:
        """List the objects whose keys begin with a prefix, page by page, in the keys' order.

        Args:
            prefix: what the keys begin with.
            after: keys up to this one are left out.
            until: the last key to list, whether or not there is one; None for no end.
            pause: waits between attempts.
        """

    def folders(self, prefix: bytes, after: bytes, pause: Pause) -> list[bytes]:
        """Return names of folders at which keys after this one can be cut into ranges, in order."""

    def look(self, key: bytes) -> ObjectInfo:
        """Ask for one object's size and version."""

    def read(self, info: ObjectInfo, write: Callable[[bytes], None]) -> None:
        """Read an object in pieces, and fail if it is another one than this."""


def persist(step: Callable[[], T], pause: Pause) -> T:
    """Do something until it works, or has failed too often; then raise its ``DecodeError``."""
    for delay in _DELAYS:
        try:
            return step()
        except TransientError as error:
            if pause(delay * random.uniform(0.5, 1.5)):  # noqa: S311 # so that not all come at once
                raise error.bare() from None
    return step()


@lru_cache(maxsize=1024)
def _nanoseconds(modified: str) -> int:
    try:
        return timegm(strptime(modified, "%Y-%m-%dT%H:%M:%S")) * 1_000_000_000
    except ValueError:
        return 0
