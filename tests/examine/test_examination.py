from __future__ import annotations

import hashlib
import io
import itertools
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from commands import environment
from counts import LONG
from hashmatch import HashKind, Limits, PerceptualHash, Reason, SettingsError, hamming_distance
from hashmatch.examine.examination import examine
from hashmatch.examine.inputs import PictureInput
from hashmatch.model import Examination, Kind
from hashmatch.options import FORMATS, ExamineOptions
from pictures import (
    animation,
    as_mode,
    checkered,
    encode,
    flat,
    gradient,
    hide_colours,
    letterboxed,
    padded,
    photo,
    with_orientation,
)

KINDS = (HashKind("phash", 64), HashKind("dhash", 64))
OPTIONS = ExamineOptions(kinds=KINDS)
EVERYTHING = ExamineOptions(kinds=KINDS, formats=FORMATS)
PICTURE = photo(1, 320, 240)


def by_view(found: Examination) -> dict[str, PerceptualHash]:
    """The pHash of each view, by its name."""
    return {view.view: view.hashes[0] for view in found.views}


def view_of(source: PictureInput, name: str) -> PerceptualHash:
    """The pHash of one view of a picture that is examined whole."""
    found = examine(source, OPTIONS)
    assert found.reason is None
    return by_view(found)[name]


def nearest(source: PictureInput, original: Image.Image) -> int:
    """How near the nearest view of a picture lies to its original, in bits of pHash."""
    found = examine(source, EVERYTHING)
    assert found.reason is None
    wanted = view_of(original, "stored")
    return min(hamming_distance(value, wanted) for value in by_view(found).values())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("JPEG", {"quality": 90}),
    ],
)
def test_all_orientations_are_one_picture(kind: str, options: dict[str, object]) -> None:
    """The 8 EXIF orientations of a picture lie at distance 0 in the upright view."""
    stored = view_of(PICTURE, "stored")
    for orientation in range(2, 9):
        data = with_orientation(PICTURE, orientation, kind, **options)
        name = "upright"
        # Pillow turns TIFF itself, so there the stored view is upright
        if kind == "TIFF":
            assert "upright" not in by_view(examine(data, OPTIONS))
            name = "stored"
        assert hamming_distance(view_of(data, name), stored) == 0


def transparent(hidden: Image.Image | str) -> Image.Image:
    """A picture that fades out over hidden colours."""
    return hide_colours(PICTURE, hidden)


