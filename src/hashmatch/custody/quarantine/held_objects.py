"""Lists and checks what a quarantine in a bucket holds, and copies objects back.

``bucket`` writes what this reads. A restore copies the object to where it came from, compares the
copy, and then writes ``restored.json``. The quarantine keeps its own copy. A restore that was
interrupted is finished by the next.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from hashmatch.custody.quarantine.bucket import Bucket, copy_checked, write_event
from hashmatch.custody.quarantine.manifest import HeldFile, HoldState
from hashmatch.custody.quarantine.settle import Where
from hashmatch.custody.quarantine.verify import HeldFileCheck
from hashmatch.errors import DecodeError, InputError, QuarantineError
from hashmatch.files import path_of
from hashmatch.text import printable

_STATES = {
    "restored.json": HoldState.RESTORED,
    "removed.json": HoldState.HELD,
    "held.json": HoldState.HELD,
    "moving.json": HoldState.MOVING,
}

_NO_FILE: dict[str, Any] = dict.fromkeys(
    ("mode", "uid", "gid", "atime_ns", "mtime_ns", "device", "inode"), 0
) | {"passing_name": ""}


class _HeldObject(NamedTuple):
    """An object in quarantine, and what the bucket has of it, by name, such as ``held.json``."""

    item: HeldFile
    names: Mapping[str, Any]


class HeldObjects:
    """Reads a quarantine that ``BucketQuarantine`` writes.

    A path is ``in`` it if its original was removed and not restored, when that was first asked for.
    """

    def __init__(self, bucket: Bucket, prefix: bytes) -> None:
        self._bucket = bucket
        self._prefix = prefix

    def items(self) -> list[HeldFile]:
        """Return every object of the quarantine, in the order in which they came.

        Raises ``InputError`` if it cannot be read, or has something that no scan writes.
        """
        return [each.item for each in self._read()]

    def __contains__(self, path: object) -> bool:
        return path in self._removed

    @cached_property
    def _removed(self) -> frozenset[bytes]:
        found = (each for each in self._read() if each.item.state is HoldState.HELD)
        return frozenset(each.item.path or b"" for each in found if "removed.json" in each.names)

    def verify(self) -> list[HeldFileCheck]:
        """Read every copy, and compare it with what was examined. Raises as ``items`` does."""
        return [
            self._check(each) for each in self._read() if each.item.state is not HoldState.RESTORED
        ]

    def restore(self, number: int, bucket_of: Callable[[bytes], tuple[Bucket, bytes]]) -> bytes:
        """Copy an object back to where it came from, unless something is there; return its path.

        Raises ``QuarantineError`` if it is not here or cannot be copied, and what ``items`` raises.
        """
        found = next((each for each in self._read() if each.item.id == number), None)
        if found is None or found.item.state is not HoldState.HELD or found.item.path is None:
            raise QuarantineError("it is not in the quarantine")
        path, sha256 = found.item.path, found.item.sha256
        bucket, key = bucket_of(path)
        checked = self._check(found)
        if checked.problem is not None:
            raise QuarantineError(checked.problem, path=printable(path))
        try:
            copy_checked(self._bucket, found.names["object"], bucket, key, sha256)
            place = self._prefix + b"%012x/restored.json" % number
            write_event(self._bucket, place, {"id": number})
        except DecodeError as error:
            raise QuarantineError(error.message, path=printable(path)) from error
        return path

    def _read(self) -> list[_HeldObject]:
        places: defaultdict[bytes, dict[str, Any]] = defaultdict(dict)
        url = self._bucket.url + self._prefix
        try:
            for info in self._bucket.listed(self._prefix):
                place, _, name = info.key[len(self._prefix) :].partition(b"/")
                places[place][name.decode()] = info
            found = [self._one(names) for names in places.values()]
        except DecodeError as error:
            raise InputError(f"it cannot be read: {error.message}", path=printable(url)) from error
        except (AttributeError, LookupError, TypeError, ValueError):
            raise InputError("not a quarantine of objects", path=printable(url)) from None
        return sorted(found, key=lambda each: each.item.time)

    def _one(self, names: Mapping[str, Any]) -> _HeldObject:
        said = json.loads(self._bucket.load(names["moving.json"]))
        state = next(state for name, state in _STATES.items() if name in names)
        item = HeldFile(
            id=int(said["id"]),
            time=datetime.fromisoformat(said["time"]).isoformat(),
            state=state,
            path=path_of(said),
            sha256=str(said["sha256"]),
            size=int(said["size"]),
            matches=tuple(map(dict, said["matches"])),
            **_NO_FILE,
        )
        return _HeldObject(item, names)

    def _check(self, found: _HeldObject) -> HeldFileCheck:
        item, copy = found.item, found.names.get("object")
        unfinished = item.state is HoldState.MOVING
        try:
            if copy is not None and self._bucket.sha256(copy) == item.sha256:
                return HeldFileCheck(item, Where.QUARANTINE, interrupted=unfinished)
        except DecodeError as error:
            return HeldFileCheck(item, Where.NOWHERE, error.message, unfinished)
        if unfinished:  # the original is not removed before that
            return HeldFileCheck(item, Where.ORIGINAL, interrupted=True)
        problem = "its copy is gone" if copy is None else "its copy was changed"
        return HeldFileCheck(item, Where.NOWHERE, problem)
