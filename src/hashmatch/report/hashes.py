"""Hashes written because the operator asked for them: as a hash list, or as records."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TextIO

from hashmatch.errors import SettingsError
from hashmatch.files import path_fields
from hashmatch.model import QUALITY_FLOOR, Examination, HashKind, ViewHashes
from hashmatch.text import printable

_ID_DIGITS = 12
"""Hex digits of a file's SHA-256 that serve as the id of its entry."""


class HashWriter(ABC):
    """Writes the hashes of one picture after another."""

    def __init__(self, stream: TextIO, kinds: Sequence[HashKind]) -> None:
        self._stream = stream
        self._kinds = kinds

    @abstractmethod
    def write(self, path: bytes, examination: Examination) -> None:
        """Write the hashes of one picture."""


class ListWriter(HashWriter):
    """The text list format, version 1, with an entry for the stored view of each picture.

    Where that view shows next to nothing, the first one with detail takes its place. Files with the
    same bytes would give the same id twice, which no list may have: the later ones are named in a
    comment.
    """

    def __init__(self, stream: TextIO, kinds: Sequence[HashKind]) -> None:
        super().__init__(stream, kinds)
        self._digests: dict[str, str] = {}  # of the file behind each id
        stream.write(f"# algorithm: {kinds[0].algorithm}\n")

    def write(self, path: bytes, examination: Examination) -> None:
        """Write the entries of one picture."""
        digest = examination.digests[0]
        entry = f"sha256:{digest[:_ID_DIGITS]}"
        if self._digests.get(entry, digest) != digest:
            entry = f"sha256:{digest}"  # of millions of files, some begin alike
        label = printable(path)
        if entry in self._digests:
            self._stream.write(f"# same file as {entry}: {label}\n")
            return
        self._digests[entry] = digest
        for value in _telling(examination).hashes:
            prefix = "" if value.algorithm == self._kinds[0].algorithm else f"{value.algorithm}:"
            self._stream.write(f"{prefix}{value} {entry} {label}\n")


def _telling(examination: Examination) -> ViewHashes:
    """The first view with detail: the stored one, unless Pillow clips it (16-bit greys) or so."""
    views = examination.views
    return next((view for view in views if view.quality >= QUALITY_FLOOR), views[0])


class RecordWriter(HashWriter):
    """JSONL: an object for each algorithm and view."""

    def write(self, path: bytes, examination: Examination) -> None:
        """Write the records of one picture."""
        for view in examination.views:
            for value in view.hashes:
                record = {
                    **path_fields(path),
                    "algorithm": value.algorithm,
                    "bits": value.bits,
                    "hash": str(value),
                    "view": view.view,
                    "quality": view.quality,
                }
                self._stream.write(json.dumps(record) + "\n")


_WRITERS: dict[str, type[HashWriter]] = {"text": ListWriter, "jsonl": RecordWriter}


def make_hash_writer(name: str, stream: TextIO, kinds: Sequence[HashKind]) -> HashWriter:
    """Make the writer of that name.

    Raises:
        SettingsError: there is none.
    """
    if name not in _WRITERS:
        raise SettingsError(f"unknown format {name!r}; choose from {', '.join(_WRITERS)}")
    return _WRITERS[name](stream, kinds)
