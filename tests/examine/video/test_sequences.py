"""Pictures that move: motion photos, and sequences in HEIF and AVIF files."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from films import FORMATS, film, scene
from hashmatch.examine.decode.boxes import boxes_end, outer_boxes
from hashmatch.examine.examination import examine, examine_parts
from hashmatch.examine.sandbox import nameless_file
from hashmatch.examine.thumbnail import make_thumbnail
from hashmatch.model import Examination, HashKind, Kind, PerceptualHash, Reason
from hashmatch.options import ExamineOptions, ThumbnailOptions
from pictures import encode

KIND = HashKind("phash", 64)
OPTIONS = ExamineOptions(kinds=(KIND,))
SMALL = FORMATS["MP4"]._replace(size=(160, 90))
FILM = film([scene(1), scene(2)], SMALL, 2.5)


def heic(seed: int) -> bytes:
    """A picture as phones take it."""
    pillow_heif = pytest.importorskip("pillow_heif")
    file = BytesIO()
    pillow_heif.from_pillow(scene(seed).convert("RGB")).save(file)
    return file.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    """A box."""
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def sequence(brand: bytes = b"msf1") -> bytes:
    """A HEIF file without a single picture: a video in all but its brand and its handler."""
    return FILM.replace(b"isom", brand, 1).replace(b"vide", b"pict", 1)


def wanted(seed: int) -> PerceptualHash:
    """The hash of a scene."""
    return examine(encode(scene(seed), "PNG"), OPTIONS).views[0].hashes[0]


def shows(found: Examination, *seeds: int) -> bool:
    """Whether every scene is near a view."""
    return all(
        min((view.hashes[0] - wanted(seed) for view in found.views), default=64) <= 8
        for seed in seeds
    )


def parts(data: bytes) -> dict[bytes | None, Examination]:
    """What comes of a file."""
    return {name: found for name, found in examine_parts(data, OPTIONS) if found is not None}


@pytest.mark.parametrize("wide", [False, True], ids=["box", "box of 64 bits"])
def test_the_video_of_a_heic_motion_photo_is_a_part(wide: bool) -> None:
    """A video in the box that phones put it in is examined beside the picture."""
    inside = box(b"mpvd", FILM)
    if wide:
        inside = b"\0\0\0\1mpvd" + (16 + len(FILM)).to_bytes(8, "big") + FILM
    found = parts(heic(9) + inside)
    assert (found[b"appended-1"].format, found[b"appended-1"].reason) == ("MP4", None)
    assert shows(found[b"appended-1"], 1, 2)
    assert shows(found[None], 9)
    assert found[None].kind is None


def test_files_behind_a_heic_or_in_a_box_of_a_maker_are_parts() -> None:
    """A video behind the last box, and a JPEG in a box that nobody knows, are examined too."""
    found = parts(heic(9) + FILM)
    assert shows(found[b"appended-1"], 1, 2)
    found = parts(heic(9) + box(b"sefd", b"words" + encode(scene(3), "JPEG")))
    assert shows(found[b"appended-1"], 3)
    assert list(parts(heic(9) + box(b"free", bytes(100)))) == [None]


@pytest.mark.parametrize("brand", [b"msf1", b"miaf", b"f4v ", b"dash", b"new1"])
def test_a_film_of_any_brand_behind_a_picture_is_a_part(brand: bytes) -> None:
    """A video or sequence behind a picture is examined, whatever its kind of file calls itself."""
    for picture in (heic(9), encode(scene(9), "JPEG")):
        found = parts(picture + sequence(brand))
        assert shows(found[b"appended-1"], 1, 2)
        assert shows(found[None], 9)


@pytest.mark.parametrize("brand", [b"msf1", b"hevc"])
def test_a_heif_sequence_is_examined_through_stills(brand: bytes) -> None:
    """A HEIF file that has a sequence and no picture is a video, with its scenes in it."""
    found = examine(sequence(brand), OPTIONS)
    assert (found.format, found.kind, found.reason) == ("HEIF", Kind.VIDEO, None)
    assert (found.width, found.height) == SMALL.size
    assert shows(found, 1, 2)


@pytest.mark.parametrize("between", [b"", box(b"made", b"words"), box(b"\xa9mk ", b"")])
def test_a_heif_with_a_picture_and_a_sequence_shows_both(between: bytes) -> None:
    """A burst is examined as the picture that stands for it, and through its stills.

    A box that nobody knows hides neither.
    """
    whole, moving = heic(9) + between, sequence()
    first = next(outer_boxes(moving)).end  # its ftyp
    tail = bytearray(moving[first:])
    at = tail.index(b"stco") + 8
    for entry in range(at + 4, at + 4 + 4 * int.from_bytes(tail[at : at + 4], "big"), 4):
        moved = int.from_bytes(tail[entry : entry + 4], "big") + len(whole) - first
        tail[entry : entry + 4] = moved.to_bytes(4, "big")
    found = examine(whole + tail, OPTIONS)
    assert (found.format, found.kind, found.reason) == ("HEIF", Kind.VIDEO, None)
    assert shows(found, 1, 2, 9)
    assert found.views[0].view == "stored"
    damaged = bytearray(whole + tail)
    damaged[len(whole) + 200 : len(whole) + 4000] = bytes(3800)
    assert examine(bytes(damaged), OPTIONS).reason is Reason.UNDECODABLE


def test_a_still_of_a_sequence_is_what_a_reviewer_sees() -> None:
    """The thumbnail of a sequence's still is the scene that it shows."""
    still = next(view.view for view in examine(sequence(), OPTIONS).views[1:])
    wanted_one = ThumbnailOptions(view=still, blurred=False)
    with nameless_file(sequence()) as descriptor:
        *_, small = make_thumbnail(descriptor, wanted_one, OPTIONS)
    assert small is not None
    assert small.view == still
    picture = Image.frombytes("L", (small.width, small.height), small.pixels)
    assert examine(encode(picture, "PNG"), OPTIONS).views[0].hashes[0] - wanted(2) <= 8


def test_a_heif_that_is_not_to_be_decoded_is_not() -> None:
    """A sequence is a HEIF file, so leaving that format out leaves it unsupported."""
    options = ExamineOptions(kinds=(KIND,), formats=frozenset({"JPEG"}))
    assert examine(sequence(), options).reason is Reason.UNSUPPORTED_FORMAT


def test_every_frame_of_an_animated_avif_is_a_view() -> None:
    """The frames of an AVIF sequence are parts of it."""
    file = BytesIO()
    more = [scene(2), scene(3)]
    scene(1).convert("RGB").save(file, "AVIF", save_all=True, append_images=more)
    found = examine(file.getvalue(), OPTIONS)
    assert (found.format, found.reason) == ("AVIF", None)
    assert shows(found, 1, 2, 3)


def test_boxes_end_where_their_sizes_make_no_sense() -> None:
    """What is no box ends a picture; a box that is not all there means that the picture is cut."""
    ftyp = box(b"ftyp", b"heic0000")
    for rest in (b"", b"abc", b"some words", b"\0\0\0\4sefd"):
        assert boxes_end(ftyp + rest) == len(ftyp)
    for rest in (b"\0\0\0\4mdat", b"\xff\0\0\0mdat", b"\0\0\0\1mdat" + bytes(8)):
        assert boxes_end(ftyp + rest) is None
    assert boxes_end(ftyp[:12]) is None
    assert boxes_end(ftyp + b"\0\0\0\0mdat1234") == len(ftyp) + 12
