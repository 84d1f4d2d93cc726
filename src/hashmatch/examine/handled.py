"""Say what hashmatch examines of each format, for docs/formats.md.

``python -m hashmatch.examine.handled`` prints the document. Each format that hashmatch reads has a
row in a table below.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from typing import NamedTuple

from hashmatch.errors import install_line
from hashmatch.examine.decode import DECODERS, missing
from hashmatch.examine.extras import is_installed


class Handled(NamedTuple):
    """One row.

    Attributes:
        format: its name in records; for pictures, also what ``--deny-format`` takes.
        files: what it is called, and its usual file names.
        examined: what is examined of it.
        left_out: what is not; empty if that is nothing.
        extra: the extra of hashmatch that reads it; None if it needs none.
    """

    format: str
    files: str
    examined: str
    left_out: str = ""
    extra: str | None = None


_FRAMES = "all frames"
_PICTURE = "the picture"
_MEMBERS = "members"

PICTURES = (
    Handled("AVIF", "AVIF (`.avif`)", _FRAMES),
    Handled("BMP", "Windows bitmap (`.bmp`)", _PICTURE),
    Handled("GIF", "GIF (`.gif`)", "all frames, as clipped to the screen and in full"),
    Handled(
        "HEIF",
        "HEIC, HEIF (`.heic`)",
        "all pictures; of a sequence, stills, which need the extra `video` too",
        "depth maps, thumbnails",
        "heif",
    ),
    Handled("ICO", "Windows icon, cursor (`.ico`, `.cur`)", "every size"),
    Handled("JPEG", "JPEG (`.jpg`)", "the picture, also where its end is missing", "thumbnails"),
    Handled("JPEG2000", "JPEG 2000 (`.jp2`, `.j2k`)", _PICTURE),
    Handled("JXL", "JPEG XL (`.jxl`)", "the first frame", "later frames", "jxl"),
    Handled("MPO", "JPEG with several pictures (`.mpo`)", "all pictures"),
    Handled("PFM", "Portable float map (`.pfm`)", "the picture: by its range, and clipped to 0..1"),
    Handled("PNG", "PNG, animated PNG (`.png`, `.apng`)", _FRAMES),
    Handled("PNM", "Netpbm (`.pbm`, `.pgm`, `.ppm`, `.pam`)", "all pictures in the file"),
    Handled("PSD", "Photoshop (`.psd`)", "the composite, with 8 bits", "layers"),
    Handled(
        "RAW",
        "camera raws: CR2, CR3, CRW, DNG, MRW, NEF, ORF, RAF, RW2, X3F",
        "the largest embedded JPEG",
        "the sensor's own data",
    ),
    Handled("TGA", "Targa (`.tga`)", _PICTURE, "a thumbnail"),
    Handled("TIFF", "TIFF, BigTIFF (`.tif`)", "all pages, and pictures in SubIFDs"),
    Handled("WEBP", "WebP (`.webp`)", _FRAMES),
)
"""The picture formats, by name."""

CONTAINERS = (
    Handled("ZIP", "zip, also behind other data; office files, EPUB, JAR (`.zip`)", _MEMBERS),
    Handled("TAR", "tar, also compressed (`.tar`, `.tar.gz`)", _MEMBERS),
    Handled("GZIP", "gzip (`.gz`)", "what is compressed"),
    Handled("BZIP2", "bzip2 (`.bz2`)", "what is compressed"),
    Handled("XZ", "xz (`.xz`)", "what is compressed"),
    Handled("ZSTD", "Zstandard (`.zst`)", "what is compressed"),
    Handled("LZMA", "LZMA alone (`.lzma`)", "what is compressed"),
    Handled("LZIP", "lzip (`.lz`)", "what is compressed", extra="archives"),
    Handled("LZ4", "LZ4 (`.lz4`)", "what is compressed", extra="archives"),
    Handled("COMPRESS", "compress (`.Z`)", "what is compressed", extra="archives"),
    Handled("7Z", "7-Zip (`.7z`)", _MEMBERS, "volumes", "archives"),
    Handled("RAR", "RAR 4 and 5 (`.rar`)", _MEMBERS, "volumes", "archives"),
    Handled("CAB", "Windows cabinet (`.cab`)", _MEMBERS, "volumes", "archives"),
    Handled("LHA", "LHA, LZH (`.lzh`)", _MEMBERS, extra="archives"),
    Handled("ISO", "ISO 9660 disk image (`.iso`)", _MEMBERS, "UDF alone", "archives"),
    Handled("CPIO", "cpio (`.cpio`)", _MEMBERS, extra="archives"),
    Handled("XAR", "xar (`.xar`, `.pkg`)", _MEMBERS, extra="archives"),
    Handled("AR", "ar, Debian package (`.a`, `.deb`)", _MEMBERS, extra="archives"),
    Handled(
        "PDF",
        "PDF (`.pdf`)",
        "pictures on pages and in annotations, pages without visible text as a reader shows them,"
        " attached files",
        "drawings on pages with text, pictures that no page shows",
        "pdf",
    ),
    Handled(
        "MAIL",
        "e-mail, MHTML (`.eml`, `.mht`)",
        "all parts, those of forwarded mails included; uuencoded files",
        "yEnc",
    ),
    Handled("MBOX", "mailbox (`.mbox`)", "all parts of each mail", "yEnc"),
    Handled("HTML", "web page (`.html`)", "data URIs", "scripts, and what it links to"),
    Handled("SVG", "SVG (`.svg`)", "data URIs", "the drawing: `unsupported_format`"),
)
"""The containers, by name; each member is examined as a file is."""

_STILLS = "stills: see below"

VIDEOS = (
    Handled("MP4", "MP4, QuickTime, 3GP (`.mp4`, `.mov`, `.3gp`)", _STILLS, extra="video"),
    Handled("MATROSKA", "Matroska, WebM (`.mkv`, `.webm`)", _STILLS, extra="video"),
    Handled("AVI", "AVI (`.avi`)", _STILLS, extra="video"),
    Handled("FLV", "Flash video (`.flv`)", _STILLS, extra="video"),
    Handled("ASF", "Windows Media (`.wmv`, `.asf`)", _STILLS, extra="video"),
    Handled("MPEG-TS", "MPEG transport stream (`.ts`, `.m2ts`)", _STILLS, extra="video"),
    Handled("MPEG-PS", "MPEG program stream (`.mpg`, `.vob`)", _STILLS, extra="video"),
    Handled("MPEG-VIDEO", "MPEG video without sound (`.m2v`)", _STILLS, extra="video"),
    Handled("OGG", "Ogg video (`.ogv`)", _STILLS, extra="video"),
)
"""The video formats, by name."""


def install_lines(formats: Collection[str]) -> dict[str, str]:
    """What to install for formats that were met and not read, by name.

    Args:
        formats: names in records; those that nothing can be installed for are left out.
    """
    lines = {name: missing(name) for name in formats if name in DECODERS}
    lines |= {
        row.format: install_line(row.extra)
        for row in (*CONTAINERS, *VIDEOS)
        if row.format in formats and row.extra is not None and not is_installed(row.extra)
    }
    return {name: line for name, line in lines.items() if line is not None}


_DOCUMENT = """\
# Formats

