"""Remembers when each record of a feed last changed, so that older ones change nothing later.

A compiled list has no tombstones. Without them, a page that comes late or twice could bring back an
entry that its body has withdrawn. Whoever updates a list from a feed keeps this beside it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from hashmatch.errors import HashListError
from hashmatch.files import write_atomically
from hashmatch.hashlist.columns import Rows, TextColumn

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
        """Read what ``save`` wrote.

        Raises:
            HashListError: the file cannot be read.
        """
        found = cls()
        try:
            with np.load(path, allow_pickle=False) as arrays:
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

    def outdated(self, ids: TextColumn, ranks: Rows) -> npt.NDArray[np.bool_]:
        """Which records are older than what is known of their ids. Those without a rank are not."""
        found = np.zeros(len(ids), dtype=np.bool_)
        named = np.flatnonzero((ids.lengths() > 0) & (ranks > 0))
        if len(self._ids) and len(named):
            places, known = self._find(_digests(ids.take(named)))
            found[named] = known & (ranks[named] < self._ranks[places])
        return found

    def add(self, ids: TextColumn, ranks: Rows, withdrawn: npt.NDArray[np.bool_]) -> None:
        """Note records that are not outdated, each id at most once."""
        named = np.flatnonzero(ids.lengths() > 0)
        digests, ranks, gone = _digests(ids.take(named)), ranks[named], withdrawn[named]
        if len(self._ids) and len(named):
            places, known = self._find(digests)
            self._ranks[places[known]] = np.maximum(self._ranks[places[known]], ranks[known])
            self._gone[places[known]] = gone[known]
            digests, ranks, gone = digests[~known], ranks[~known], gone[~known]
        every = np.concatenate([self._ids, digests])
        order = np.argsort(every, kind="stable")
        self._ids = every[order]
        self._ranks = np.concatenate([self._ranks, ranks])[order]
        self._gone = np.concatenate([self._gone, gone])[order]

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"<Revisions of {len(self):,} ids>"

    def _find(self, digests: npt.NDArray[np.bytes_]) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """The place of each digest, and whether it is there."""
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
