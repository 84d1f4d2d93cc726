from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.examine.decode.formats import (
    _DECODED,
    _RECOGNISED,
    _RECOGNISED_INSIDE,
    SNIFF_BYTES,
    sniff,
)
from pictures import animation, as_mode, encode, photo

PICTURE = photo(1, 40, 30)


WRITTEN = [
    ("JPEG", encode(PICTURE, "JPEG")),
    ("JPEG", animation([PICTURE, PICTURE], "MPO")),  # told from JPEG only when it is opened
    ("PNG", encode(PICTURE, "PNG")),
    ("GIF", encode(PICTURE, "GIF")),
    ("WEBP", encode(PICTURE, "WEBP")),
    ("BMP", encode(PICTURE, "BMP")),
    ("BMP", encode(as_mode(PICTURE, "1"), "BMP")),
    ("TIFF", encode(PICTURE, "TIFF")),
    ("TIFF", encode(PICTURE, "TIFF", big_tiff=True)),
    ("AVIF", encode(PICTURE, "AVIF")),
    ("JPEG2000", encode(PICTURE, "JPEG2000")),
    ("JPEG2000", encode(PICTURE, "JPEG2000", no_jp2=True)),
    ("PCX", encode(PICTURE, "PCX")),
    ("TGA", encode(PICTURE, "TGA")),
    ("TGA", encode(PICTURE, "TGA", compression="tga_rle")),
    ("TGA", encode(as_mode(PICTURE, "L"), "TGA")),
    ("TGA", encode(as_mode(PICTURE, "P"), "TGA")),
    ("TGA", encode(PICTURE.convert("RGBA"), "TGA")),
    ("PNM", encode(PICTURE, "PPM")),
    ("PNM", encode(as_mode(PICTURE, "1"), "PPM")),
    ("PFM", encode(as_mode(PICTURE, "F"), "PPM")),
    ("SGI", encode(PICTURE, "SGI")),
    ("ICO", encode(PICTURE, "ICO")),
    ("ICNS", encode(PICTURE, "ICNS")),
    ("DDS", encode(PICTURE, "DDS")),
    ("EPS", encode(PICTURE, "EPS")),
    ("XBM", encode(as_mode(PICTURE, "1"), "XBM")),
    ("MSP", encode(as_mode(PICTURE, "1"), "MSP")),
    ("BLP", encode(as_mode(PICTURE, "P"), "BLP")),
    ("QOI", encode(PICTURE, "QOI")),
]


@pytest.mark.parametrize(("name", "data"), WRITTEN)
def test_written_files_are_recognised(name: str, data: bytes) -> None:
    """What Pillow writes is recognised by its first bytes, even in formats that are not decoded."""
    assert sniff(data[:SNIFF_BYTES]) == name


def brands(major: bytes, *compatible: bytes) -> bytes:
    """The first box of an ISO base media file."""
    return struct.pack(">I4s4sI", 16 + 4 * len(compatible), b"ftyp", major, 0) + b"".join(
        compatible
    )


OTHERS = [
    ("AVIF", brands(b"avif", b"mif1")),
    ("AVIF", brands(b"mif1", b"mif1", b"avif")),
    ("AVIF", brands(b"avis")),
    ("HEIF", brands(b"heic")),
    ("HEIF", brands(b"mif1", b"heic")),
    ("CR3", brands(b"crx ", b"isom")),
    ("SVG", b'<?xml version="1.0"?>\n<!-- drawn -->\n<SVG width="9">'),
    ("PSD", b"8BPS\x00\x01"),
    ("JXL", b"\x00\x00\x00\x0cJXL \r\n\x87\n"),
    ("JXL", b"\xff\x0a\x00"),
    ("EXR", b"v/1\x01\x02"),
    ("HDR", b"#?RADIANCE\n"),
    ("XCF", b"gimp xcf v011"),
    ("FITS", b"SIMPLE  =                    T"),
    ("DICOM", bytes(128) + b"DICM"),
    ("EMF", b"\x01\x00\x00\x00" + bytes(36) + b" EMF\x00\x00\x01\x00"),
    ("PICT", bytes(522) + b"\x00\x11\x02\xff\x0c\x00"),
    ("ILBM", b"FORM\x00\x00\x10\x00ILBMBMHD"),
    ("ANI", b"RIFF\x00\x10\x00\x00ACONLIST"),
    ("XPM", b"/* XPM */\nstatic char *one[] = {"),
    ("DJVU", b"AT&TFORM\x00\x00"),
    ("RAF", b"FUJIFILMCCD-RAW 0201"),
]


