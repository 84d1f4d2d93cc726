"""Which format a file is in, told by its first bytes and never by its name.

Sources: the magic numbers in each format's specification; for ISO base media files the brands
registered for HEIF (ISO/IEC 23008-12) and AVIF.
"""

from __future__ import annotations

import struct

SNIFF_BYTES = 1024
"""How much of a file ``sniff`` wants to see."""

# Formats of pictures that hashmatch decodes, on request at least
_DECODED = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)

# Pictures all the same: to call them "no image" would clear them silently
_RECOGNISED = (
    (b"8BPS", "PSD"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    (b"II\xbc\x01", "JXR"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"v/1\x01", "EXR"),
    (b"#?RADIANCE", "HDR"),
    (b"#?RGBE", "HDR"),
    (b"gimp xcf", "XCF"),
    (b"AT&TFORM", "DJVU"),
    (b"SIMPLE  =", "FITS"),
    (b"icns", "ICNS"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x02\x00", "CUR"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"\x01\xda\x00\x01", "SGI"),
    (b"\x01\xda\x01\x01", "SGI"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"IIU\x00", "RW2"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "CRW"),
    (b"\x00MRM", "MRW"),
    (b"FOVb", "X3F"),
    (b"SDPX", "DPX"),
    (b"XPDS", "DPX"),
    (b"\x80\x2a\x5f\xd7", "CINEON"),
    (b"FLIF", "FLIF"),
    (b"BPG\xfb", "BPG"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"\x8bJNG\r\n\x1a\n", "JNG"),
    (b"\xabKTX ", "KTX"),
    (b"BLP1", "BLP"),
    (b"BLP2", "BLP"),
    (b"\x59\xa6\x6a\x95", "SUN"),
    (b"\xb1\x68\xde\x3a", "DCX"),
    (b"DanM", "MSP"),
    (b"LinS", "MSP"),
    (b"/* XPM */", "XPM"),
    (b"Paint Shop Pro Image File", "PSP"),
    (b"PF\n", "PFM"),
    (b"Pf\n", "PFM"),
)

# As above, with the position at which the magic number stands
_RECOGNISED_INSIDE = (
    (8, b"ACON", "ANI"),
    (8, b"ILBM", "ILBM"),
    (8, b"PBM ", "ILBM"),
    (40, b" EMF\x00\x00\x01\x00", "EMF"),
    (128, b"DICM", "DICOM"),
    (522, b"\x00\x11\x02\xff\x0c\x00", "PICT"),
)

_TGA_HEADER = struct.Struct("<BBBHHBHHHHBB")
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)


def sniff(head: bytes) -> str | None:
    """Name the picture format that ``head``, the first ``SNIFF_BYTES`` of a file, begins.

    Returns:
        A name such as ``JPEG``, also for formats that hashmatch does not decode; None where it is
        no picture.
    """
    if (weakly_told := _sniff_header(head)) is not None:
        return weakly_told  # first, since some TGA begin as a CUR does
    for magic, name in _DECODED + _RECOGNISED:
        if head.startswith(magic):
            return name
    for position, magic, name in _RECOGNISED_INSIDE:
        if head.startswith(magic, position):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    # Two letters are weak evidence: ask for a plausible header too, or texts would be pictures
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    return _sniff_text(head)


def _sniff_text(head: bytes) -> str | None:
    """Formats that begin with text."""
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace():
        return "PNM"
    if head.startswith(b"#define") and b"_width" in head.partition(b"\n")[0]:
        return "XBM"
    return "SVG" if b"<svg" in head.lower() else None


def _sniff_header(head: bytes) -> str | None:
    """Formats with next to no magic number: their whole header must be plausible."""
    if len(head) < _TGA_HEADER.size:
        return None
    if _is_pcx(head):
        return "PCX"
    return "TGA" if _is_tga(head) else None


def _is_pcx(head: bytes) -> bool:
    """By the ZSoft PCX Technical Reference Manual."""
    maker, version, encoding, depth = head[:4]
    return maker == 0x0A and version in {0, 2, 3, 4, 5} and encoding == 1 and depth in {1, 2, 4, 8}


def _is_tga(head: bytes) -> bool:
    """By the Truevision TGA File Format Specification 2.0."""
    _, mapped, kind, first, colours, bits, _, _, width, height, depth, flags = _TGA_HEADER.unpack(
        head[: _TGA_HEADER.size]
    )
    if mapped == 1:
        plausible = kind in {1, 9} and colours > 0 and bits in {15, 16, 24, 32}
    else:
        plausible = mapped == first == colours == bits == 0 and kind in {2, 3, 10, 11}
    has_pixels = width > 0 and height > 0 and depth in {8, 15, 16, 24, 32}
    return plausible and has_pixels and flags < 0x40


def _sniff_brands(head: bytes) -> str | None:
    size = int.from_bytes(head[:4], "big")
    brands = {head[8:12]} | {head[i : i + 4] for i in range(16, min(size, len(head)), 4)}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    return "CR3" if b"crx " in brands else None
