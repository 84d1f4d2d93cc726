"""The manifest: every step of every move, written before it is taken.

A journal (``hashmatch.custody.journal``) with these events, each about the item whose
``id`` it has: ``moving`` (all that is known of the file, before anything is touched), then
``held`` or ``not_moved``; later ``restoring``, then ``restored`` or ``not_restored``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from hashmatch.custody.journal import Finding, JournalReader
from hashmatch.files import path_fields, path_of


class State(StrEnum):
    """What the manifest last says of an item."""

    MOVING = "moving"
    HELD = "held"
    NOT_MOVED = "not_moved"
    RESTORING = "restoring"
    RESTORED = "restored"


_NEXT = {
    "held": (State.MOVING, State.HELD),
    "not_moved": (State.MOVING, State.NOT_MOVED),
    "restoring": (State.HELD, State.RESTORING),
    "restored": (State.RESTORING, State.RESTORED),
    "not_restored": (State.RESTORING, State.HELD),
}
"""From which state to which each event leads."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file in quarantine, or on its way there or back.

    Attributes:
        id: counts the quarantine's items from 1.
        time: when it was moved; UTC, ISO 8601.
        state: what the manifest last says of it.
        path: where it came from: absolute, without symbolic links.
        sha256: of its bytes, as hex; never shown by ``repr``.
        size: in bytes.
        mode: its permissions.
        uid: its owner's number.
        gid: its group's number.
        atime_ns: when it was last read, in nanoseconds.
        mtime_ns: when it was last changed, in nanoseconds.
        device: the number of its file system.
        inode: its number there.
        passing_name: what it is called for a moment beside its place, where a move must copy.
        matches: what it matched, as in the records of a scan.
        destination: where it is restored to.
        why: why it was not moved, or not restored.
    """

    id: int
    time: str
    state: State
    path: bytes
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

    @property
    def stored_name(self) -> bytes:
        """Its name in the quarantine: its SHA-256, and its id, as equal files are still two."""
        return f"{self.sha256}.{self.id}".encode("ascii")

    @property
    def part_name(self) -> bytes:
        """Its name in the quarantine while it is copied."""
        return self.stored_name + b".part"

    @property
    def passing(self) -> bytes:
        """``passing_name`` as the system takes it."""
        return self.passing_name.encode("ascii")

    def event(self) -> dict[str, Any]:
        """The event that begins its move."""
        return {
            "type": "moving",
            "id": self.id,
            **path_fields(self.path),
            **{name: getattr(self, name) for name in _FIELDS},
            "matches": [dict(match) for match in self.matches],
        }


_FIELDS = (
    *("sha256", "size", "mode", "uid", "gid", "atime_ns", "mtime_ns", "device", "inode"),
    "passing_name",
)


@dataclass(slots=True)
class Manifest:
    """What a manifest says.

    Attributes:
        items: by id.
        problems: signs that it was tampered with.
        torn: lines that a crash tore.
    """

    items: dict[int, Item] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)
    torn: list[Finding] = field(default_factory=list)

    def take(self, event: Mapping[str, Any], time: str) -> None:
        """Follow one event.

        Raises:
            ValueError: it is none of a manifest, or does not follow from what came before.
            KeyError: as above.
            TypeError: as above.
        """
        kind = event["type"]
        if kind == "torn":
            return
        number = int(event["id"])
        if kind == "moving":
            if number in self.items:
                raise ValueError("an id is given twice")
            self.items[number] = _item(event, time)
            return
        before, after = _NEXT[kind]
        item = self.items[number]
        if item.state is not before:
            raise ValueError("an event does not follow from the one before")
        destination = path_of(event) if kind == "restoring" else item.destination
        self.items[number] = replace(
            item, state=after, destination=destination, why=event.get("why")
        )


def read_manifest(path: bytes) -> Manifest:
    """Read a manifest, whatever is wrong with it.

    Raises:
        InputError: it cannot be read.
    """
    manifest = Manifest()
    journal = JournalReader(os.fsdecode(path))
    for record in journal:
        try:
            manifest.take(record["event"], record["time"])
        except (KeyError, TypeError, ValueError):
            journal.problem("does not follow from the events before it")
    manifest.problems, manifest.torn = journal.problems, journal.torn
    return manifest


def _item(event: Mapping[str, Any], time: str) -> Item:
    item = Item(
        id=event["id"],
        time=time,
        state=State.MOVING,
        path=path_of(event),
        matches=tuple(event["matches"]),
        **{name: event[name] for name in _FIELDS},
    )
    # Names that this makes must stay within their folders
    if not item.sha256.isalnum() or "/" in item.passing_name:
        raise ValueError("a name leads out of its folder")
    return item
