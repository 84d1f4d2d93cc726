"""Sparse files in tar archives: stored without their holes, unfolded with zeros in them.

Source: the GNU tar manual, "Storing Sparse Files": the old format, 0.1 and 1.0. Of pax, 0.0 was
written by tar 1.14 alone and is not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hashmatch.errors import DecodeError
from hashmatch.examine.archive.streams import Part, Stream
from hashmatch.examine.archive.tar_fields import (
    BLOCK,
    SPARSE_PREFIX,
    broken_tar,
    read_decimal,
    read_number,
)
from hashmatch.model import Reason

MAX_REGIONS = 65_536
"""Stored regions of one file. No picture has so many runs of zeros."""

_NUMBER_BYTES = 12
_IN_HEADER = slice(386, 482)
_HEADER_GOES_ON = 482
_REAL_SIZE = slice(483, 495)
_IN_BLOCK = slice(0, 504)
_BLOCK_GOES_ON = 504

Regions: TypeAlias = tuple[tuple[int, int], ...]
"""Where stored bytes belong, as (offset, length), ascending, none of them empty."""


@dataclass(frozen=True, slots=True)
class SparseFile:
    """How a sparse file unfolds.

    Attributes:
        size: bytes with its holes.
        regions: where stored bytes belong; None where that stands before the stored bytes.
    """

    size: int
    regions: Regions | None


def old_sparse_file(header: bytes, source: Stream) -> SparseFile:
    """Read the map of GNU's old format, and the blocks behind the header that it goes on in.

    Raises:
        DecodeError: it is broken, so the archive cannot be read any further.
    """
    fields = bytearray(header[_IN_HEADER])
    goes_on = header[_HEADER_GOES_ON]
    while goes_on:
        block = source.read(BLOCK)
        if len(block) < BLOCK or len(fields) > MAX_REGIONS * 2 * _NUMBER_BYTES:
            raise broken_tar()
        fields += block[_IN_BLOCK]
        goes_on = block[_BLOCK_GOES_ON]
    starts = range(0, len(fields), _NUMBER_BYTES)
    numbers = [read_number(bytes(fields[start : start + _NUMBER_BYTES])) for start in starts]
    return SparseFile(read_number(header[_REAL_SIZE]), _regions(numbers))


def pax_sparse_file(keywords: Mapping[bytes, bytes]) -> SparseFile | None:
    """Read what keywords tell of a sparse file; None where the file is not sparse.

    Raises:
        DecodeError: ``unsupported_format`` for a kind that is not read, else it is broken.
    """
    told = {
        keyword.removeprefix(SPARSE_PREFIX): value
        for keyword, value in keywords.items()
        if keyword.startswith(SPARSE_PREFIX)
    }
    if not told:
        return None
    if told.get(b"major") == b"1" and b"realsize" in told:
        return SparseFile(read_decimal(told[b"realsize"]), None)
    if b"map" in told and b"size" in told:
        numbers = [read_decimal(number) for number in told[b"map"].split(b",") if number]
        return SparseFile(read_decimal(told[b"size"]), _regions(numbers))
    raise DecodeError(Reason.UNSUPPORTED_FORMAT, "a sparse file of a kind that is not read")


def unfold(stored: Part, file: SparseFile) -> Stream:
    """Open a sparse file.

    Args:
        stored: what the archive holds of it.
        file: how to unfold that.

    Raises:
        DecodeError: it cannot be unfolded.
    """
    regions = _read_regions(stored) if file.regions is None else file.regions
    if regions and sum(regions[-1]) > file.size:
        raise broken_tar()
    return _Unfolded(stored, file.size, regions)


class _Unfolded(Stream):
    def __init__(self, stored: Stream, size: int, regions: Regions) -> None:
        super().__init__()
        self._stored = stored
        self._regions = deque((*regions, (size, 0)))
        self._position = 0

    def _step(self, count: int) -> bytes:
        start, length = self._regions[0]
        if length and self._position == start + length:
            self._regions.popleft()
            start, length = self._regions[0]
        if self._position < start:
            part = bytes(min(count, start - self._position))
        else:
            part = self._stored.read(min(count, start + length - self._position))
            if length and not part:
                raise broken_tar()
        self._position += len(part)
        return part


def _read_regions(stored: Part) -> Regions:
    """Read a map of decimal numbers, one a line, padded to whole blocks: first how many regions."""
    lines: list[bytes] = []
    unfinished = b""
    wanted = 1
    while len(lines) < wanted:
        block = stored.read(BLOCK)
        *whole, unfinished = (unfinished + block).split(b"\n")
        if not whole:
            raise broken_tar()
        lines += whole
        wanted = 1 + 2 * read_decimal(lines[0])
    return _regions([read_decimal(line) for line in lines[1:wanted]])


def _regions(numbers: Sequence[int]) -> Regions:
    """Pair offsets with lengths, and leave out empty regions: writers mark the end with one."""
    regions = tuple(
        (offset, length)
        for offset, length in zip(numbers[::2], numbers[1::2], strict=False)
        if length
    )
    position = 0
    for offset, length in regions:
        if offset < position:
            raise broken_tar()
        position = offset + length
    if len(regions) > MAX_REGIONS:
        raise broken_tar()
    return regions
