"""The manifest: every step of every move, recorded before it is taken.

It is a journal (``hashmatch.custody.journal``) with these events, each with the ``id`` of an item:
``moving`` (everything known about the file, before it is touched), then ``held`` or ``not_moved``;
later ``restoring``, then ``restored`` or ``not_restored``. An upload to a service has a case number
in place of a path, and is written rather than moved; its events are the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from hashmatch.custody.journal import JournalProblem, JournalReader
from hashmatch.files import path_fields, path_of


class HoldState(StrEnum):
    """What the manifest last says about a file."""

    MOVING = "moving"
    HELD = "held"
    NOT_MOVED = "not_moved"
    RESTORING = "restoring"
    RESTORED = "restored"


_NEXT = {
    "held": (HoldState.MOVING, HoldState.HELD),
    "not_moved": (HoldState.MOVING, HoldState.NOT_MOVED),
    "restoring": (HoldState.HELD, HoldState.RESTORING),
    "restored": (HoldState.RESTORING, HoldState.RESTORED),
    "not_restored": (HoldState.RESTORING, HoldState.HELD),
}
"""The state before each event, and the state after it."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file in quarantine, or on its way there or back; an "item" to the operator.

    Attributes:
        id: its number in this quarantine, from 1.
        time: when it was moved; UTC, ISO 8601.
        state: what the manifest last says about it.
        path: where it came from; absolute, without symbolic links. None for an upload.
        sha256: the SHA-256 of its bytes as they are stored, as hex; never shown by ``repr``.
        size: in bytes.
        mode: its permissions.
        uid: the number of its owner.
        gid: the number of its group.
        atime_ns: when it was last read, in nanoseconds.
        mtime_ns: when it was last changed, in nanoseconds.
        device: the number of its file system.
        inode: its number in that file system.
        passing_name: its temporary name beside its place, if a move must copy it.
        matches: what it matched, as in the records of a scan.
        destination: where it is restored to.
        why: why it was not moved, or not restored.
        case: the case number of an upload.
        encrypted: it is an upload that was encrypted before it was stored.
    """

    id: int
    time: str
    state: HoldState
    path: bytes | None
    sha256: str = field(repr=False)
    size: int
    mode: int
    uid: int
    gid: int
    atime_ns: int
    mtime_ns: int
    device: int
    inode: int
    passing_name: str
    matches: tuple[Mapping[str, Any], ...] = ()
    destination: bytes | None = None
    why: str | None = None
    case: str | None = None
    encrypted: bool = False

    @property
    def name(self) -> bytes:
        """What to call it: where it was restored to or came from, or its case number."""
        return self.destination or self.path or f"upload {self.case}".encode()

    @property
    def stored_name(self) -> bytes:
        """Its name in the quarantine: its SHA-256 and id, since two files may be equal."""
        return f"{self.sha256}.{self.id}".encode("ascii")

    @property
    def part_name(self) -> bytes:
        """Its name in the quarantine while it is being copied."""
        return self.stored_name + b".part"

    @property
    def passing(self) -> bytes:
        """``passing_name`` as bytes."""
        return self.passing_name.encode("ascii")

    def event(self) -> dict[str, Any]:
        """Make the event that begins its move."""
        return {
            "type": "moving",
            "id": self.id,
            **self._origin(),
            **{name: getattr(self, name) for name in _FIELDS},
            "matches": [dict(match) for match in self.matches],
        }

    def _origin(self) -> dict[str, Any]:
        if self.path is not None:
            return path_fields(self.path)
        return {"upload": {"case": self.case, "encrypted": self.encrypted}}


_FIELDS = (
    *("sha256", "size", "mode", "uid", "gid", "atime_ns", "mtime_ns", "device", "inode"),
    "passing_name",
)


@dataclass(slots=True)
class Manifest:
    """The contents of a manifest."""

    items: dict[int, HeldFile] = field(default_factory=dict)  # every file, by id
    problems: list[JournalProblem] = field(default_factory=list)  # signs of tampering
    torn: list[JournalProblem] = field(default_factory=list)  # lines that a crash tore

    def take(self, event: Mapping[str, Any], time: str) -> None:
        """Apply one event.

        Raises ``ValueError``, ``KeyError`` or ``TypeError`` if it is invalid or contradicts others.
        """
        kind = event["type"]
        if kind == "torn":
            return
        number = int(event["id"])
        if kind == "moving":
            if number in self.items:
                raise ValueError("an id comes twice")
            self.items[number] = _item(event, time)
            return
        before, after = _NEXT[kind]
        item = self.items[number]
        if item.state is not before:
            raise ValueError("an event contradicts the one before")
        destination = path_of(event) if kind == "restoring" else item.destination
        self.items[number] = replace(
            item, state=after, destination=destination, why=event.get("why")
        )


def read_manifest(path: bytes) -> Manifest:
    """Read a manifest, even one with problems, or raise ``InputError``."""
    manifest = Manifest()
    journal = JournalReader(os.fsdecode(path))
    for record in journal:
        try:
            manifest.take(record["event"], record["time"])
        except (KeyError, TypeError, ValueError):
            journal.problem("contradicts the events before it")
    manifest.problems, manifest.torn = journal.problems, journal.torn
    return manifest


def _item(event: Mapping[str, Any], time: str) -> HeldFile:
    upload = event.get("upload")
    item = HeldFile(
        id=event["id"],
        time=time,
        state=HoldState.MOVING,
        path=path_of(event) if upload is None else None,
        case=None if upload is None else str(upload["case"]),
        encrypted=upload is not None and bool(upload["encrypted"]),
        matches=tuple(map(dict, event["matches"])),
        **{name: event[name] for name in _FIELDS},
    )
    datetime.fromisoformat(time)  # or it could not be shown
    # These become names of files, which must stay within their folders
    if not item.sha256.isalnum() or "/" in item.passing_name:
        raise ValueError("a name leads out of its folder")
    return item
