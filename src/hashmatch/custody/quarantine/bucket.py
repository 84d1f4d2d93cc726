"""A quarantine in object storage, for matched objects.

Each object has a prefix of its own there, named by a number that follows from the object and its
version. Below it are written, in this order: ``moving.json``, everything known of the object;
``object``, a copy whose bytes are compared with those examined; ``held.json``; and, if the original
is to be removed, ``removed.json`` once that version of it is deleted. ``restored.json`` follows if
``held_objects`` copies it back. Nothing is ever overwritten. So an interrupted move needs no
repair: while the original is there, the next scan finds it and goes on with the missing step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from hashmatch.custody.journal import who
from hashmatch.errors import DecodeError, QuarantineError, SettingsError
from hashmatch.files import path_fields
from hashmatch.model import Reason
from hashmatch.text import printable


class Bucket(Protocol):
    """A bucket that can be written. Its methods raise ``DecodeError`` with the reason.

    It describes its objects by ``ObjectInfo`` of ``hashmatch.sources``, which this package must not
    import.
    """

    @property
    def url(self) -> bytes:
        """Such as ``s3://bucket/``."""

    @property
    def endpoint(self) -> str:
        """Tells it from a bucket of the same name elsewhere."""

    def look(self, key: bytes) -> Any:
        """Return the object with this key."""

    def taken(self, key: bytes) -> bool:
        """Whether there is an object with this key."""

    def listed(self, prefix: bytes) -> Iterator[Any]:
        """Yield the objects whose keys begin with a prefix."""

    def load(self, found: Any) -> bytes:
        """Read an object."""

    def sha256(self, found: Any) -> str:
        """Read an object, and return its digest as hex."""

    def write(self, key: bytes, data: bytes) -> None:
        """Write an object, unless the key is taken."""

    def copy(self, source: Any, found: Any, key: bytes) -> None:
        """Copy this version of an object of another bucket here, unless the key is taken."""

    def remove(self, found: Any) -> None:
        """Delete this version of an object, and no other."""


class HeldObject(NamedTuple):
    """An object in quarantine."""

    id: int
    removed: bool


class BucketQuarantine:
    """A quarantine that copies matched objects to a prefix of a bucket, which ends in a slash.

    With ``remove_source``, it deletes the version that matched, once its copy is verified.

    Raises:
        SettingsError: the prefix does not end in a slash.
    """

    def __init__(self, bucket: Bucket, prefix: bytes, *, remove_source: bool) -> None:
        if prefix and not prefix.endswith(b"/"):
            raise SettingsError("the prefix of a quarantine ends with /, such as s3://bucket/held/")
        self.bucket = bucket
        self.prefix = prefix
        self._remove_source = remove_source

    def hold(
        self, source: Bucket, key: bytes, *, sha256: str, matches: Sequence[Mapping[str, Any]]
    ) -> HeldObject:
        """Copy an object here, and remove the original if this quarantine does so.

        ``sha256`` is the digest, as hex, of the bytes that were examined; ``matches`` is what they
        matched, for ``moving.json``.

        Raises:
            QuarantineError: the object has changed or is gone, or a step failed. It is where it
                was, and perhaps here, too.
        """
        path, done = source.url + key, "it was not moved"
        if path.startswith(self.bucket.url + self.prefix) and (
            source.endpoint == self.bucket.endpoint
        ):
            raise QuarantineError("it is already in this quarantine", path=printable(path))
        try:
            found = source.look(key)
            number = _number(source.endpoint, path, found)
            place = self.prefix + b"%012x/" % number
            write_event(
                self.bucket, place + b"moving.json", _event(number, path, found, sha256, matches)
            )
            copy_checked(source, found, self.bucket, place + b"object", sha256)
            write_event(self.bucket, place + b"held.json", {"id": number})
            if self._remove_source:
                done = "it was copied and not removed"
                source.remove(found)
                done = "it was moved, and removed.json was not written"
                write_event(self.bucket, place + b"removed.json", {"id": number})
        except DecodeError as error:
            raise QuarantineError(f"{done}: {error.message}", path=printable(path)) from error
        return HeldObject(number, self._remove_source)


def copy_checked(source: Bucket, found: Any, target: Bucket, key: bytes, sha256: str) -> None:
    """Copy an object and compare the copy with what was examined, unless a whole copy is there.

    Nothing is overwritten, and a wrong copy does not stay. Raises ``DecodeError`` if it cannot be
    copied, is not what was examined, or another object has the key.
    """
    made = not target.taken(key)
    if made:
        try:
            target.copy(source, found, key)
        except DecodeError:
            if not target.taken(key):
                raise
            made = False  # by another, or by a request of ours whose answer was lost
    copy = target.look(key)
    if target.sha256(copy) == sha256:
        return
    if not made:
        raise DecodeError(Reason.CHANGED, "something else is there already")
    with suppress(DecodeError):  # it may be locked
        target.remove(copy)
    raise DecodeError(Reason.CHANGED, "it was changed or replaced since it was examined")


def write_event(bucket: Bucket, key: bytes, event: Mapping[str, Any]) -> None:
    """Record what happened to an object, when and by whom, unless the key is taken.

    Raises ``DecodeError`` if it cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({**event, "time": now, "by": who()}, indent=1)
    bucket.write(key, line.encode())


def _number(endpoint: str, path: bytes, found: Any) -> int:
    text = repr((endpoint, path, found.size, found.etag, found.modified, found.version))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def _event(
    number: int,
    path: bytes,
    found: Any,
    sha256: str,
    matches: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    return {
        "id": number,
        **path_fields(path),
        "version": found.version,
        "etag": found.etag,
        "modified": found.modified,
        "size": found.size,
        "sha256": sha256,
        "matches": [dict(match) for match in matches],
    }
