"""Containers for the tests, with one file in each: made by the real library where it can write."""

from __future__ import annotations

import base64
import binascii
import email.message
import io
import lzma
import mailbox
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import libarchive
import pypdfium2
from PIL import Image

from ..archive.makers import make_zip

NAME = "a.jpg"


def by_libarchive(form: str, filter_: str | None = None) -> Callable[[bytes], bytes]:
    """A function that packs a file as libarchive does."""

    def pack(data: bytes) -> bytes:
        chunks: list[bytes] = []

        def write(chunk: bytes) -> int:
            chunks.append(bytes(chunk))
            return len(chunk)

        with libarchive.custom_writer(write, form, filter_) as archive:
            archive.add_file_from_memory(NAME, len(data), data)
        return b"".join(chunks)

    return pack


def make_rar4(data: bytes, flags: int = 0) -> bytes:
    """A RAR 4 with a stored file; flag 4 says that it is encrypted."""

    def block(kind: int, flags: int, fields: bytes) -> bytes:
        rest = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
        return struct.pack("<H", zlib.crc32(rest) & 0xFFFF) + rest

    name = NAME.encode()
    size, crc = len(data), zlib.crc32(data)
    fields = struct.pack("<IIBIIBBHI", size, size, 3, crc, 0, 29, 0x30, len(name), 0o100644) + name
    return (
        b"Rar!\x1a\x07\x00"
        + block(0x73, 0, bytes(6))
        + block(0x74, 0x8000 | flags, fields)
        + data
        + block(0x7B, 0x4000, b"")
    )


def make_rar5(data: bytes) -> bytes:
    """A RAR 5 with a stored file."""

    def number(value: int) -> bytes:
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    def block(kind: int, flags: int, fields: bytes) -> bytes:
        header = number(kind) + number(flags) + fields
        sized = number(len(header)) + header
        return struct.pack("<I", zlib.crc32(sized)) + sized

    name = NAME.encode()
    fields = number(len(data)) + number(4) + number(len(data)) + number(0o100644)
    fields += struct.pack("<I", zlib.crc32(data)) + number(0) + number(1) + number(len(name)) + name
    head, end = block(1, 0, number(0)), block(5, 0, number(0))
    return b"Rar!\x1a\x07\x01\x00" + head + block(2, 2, fields) + data + end


def make_cab(data: bytes) -> bytes:
    """A cabinet with a stored file."""
    blocks = [data[at : at + 32768] for at in range(0, len(data), 32768)]
    file = struct.pack("<IIHHHH", len(data), 0, 0, 0, 0, 0x20) + NAME.encode() + b"\0"
    first = 36 + 8 + len(file)
    body = b"".join(struct.pack("<IHH", 0, len(each), len(each)) + each for each in blocks)
    head = struct.pack("<4s5I2B5H", b"MSCF", 0, first + len(body), 0, 44, 0, 3, 1, 1, 1, 0, 0, 0)
    return head + struct.pack("<IHH", first, len(blocks), 0) + file + body


def make_lha(data: bytes) -> bytes:
    """An LHA with a stored file and a header of level 0."""
    name = NAME.encode()
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    fields = b"-lh0-" + struct.pack("<IIIBBB", len(data), len(data), 0x21 << 16, 0x20, 0, len(name))
    fields += name + struct.pack("<H", crc)
    return bytes([len(fields), sum(fields) & 0xFF]) + fields + data + b"\0"


def make_pdf(data: bytes) -> bytes:
    """A PDF with a JPEG on its only page, as PDFium writes it."""
    picture = Image.open(io.BytesIO(data))
    pdf = pypdfium2.PdfDocument.new()
    image = pypdfium2.PdfImage.new(pdf)
    image.load_jpeg(io.BytesIO(data), inline=True)
    image.set_matrix(pypdfium2.PdfMatrix().scale(picture.width, picture.height))
    page = pdf.new_page(picture.width, picture.height)
    page.insert_obj(image)
    page.gen_content()
    whole = io.BytesIO()
    pdf.save(whole)
    return whole.getvalue()


def a_mail(data: bytes) -> email.message.EmailMessage:
    """A mail with one attachment."""
    mail = email.message.EmailMessage()
    mail["From"] = "a@example.org"
    mail["To"] = "b@example.org"
    mail["Subject"] = "holiday"
    mail["Date"] = "Mon, 01 Jan 2024 00:00:00 +0000"
    mail.set_content("See the picture.")
    mail.add_attachment(data, maintype="image", subtype="jpeg", filename="naïve.jpg")
    return mail


def make_mbox(data: bytes) -> bytes:
    """A mailbox with two mails, of which the second has an attachment."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mbox"
        box = mailbox.mbox(path)
        box.add(a_mail(b"not a picture"))
        box.add(a_mail(data))
        box.close()
        return path.read_bytes()


def uuencoded(data: bytes) -> bytes:
    """A mail that holds a file in its text, as before there was MIME."""
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    head = b"From: a@example.org\nTo: b@example.org\nSubject: x\nDate: today\n\n"
    return head + b"begin 644 a.jpg\n" + b"".join(lines) + b"`\nend\n"


def data_uri(data: bytes) -> bytes:
    """A data URI."""
    return b"data:image/jpeg;base64," + base64.b64encode(data)


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "7Z": by_libarchive("7zip"),
    "RAR4": make_rar4,
    "RAR5": make_rar5,
    "CAB": make_cab,
    "LHA": make_lha,
    "ISO": by_libarchive("iso9660"),
    "CPIO": by_libarchive("cpio_newc"),
    "XAR": by_libarchive("xar"),
    "AR": by_libarchive("ar_bsd"),
    "COMPRESS": by_libarchive("ustar", "compress"),
    "LZIP": by_libarchive("ustar", "lzip"),
    "LZ4": by_libarchive("ustar", "lz4"),
    "LZMA": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "PDF": make_pdf,
    "EML": lambda data: a_mail(data).as_bytes(),
    "MBOX": make_mbox,
    "UUENCODED": uuencoded,
    "HTML": lambda data: b"<!DOCTYPE html>\n<p><img src='" + data_uri(data) + b"'>",
    "SVG": lambda data: b"<svg><image href='" + data_uri(data) + b"'/></svg>",
    "DOCX": lambda data: make_zip({"[Content_Types].xml": b"<Types/>", "word/media/1.jpg": data}),
}
"""What packs a file, by the name of the container."""

LIBARCHIVE = ("7Z", "RAR4", "RAR5", "CAB", "LHA", "ISO", "CPIO", "XAR", "AR", "LZ4")
