"""Decode less of a progressive JPEG where a preview or its first row is all that is needed.

A preview at an eighth of the size has one pixel for each block of luma: its mean, which the first
coefficient gives by itself. The other 63 are in scans of their own, which take most of the time to
decode. Their headers stay, so that a decoder refuses what it would have refused; their data are
left out, and it takes those coefficients for zero.

Source: ITU-T T.81, annexes B and G.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hashmatch.examine.decode.jpeg import JPEG_END, JPEG_SCAN, PlainJpeg

_SEGMENTS = frozenset({JPEG_SCAN, b"\xff\xc4", b"\xff\xdb", b"\xff\xdd", b"\xff\xfe"})
"""What may follow the header of a frame: scans, tables, how often to restart, and comments."""

_PROGRESSIVE = 0xC2

_COEFFICIENTS = 64
_FRAME_COMPONENTS = 9
"""Where the header of a frame counts its components, from its marker on."""


class _Scan(NamedTuple):
    """One scan: where its data lie, which coefficients of which components they refine.

    Attributes:
        begin: where its data begin.
        end: where the next marker begins.
        components: their numbers, as the frame gives them.
        first: the first coefficient.
        last: the last coefficient.
        lacking: how many bits of them are still missing.
    """

    begin: int
    end: int
    components: bytes
    first: int
    last: int
    lacking: int


def without_luma_detail(data: bytes, jpeg: PlainJpeg) -> bytes:
    """Leave out the data of scans that refine luma beyond the mean of each block.

    Args:
        data: the whole file.
        jpeg: its header.

    Returns:
        A JPEG that decodes to the same pixels at an eighth of its size, though with a warning
        about missing data; ``data`` itself where there is nothing to leave out.
    """
    # In other frames each scan has all coefficients, whatever its header says
    if data[jpeg.frame + 1] != _PROGRESSIVE:
        return data
    components, scans = _components(data, jpeg.frame), _scans(data, jpeg.frame)
    if not _give_all(scans, components):
        return data
    kept: list[bytes] = []
    luma, begin = _finest(components), 0
    for scan in scans:
        if scan.first > 0 and len(scan.components) == 1 and scan.components[0] in luma:
            kept.append(data[begin : scan.begin])
            begin = scan.end
    return b"".join((*kept, data[begin:])) if kept else data


def is_complete(data: bytes, jpeg: PlainJpeg) -> bool:
    """Tell whether the scans give every bit of every coefficient.

    Where bits are missing, libjpeg guesses them from neighbouring blocks and their detail. Where
    two components have the same number, nobody knows which of them a scan is for.

    Args:
        data: the whole file.
        jpeg: its header.
    """
    return _give_all(_scans(data, jpeg.frame), _components(data, jpeg.frame))


def _give_all(scans: list[_Scan], components: list[tuple[int, int, int]]) -> bool:
    lacking = {component: [-1] * _COEFFICIENTS for component, _, _ in components}
    for scan in scans:
        for component in scan.components:
            if component in lacking and scan.first <= scan.last < _COEFFICIENTS:
                count = scan.last - scan.first + 1
                lacking[component][scan.first : scan.last + 1] = [scan.lacking] * count
    return len(lacking) == len(components) and not any(map(any, lacking.values()))


def _components(data: bytes, frame: int) -> list[tuple[int, int, int]]:
    """The number of each component, and how finely it is sampled across and down."""
    count = frame + _FRAME_COMPONENTS
    places = range(count + 1, count + 1 + 3 * data[count], 3)
    return [(data[place], data[place + 1] >> 4, data[place + 1] & 15) for place in places]


def _finest(components: list[tuple[int, int, int]]) -> frozenset[int]:
    """The components that are sampled most finely: luma, and in some files the colours."""
    most = tuple(max(factors) for factors in list(zip(*components, strict=True))[1:])
    return frozenset(number for number, *factors in components if tuple(factors) == most)


def _scans(data: bytes, frame: int) -> list[_Scan]:
    """Find every scan of a frame; none if what follows it is not as usual, down to its end."""
    values = np.frombuffer(data, np.uint8)
    marks = np.flatnonzero(values[:-1] == 0xFF)
    codes = values[marks + 1]
    # Stuffed bytes, filling and restarts do not end a scan
    markers = marks[(codes != 0) & (codes != 0xFF) & (codes & 0xF8 != 0xD0)]
    scans: list[_Scan] = []
    position = frame
    while (marker := data[position : position + 2]) in _SEGMENTS or position == frame:
        header = position + 4
        position += 2 + int.from_bytes(data[position + 2 : header])
        if marker == JPEG_SCAN:
            following = int(np.searchsorted(markers, position))
            if following == len(markers):
                return []
            begin, position = position, int(markers[following])
            said = data[header:begin]
            if not said or len(said) != 4 + 2 * said[0]:
                return []
            first, last, approximation = said[-3:]
            scans.append(_Scan(begin, position, said[1:-3:2], first, last, approximation & 15))
    return scans if data[position:] == JPEG_END else []