hashmatch goes by a file's content, never by its name. Everything below is on by default; to turn a
picture format off, pass its name to `--deny-format`, or leave it out of `Matcher(formats=...)`.

Some formats need an extra: `pip install 'hashmatch[heif]'`. Without it, such a file is `unscanned`,
with the reason `unsupported_format`, and the summary counts it and says what to install. PNG needs
none, and most PNGs take two thirds of the time with the extra `png`.

## Pictures

{pictures}

Where more is left out than a thumbnail or a depth map, the file is `unscanned` unless what was
examined matches: with `unsupported_format` for a camera raw, later frames of a JPEG XL, or a
Photoshop file without a composite. A file that was cut is `truncated`, one that no decoder reads
is `undecodable`, and one over the limits is `too_large` or `frame_limit`.

## Containers

{containers}

A container that needs a password is `encrypted`; one over the limits is `archive_limit`. The extra
`archives` also needs the system's libarchive (`apt install libarchive13`). Containers inside
containers are opened too, as deep as the limits allow.

**Behind a picture.** A file that follows the end of a JPEG, PNG, GIF, WebP, BMP, HEIC, AVIF or
Netpbm picture is examined as `photo.jpg!/appended-1`, also inside containers. hashmatch finds a
JPEG, PNG, GIF, WebP, HEIC, AVIF or MP4, a RAR, 7z, zip, xz, CAB or PDF by its signature, and any
archive or BMP that begins at once or after padding. It finds a zip at the end of any file.

## Videos

{videos}

A video is examined through stills: its key frames, and one frame a second where key frames are more
than two seconds apart. A still that looks like the one before is left out, and so is one of little
detail, such as a black one. Every view of a still is looked up, as of a picture; its name has the
time, for example `frame:00:01:23.400`. A video that is cut or damaged, or that is longer than
`--max-video`, is `unscanned` unless what was examined matches. FLV, Ogg and MPEG streams do not say
how long they are, so a cut at their end may go unnoticed.

Phones append a video to a motion photo, or put it in a box of a HEIC file. It is examined as
`photo.jpg!/appended-1`.

FFmpeg opens no other file and no address, whatever a video refers to.

## Recognised but not read

hashmatch recognises many more formats, so that none of them passes for "not an image": BLP, CLIP,
DDS, DICOM, DjVu, EPS, EXR, FITS, FLIF, HDR, ICNS, JBIG2, JPEG XR, JPEG XS, PCX, PSB, QOI, SGI, WMF,
XCF and others among pictures; RealMedia among videos; ACE, ARJ, OLE (old office files), SquashFS,
StuffIt, TNEF, WIM and others among containers. They are `unscanned` with `unsupported_format`.

## No pictures

Everything else is `not_image`. The record's `kind` says what it is: `document`, `audio`,
`executable`, `font`, `database`, `archive`, `text`, `empty` or `other`.
"""


def document() -> str:
    """The text of docs/formats.md."""
    return _DOCUMENT.format(
        pictures=_table(PICTURES), containers=_table(CONTAINERS), videos=_table(VIDEOS)
    )


def _table(rows: Iterable[Handled]) -> str:
    lines = ["| format | files | extra | examined | left out |", "|---|---|---|---|---|"]
    for row in rows:
        extra = f"`{row.extra}`" if row.extra else ""
        lines.append(
            f"| `{row.format}` | {row.files} | {extra} | {row.examined} | {row.left_out} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(document())
