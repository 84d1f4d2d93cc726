"""Items as shards carry them: what another machine needs to open the same file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from hashmatch.errors import DecodeError
from hashmatch.examine.reading import open_file
from hashmatch.examine.sandbox import Reply
from hashmatch.files import is_object, path_fields, path_of
from hashmatch.model import Reason
from hashmatch.sources import Identity, Item, OpenStores
from hashmatch.sources.file_item import FileItem, identity_of, open_below
from hashmatch.sources.objects.item import ObjectItem
from hashmatch.sources.objects.store import ObjectInfo


@dataclass(frozen=True, slots=True)
class ShardItem:
    """A file of a shard, or a folder that the walk could not enter."""

    path: bytes  # as the walk found it
    root: bytes | None = None  # the named folder that it is below; None if it was named itself
    base: bytes = b""  # the folder that relative paths are relative to
    # open it by its path, whatever links that has. Otherwise no link below the root is followed, so
    # that nobody can lead a node out of it
    follow: bool = False
    problem: DecodeError | None = None  # why it cannot be examined, if the walk knew
    skip: int = 0  # how many members of an archive to pass over
    count: int = 0  # how many members to examine; 0 for all the rest, and the file itself
    info: ObjectInfo | None = None  # what a listing says of it, if it is an object
    # what a node answered, about its members and then about itself, once it has
    replies: tuple[Reply, ...] = ()

    @property
    def name(self) -> bytes:
        """See ``Item.name``."""
        return b"" if self.root in (None, self.path) else os.path.basename(self.path)

    @property
    def place(self) -> None:
        """See ``Item.place``: nothing is kept open, since it can be opened at any time."""
        return

    def ready(self, timeout: float = 0) -> bool:  # noqa: ARG002 # it is on a disk
        """See ``Item.ready``."""
        return True

    def open(self) -> int:
        """See ``Item.open``."""
        if self.problem is not None:
            raise self.problem.bare()
        path = os.path.join(self.base, self.path)
        if self.root in (None, self.path) or self.follow:
            return open_file(path)
        return open_below(os.path.join(self.base, self.root or b""), path)

    def identity(self, descriptor: int | None = None) -> Identity | None:
        """See ``Item.identity``."""
        try:
            place = os.path.join(self.base, self.path) if descriptor is None else descriptor
            return identity_of(os.stat(place))
        except (OSError, ValueError):
            return None

    def hold(self) -> None:
        """See ``Item.hold``."""

    def let_go(self) -> None:
        """See ``Item.let_go``."""


def shard_item(item: Item, base: bytes, *, follow: bool, skip: int, count: int) -> ShardItem:
    """An item of a walk as a shard carries it.

    Raises ``TypeError`` if other machines cannot open items of its source.
    """
    if isinstance(item, FileItem):
        return ShardItem(item.path, item.root, base, follow, item.problem, skip, count)
    if isinstance(item, ObjectItem):
        info, problem = item.listed
        return ShardItem(item.path, item.root, base, follow, problem, skip, count, info)
    raise TypeError(f"a {type(item).__name__} cannot be sent to another machine")


def located(item: ShardItem, stores: OpenStores) -> Item:
    """An item of a shard as this machine can open it: an object has a bucket to come from.

    Raises ``InputError`` or ``MissingExtraError`` if the bucket cannot be reached.
    """
    if item.problem is not None or not is_object(item.path):
        return item
    store, key = stores.of(item.path)
    return ObjectItem(store, stores.fetcher, key, item.info, root=item.root)


def encode_item(item: ShardItem, roots: dict[bytes, int]) -> dict[str, Any]:
    """An item as a line of a manifest has it; what is as usual is left out."""
    fields: dict[str, Any] = path_fields(item.path)
    if item.root is not None:
        fields["root"] = roots[item.root]
    if item.problem is not None:
        fields["problem"] = [item.problem.reason, item.problem.message]
    if item.skip or item.count:
        fields["members"] = [item.skip, item.count]
    if item.info is not None:
        fields["object"] = item.info[1:]
    return fields


def decode_item(
    fields: dict[str, Any], roots: list[bytes], base: bytes, *, follow: bool
) -> ShardItem:
    """Read an item of a manifest, or raise ``LookupError``, ``TypeError`` or ``ValueError``."""
    path, number, problem = path_of(fields), fields.get("root"), fields.get("problem")
    root = None if number is None else roots[_whole(number)]
    below = root if root is None or is_object(root) else os.path.join(root, b"")
    if below is not None and path != root and not path.startswith(below):
        raise ValueError
    if problem is not None:
        reason, message = problem
        problem = DecodeError(Reason(reason), str(message))
    skip, count = map(_whole, fields.get("members", (0, 0)))
    info = fields.get("object")
    if info is not None:
        size, etag, modified, version = info
        key = path.split(b"/", 3)[3]
        info = ObjectInfo(key, _whole(size), str(etag), str(modified), str(version))
    return ShardItem(path, root, base, follow, problem, skip, count, info)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value
