"""Read the pictures and attached files of a PDF with PDFium.

Sources: ISO 32000-2; PDFium's public headers, through pypdfium2.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO, TypeVar

import numpy as np
from PIL import Image

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import ArchiveEntry
from hashmatch.examine.decode.jpeg import embedded_jpegs
from hashmatch.examine.decode.opening import DECODER_ERRORS
from hashmatch.examine.document.contents import content_entry, label, read_whole
from hashmatch.examine.extras import PDF, require
from hashmatch.model import Reason

PAGE_PIXELS = 1024
"""The longer side of a rendered page, in pixels."""

_TAIL = 2048
_WRONG_PASSWORD = frozenset({4, 5})  # fpdfview.h: FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_TEXT, _IMAGE = 1, 3  # fpdf_edit.h: FPDF_PAGEOBJ_*
_INVISIBLE = 3  # FPDF_TEXTRENDERMODE_INVISIBLE, as behind a scanned page
_SLACK = 0.02
_OWN_FILES = {"DCTDecode": (b"jpg", b"\xff\xd8\xff"), "JPXDecode": (b"jp2", b"")}
_STEP = 1 << 18
_MOST_OBJECTS = 100_000
_DEEPEST = 64  # forms within forms; PDFium itself stops at 40
_SMALL = (16, 16)
_ALIKE = 24  # grey levels by which small copies of one picture differ at most, on average
_MOST_EMBEDDED = 1000

_T = TypeVar("_T")
_LOCK = threading.RLock()  # PDFium is not made for threads, and Windows has no worker processes


def pdf_entries(file: BinaryIO, size: int, budget: Budget) -> Iterator[ArchiveEntry]:
    """Yield the pictures of each page, pages without text, and attached files.

    Stamps, form fields and other annotations count as part of their page, but their words do not
    make it a page with text. A JPEG or JPEG 2000 comes as it is; if the PDF has it shown in other
    colours, its pixels come too. Any other picture comes as a PNG of its pixels. A page without
    visible text also comes as a PNG of the whole page, unless it is just one upright picture. A
    picture on several pages comes once. If PDFium refuses the PDF, the JPEGs in it come anyway.

    Raises:
        DecodeError: it is encrypted, damaged or cut; or pypdfium2 is not installed.
    """
    pdfium = require(PDF, "PDF")
    # In one piece: to read on demand, PDFium would need a callback, which no worker permits
    data = read_whole(file, size, budget)
    try:
        reader = _PdfReader(pdfium, data, budget)
    except DecodeError as error:
        problem = error.bare()
        if problem.reason != Reason.ENCRYPTED:  # cut PDFs have lost their index
            for number, found in enumerate(embedded_jpegs(data, _MOST_EMBEDDED), 1):
                jpeg = data[found.start : found.end]
                yield content_entry(b"image-%d.jpg" % number, jpeg, budget)
        raise problem from None
    try:
        yield from reader.entries()
    finally:
        reader.close()
    if data.rfind(b"%%EOF", max(0, size - _TAIL)) < 0:
        raise DecodeError(Reason.TRUNCATED, "the PDF ends early")
    if reader.problem is not None:
        raise reader.problem


class _PdfReader:
    """One open document.

    Attributes:
        problem: what turned out to be wrong with it.
    """

    def __init__(self, pdfium: Any, data: bytes, budget: Budget) -> None:
        self.problem: DecodeError | None = None
        self._pdfium = pdfium
        self._budget = budget
        self._seen: set[bytes] = set()
        try:
            self._document = self._call(lambda: pdfium.PdfDocument(data))
        except pdfium.PdfiumError as error:
            if error.err_code in _WRONG_PASSWORD:
                raise DecodeError(Reason.ENCRYPTED, "encrypted") from None
            raise DecodeError(Reason.UNDECODABLE, "no valid PDF") from None

    def close(self) -> None:
        self._call(self._document.close)

    def entries(self) -> Iterator[ArchiveEntry]:
        """Yield the entries of all pages, then the attached files."""
        for index in range(self._call(lambda: len(self._document))):
            name = b"page-%d" % (index + 1)
            yield ArchiveEntry(name)
            yield from self._page_entries(index, name)
        for index in range(self._call(self._document.count_attachments)):
            get = partial(self._document.get_attachment, index)
            yield self._attachment(get, b"attachment-%d" % (index + 1))

    def _call(self, act: Callable[[], _T]) -> _T:
        with _LOCK:
            return act()

    def _annotations(self, page: Any) -> Iterator[Any]:
        raw = self._pdfium.raw
        for number in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST_OBJECTS)):
            annotation = raw.FPDFPage_GetAnnot(page, number)
            if not annotation:
                continue
            try:
                yield annotation
            finally:
                raw.FPDFPage_CloseAnnot(annotation)

    def _attached(self, page: Any) -> list[Callable[[], Any]]:
        """Find the files that are attached to a place on the page, not to the document."""
        find = self._pdfium.raw.FPDFAnnot_GetFileAttachment
        found = [find(annotation) for annotation in self._annotations(page)]
        return [partial(self._pdfium.PdfAttachment, each, self._document) for each in found if each]

    def _with_annotations(self, page: Any, index: int) -> Any:
        """Draw what annotations show into the page, and return the page as it is then."""
        raw = self._pdfium.raw
        if not any(raw.FPDFAnnot_HasKey(each, b"AP") for each in self._annotations(page)):
            return page
        if raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_FAIL:
            self.problem = DecodeError(Reason.UNDECODABLE, "the annotations of a page are damaged")
            return page
        whole = self._document[index]  # since a page reads what it shows when it is opened
        page.close()
        return whole

    def _page_entries(self, index: int, name: bytes) -> Iterator[ArchiveEntry]:
        try:
            page = self._call(lambda: self._document[index])
        except self._pdfium.PdfiumError:
            self.problem = DecodeError(Reason.UNDECODABLE, "a page cannot be read")
            return
        try:
            for number, get in enumerate(self._call(lambda: self._attached(page)), 1):
                yield self._attachment(get, name + b"/attachment-%d" % number)
            # Its own text: the words of a stamp do not make a scan a page of text
            has_text = self._call(lambda: self._has_text(page))
            page = self._call(lambda: self._with_annotations(page, index))
            yield from self._shown(page, name, has_text)
        except self._pdfium.PdfiumError:
            self.problem = DecodeError(Reason.UNDECODABLE, "a page cannot be read")
        finally:
            self._call(page.close)

    def _shown(self, page: Any, name: bytes, has_text: bool) -> Iterator[ArchiveEntry]:
        objects = self._call(lambda: list(_objects(page)))
        if len(objects) == _MOST_OBJECTS:
            problem = f"a page has {_MOST_OBJECTS} objects or more"
            self.problem = DecodeError(Reason.ARCHIVE_LIMIT, problem)
        images = [each for each in objects if each.type == _IMAGE]
        for number, image in enumerate(images, 1):
            yield from self._image(image, name + b"/image-%d." % number)
        if objects and not (has_text or self._call(lambda: _is_plain(page, objects))):
            yield from self._kept(name + b".png", lambda: self._rendered(page))

    def _has_text(self, page: Any) -> bool:
        mode = self._pdfium.raw.FPDFTextObj_GetTextRenderMode
        return any(each.type == _TEXT and mode(each) != _INVISIBLE for each in _objects(page))

    def _image(self, image: Any, name: bytes) -> Iterator[ArchiveEntry]:
        filters = self._call(image.get_filters)
        if filters and filters[-1] in _OWN_FILES:
            suffix, magic = _OWN_FILES[filters[-1]]
            data = bytes(self._call(lambda: image.get_data(decode_simple=True)))
            if data.startswith(magic):
                yield from self._kept(name + suffix, lambda: data)
                if self._call(lambda: self._is_shown_as(data, image)):
                    return
        yield from self._kept(name + b"png", lambda: self._pixels(image, filters))

    def _is_shown_as(self, data: bytes, image: Any) -> bool:
        """Tell whether the page shows a JPEG or JPEG 2000 in its own colours."""
        width, height = image.get_px_size()
        if 4 * width * height > self._budget.max_member_bytes:
            return True  # its own examination says that it is too large
        try:
            shown = image.get_bitmap(render=False).to_pil()
            with Image.open(BytesIO(data), formats=("JPEG", "JPEG2000")) as own:
                if own.size != (width, height):
                    return False
                own.draft("L", (64, 64))
                apart = _small(own) - _small(shown)
        except (self._pdfium.PdfiumError, *DECODER_ERRORS):
            return False
        return bool(np.abs(apart).mean() <= _ALIKE)

    def _kept(self, name: bytes, read: Callable[[], bytes]) -> Iterator[ArchiveEntry]:
        """Yield an entry for a picture or its problem, and nothing if the picture came before."""
        data, problem = b"", None
        try:
            data = self._call(read)
        except DecodeError as error:
            problem = error.bare()
        except self._pdfium.PdfiumError:
            problem = DecodeError(Reason.UNDECODABLE, "PDFium cannot decode this picture")
        except MemoryError:
            problem = DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY)
        digest = hashlib.sha256(data, usedforsecurity=False).digest()
        if problem is not None or digest not in self._seen:
            self._seen.add(digest)
            yield content_entry(name, data, self._budget, problem)

    def _pixels(self, image: Any, filters: list[str]) -> bytes:
        width, height = image.get_px_size()
        if 4 * width * height > self._budget.max_member_bytes:
            raise DecodeError(Reason.TOO_LARGE, f"{width} x {height} pixels")
        # PDFium makes a picture from what it can inflate, and does not say that data broke off
        if filters[:1] == ["FlateDecode"] and not _inflates(bytes(image.get_data())):
            self.problem = DecodeError(Reason.UNDECODABLE, "a picture in it is damaged")
        return _png(image.get_bitmap(render=False))

    def _rendered(self, page: Any) -> bytes:
        scale = PAGE_PIXELS / max(*page.get_size(), 1)
        return _png(page.render(scale=scale, may_draw_forms=False))

    def _attachment(self, get: Callable[[], Any], name: bytes) -> ArchiveEntry:
        try:
            attached = self._call(get)
            name += b"-" + label(self._call(attached.get_name))
            return content_entry(name, bytes(self._call(attached.get_data)), self._budget)
        except (self._pdfium.PdfiumError, UnicodeError, MemoryError):
            problem = DecodeError(Reason.UNDECODABLE, "PDFium cannot read this attachment")
            return content_entry(name, b"", self._budget, problem)


def _small(picture: Image.Image) -> Any:
    return np.asarray(picture.convert("L").resize(_SMALL), dtype=np.int16)


def _objects(page: Any) -> Iterator[Any]:
    return islice(page.get_objects(max_depth=_DEEPEST), _MOST_OBJECTS)


def _is_plain(page: Any, objects: list[Any]) -> bool:
    """Tell whether a page shows just one picture, whole and upright, and so looks like it."""
    if len(objects) != 1 or objects[0].type != _IMAGE or page.get_rotation():
        return False
    matrix = objects[0].get_matrix()
    left, bottom, right, top = page.get_bbox()
    bounds = objects[0].get_bounds()
    slack = _SLACK * max(right - left, top - bottom)
    inside = (
        bounds[0] >= left - slack
        and bounds[1] >= bottom - slack
        and bounds[2] <= right + slack
        and bounds[3] <= top + slack
    )
    return inside and matrix.a > 0 < matrix.d and not (abs(matrix.b) + abs(matrix.c) > _SLACK)


def _inflates(data: bytes) -> bool:
    inflater = zlib.decompressobj()
    try:
        while not inflater.eof:
            given = inflater.decompress(inflater.unconsumed_tail or data, _STEP)
            data = b""
            if not given and not inflater.unconsumed_tail:
                return inflater.eof
    except zlib.error:
        return False
    return True


def _png(bitmap: Any) -> bytes:
    picture = bitmap.to_pil()
    if picture.mode not in {"L", "RGB", "RGBA"}:
        picture = picture.convert("RGB")
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()