@pytest.mark.parametrize(("name", "head"), OTHERS)
def test_other_pictures_are_recognised(name: str, head: bytes) -> None:
    """Picture formats that are not decoded still have a name."""
    assert sniff(head) == name


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"\x00", b"\x00" * 1024, b"\xff" * 1024, b"\xff\xd8", b"\n\n\n\n" * 20, b"P"),
        *(b"BM is how this text begins, and goes on", b"II is a Roman two", b"MM is 2,000"),
        *(b"P50 is a median", b"# hashes\n# algorithm: phash\n", b'{"type": "file"}\n' * 9),
        *(b"#define SIZE 4\nint x_width;\n", b"<!doctype html><p>none</p>", b"RIFF....WAVEfmt "),
        *(b"%PDF-1.7\n", b"\x7fELF\x02\x01\x01" + bytes(30), b"MZ\x90\x00\x03" + bytes(60)),
        *(b"ID3\x04\x00" + bytes(30), b"SQLite format 3\x00", b"\xca\xfe\xba\xbe\x00\x00\x00\x41"),
        *(b"\x00\x01\x00\x00\x00\x0c\x00\x80\x00\x03\x00\x40DSIG", b"\x1f\x8b\x08" + bytes(20)),
        *(brands(b"isom", b"mp42"), brands(b"M4A "), brands(b"qt  "), b"\x00\x00\x00\x08ftyp"),
    ],
)
def test_other_files_are_no_pictures(head: bytes) -> None:
    """Texts, programs, sounds and videos are no pictures, however they begin."""
    assert sniff(head) is None


@given(st.text(st.characters(codec="utf-8"), max_size=200).filter(lambda text: "<svg" not in text))
def test_prose_is_no_picture(text: str) -> None:
    """Ordinary text is never taken for a picture."""
    assert sniff(("The " + text).encode()) is None


@given(st.sampled_from(WRITTEN + OTHERS), st.binary(max_size=600))
def test_what_follows_changes_no_name(picture: tuple[str, bytes], more: bytes) -> None:
    """A picture keeps its name whatever is appended to it."""
    name, data = picture
    assert sniff((data + more)[:SNIFF_BYTES]) == name


NAMES = {name for *_, name in (*_DECODED, *_RECOGNISED, *_RECOGNISED_INSIDE)} | {
    *(
        "WEBP",
        "BMP",
        "OS2",
        "FLI",
        "AVIF",
        "HEIF",
        "CR3",
        "PNM",
        "XBM",
        "SVG",
        "PCX",
        "TGA",
        "WBMP",
        "XML",
    ),
}


@given(st.binary(max_size=SNIFF_BYTES))
def test_any_bytes_are_told_without_error(head: bytes) -> None:
    """Whatever the bytes, they have the name of a format or none."""
    name = sniff(head)
    assert name is None or name in NAMES


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9"/>'


@pytest.mark.parametrize(
    "head",
    [
        b"<!-- " + b"a long licence " * 400 + b"-->\n" + SVG,
        b'<?xml version="1.0"?>\n' + b"<!-- drawn -->\n" * 300 + SVG,
        b"\xef\xbb\xbf" + b" " * 3000 + SVG,
        b"<!DOCTYPE svg [" + b'<!ENTITY a "b">\n' * 200 + b"]>" + SVG,
        ('<?xml version="1.0" encoding="UTF-16"?>' + SVG.decode()).encode("utf-16"),
        b"\xfe\xff" + SVG.decode().encode("utf-16-be"),
        b'<s:SVG xmlns:s="http://www.w3.org/2000/svg">',
    ],
)
def test_svg_is_told_wherever_its_root_stands(head: bytes) -> None:
    """Comments, declarations and an encoding in front of the root element hide no SVG."""
    assert sniff(head[:SNIFF_BYTES]) == "SVG"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        *((b"\x01\xda\x00\x01\x00\x02", "SGI"), (b"\x01\xda\x01\x02\x00\x03", "SGI")),
        (b"BA\x00\x00\x00\x00" + bytes(8) + b"BM" + bytes(20), "OS2"),
        (b"IC" + bytes(12) + b"\x0c\x00\x00\x00", "OS2"),
        *(
            (b"\x00" * 4 + magic + bytes(6) + b"\x08\x00", "FLI")
            for magic in (b"\x11\xaf", b"\x12\xaf")
        ),
        (b"\x00\x00\x08\x02" + bytes(2), "WBMP"),
        *((b"8BPS\x00\x02", "PSB"), (b"farbfeld" + bytes(8), "FARBFELD"), (b"BLP2", "BLP")),
        *((b"\xff\x10\xff\x50", "JXS"), (b"II\xbc\x01", "JXR"), (b"\x97JB2\r\n\x1a\n", "JBIG2")),
        *((b"MM\x00+\x00\x08", "TIFF"), (b"IIRS\x08\x00", "ORF"), (b"FOVb\x00\x00", "X3F")),
        *((bytes(2048) + b"PCD_IPI", "PCD"), (b"\xc5\xd0\xd3\xc6" + bytes(26), "EPS")),
    ],
)
def test_rare_headers_are_told(head: bytes, name: str) -> None:
    """A rare picture is recognised by any header it may have, and never mistaken."""
    assert sniff(head) == name


@pytest.mark.parametrize(
    ("at", "value", "told"),
    [(3, 9, "TGA"), (5, 1, "TGA"), (17, 0xE0, "TGA"), (1, 1, "TGA"), (2, 7, None)],
)
def test_targas_with_rubbish_in_unused_fields_are_told(
    at: int, value: int, told: str | None
) -> None:
    """One field that viewers ignore may hold anything; one that they read must make sense."""
    data = bytearray(encode(PICTURE, "TGA"))
    data[at] = value
    assert sniff(bytes(data)) == told
