from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image, ImageFile

from counts import LONG
from garbage import garbage_kept, living
from hashmatch.examine.decode.picture import Picture
from hashmatch.examine.decode.truncation import ends_early
from hashmatch.examine.examination import examine
from hashmatch.model import Examination, HashKind, Reason
from hashmatch.options import FORMATS, ExamineOptions
from pictures import encode, pam, photo, plain_ppm

from .files import WHOLE, frames

OPTIONS = ExamineOptions(kinds=(HashKind("phash", 64),), formats=FORMATS, fast=True)

# A picture that ends behind its last pixel, and lacks only what fills it up to a round length
PADDING = 16

# Cut where one of its pictures ends, an MPO looks like a whole JPEG with a broken index
REASONS = {
    "mpo": {Reason.TRUNCATED, Reason.UNDECODABLE},
    "jxl": {Reason.TRUNCATED, Reason.UNDECODABLE},  # its decoder says that something is wrong
    "ppm-plain": {Reason.TRUNCATED, Reason.UNDECODABLE},
}

# So little of it may be no format at all, or look like another
BEGINNINGS = {"tga": 18, "tga-packed": 18, "tga-palette": 18, "pbm": 8, "pgm": 8, "pgm-16": 8}
BEGINNINGS |= dict.fromkeys(("avif", "avif-animated", "heif", "heif-many"), 12)  # or a video

# A TGA ends with a footer that no pixel depends on
FOOTERS = {"tga": 26, "tga-packed": 26, "tga-palette": 26}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_examined_whole(name: str) -> None:
    """A whole file ends where it should, and all of its frames have views."""
    found = examine(WHOLE[name], OPTIONS)
    assert (found.reason, found.width, found.height) == (None, 24, 18)
    assert not ends_early(found.format, WHOLE[name])
    many = name in {"mpo", "tiff-pages"} or "animated" in name or "many" in name
    assert any("frame:2" in view.view for view in found.views) == many
    assert any("size:2" in view.view for view in found.views) == (name[:3] in {"ico", "cur"})


def plain_views(found: Examination) -> int:
    """How many views there are besides those of a border, as a missing rest makes one."""
    return sum("trimmed" not in view.view for view in found.views)


