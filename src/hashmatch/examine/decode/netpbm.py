"""Read what Pillow does not of Netpbm's formats: PAM, colour PFM, and several pictures in a file.

Sources: Netpbm's own pages on pbm, pgm, ppm, pam and pfm.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])"
_NUMBER = _GAP + rb"++(\d{1,10})"
_BITMAP = re.compile(rb"P([14])%b%b%b" % (_NUMBER, _NUMBER, _GAP))
_LEVELS = re.compile(rb"P([2356])%b%b%b%b" % (_NUMBER, _NUMBER, _NUMBER, _GAP))
_CHANNELS = {b"3": 3, b"6": 3}
_PLAIN = frozenset({b"1", b"2", b"3"})
_PLAIN_PIXELS = re.compile(rb"(?:[\s\d]|#[^\r\n]*[\r\n]?)*+")
_PAM = re.compile(rb"P7\n((?:[^\n]*\n)*?)ENDHDR\n")
_PAM_FIELD = re.compile(rb"^\s*(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d{1,9})\s*$", re.MULTILINE)
_PAM_HEADER_BYTES = 1 << 16
_CUT_HEADER = re.compile(
    rb"P(?:[1-6](?:[\s\d]|#[^\r\n]*[\r\n]?)*+|7|7\n(?!.*ENDHDR\n).*)?\Z", re.DOTALL
)
_SPACES = re.compile(rb"\s*")
_PFM = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+(-?[0-9.eE+-]{1,32})[ \t\r]*\n")
_PFM_HEADER_BYTES = 4096
_LUMA = (0.299, 0.587, 0.114)  # as Pillow converts RGB to grey


class _NetpbmHeader(NamedTuple):
    """The header of one picture; ``depth`` counts channels, ``pixels`` is where they begin."""

    kind: bytes
    width: int
    height: int
    depth: int
    most: int
    pixels: int


def mend_netpbm(data: bytes) -> bytes:
    """Return the same picture as Pillow reads it.

    That changes PAM, colour PFM, and a header with comments, which Pillow misreads where they
    follow the magic number or a number directly.

    Raises:
        SyntaxError: the header is broken.
    """
    if data.startswith(b"P7"):
        return _plain_pam(data)
    colour = _PFM.match(data)
    if colour is not None and colour[1] == b"F":
        return _grey_pfm(data, colour)
    if colour is not None:
        return data
    header = _header(data, 0)
    if header is None:
        raise SyntaxError("no valid header")  # or Pillow might read it, and miss what follows
    end = _end(data, 0)
    if b"#" not in data[: header.pixels]:
        return data[:end]  # or Pillow would read on in text behind the pixels
    most = b"" if header.kind in b"14" else b"%d\n" % header.most
    clean = b"P%b\n%d %d\n%b" % (header.kind, header.width, header.height, most)
    return clean + data[header.pixels : end]


def following(data: bytes, most: int) -> list[bytes]:
    """Return the pictures after the first one: a Netpbm file may hold several in a row."""
    found: list[bytes] = []
    end = _end(data, 0)
    while end is not None and len(found) < most:
        start = _next_start(data, end)
        end = _end(data, start)
        if end is not None:
            found.append(data[start:end])
    return found


def netpbm_end(data: bytes, start: int) -> int | None:
    """Return where the last picture in a row ends; None if there is none, or one is cut."""
    found, end = None, _end(data, start)
    while end is not None and end <= len(data):
        found = end
        end = _end(data, _next_start(data, end))
    return found if end is None else None


def netpbm_ends_early(data: bytes) -> bool:
    """Tell whether one of the pictures in a row is cut in its header or its pixels.

    A row that is cut exactly between two pictures is a whole file with fewer of them.
    """
    start, end = 0, _end(data, 0)
    while end is not None and end <= len(data):
        start = _next_start(data, end)
        end = _end(data, start)
    return end is not None or _CUT_HEADER.match(data, start) is not None


def pfm_ends_early(data: bytes) -> bool:
    """Tell whether a PFM has fewer samples than its header announces."""
    header = _PFM.match(data)
    if header is None:
        return data.count(b"\n", 0, _PFM_HEADER_BYTES) < 3
    samples = int(header[2]) * int(header[3]) * (3 if header[1] == b"F" else 1)
    return header.end() + 4 * samples > len(data)


def _header(data: bytes, start: int) -> _NetpbmHeader | None:
    if data.startswith(b"P7", start):
        return _pam_header(data, start)
    found = _BITMAP.match(data, start) or _LEVELS.match(data, start)
    if found is None:
        return None
    kind, (width, height, *most) = found[1], map(int, found.groups()[1:])
    return _NetpbmHeader(
        kind, width, height, _CHANNELS.get(kind, 1), most[0] if most else 1, found.end()
    )


def _pam_header(data: bytes, start: int) -> _NetpbmHeader | None:
    header = _PAM.match(data, start, start + _PAM_HEADER_BYTES)
    if header is None:
        return None
    fields = {name: int(value) for name, value in _PAM_FIELD.findall(header[1])}
    try:
        width, height = fields[b"WIDTH"], fields[b"HEIGHT"]
        return _NetpbmHeader(b"7", width, height, fields[b"DEPTH"], fields[b"MAXVAL"], header.end())
    except KeyError:
        return None


def _end(data: bytes, start: int) -> int | None:
    """Return where a picture ends by its header; None if none begins at ``start``."""
    header = _header(data, start)
    if header is None:
        return None
    if header.kind in _PLAIN:
        return _PLAIN_PIXELS.match(data, header.pixels).end()  # type: ignore[union-attr] # it always matches
    if header.kind == b"4":
        return header.pixels + -(-header.width // 8) * header.height
    samples = header.width * header.height * header.depth
    return header.pixels + samples * (2 if header.most > 255 else 1)


def _next_start(data: bytes, end: int) -> int:
    return _SPACES.match(data, end).end()  # type: ignore[union-attr] # it always matches


def _grey_pfm(data: bytes, header: re.Match[bytes]) -> bytes:
    _, width, height, scale = header.groups()
    kind = "<f4" if scale.startswith(b"-") else ">f4"
    count = (len(data) - header.end()) // 12 * 3
    samples = np.frombuffer(data, kind, count, header.end())
    grey = samples.reshape(-1, 3) @ np.array(_LUMA, dtype=np.float32)
    return b"Pf\n%b %b\n%b\n" % (width, height, scale) + grey.astype(kind).tobytes()


def _plain_pam(data: bytes) -> bytes:
    """Turn a PAM into PGM or PPM; with transparency, into what Pillow reads in its place."""
    header = _pam_header(data, 0)
    if header is None:
        return data
    _, width, height, depth, most, start = header
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
