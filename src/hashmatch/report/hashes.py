"""Write hashes for an operator who asked for them, as a hash list or as records."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TextIO

from hashmatch.examine.decode import CROP, UPRIGHT
from hashmatch.files import path_fields
from hashmatch.model import Examination, HashKind, Kind, ViewHashes
from hashmatch.options import QUALITY_FLOOR
from hashmatch.text import printable

_ID_DIGITS = 12
"""How many hex digits of a file's SHA-256 are the id of its entry."""


class HashWriter(ABC):
    """Writes the hashes of one picture after another."""

    def __init__(self, stream: TextIO, kinds: Sequence[HashKind]) -> None:
        self._stream = stream
        self._kinds = kinds

    @abstractmethod
    def write(self, path: bytes, examination: Examination) -> None:
        """Write the hashes of one picture."""


class ListWriter(HashWriter):
    """The text list format, version 1: an entry for each picture's stored view, or video's still.

    If the stored view has too little detail, the first one with enough takes its place. A picture
    that viewers turn upright has a second entry for that, and each crop has one; the view is part
    of their ids. A file with the same bytes as an earlier one would repeat its id, which no list
    may, so it becomes a comment.
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
            entry = f"sha256:{digest}"  # among millions of digests, some begin alike
        label = printable(path)
        if entry in self._digests:
            self._stream.write(f"# same file as {entry}: {label}\n")
            return
        self._digests[entry] = digest
        for part, view in _listed(examination):
            for value in view.hashes:
                usual = value.algorithm == self._kinds[0].algorithm
                prefix = "" if usual else f"{value.algorithm}:"
                self._stream.write(f"{prefix}{value} {entry}{part} {label}\n")


def _listed(examination: Examination) -> Iterator[tuple[str, ViewHashes]]:
    """The views to list, each with what its id ends in."""
    if examination.kind is Kind.VIDEO:
        frames = ((view.view.partition("frame:")[2], view) for view in examination.views)
        yield from ((f"@{time}", view) for time, view in frames if not {"+", "#"} & set(time))
        return
    told = _telling(examination)
    yield "", told
    for view in examination.views:
        step = view.view.rpartition("+")[2]
        turned = step == UPRIGHT or step.startswith(CROP)
        if turned and view is not told and view.quality >= QUALITY_FLOOR:
            yield f"+{view.view}", view


def _telling(examination: Examination) -> ViewHashes:
    """The first view with detail: not the stored one where Pillow clips it (16-bit greys)."""
    views = examination.views
    return next((view for view in views if view.quality >= QUALITY_FLOOR), views[0])


class RecordWriter(HashWriter):
    """JSON lines, with an object per algorithm and view."""

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


WRITERS: dict[str, type[HashWriter]] = {"text": ListWriter, "jsonl": RecordWriter}
"""The writers, by the name that ``--format`` takes."""