@pytest.mark.filterwarnings("ignore")  # as usual; the other way is tested below
@pytest.mark.parametrize("lenient", [False, True], ids=["", "lenient"])
@pytest.mark.parametrize("name", WHOLE)
def test_cut_files_are_truncated(name: str, lenient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a file is cut, it is truncated, however lenient the host has made Pillow.

    Unless too little is left to know it.
    """
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    data = WHOLE[name]
    whole = examine(data, OPTIONS)
    step = 1 if LONG else 1 + len(data) // 40
    cuts = {*range(1, len(data), step), *range(16, 40), *range(len(data) - 24, len(data))}
    for cut in sorted(cuts)[:: 1 if LONG or not lenient else 3]:
        found = examine(data[:cut], OPTIONS)
        if found.format is None and found.reason is None:
            assert cut < BEGINNINGS.get(name, 16)
        elif found.reason is None:
            if found.views != whole.views:  # one whole picture of several
                assert name in {"mpo", "ppm-many"}
                assert found.views == whole.views[: len(found.views)]
                assert name != "ppm-many" or cut % (len(data) // 3) == 0
                assert name != "mpo" or data[:cut].rstrip(b"\0").endswith(b"\xff\xd9")
            else:
                assert cut >= len(data) - FOOTERS.get(name, PADDING)
        else:
            likely = {Reason.TRUNCATED} if cut >= BEGINNINGS.get(name, 0) else set(Reason)
            assert found.reason in REASONS.get(name, likely), cut
            if not lenient and not name.startswith(
                ("jpeg", "ico", "cur")
            ):  # their decoders show what there is
                assert plain_views(found) < plain_views(whole) or cut >= len(data) - 2 * PADDING


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_cut_previews_are_no_examination(options: dict[str, bool]) -> None:
    """A large JPEG that was cut is truncated also where a preview would have done."""
    data = encode(photo(3, 400, 300), "JPEG", quality=80, **options)
    assert not examine(data, OPTIONS).exact
    for cut in (len(data) * part // 12 for part in range(1, 12)):
        found = examine(data[:cut], OPTIONS)
        assert (found.reason, found.exact) == (Reason.TRUNCATED, True)
    for cut in (1, 2):
        assert examine(data[:-cut], OPTIONS).reason is Reason.TRUNCATED


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "BMP", "PNG", "WEBP", "TIFF"])
def test_what_the_host_puts_up_with_clears_no_cut_file(
    kind: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the host makes Pillow fill up cut files, they are truncated, and whole ones whole."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encode(photo(3, 640, 500), kind)
    options = replace(OPTIONS, fast=fast)
    assert examine(data, options).reason is None
    for cut in (len(data) // 3, len(data) - 100):
        assert examine(data[:cut], options).reason is Reason.TRUNCATED


def test_pictures_that_fail_are_not_kept_in_memory() -> None:
    """Bytes and pixels of a broken picture are freed with its examination, not later."""
    data = encode(photo(3, 400, 300), "JPEG")
    with garbage_kept():
        assert examine(data[:-2000], OPTIONS).reason is Reason.TRUNCATED
        assert living(Picture) == 0


def test_warnings_as_errors_change_no_reason() -> None:
    """If the host turns Pillow's warnings into errors, a cut file is still truncated."""
    for name in ("tiff", "tiff-lzw", "tiff-jpeg", "tiff-pages"):
        data = WHOLE[name]
        for cut in range(16, len(data) - PADDING, 1 + len(data) // 40):
            assert examine(data[:cut], OPTIONS).reason is Reason.TRUNCATED


def test_a_row_of_netpbm_pictures_is_clear_only_if_each_is_whole() -> None:
    """Cut in the header or pixels of any picture, a row is truncated; cut between two, it is whole.

    What is left of the latter is a file like any other, of which every picture is examined.
    """
    first, second, _ = (encode(each, "PPM") for each in frames())
    for tail in (b"P6\n24 18\n255\n", plain_ppm(photo(1, 24, 18))[:20], b"P7\nWIDTH 24\n", b"P"):
        for cut in range(1, len(tail) + 1):
            found = examine(first + second + tail[:cut], OPTIONS)
            assert (found.reason, len(found.views)) == (Reason.TRUNCATED, 2), cut
    found = examine(first + second, OPTIONS)
    assert (found.reason, len(found.views)) == (None, 2)


@pytest.mark.parametrize("row", [[plain_ppm, plain_ppm], [plain_ppm, pam], [pam, plain_ppm]])
def test_every_kind_of_netpbm_picture_may_follow(
    row: list[Callable[[Image.Image], bytes]],
) -> None:
    """Plain and raw pictures in one file, as ``cat`` makes it, are all hashed."""
    found = examine(
        b"".join(make(each) for make, each in zip(row, frames(), strict=False)), OPTIONS
    )
    apart = [
        examine(make(each), OPTIONS).views[0].hashes
        for make, each in zip(row, frames(), strict=False)
    ]
    assert (found.reason, [view.hashes for view in found.views]) == (None, apart)


@pytest.mark.parametrize(
    "header",
    [
        b"P6# a comment\n24 18\n255\n",
        b"P6\n24# wide\n18#high\n255#most\n",
        b"P6 # " + b"long" * 20_000 + b"\n24 18 255\n",
        b"P6\n0000000024 18\n255\n",
    ],
    ids=["first", "between", "long", "zeros"],
)
def test_a_netpbm_header_with_comments_is_read_as_viewers_do(header: bytes) -> None:
    """Comments may follow any number of a header, and later pictures are found as well."""
    first, second, _ = (encode(each, "PPM") for each in frames())
    found = examine(header + first.partition(b"255\n")[2] + second, OPTIONS)
    apart = [examine(each, OPTIONS).views[0].hashes for each in (first, second)]
    assert (found.reason, [view.hashes for view in found.views]) == (None, apart)


@pytest.mark.filterwarnings("ignore")
def test_files_cut_between_frames_are_truncated() -> None:
    """Cut exactly where a frame ends, where decoders see nothing amiss, a file is truncated."""
    data = WHOLE["gif-animated"]
    cuts = [cut for cut in range(1000, len(data)) if data[cut - 1 : cut + 2] == b"\x00!\xf9"]
    assert len(cuts) >= 2
    for cut in [*cuts, len(data) - 1]:
        found = examine(data[:cut], OPTIONS)
        assert found.reason is Reason.TRUNCATED
        assert found.views


def test_frames_before_the_cut_are_examined() -> None:
    """The frames that are left of a cut animation have views."""
    for name in ("gif-animated", "png-animated", "tiff-pages", "mpo"):
        data = WHOLE[name]
        found = examine(data[: len(data) * 5 // 6], OPTIONS)
        assert found.reason is Reason.TRUNCATED
        assert {view.view for view in found.views} >= {"stored", "frame:1"}
        assert found.views == examine(data, OPTIONS).views[: len(found.views)]


def bmp(announced: int, size: tuple[int, int], *rest: int, pixels: int) -> bytes:
    """A BMP of 24 bits: the length it announces, its sides, its compression, and its bytes."""
    if rest:
        header = struct.pack("<IiiHHI20x", 40, *size, 1, 24, *rest)
    else:  # as old writers do
        header = struct.pack("<IHHHH", 12, *size, 1, 24)
    start = 14 + len(header)
    return struct.pack("<2sI4xI", b"BM", announced, start) + header + bytes(pixels)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("BMP", bmp(999, (3, -2), 0, pixels=21)),  # the last row goes without its filling
        ("BMP", bmp(0, (3, 2), pixels=24)),
        ("BMP", bmp(54, (3, 2), 1, pixels=0)),
        ("JPEG", b"\xff\xd8\xff\xe0\x00\x04??JUNK"),  # no marker where one should be
        ("JPEG", b"\xff\xd8\xff\xff\xd0\xff\x01\xff\xda" + bytes(9) + b"\xff\xd9"),
        ("PNG", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x00\x01\x02\x03\x04" + bytes(9)),
        ("GIF", b"GIF89a\x01\x00\x01\x00\x00\x00\x00\x00\x99"),
        ("GIF", b"GIF89a\x01\x00\x01\x00\x00\x00\x00\x00;"),
        ("AVIF", b"\x00\x00\x00\x04ftyp"),
        ("AVIF", b"\x00\x00\x00\x00mdat" + bytes(9)),
        ("AVIF", b"\x00\x00\x00\x01mdat" + (20).to_bytes(8, "big") + bytes(4)),
        ("TIFF", b"II*\x00\x08\x00\x00\x00\xff\xff" + bytes(60)),
        ("TIFF", b"MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x08"),  # a directory behind itself
        ("EPS", b"%!PS"),
        ("PNG", b""),
    ],
)
def test_what_is_broken_otherwise_is_not_called_cut(name: str, data: bytes) -> None:
    """A structure that is wrong, has its end, or is unknown, does not end early."""
    assert not ends_early(name, data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("JPEG", b"\xff\xd8\xff\xe1\xff\xff"),
        ("GIF", b"GIF89a"),
        ("GIF", b"GIF89a\x01\x00\x01\x00\x00\x00\x00!\xfe\x05abc"),
        ("AVIF", b"\x00\x00\x00\x08ftyp"),
        ("TIFF", b"II*\x00\x08\x00\x00"),
        ("TIFF", b"II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x01"),
        ("WEBP", b"RIFF\xff\x00\x00\x00WEBP"),
        ("BMP", b"BM\xff\x00\x00\x00"),
        ("BMP", bmp(0, (3, -2), 0, pixels=20)),
        ("BMP", bmp(0, (3, 2), pixels=20)),
        ("BMP", bmp(55, (3, 2), 1, pixels=0)),
    ],
)
def test_what_announces_more_ends_early(name: str, data: bytes) -> None:
    """A structure that announces more than there is ends early."""
    assert ends_early(name, data)
