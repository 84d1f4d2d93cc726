"""Remembers when each record of a feed last changed, so that older ones change nothing later.

A compiled list has no tombstones. Without them, a page that comes late or twice could bring back an
entry that its body has withdrawn. Keep this beside a list that you update from a feed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from hashmatch.errors import HashListError
from hashmatch.files import write_atomically
from hashmatch.hashlist.columns import Rows, TextColumn

Mask: TypeAlias = npt.NDArray[np.bool_]

_DIGEST_BYTES = 16
_GUARD = b"\1"
"""Ends each digest, because NumPy would strip a zero byte there."""

_DIGEST = np.dtype(f"S{_DIGEST_BYTES + len(_GUARD)}")
_SLICE = 1 << 16


class Revisions:
    """The latest revision of each id. Records without an id have none.

    Attributes:
        withdrawn: how many ids are withdrawn.
    """

    def __init__(self) -> None:
        self._ids = np.empty(0, _DIGEST)
        self._ranks = np.empty(0, np.int64)
        self._gone = np.empty(0, np.bool_)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Revisions:
        """Read what ``save`` wrote. Raises ``HashListError`` if the file cannot be read."""
        found = cls()
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                found._ids = arrays["ids"].astype(_DIGEST)
                found._ranks = arrays["ranks"].astype(np.int64)
                found._gone = arrays["gone"].astype(np.bool_)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            raise HashListError("cannot read these revisions", path=str(path)) from None
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write this to a file, atomically, readable only by its owner.

        Raises:
            OutputError: the file cannot be written.
        """
        with write_atomically(path) as stream:
            np.savez(stream, ids=self._ids, ranks=self._ranks, gone=self._gone)

    @property
    def withdrawn(self) -> int:
        """How many ids are withdrawn."""
        return int(self._gone.sum())

    def note(self, ids: TextColumn, ranks: Rows, withdrawn: Mask, void: Mask) -> Mask:
        """Note the records of a feed, each id at most once.

        Args:
            ids: of the records; those without one are not noted.
            ranks: of the records; those without one, which have 0, are never outdated.
            withdrawn: which of them withdraw their id.
            void: which of them do not count.

        Returns:
            Which records are older than what was known about their ids. They are not noted either.
        """
        digests, named = _digests(ids), ids.lengths() > 0
        places, known = self._find(digests)
        outdated = np.zeros(len(ids), dtype=np.bool_)
        outdated[known] = (ranks[known] > 0) & (ranks[known] < self._ranks[places[known]])
        outdated &= named
        changed = np.flatnonzero(named & known & ~void & ~outdated)
        self._ranks[places[changed]] = np.maximum(self._ranks[places[changed]], ranks[changed])
        self._gone[places[changed]] = withdrawn[changed]
        new = np.flatnonzero(named & ~known & ~void)
        every = np.concatenate([self._ids, digests[new]])
        order = np.argsort(every, kind="stable")
        self._ids = every[order]
        self._ranks = np.concatenate([self._ranks, ranks[new]])[order]
        self._gone = np.concatenate([self._gone, withdrawn[new]])[order]
        return outdated

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"<Revisions of {len(self):,} ids>"

    def _find(self, digests: npt.NDArray[np.bytes_]) -> tuple[Rows, Mask]:
        """The place of each digest, and whether it is there."""
        if not len(self._ids):
            return np.zeros(len(digests), dtype=np.int64), np.zeros(len(digests), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self._ids, digests), len(self._ids) - 1)
        return places, self._ids[places] == digests


def _digests(ids: TextColumn) -> npt.NDArray[np.bytes_]:
    """A digest of each id: a number of ids, unlike a fingerprint, cannot be made to share one."""
    return np.concatenate([np.empty(0, _DIGEST), *_sliced(ids)])


def _sliced(ids: TextColumn) -> Iterator[npt.NDArray[np.bytes_]]:
    for first in range(0, len(ids), _SLICE):
        texts = ids.texts(first, min(first + _SLICE, len(ids)))
        digests = (
            hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest() + _GUARD
            for text in texts
        )
        yield np.frombuffer(b"".join(digests), dtype=_DIGEST)
