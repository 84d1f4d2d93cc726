"""Files like those of cameras: a blank thumbnail, followed by a picture."""

from __future__ import annotations

import struct

MAGICS = {
    "cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "crw": b"II\x1a\0\0\0HEAPCCDR",
    "mrw": b"\0MRM",
    "orf": b"IIRO",
    "raf": b"FUJIFILMCCD-RAW ",
    "rw2": b"IIU\0",
    "x3f": b"FOVb",
}
"""How raws begin that are no TIFFs, by their suffix."""


def directory(values: dict[int, tuple[int, int, int]]) -> bytes:
    """A TIFF directory of (type, count, value or offset) by tag."""
    fields = (struct.pack("<HHII", tag, *value) for tag, value in sorted(values.items()))
    return struct.pack("<H", len(values)) + b"".join(fields) + bytes(4)


def raw(embedded: bytes, *, sensor: bool = True, stripped: bool = False) -> bytes:
    """A TIFF like a camera's raw: a blank thumbnail first, and a picture in a SubIFD."""
    thumb = bytes(160 * 120)
    place = 8 + len(thumb)
    sub_place = place + len(embedded)
    sub = (
        {254: (4, 1, 1), 259: (3, 1, 7), 273: (4, 1, place), 279: (4, 1, len(embedded))}
        | {256: (4, 1, 320), 257: (4, 1, 240), 258: (3, 1, 8), 262: (3, 1, 1), 277: (3, 1, 1)}
        | {278: (4, 1, 240)}
        if stripped
        else {254: (4, 1, 1), 513: (4, 1, place), 514: (4, 1, len(embedded))}
    )
    body = directory(sub)
    main = {256: (4, 1, 160), 257: (4, 1, 120), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}
    main |= {273: (4, 1, 8), 277: (3, 1, 1), 278: (4, 1, 120), 279: (4, 1, len(thumb))}
    main[330] = (4, 1, sub_place)
    if sensor:
        main[50706] = (1, 4, 1025)
    head = b"II*\0" + struct.pack("<I", sub_place + len(body))
    return head + thumb + embedded + body + directory(main)


def every_raw(jpeg: bytes) -> dict[str, tuple[str, bytes]]:
    """The JPEG in every kind of camera raw, with its format, by suffix."""
    dng = raw(jpeg)
    raws = {name: ("RAW", magic + jpeg) for name, magic in MAGICS.items()}
    raws |= {"dng": ("TIFF", dng), "nef": ("TIFF", raw(jpeg, sensor=False))}
    return raws | {"cr2": ("TIFF", dng[:8] + b"CR\2\0" + dng[12:])}
