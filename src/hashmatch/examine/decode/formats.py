"""Recognise pictures by their first bytes, never by their names.

Sources: the magic numbers in each format's specification; for ISO base media files the brands
registered for HEIF (ISO/IEC 23008-12) and AVIF.
"""

from __future__ import annotations

import re
import struct

SNIFF_BYTES = 1 << 16
"""How many bytes ``sniff`` takes: an SVG may begin with a long comment."""

# Formats of pictures that hashmatch decodes
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
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    (b"8BPS\x00\x01", "PSD"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x02\x00", "CUR"),
    (b"PF\n", "PFM"),
    (b"Pf\n", "PFM"),
)

# Recognised but not decoded: to call them "not an image" would clear them silently
_RECOGNISED = (
    (b"8BPS\x00\x02", "PSB"),
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
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"\x01\xda\x00\x01", "SGI"),
    (b"\x01\xda\x01\x01", "SGI"),
    (b"\x01\xda\x00\x02", "SGI"),
    (b"\x01\xda\x01\x02", "SGI"),
    (b"farbfeld", "FARBFELD"),
    (b"id=ImageMagick", "MIFF"),
    (b"PCD_OPA", "PCD"),
    (b"\x97JB2\r\n\x1a\n", "JBIG2"),
    (b"\x00\x00\x00\x0cJXS \r\n\x87\n", "JXS"),
    (b"\xff\x10\xff\x50", "JXS"),
    (b"PDN3", "PDN"),
    (b"VTF\x00", "VTF"),
    (b"\x13\xab\xa1\x5c", "ASTC"),
    (b"PVR\x03", "PVR"),
    (b"\x53\x80\xf6\x34", "PIC"),
    (b"msid", "MRSID"),
    (b"CSFCHUNK", "CLIP"),
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
)

# As above, with the position of the magic number
_RECOGNISED_INSIDE = (
    (8, b"ACON", "ANI"),
    (8, b"ILBM", "ILBM"),
    (8, b"PBM ", "ILBM"),
    (8, b"ACBM", "ILBM"),
    (8, b"RGB8", "ILBM"),
    (8, b"RGBN", "ILBM"),
    (40, b" EMF\x00\x00\x01\x00", "EMF"),
    (128, b"DICM", "DICOM"),
    (522, b"\x00\x11\x02\xff\x0c\x00", "PICT"),
    (2048, b"PCD_IPI", "PCD"),
)

RAW_FORMATS = frozenset({"CR3", "CRW", "MRW", "ORF", "RAF", "RW2", "X3F"})
"""Camera raws with their own magic number; others are TIFFs."""

_TGA_HEADER = struct.Struct("<BBBHHBHHHHBB")
_TGA_TRUE_COLOUR = frozenset({2, 3, 10, 11})  # and grey
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_OS2_TYPES = frozenset({b"BM", b"IC", b"PT", b"CI", b"CP"})
_FLI_MAGICS = frozenset({b"\x11\xaf", b"\x12\xaf", b"\x30\xaf", b"\x44\xaf"})
_PNM_KINDS = frozenset({b"1", b"2", b"3", b"4", b"5", b"6", b"7"})
_PNM_NEXT = re.compile(rb"[\s#]")
_XML_PROLOGUE = re.compile(
    rb"(?:\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>)*+", re.DOTALL | re.IGNORECASE
)
_SVG_ROOT = re.compile(rb"<(?:[\w.-]+:)?svg[\s/>]", re.IGNORECASE)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
# Those of every codec that HEIF may carry: a decoder without it says so
_HEIF_BRANDS = frozenset(
    b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 mif3 msf1 miaf avci avcs"
    b" j2ki j2is jpeg jpgs vvic vvis evbi evbs".split()
)


def sniff(head: bytes) -> str | None:
    """Name the picture format that ``head``, the first ``SNIFF_BYTES`` of a file, begins.

    Returns:
        A name such as ``JPEG``, also for formats that hashmatch does not decode; None if it is not
        a picture.
    """
    if (weakly_told := _sniff_header(head)) is not None:
        return weakly_told  # first: some TGAs begin like a CUR
    for magic, name in _DECODED + _RECOGNISED:
        if head.startswith(magic):
            return name
    for position, magic, name in _RECOGNISED_INSIDE:
        if head.startswith(magic, position):
            return name
    return _sniff_structure(head)


