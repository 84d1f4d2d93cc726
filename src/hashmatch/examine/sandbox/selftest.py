"""Decodes one small picture of every format behind the walls, and compares with no walls at all.

A worker can load nothing once its walls are up. If a new version of a decoder imports or opens
something lazily, this test reveals it, on the machine where it matters: ``hashmatch doctor`` runs
it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from hashmatch.examine.decode import DECODERS, decoders, load_decoders
from hashmatch.examine.extras import is_installed
from hashmatch.examine.sandbox.base import AnyPool
from hashmatch.examine.sandbox.jobs import Job, Reply
from hashmatch.examine.sandbox.shared import nameless_file
from hashmatch.examine.sandbox.worker import answers
from hashmatch.hashing import ALGORITHMS
from hashmatch.model import Examination, HashKind
from hashmatch.options import FORMATS, ExamineOptions

_ORIENTATION = 0x0112
_SAVED: dict[str, dict[str, Any]] = {
    "GIF": {"save_all": True},
    "TIFF": {"compression": "jpeg"},
    "ICO": {"sizes": [(16, 16), (64, 48)]},
}
_PACKED = {"DEFLATE": zipfile.ZIP_DEFLATED, "BZIP2": zipfile.ZIP_BZIP2, "LZMA": zipfile.ZIP_LZMA}


def available_options() -> ExamineOptions:
    """Options with every decoder and every algorithm of this installation."""
    missing = {name for name, by in decoders().items() if by.startswith("not installed")}
    kinds = [
        HashKind(algorithm.name, bits)
        for algorithm in ALGORITHMS.values()
        for bits in algorithm.thresholds
        if algorithm.name != "pdq" or find_spec("pdqhash")
    ]
    return ExamineOptions(
        kinds=tuple(kinds),
        formats=FORMATS - missing,
        digests=("md5", "sha1", "sha256"),
    )


def samples(options: ExamineOptions) -> Iterator[tuple[str, bytes]]:
    """A small file of every picture format and every kind of archive, by name."""
    load_decoders(options.formats)
    rows, columns = np.mgrid[0:96, 0:128]
    waves = 128 + 60 * np.sin(columns * columns / 400 + rows / 9) + 60 * np.cos(rows * rows / 300)
    picture = Image.fromarray(waves.astype(np.uint8)).convert("RGB")
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    jpeg = _saved(picture, "JPEG", exif=exif)
    made = {"PSD": _photoshop(picture), "RAW": b"FUJIFILMCCD-RAW " + jpeg}
    for name in sorted(options.formats):
        with suppress(OSError, KeyError):  # a decoder without its encoder
            more = {"exif": exif} if name in {"JPEG", "PNG", "WEBP"} else _SAVED.get(name, {})
            mode = "F" if name == "PFM" else "RGB"
            yield name, made.get(name) or _saved(picture.convert(mode), name, **more)
    blank = _saved(Image.new("RGB", (64, 64), "teal"), "PNG")
    yield "a blank picture", blank  # all ties, for which SciPy is loaded late
    for name, method in _PACKED.items():
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as packed:
            packed.writestr("a.png", blank)
        yield f"zip with {name}", file.getvalue()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("a.png")
        member.size = len(blank)
        tar.addfile(member, io.BytesIO(blank))
    for compressed in (gzip, bz2, lzma):
        yield f"tar with {compressed.__name__}", compressed.compress(file.getvalue())
    yield from _documents(blank)


def _documents(png: bytes) -> Iterator[tuple[str, bytes]]:
    """A mail with a picture, a PDF and an archive that libarchive reads."""
    mail = EmailMessage()
    mail["From"] = mail["To"] = "a@example.org"
    mail["Subject"] = mail["Message-ID"] = "x"
    mail.add_attachment(png, maintype="image", subtype="png", filename="a.png")
    yield "mail", mail.as_bytes()
    if is_installed("pdf"):
        file = io.BytesIO()
        Image.open(io.BytesIO(png)).convert("P").save(file, "PDF")
        yield "PDF", file.getvalue()
    if is_installed("archives"):
        header = f"{'a.png/':16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(png):<10}`\n"
        yield "ar, by libarchive", b"!<arch>\n" + header.encode() + png + bytes(len(png) % 2)


def _saved(picture: Image.Image, name: str, **more: Any) -> bytes:
    """A picture as a file of one of ``FORMATS``."""
    file = io.BytesIO()
    picture.save(file, DECODERS[name].pillow, **more)
    return file.getvalue()


def _photoshop(picture: Image.Image) -> bytes:
    """A Photoshop file without layers, which Pillow does not write."""
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, picture.height, picture.width, 8, 3)
    planes = b"".join(band.tobytes() for band in picture.split())
    return header + bytes(4 + 4 + 4 + 2) + planes  # no palette, resources, layers or compression


def decode_every_format(pool: AnyPool, options: ExamineOptions) -> dict[str, str]:
    """Examine every sample both in a worker and in this process.

    Returns:
        For each sample ``passed``, or the worker's result if it differs.
    """
    results = {}
    for name, data in samples(options):
        with nameless_file(data) as descriptor:
            here = [
                (said.member, said.examination)
                for said in answers(Job(descriptor), options)
                if isinstance(said, Reply)
            ]
            there: list[tuple[bytes | None, Examination]] = []
            pool.submit(Job(descriptor))
            while pool.busy:
                there += [(reply.member, reply.examination) for reply in pool.poll(5)]
        last = there[-1][1]
        results[name] = "passed" if here == there else f"failed: {last.detail or 'other hashes'}"
    return results