@pytest.mark.parametrize("view", ["over-white", "over-black"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_is_hidden_does_not_count(kind: str, view: str) -> None:
    """Equal visible pixels match at distance 0, whatever colours lie under alpha 0."""
    options = {"WEBP": {"lossless": True, "exact": True}}.get(kind, {})
    other = photo(9, 320, 240)
    hashes = [
        view_of(encode(transparent(hidden), kind, **options), view)
        for hidden in ("white", "black", "red", other)
    ]
    assert len({str(value) for value in hashes}) == 1
    assert hamming_distance(*(view_of(transparent(hidden), "stored") for hidden in ("red", other)))


def test_grey_alpha_counts_too() -> None:
    """The same with a grey picture and its alpha."""
    first, second = (transparent(hidden).convert("LA") for hidden in ("white", photo(9, 320, 240)))
    for view in ("over-white", "over-black"):
        one, other = (view_of(encode(picture, "PNG"), view) for picture in (first, second))
        assert one == other


def test_transparent_palettes_show_what_is_seen() -> None:
    """A GIF and a PNG with a transparent colour match what is seen of them, over a page."""
    page = flat(320, 240, "white")
    page.paste(PICTURE.resize((200, 160)), (60, 40))
    palette = as_mode(page, "P")
    clear = palette.copy()
    clear.info["transparency"] = palette.getpixel((0, 0))
    for kind in ("GIF", "PNG"):
        assert nearest(encode(clear, kind), page) <= 2
        assert "over-black" in by_view(examine(encode(clear, kind), OPTIONS))


COLOURS = ["black", "white", (40, 90, 160), (200, 180, 30)]
SEEDS = range(100, 150 if LONG else 112)


@pytest.mark.parametrize("colour", COLOURS, ids=["black", "white", "blue", "yellow"])
@pytest.mark.parametrize("seed", SEEDS)
def test_padded_copies_match_trimmed(seed: int, colour: str | tuple[int, ...]) -> None:
    """With 10% padding, saved as JPEG quality 80, a picture is within 4 bits when trimmed."""
    sizes = [(320, 240), (240, 320), (400, 225), (256, 256)]
    picture = photo(seed, *sizes[seed % 4])
    data = encode(padded(picture, 0.1, colour), "JPEG", quality=80)
    assert hamming_distance(view_of(data, "trimmed"), view_of(picture, "stored")) <= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_letterboxed_copies_match_trimmed(seed: int) -> None:
    """Letterboxed to 16:9, saved as JPEG quality 80, a picture is within 4 bits when trimmed."""
    for size in ((320, 240), (240, 320), (420, 180)):
        picture = photo(seed, *size)
        data = encode(letterboxed(picture), "JPEG", quality=80)
        assert hamming_distance(view_of(data, "trimmed"), view_of(picture, "stored")) <= 4


MODES = [
    *(("L", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF")),
    *(("P", "PNG"), ("P", "GIF"), ("LA", "PNG"), ("RGBA", "PNG"), ("1", "PNG"), ("1", "TIFF")),
    *(("I;16", "PNG"), ("I;16", "TIFF"), ("1", "BMP"), ("F", "TIFF"), ("I", "TIFF")),
]


@pytest.mark.parametrize(("mode", "kind"), MODES, ids=str)
def test_modes_are_one_picture(mode: str, kind: str) -> None:
    """CMYK, palette, grey, alpha, 1-bit and 16-bit versions are within 4 bits of the picture."""
    for seed in range(4 if LONG else 2):
        picture = photo(200 + seed, 320, 240)
        assert nearest(encode(as_mode(picture, mode), kind), picture) <= 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_formats_are_one_picture(kind: str) -> None:
    """In every format, the picture is within 2 bits of itself."""
    picture = photo(3, 320, 240)
    options = {} if kind in {"GIF", "BMP", "TIFF", "PNG", "JPEG2000"} else {"quality": 80}
    data = encode(as_mode(picture, "P") if kind == "GIF" else picture, kind, **options)
    found = examine(data, EVERYTHING)
    assert (found.format, found.width, found.height) == (kind, 320, 240)
    assert nearest(data, picture) <= 2


def test_each_frame_is_looked_at() -> None:
    """Every frame of an animation lies near to the picture that it shows."""
    shown = [photo(seed, 160, 120) for seed in range(3)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF", "MPO"):
        frames = [as_mode(one, "P") if kind == "GIF" else one.copy() for one in shown]
        table = by_view(examine(animation(frames, kind), OPTIONS))
        for number, one in enumerate(shown):
            value = table[f"frame:{number}" if number else "stored"]
            assert hamming_distance(value, view_of(one, "stored")) <= 4


@pytest.mark.parametrize("turn", list(Image.Transpose), ids=lambda turn: turn.name)
def test_mirrors_find_flips_and_quarter_turns(turn: Image.Transpose) -> None:
    """With mirrors, a flipped or turned copy has a view at distance 0; without, it has none."""
    options = ExamineOptions(kinds=KINDS, mirrors=True)
    wanted = view_of(PICTURE, "stored")
    copy = encode(PICTURE.transpose(turn), "PNG")
    table = by_view(examine(copy, options))
    assert len(table) == 8
    assert min(hamming_distance(value, wanted) for value in table.values()) == 0
    plain = by_view(examine(copy, OPTIONS))
    assert list(plain) == ["stored"]
    assert hamming_distance(plain["stored"], wanted) > 8


def test_mirrors_have_the_quality_of_their_view() -> None:
    """A mirror image has as much detail as the picture."""
    found = examine(PICTURE, ExamineOptions(kinds=KINDS, mirrors=True))
    assert len({view.quality for view in found.views}) == 1
    assert found.quality == found.views[0].quality


def test_digests_are_of_the_bytes() -> None:
    """Digests are taken of the file's bytes, of whatever kind it is."""
    options = ExamineOptions(kinds=KINDS, digests=("sha256", "md5"))
    for data in (encode(PICTURE, "PNG"), b"no picture", b"", encode(PICTURE, "PNG")[:200]):
        digests = (hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest())
        assert examine(data, options).digests == digests
    assert examine(encode(PICTURE, "PNG"), OPTIONS).digests == ()


def test_every_kind_of_source_is_the_same(tmp_path: Path) -> None:
    """Bytes, paths, files and pictures give the same views."""
    data = encode(PICTURE, "PNG")
    path = tmp_path / "one"
    path.write_bytes(data)
    expected = examine(data, OPTIONS)
    read, write = os.pipe()
    threading.Thread(target=lambda: (os.write(write, data), os.close(write))).start()
    with path.open("rb") as file, path.open("rb", buffering=0) as raw, open(read, "rb") as pipe:
        sources = [bytearray(data), memoryview(data), str(path), path, file, raw, pipe]
        assert [examine(source, OPTIONS) for source in sources] == [expected] * len(sources)
    with Image.open(path) as picture:
        assert examine(picture, OPTIONS) == expected
    assert examine(PICTURE, OPTIONS).views == expected.views


def test_files_are_read_from_their_start(tmp_path: Path) -> None:
    """A file that somebody has read from is examined whole, as often as it is asked for."""
    data = encode(PICTURE, "PNG")
    path = tmp_path / "one"
    path.write_bytes(data)
    expected = examine(data, OPTIONS)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        for source in (file, raw, io.BytesIO(data)):
            source.seek(700)
            assert [examine(source, OPTIONS) for _ in range(2)] == [expected] * 2


def test_streams_that_do_not_wait_have_no_end() -> None:
    """A stream that has no bytes yet, and does not wait for them, is an error of the caller."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    with open(read, "rb", buffering=0) as pipe, open(write, "wb", buffering=0) as end:
        for begun in (b"", encode(PICTURE, "PNG")[:900]):
            end.write(begun)
            with pytest.raises(SettingsError, match="non-blocking"):
                examine(pipe, OPTIONS)


def test_other_sources_are_refused() -> None:
    """Anything that cannot be read as bytes, such as a file open as text, is the caller's error."""
    for source in (None, 7, ["one.png"], object()):
        with pytest.raises(SettingsError, match="cannot examine a"):
            examine(source, OPTIONS)
    with pytest.raises(SettingsError, match="open it in binary"):
        examine(io.StringIO("text"), OPTIONS)


def test_large_files_are_known_by_as_much_as_others(tmp_path: Path) -> None:
    """A format that shows only after some hundred bytes is recognised in large files too."""
    path = tmp_path / "large.svg"
    path.write_bytes(b"<?xml version='1.0'?>" + b" " * 700 + b"<svg/>" + b" " * 5000)
    for most, reason in ((10_000, Reason.UNSUPPORTED_FORMAT), (5000, Reason.TOO_LARGE)):
        found = examine(path, ExamineOptions(kinds=KINDS, limits=Limits(max_bytes=most)))
        assert (found.format, found.reason) == ("SVG", reason)


def test_streams_are_read_within_the_limit() -> None:
    """Of an endless stream no more is read than may be examined."""

    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            self.taken += size
            return b"\xff\xd8\xff" + bytes(size - 3)

    endless = Endless()
    found = examine(endless, ExamineOptions(kinds=KINDS, limits=Limits(max_bytes=5000)))
    assert (found.reason, endless.taken) == (Reason.TOO_LARGE, 5001)


def reason_of(path: Path | str, options: ExamineOptions = OPTIONS) -> Reason | None:
    """Why a path is not examined; it never has views then."""
    found = examine(path, options)
    assert not found.views
    return found.reason


def test_paths_that_cannot_be_read_have_their_reason(tmp_path: Path) -> None:
    """A missing file, a folder, a FIFO, a socket and a device each get their reason."""
    fifo, door = tmp_path / "fifo", tmp_path / "socket"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(door))
        began = time.monotonic()
        assert reason_of(tmp_path / "none") is Reason.VANISHED
        assert reason_of("a\0b") is Reason.VANISHED
        for path in (tmp_path, fifo, door, Path(os.devnull)):
            assert reason_of(path) is Reason.SPECIAL_FILE
        assert time.monotonic() - began < 20  # a FIFO without a writer holds nothing up
    (tmp_path / "loop").symlink_to("loop")
    assert reason_of(tmp_path / "loop") is Reason.SPECIAL_FILE


def test_unreadable_files_lack_permission(tmp_path: Path) -> None:
    """Without root's rights, a file that may not be read is unscanned for lack of permission."""
    path = tmp_path / "secret.png"
    path.write_bytes(encode(PICTURE, "PNG"))
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IXGRP)
    code = (
        "import os, sys; from hashmatch.model import *; from hashmatch.options import *\n"
        "from hashmatch.examine.examination import examine\n"
        "options = ExamineOptions(kinds=(HashKind('phash', 64),))\n"
        "if os.getuid() == 0: os.setgroups([]), os.setgid(65534), os.setuid(65534)\n"
        "found = examine(sys.argv[1], options); print(found.reason, len(found.views))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], env=environment(), capture_output=True, check=True
    )
    assert done.stdout.split() == [b"permission", b"0"]


@pytest.fixture
def restless(tmp_path: Path) -> Iterator[Path]:
    """A file that someone adds to, a byte at a time, and cuts short again."""
    path = tmp_path / "restless.png"
    path.write_bytes(encode(PICTURE, "PNG"))
    size = path.stat().st_size
    stop = threading.Event()

    def change() -> None:
        for number in itertools.count(1):
            os.truncate(path, size + number % 2)
            os.utime(path, ns=(number, number))
            if stop.wait(0.0005):
                return

    thread = threading.Thread(target=change)
    thread.start()
    yield path
    stop.set()
    thread.join()


def test_files_that_change_meanwhile_are_told(restless: Path) -> None:
    """A file that changes while it is read is unscanned as changed, and nothing of it is used."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = examine(restless, OPTIONS)
        if found.reason is Reason.CHANGED:
            assert not found.views
            return
    pytest.fail("the file was never seen to change")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_files_without_a_size_are_read_to_their_end() -> None:
    """Files whose size the system gives as 0, as in /proc, are no pictures, and no error."""
    assert reason_of("/proc/self/status") in {None, Reason.CHANGED}


HEADS = [
    *(b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\x89PNG\r\n\x1a\n", b"GIF87a"),
    *(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x20\x00\x00\x00\x20\x08\x02", b"GIF89a"),
    *(b"GIF89a\x20\x00\x20\x00", b"II*\x00\x08\x00\x00\x00", b"MM\x00*\x00\x00\x00\x08"),
    *(b"II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00", b"RIFF\x40\x00\x00\x00WEBPVP8 "),
    *(b"RIFF\x40\x00\x00\x00WEBPVP8L", b"RIFF\x40\x00\x00\x00WEBPVP8X"),
    b"BM\x40\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    *(b"\xff\x4f\xff\x51\x00", b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif"),
    *(
        b"DDS |",
        b"\x00\x00\x01\x00",
        b"%!PS-Adobe",
        b"qoif",
        b"<svg xmlns='x'>",
        b"P6 9 9 9",
    ),
]


@settings(max_examples=3000 if LONG else 300)
@given(st.sampled_from(HEADS), st.binary(max_size=300))
def test_random_bytes_behind_any_magic_are_never_clear(head: bytes, tail: bytes) -> None:
    """What begins as a picture and continues as noise gets a reason, and never raises."""
    found = examine(head + tail, EVERYTHING)
    assert found.reason is not None or found.views
    assert found.detail is None or len(found.detail) < 80


@settings(max_examples=3000 if LONG else 200)
@given(st.binary(max_size=400))
def test_random_bytes_never_raise(data: bytes) -> None:
    """Any bytes have an examination."""
    found = examine(data, EVERYTHING)
    assert (found.format is None) == (found.reason is None and not found.views)


def test_damaged_pictures_never_raise() -> None:
    """Whatever a flipped, lost or added byte does to a picture, it has views or a reason."""
    random = np.random.default_rng(7)
    small = photo(1, 24, 18)
    frames = [as_mode(photo(seed, 24, 18), "P") for seed in range(3)]
    whole = [encode(small, kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "JPEG2000")]
    whole += [animation(frames, "GIF"), animation([small.copy(), photo(2, 24, 18)], "MPO")]
    for data in whole:
        for _ in range(400 if LONG else 40):
            broken = bytearray(data)
            for place in random.integers(0, len(broken) - 9, random.integers(1, 5)).tolist():
                change = random.integers(0, 4)
                if change == 0:
                    del broken[place : place + 3]
                elif change == 1:
                    broken[place:place] = random.bytes(3)
                else:
                    broken[place] = int(random.integers(0, 256))
            found = examine(bytes(broken), EVERYTHING)
            assert found.reason is not None or found.views or found.format is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "MPO"])
def test_names_say_nothing(kind: str, tmp_path: Path) -> None:
    """A picture is what its bytes are, whatever its name ends in."""
    data = animation([PICTURE, PICTURE], kind) if kind == "MPO" else encode(PICTURE, kind)
    for name in ("one.txt", "one", "one.png", "one.eps"):
        path = tmp_path / name
        path.write_bytes(data)
        assert examine(path, OPTIONS).views == examine(data, OPTIONS).views


def test_files_without_bytes_are_no_pictures(tmp_path: Path) -> None:
    """An empty file is not a picture, whatever its name, and hides nothing."""
    path = tmp_path / "empty.jpg"
    path.write_bytes(b"")
    assert examine(path, OPTIONS) == examine(b"", OPTIONS) == Examination(kind=Kind.EMPTY)


def test_archives_are_not_taken_for_no_image() -> None:
    """An archive's bytes are reported as an archive whose content was not examined."""
    data = b"PK\x03\x04" + bytes(60)
    found = examine(data, OPTIONS)
    assert (found.reason, found.format) == (Reason.UNSUPPORTED_FORMAT, "ZIP")


def test_quality_of_previews_is_that_of_full_decoding() -> None:
    """Whether hashes come of a preview or not, quality is the same."""
    for size, quality in itertools.product([(900, 600), (300, 200)], (30, 90)):
        data = encode(photo(5, *size), "JPEG", quality=quality)
        fast, exact = (
            examine(data, ExamineOptions(kinds=KINDS, fast=fast)) for fast in (True, False)
        )
        assert (fast.exact, exact.exact) == (False, True)
        assert fast.quality == exact.quality


@pytest.mark.parametrize(
    "picture", [flat(600, 400), gradient(600, 400), padded(photo(6, 600, 400), 0.1)]
)
def test_previews_that_tell_too_little_are_not_believed(picture: Image.Image) -> None:
    """With little detail, or a border, a JPEG is decoded in full at once."""
    data = encode(picture, "JPEG", quality=85)
    assert examine(data, ExamineOptions(kinds=KINDS, fast=True)).exact


@pytest.mark.parametrize("picture", [flat(1, 1), flat(1, 2000), checkered(7, 5, 1), photo(1, 2, 3)])
def test_the_smallest_pictures_have_hashes(picture: Image.Image) -> None:
    """A picture of a pixel or two is examined like any other."""
    found = examine(encode(picture, "PNG"), OPTIONS)
    assert found.reason is None
    assert (found.width, found.height) == picture.size
    assert all(len(view.hashes) == 2 for view in found.views)


def test_pictures_too_thin_to_be_hashed_are_too_large() -> None:
    """A picture that cannot be scaled down for lack of memory is too large, and never raises."""
    found = examine(Image.new("L", (45_000_000, 1)), OPTIONS)
    assert (found.reason, found.views) == (Reason.TOO_LARGE, ())
