"""Check whether a Photoshop file has a complete composite that Pillow can read.

Source: Adobe Photoshop File Formats Specification (2019), image resource 1057.
"""

from __future__ import annotations

import struct

import numpy as np

_VERSION_INFO = 1057
_MODES = frozenset({(0, 1), (0, 8), (1, 8), (2, 8), (3, 8), (4, 8), (7, 8), (8, 8), (9, 8)})
_HEADER = struct.Struct(">4sH6xHIIHH")


def psd_problem(data: bytes) -> str | None:
    """Say why the composite cannot be decoded; None if it can, or if the file is broken."""
    try:
        _, _, _, _, _, depth, mode = _HEADER.unpack_from(data)
        if (mode, depth) not in _MODES:
            return f"PSD in mode {mode} with {depth} bits is not decoded"
        return None if _has_composite(data) else "the PSD has no composite, and layers are not read"
    except struct.error:
        return None


def _has_composite(data: bytes) -> bool:
    """Tell by a resource whether the composite is real: Photoshop can save a white one instead."""
    position = _HEADER.size
    position += 4 + int(struct.unpack_from(">I", data, position)[0])
    end = position + 4 + int(struct.unpack_from(">I", data, position)[0])
    position += 4
    while position < end:
        resource, name = struct.unpack_from(">4xHB", data, position)
        position += 6 + (name + 2 & ~1)
        (size,) = struct.unpack_from(">I", data, position)
        if resource == _VERSION_INFO:
            return bool(struct.unpack_from(">4xB", data, position + 4)[0])
        position += 4 + (size + 1 & ~1)
    return True


def psd_ends_early(data: bytes) -> bool:
    """Tell whether the file ends before its composite does."""
    try:
        _, _, channels, height, width, depth, _ = _HEADER.unpack_from(data)
        position = _HEADER.size
        for _ in range(3):  # palette, resources, layers
            position += 4 + int(struct.unpack_from(">I", data, position)[0])
        (compression,) = struct.unpack_from(">H", data, position)
        rows = height * channels
        if compression == 0:
            return bool(position + 2 + rows * -(-width * depth // 8) > len(data))
        if compression == 1:  # the length of each row comes first
            return bool(position + 2 + 2 * rows + _row_bytes(data, position + 2, rows) > len(data))
    except struct.error:
        return True
    return False


def _row_bytes(data: bytes, position: int, rows: int) -> int:
    if position + 2 * rows > len(data):
        raise struct.error
    return int(np.frombuffer(data, ">u2", rows, position).sum(dtype=np.int64))
