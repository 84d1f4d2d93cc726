"""Netpbm's formats, as far as Pillow does not read them: PAM, colour PFM, and several in one file.

Sources: Netpbm's own pages on pbm, pgm, ppm, pam and pfm.
"""

from __future__ import annotations

import re

import numpy as np

_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])++"
_RAW = re.compile(rb"P([456])%b(\d{1,9})%b(\d{1,9})" % (_SPACE, _SPACE))
_MOST_LEVEL = re.compile(rb"%b(\d{1,5})" % _SPACE)
_PAM = re.compile(rb"P7\n((?:[^\n]*\n)*?)ENDHDR\n")
_PAM_FIELD = re.compile(rb"^\s*(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d{1,9})\s*$", re.MULTILINE)
_SPACES = re.compile(rb"\s*")
_PFM = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+(-?[0-9.eE+-]{1,32})[ \t\r]*\n")
_HEADER_BYTES = 4096
_LUMA = (0.299, 0.587, 0.114)  # as Pillow converts RGB to grey


def mend_netpbm(data: bytes) -> bytes:
    """The same picture as Pillow reads it; other files than PAM and colour PFM as they are."""
    if data.startswith(b"P7"):
        return _plain_pam(data)
    colour = _PFM.match(data)
    if colour is None or colour[1] != b"F":
        return data
    width, height, scale = colour[2], colour[3], colour[4]
    kind = "<f4" if scale.startswith(b"-") else ">f4"
    samples = np.frombuffer(data[colour.end() :][: len(data[colour.end() :]) // 12 * 12], kind)
    grey = samples.reshape(-1, 3) @ np.array(_LUMA, dtype=np.float32)
    return b"Pf\n%b %b\n%b\n" % (width, height, scale) + grey.astype(kind).tobytes()


def following(data: bytes, most: int) -> list[bytes]:
    """The pictures behind the first one: Netpbm's raw formats may hold several in a row.

    Args:
        data: the whole file.
        most: how many to return at most.
    """
    found: list[bytes] = []
    end = _end(data, 0)
    while end is not None and len(found) < most:
        start = _SPACES.match(data, end).end()  # type: ignore[union-attr] # it always matches
        end = _end(data, start)
        if end is not None:
            found.append(data[start:end])
    return found


def netpbm_ends_early(data: bytes) -> bool:
    """Whether one of the raw pictures in a row has fewer bytes than its header announces."""
    end = _end(data, 0)
    if end is None:
        return data[:2] == b"P7" and b"ENDHDR\n" not in data
    while end is not None and end < len(data):
        end = _end(data, _SPACES.match(data, end).end())  # type: ignore[union-attr] # it always matches
    return end is not None and end > len(data)


def pfm_ends_early(data: bytes) -> bool:
    """Whether a PFM has fewer samples than its header announces."""
    header = _PFM.match(data)
    if header is None:
        return data.count(b"\n", 0, _HEADER_BYTES) < 3
    samples = int(header[2]) * int(header[3]) * (3 if header[1] == b"F" else 1)
    return header.end() + 4 * samples > len(data)


def _pam_fields(data: bytes, start: int = 0) -> tuple[int, int, int, int, int] | None:
    """Width, height, depth and largest level of a PAM, and where its pixels begin."""
    header = _PAM.match(data, start, start + _HEADER_BYTES)
    if header is None:
        return None
    fields = {name: int(value) for name, value in _PAM_FIELD.findall(header[1])}
    try:
        width, height = fields[b"WIDTH"], fields[b"HEIGHT"]
        return width, height, fields[b"DEPTH"], fields[b"MAXVAL"], header.end()
    except KeyError:
        return None


def _plain_pam(data: bytes) -> bytes:
    """A PAM as PGM or PPM or, with transparency, under the magic number that Pillow has for it."""
    fields = _pam_fields(data)
    if fields is None:
        return data
    width, height, depth, most, start = fields
    magic = {1: b"P5", 2: b"PyRGBA", 3: b"P6", 4: b"PyRGBA"}.get(depth)
    if magic is None:
        return data
    pixels = data[start:]
    if depth == 2:  # grey with transparency
        wide = 2 if most > 255 else 1
        size = width * height * 2 * wide
        samples = np.frombuffer(pixels[: min(len(pixels), size) // (2 * wide) * 2 * wide], np.uint8)
        pixels = samples.reshape(-1, 2, wide)[:, [0, 0, 0, 1]].tobytes()
    return b"%b %d %d %d\n" % (magic, width, height, most) + pixels


def _end(data: bytes, start: int) -> int | None:
    """Where a raw picture ends; None where none begins."""
    if data.startswith(b"P7", start):
        fields = _pam_fields(data, start)
        if fields is None:
            return None
        width, height, depth, most, pixels = fields
        return pixels + width * height * depth * (2 if most > 255 else 1)
    header = _RAW.match(data, start, start + _HEADER_BYTES)
    if header is None:
        return None
    width, height, place = int(header[2]), int(header[3]), header.end()
    if header[1] == b"4":
        return place + 1 + -(-width // 8) * height
    level = _MOST_LEVEL.match(data, place, place + _HEADER_BYTES)
    if level is None:
        return None
    samples = width * height * (3 if header[1] == b"6" else 1)
    return level.end() + 1 + samples * (2 if int(level[1]) > 255 else 1)
