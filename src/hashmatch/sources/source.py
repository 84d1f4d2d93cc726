"""What a source is, and what its items are."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple, Protocol, Self

_LEAST, _MOST = -(2**63), 2**63 - 1
"""What SQLite can hold."""


class Identity(NamedTuple):
    """Shows whether an item changed. The state stores it and compares all of it.

    Attributes:
        size: in bytes.
        mark: everything else that identifies the item and its version, in the source's own terms.
        changed: when it last changed, in nanoseconds since 1970, if another change within the same
            clock tick could leave size and mark the same; else None.
    """

    size: int
    mark: str
    changed: int | None

    @classmethod
    def bounded(cls, size: int, mark: str, changed: int) -> Self:
        """An identity whose numbers a state can store.

        Files may be of any year, and a bucket may name any size. The mark still tells them apart.
        """
        return cls(max(_LEAST, min(size, _MOST)), mark, max(_LEAST, min(changed, _MOST)))


class Item(Protocol):
    """One file as its source names it, or a folder that the source could not enter."""

    @property
    def path(self) -> bytes:
        """Its path, for people and for the state: any bytes except NUL."""

    @property
    def name(self) -> bytes:
        """The last part of the path, if the source found it in a folder; else empty."""

    @property
    def root(self) -> bytes | None:
        """The root that it was found below; None if it was named itself."""

    def ready(self, timeout: float = 0) -> bool:
        """Return whether ``open`` answers at once, after waiting at most so many seconds.

        The first call begins whatever takes long; then ``let_go`` must follow, opened or not.
        """

    def open(self) -> int:
        """Open it for reading, and return a file descriptor, or raise ``DecodeError``."""

    def identity(self, descriptor: int | None = None) -> Identity | None:
        """Return its identity: of the open file if a descriptor is given, else without opening it.

        None if it cannot be determined.
        """

    @property
    def place(self) -> Hashable:
        """What ``hold`` keeps open, and several items may share; None if it keeps nothing open."""

    def hold(self) -> None:
        """Keep what is needed to open it once the source has moved on, until ``let_go``."""

    def let_go(self) -> None:
        """Stop holding it."""


class Source(Protocol):
    """Yields items.

    Iterate over it once. Unless you hold an item, you can open it only until you ask for the next
    one, or later if it was not ready.
    """

    @property
    def root(self) -> bytes:
        """What the paths of all its items begin with."""

    @property
    def ordered(self) -> bool:
        """Whether items come in an order that a state can follow.

        That is the order of the paths' bytes for objects; for files, that of their names' bytes.
        """

    def __iter__(self) -> Iterator[Item]:
        """Yield the items, one by one."""

    def is_gone(self, path: bytes) -> bool:
        """Return whether nothing is at a path that came before the last item, or did not come."""