def decoder_of(name: str) -> str:
    """The name in ``FORMATS`` under which a format that ``sniff`` names is decoded, if it is."""
    if name in RAW_FORMATS:
        return "RAW"
    return "ICO" if name == "CUR" else name


def _sniff_structure(head: bytes) -> str | None:
    """Formats that take more than one look."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if _is_bmp(head):
        return "BMP"
    # An array of bitmaps, as OS/2 has them: its own header, and then one of theirs
    kind = head[14:16] if head[:2] == b"BA" else head[:2]
    if kind in _OS2_TYPES and (head[:2] == b"BA" or _is_bmp(b"BM" + head[2:])):
        return "OS2"
    if head[4:6] in _FLI_MAGICS and head[12:14] == b"\x08\x00":
        return "FLI"
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    return _sniff_text(head)


def _sniff_text(head: bytes) -> str | None:
    if head[:1] == b"P" and head[1:2] in _PNM_KINDS and _PNM_NEXT.match(head, 2):
        return "PNM"
    if head.startswith(b"#define") and b"_width" in head.partition(b"\n")[0]:
        return "XBM"
    if _is_wbmp(head):
        return "WBMP"
    return _sniff_xml(head)


def _sniff_xml(head: bytes) -> str | None:
    """Recognise an SVG by the root element of the XML.

    Comments, the XML declaration and a DOCTYPE with entities may precede it. If they fill all of
    ``head``, the root can be anything, and the answer is ``XML``.
    """
    text = head.removeprefix(b"\xef\xbb\xbf")
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            text = head[2:].decode(encoding, "ignore").encode("utf-8", "ignore")
    position = _XML_PROLOGUE.match(text)[0]  # type: ignore[index] # it matches nothing, too
    rest = text[len(position) :]
    if _SVG_ROOT.match(rest):
        return "SVG"
    return "XML" if len(head) >= SNIFF_BYTES and rest.startswith((b"<!", b"<?")) else None


def _is_bmp(head: bytes) -> bool:
    """Ask for a plausible header too: two letters alone would make pictures of texts."""
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES


def _is_wbmp(head: bytes) -> bool:
    """Follow the Wireless Application Environment Specification: the length must fit exactly."""
    if head[:2] != b"\x00\x00" or not 4 < len(head) < SNIFF_BYTES:
        return False
    sides: list[int] = []
    position = 2
    while len(sides) < 2 and position < min(len(head), 12):
        side = head[position] & 0x7F
        while head[position] & 0x80 and position + 1 < len(head):
            position += 1
            side = side << 7 | head[position] & 0x7F
        sides.append(side)
        position += 1
    return (
        len(sides) == 2 and 0 not in sides and position + -(-sides[0] // 8) * sides[1] == len(head)
    )


def _sniff_header(head: bytes) -> str | None:
    """Recognise formats with hardly a magic number by a plausible header."""
    if len(head) < _TGA_HEADER.size:
        return None
    if _is_pcx(head):
        return "PCX"
    return "TGA" if _is_tga(head) else None


def _is_pcx(head: bytes) -> bool:
    """Follow the ZSoft PCX Technical Reference Manual."""
    maker, version, encoding, depth = head[:4]
    return maker == 0x0A and version in {0, 2, 3, 4, 5} and encoding == 1 and depth in {1, 2, 4, 8}


def _is_tga(head: bytes) -> bool:
    """Follow the Truevision TGA File Format Specification 2.0."""
    _, mapped, kind, first, colours, bits, _, _, width, height, depth, flags = _TGA_HEADER.unpack(
        head[: _TGA_HEADER.size]
    )
    if mapped == 1:
        plausible = (kind in {1, 9} and colours > 0) or kind in _TGA_TRUE_COLOUR
        plausible &= bits in {0, 15, 16, 24, 32} and flags < 0x40
    else:
        # Unused fields should be zero, but viewers ignore them
        clean = (first == colours == bits == 0) + (flags < 0x40)
        plausible = mapped == 0 and clean > 0 and kind in _TGA_TRUE_COLOUR
    has_pixels = width > 0 and height > 0 and depth in {8, 15, 16, 24, 32}
    return plausible and has_pixels


def _sniff_brands(head: bytes) -> str | None:
    size = int.from_bytes(head[:4], "big")
    brands = {head[8:12]} | {head[i : i + 4] for i in range(16, min(size, len(head)), 4)}
    if brands & _AVIF_BRANDS or head[12:16] in _AVIF_BRANDS:  # a low-overhead one
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    return "CR3" if b"crx " in brands else None
