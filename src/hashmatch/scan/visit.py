"""One item on its way: what the shell and the history know of it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hashmatch.errors import DecodeError
from hashmatch.model import Examination, Verdict
from hashmatch.scan.journey import Journey
from hashmatch.sources import Identity, Item
from hashmatch.state.rows import Stored


class Visit(Journey):
    """One item's way through the pipeline, with all that is known about the item."""

    __slots__ = (
        "descriptor",
        "digested",
        "early",
        "error",
        "findings",
        "holds",
        "identity",
        "item",
        "key",
        "known",
        "nodes",
        "since",
    )

    def __init__(
        self,
        item: Item,
        key: bytes = b"",
        known: Sequence[Stored] = (),
        identity: Identity | None = None,
    ) -> None:
        super().__init__()
        self.item = item
        self.key = key  # of the item in the state
        self.known = known  # its rows, if they can be trusted without a look at the item
        self.identity = identity  # of the item; None if the source cannot tell
        self.since = 0  # when it was opened, in nanoseconds since 1970
        self.digested: Examination | None = None  # its digests, if they were taken first
        # names and examinations of its parts, as they are found
        self.findings: list[tuple[bytes | None, Examination]] = []
        # verdicts on members, by number, given before the item had been read to its end
        self.early: list[tuple[int, Verdict]] = []
        self.descriptor = -1  # of the open item; -1 while it is closed
        self.holds = False
        self.error: DecodeError | None = None  # why it can no longer be opened
        # the machines, other than this one, that said what was found
        self.nodes: frozenset[str] = frozenset()

    @property
    def is_readable(self) -> bool:
        """Whether it is open."""
        return self.descriptor >= 0

    @property
    def is_unfinished(self) -> bool:
        """Whether some of its members have been found, but not yet the item itself."""
        return bool(self.findings) and self.findings[-1][0] is not None

    def open(self) -> None:
        """Open the item, or raise ``DecodeError``."""
        self.descriptor = self.item.open()

    def look(self) -> Identity | None:
        """The identity of the item: of the open file, or if it is closed, of what is there now."""
        return self.item.identity(self.descriptor if self.is_readable else None)

    def hold(self) -> None:
        """Make sure that it can be opened later."""
        self.holds = True
        self.item.hold()

    def close(self) -> None:
        """Close the item if it is open, and stop holding it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        if self.holds:
            self.holds = False
            self.item.let_go()
