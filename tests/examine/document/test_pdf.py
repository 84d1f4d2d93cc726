"""What is examined of a PDF."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageOps

from hashmatch import Entry, HashKind, HashList, Matcher, Reason, Verdict
from hashmatch.examine.examination import examine
from hashmatch.options import ArchiveLimits, ExamineOptions
from matchers import in_process
from pictures import encode, photo

from ..archive.makers import read_all
from .containers import make_pdf

PICTURE = photo(1, 320, 240)
JPEG = encode(PICTURE, "JPEG")


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    """A matcher whose list has one generated picture."""
    found = examine(PICTURE, ExamineOptions(kinds=(HashKind("phash", 64),)))
    return in_process(HashList.from_entries([Entry("it", found.views[0].hashes[0])], name="list"))


def pdf_of(objects: list[bytes], *contents: bytes, page: bytes = b"") -> bytes:
    """A PDF without an index, which PDFium builds itself: pages by their contents, and objects.

    Args:
        objects: bodies of objects 10, 11 and so on; pages know them as /X0, /X1, ...
        contents: what each page draws; a page is 320 by 240 points.
        page: more entries for every page.
    """
    kids = b" ".join(b"%d 0 R" % (100 + 2 * n) for n in range(len(contents)))
    named = b" ".join(b"/X%d %d 0 R" % (n, 10 + n) for n in range(len(objects)))
    bodies = [(1, b"<</Type/Catalog/Pages 2 0 R>>")]
    bodies += [(2, b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(contents), kids))]
    bodies += [(3, b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")]
    bodies += [(10 + n, body) for n, body in enumerate(objects)]
    for n, content in enumerate(contents):
        resources = b"<</XObject<<%s>>/Font<</F 3 0 R>>>>" % named
        head = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 320 240]/Resources %s" % resources
        bodies += [(100 + 2 * n, head + b"/Contents %d 0 R%s>>" % (101 + 2 * n, page))]
        bodies += [(101 + 2 * n, stream(b"", content))]
    whole = b"%PDF-1.7\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % each for each in bodies)
    return whole + b"trailer<</Root 1 0 R>>\n%%EOF\n"


def stream(entries: bytes, data: bytes) -> bytes:
    """A stream object."""
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


def image(picture: Image.Image, data: bytes | None = None) -> bytes:
    """An image whose pixels are deflated."""
    head = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8"
    head += b"/Filter/FlateDecode/Width %d/Height %d" % picture.size
    packed = zlib.compress(np.asarray(picture.convert("RGB")).tobytes())
    return stream(head, packed if data is None else data)


def paths(data: bytes) -> list[bytes]:
    """The paths of what is in a PDF that is read to its end."""
    found, reason = read_all(data)
    assert reason is None
    return [key[0] for key in found]


WHOLE = b"q 320 0 0 240 0 0 cm /X0 Do Q"
TEXT = b" BT /F 12 Tf 20 20 Td (words) Tj ET"


def test_pixels_come_without_loss(matcher: Matcher) -> None:
    """A picture that is no JPEG comes as a PNG of the very same pixels."""
    ((path, data, _, _),) = read_all(pdf_of([image(PICTURE)], WHOLE))[0]
    assert path == b"page-1/image-1.png"
    assert data is not None
    assert (np.asarray(Image.open(io.BytesIO(data))) == np.asarray(PICTURE.convert("RGB"))).all()
    assert matcher.match(pdf_of([image(PICTURE)], WHOLE)).verdict is Verdict.MATCH


def test_a_jpeg_comes_as_it_is() -> None:
    """A JPEG inside is handed out byte for byte, also where it is packed once more."""
    assert read_all(make_pdf(JPEG))[0] == [(b"page-1/image-1.jpg", JPEG, None, False)]
    head = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Width 320"
    packed = stream(head + b"/Height 240/Filter[/FlateDecode/DCTDecode]", zlib.compress(JPEG))
    assert read_all(pdf_of([packed], WHOLE))[0] == [(b"page-1/image-1.jpg", JPEG, None, False)]


def test_a_page_of_strips_matches(matcher: Matcher) -> None:
    """A scan that is cut into strips is looked up as the page that a reader shows."""
    strips = [PICTURE.crop((0, top, 320, top + 60)) for top in range(0, 240, 60)]
    draw = b" ".join(b"q 320 0 0 60 0 %d cm /X%d Do Q" % (180 - 60 * n, n) for n in range(4))
    data = pdf_of([image(each) for each in strips], draw)
    assert paths(data)[-1] == b"page-1.png"
    assert matcher.match(data).verdict is Verdict.MATCH
    hidden = draw + TEXT.replace(b"Tf", b"Tf 3 Tr")  # what a scanner's text recognition leaves
    assert matcher.match(pdf_of([image(each) for each in strips], hidden)).verdict is Verdict.MATCH


def test_a_turned_page_is_looked_up_as_shown(matcher: Matcher) -> None:
    """A page that turns its picture upright is looked up upright."""
    turned = PICTURE.transpose(Image.Transpose.ROTATE_90)
    data = pdf_of([image(turned)], b"q 0 240 -320 0 320 0 cm /X0 Do Q", page=b"/Rotate 180")
    assert paths(data) == [b"page-1/image-1.png", b"page-1.png"]
    assert matcher.match(data).verdict is Verdict.MATCH


def test_a_page_with_text_gives_its_pictures_alone() -> None:
    """A page of words gives nothing; with a picture, it gives that."""
    assert paths(pdf_of([image(PICTURE)], TEXT, WHOLE + TEXT)) == [b"page-2/image-1.png"]


def test_a_drawn_page_is_rendered() -> None:
    """A page of lines and areas without words comes as a picture."""
    assert paths(pdf_of([], b"10 10 200 100 re f 0 0 m 300 200 l S")) == [b"page-1.png"]


def test_a_picture_that_every_page_shows_comes_once() -> None:
    """A logo on 30 pages is one part, and each page counts against the limit on members."""
    data = pdf_of([image(PICTURE)], *[WHOLE + TEXT] * 30)
    assert paths(data) == [b"page-1/image-1.png"]
    assert read_all(data, ArchiveLimits(max_members=29))[1] is Reason.ARCHIVE_LIMIT


def test_attached_files_are_parts(matcher: Matcher) -> None:
    """A file that is attached to a PDF is examined like one in an archive."""
    pdf = pypdfium2.PdfDocument(pdf_of([], TEXT))
    pdf.new_attachment("photo.jpg").set_data(JPEG)
    whole = io.BytesIO()
    pdf.save(whole)
    assert paths(whole.getvalue()) == [b"attachment-1-photo.jpg"]
    assert matcher.match(whole.getvalue()).verdict is Verdict.MATCH


FORM = stream(
    b"/Type/XObject/Subtype/Form/BBox[0 0 320 240]/Resources<</XObject<</X0 10 0 R>>>>", WHOLE
)


@pytest.mark.parametrize("kind", [b"Stamp", b"FreeText", b"Widget/FT/Btn/Ff 65536/T(b)"])
@pytest.mark.parametrize("text", [b"", TEXT])
def test_what_annotations_show_is_part_of_the_page(
    kind: bytes, text: bytes, matcher: Matcher
) -> None:
    """The picture of a stamp or a button is looked up, on an empty page and beside text."""
    shown = b"<</Type/Annot/Subtype/%s/F 4/Rect[0 0 320 240]/AP<</N 11 0 R>>>>" % kind
    data = pdf_of([image(PICTURE), FORM], text, page=b"/Annots[%s]" % shown)
    assert matcher.match(data).verdict is Verdict.MATCH


def test_the_words_of_a_stamp_hide_no_page_of_strips(matcher: Matcher) -> None:
    """A scan in strips that someone typed a note on is still looked up as a page."""
    strips = [image(PICTURE.crop((0, top, 320, top + 60))) for top in range(0, 240, 60)]
    draw = b" ".join(b"q 320 0 0 60 0 %d cm /X%d Do Q" % (180 - 60 * n, n) for n in range(4))
    font = b"/Resources<</Font<</F 3 0 R>>>>"
    note = stream(b"/Type/XObject/Subtype/Form/BBox[0 0 320 240]" + font, TEXT)
    shown = b"/Annots[<</Type/Annot/Subtype/FreeText/F 4/Rect[0 0 320 240]/AP<</N 14 0 R>>>>]"
    data = pdf_of([*strips, note], draw, page=shown)
    assert paths(data)[-1] == b"page-1.png"
    assert matcher.match(data).verdict is Verdict.MATCH


def test_a_link_does_not_have_its_page_rendered() -> None:
    """A picture with a link on it comes once."""
    link = b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 320 240]>>]"
    assert paths(pdf_of([image(PICTURE)], WHOLE, page=link)) == [b"page-1/image-1.png"]


def test_a_file_attached_to_a_page_is_a_part(matcher: Matcher) -> None:
    """A file that is attached to a place on a page is examined like one of the document."""
    file = b"<</Type/Filespec/F(a.jpg)/UF(a.jpg)/EF<</F 10 0 R>>>>"
    pin = b"/Annots[<</Type/Annot/Subtype/FileAttachment/Rect[0 0 9 9]/FS %s>>]" % file
    data = pdf_of([stream(b"/Type/EmbeddedFile", JPEG)], TEXT, page=pin)
    assert paths(data) == [b"page-1/attachment-1-a.jpg"]
    assert matcher.match(data).verdict is Verdict.MATCH


def test_a_picture_deep_in_forms_is_found(matcher: Matcher) -> None:
    """A picture inside 30 forms, one in the other, is shown by readers, and looked up."""
    head = b"/Type/XObject/Subtype/Form/BBox[0 0 320 240]/Resources<</XObject<</X0 %d 0 R>>>>"
    forms = [stream(head % (10 + n), b"/X0 Do") for n in range(1, 30)]
    data = pdf_of([image(PICTURE), FORM, *forms], b"/X30 Do" + TEXT)
    assert matcher.match(data).verdict is Verdict.MATCH


@pytest.mark.parametrize("text", [b"", TEXT])
def test_a_jpeg_is_looked_up_as_shown_too(text: bytes, matcher: Matcher) -> None:
    """A negative that the PDF turns back into a picture matches, as readers show it."""
    negative = encode(ImageOps.invert(PICTURE.convert("RGB")), "JPEG")
    head = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Width 320"
    head += b"/Height 240/Filter/DCTDecode/Decode[1 0 1 0 1 0]"
    data = pdf_of([stream(head, negative)], WHOLE + text)
    assert paths(data) == [b"page-1/image-1.jpg", b"page-1/image-1.png"]
    assert matcher.match(data).verdict is Verdict.MATCH


def test_damaged_pixels_are_told(matcher: Matcher) -> None:
    """Pixels that break off are looked up as far as they go, and the PDF is not clear."""
    packed = zlib.compress(np.asarray(photo(2, 320, 240).convert("RGB")).tobytes())
    outcome = matcher.match(pdf_of([image(PICTURE, packed[: len(packed) // 2])], WHOLE))
    assert (outcome.verdict, outcome.reason) == (Verdict.UNSCANNED, Reason.UNDECODABLE)


def test_a_pdf_that_is_cut_is_told(matcher: Matcher) -> None:
    """Without its end, a PDF gives what can be read of it, and the reason."""
    data = pdf_of([image(PICTURE)], WHOLE)
    outcome = matcher.match(data[:-6])
    assert (outcome.verdict, outcome.reason) == (Verdict.MATCH, Reason.TRUNCATED)
    cut = make_pdf(JPEG)
    outcome = matcher.match(cut[: cut.index(b"\nendstream", cut.index(JPEG[-20:]))])
    assert (outcome.verdict, outcome.reason) == (Verdict.MATCH, Reason.UNDECODABLE)


def test_pictures_over_the_limit_are_told() -> None:
    """A picture with more pixels than a member may have bytes for is not made."""
    head = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceGray/BitsPerComponent 8"
    huge = stream(head + b"/Filter/FlateDecode/Width 60000/Height 60000", zlib.compress(bytes(99)))
    found, _ = read_all(pdf_of([huge], WHOLE + TEXT))
    assert [key[2] for key in found] == [Reason.TOO_LARGE]
