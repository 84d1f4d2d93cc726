"""A picture hashed in one line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

import hashmatch
from hashmatch import DecodeError, HashList, HashListError, PerceptualHash, Reason, SettingsError
from hashmatch.errors import HashMismatchError, InputError
from pictures import animation, encode, photo, with_orientation

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "benign_images" / "originals"
PICTURE = photo(1, 320, 240)


def with_alpha() -> bytes:
    """A picture whose upper half is not opaque."""
    picture = PICTURE.convert("RGBA")
    picture.paste((255, 0, 0, 40), (0, 0, 320, 120))
    return encode(picture, "PNG")


@pytest.mark.parametrize(
    "data",
    [
        *(path.read_bytes() for path in sorted(FIXTURES.iterdir())[:4]),
        with_orientation(PICTURE, 6, "JPEG"),
        with_alpha(),
        animation([PICTURE.copy(), photo(2, 320, 240)], "PNG"),
    ],
)
def test_hashes_are_those_of_imagehash(data: bytes) -> None:
    """Every bit is that of imagehash, for both algorithms and widths, of the first frame."""
    imagehash = pytest.importorskip("imagehash")
    with Image.open(io.BytesIO(data)) as picture:
        for bits, size in ((64, 8), (256, 16)):
            expected = str(imagehash.phash(picture, hash_size=size))
            assert str(hashmatch.phash(data, bits=bits)) == expected
            assert str(hashmatch.hash(data, f"phash-{bits}")) == expected
            expected = str(imagehash.dhash(picture, hash_size=size))
            assert str(hashmatch.dhash(data, bits=bits)) == expected
            assert str(hashmatch.hash(data, "dhash", bits=bits)) == expected


def test_every_kind_of_picture_has_the_same_hash(tmp_path: Path) -> None:
    """Bytes, paths, open files and a PIL.Image are one picture."""
    data = encode(PICTURE, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (data, path, str(path), file, io.BytesIO(data), PICTURE):
            assert hashmatch.phash(source) == hashmatch.hash(PICTURE)


def test_a_difference_of_hashes_is_their_distance_in_bits() -> None:
    """Subtracting works as with imagehash, in either order, and only within a kind."""
    first = PerceptualHash.from_hex("0123456789abcdef")
    second = PerceptualHash.from_hex("0123456789abcdee")
    assert (first - first, first - second, second - first) == (0, 1, 1)
    assert hashmatch.phash(PICTURE) - hashmatch.phash(encode(PICTURE, "JPEG")) <= 4
    with pytest.raises(HashMismatchError, match="cannot compare phash-64 with dhash-64"):
        _ = hashmatch.phash(PICTURE) - hashmatch.dhash(PICTURE)
    with pytest.raises(TypeError):
        _ = first - 1


def test_half_a_picture_has_no_hash(tmp_path: Path) -> None:
    """What is not there, no picture, damaged or not read raises, and says why."""
    data = encode(PICTURE, "JPEG")
    for source, reason in (
        (data[: len(data) // 2], Reason.TRUNCATED),
        (b"no picture", Reason.UNDECODABLE),
        (b"", Reason.UNDECODABLE),
        (tmp_path / "none.jpg", Reason.VANISHED),
        (b"DDS |", Reason.UNSUPPORTED_FORMAT),
        (b"PK\x03\x04" + bytes(60), Reason.UNSUPPORTED_FORMAT),
    ):
        with pytest.raises(DecodeError) as caught:
            hashmatch.phash(source)
        assert caught.value.reason is reason


def test_unknown_algorithms_and_inputs_are_refused() -> None:
    """A name, a width or a value that makes no sense is an error of the caller."""
    for arguments in (("whash",), ("phash-128",), ("phash-x",)):
        with pytest.raises(SettingsError):
            hashmatch.hash(PICTURE, *arguments)
    with pytest.raises(SettingsError, match="64 or 256"):
        hashmatch.phash(PICTURE, bits=100)
    with pytest.raises(SettingsError, match="cannot examine an int"):
        hashmatch.phash(7)  # type: ignore[arg-type] # on purpose


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, one of them in a folder, and a hidden file."""
    (tmp_path / "more").mkdir()
    (tmp_path / "b.png").write_bytes(encode(PICTURE, "PNG"))
    (tmp_path / "more" / "a c.jpg").write_bytes(encode(photo(2, 320, 240), "JPEG"))
    (tmp_path / ".hidden").write_bytes(b"not a picture")
    return tmp_path


def test_a_folder_of_pictures_is_a_list(folder: Path) -> None:
    """Each file is an entry whose id is its path inside, and survives being written and read."""
    made = HashList.from_pictures(folder, algorithm="dhash", name="mine")
    entries = {entry.id: entry.hash for entry in made}
    assert entries == {
        "b.png": hashmatch.dhash(PICTURE),
        "more/a%20c.jpg": hashmatch.dhash(folder / "more" / "a c.jpg"),
    }
    assert made.name == "mine"
    assert {entry.id for entry in HashList.loads(made.dumps())} == set(entries)


def test_pictures_one_by_one_are_a_list(folder: Path) -> None:
    """Paths are named as they are given, and what has no name by its number."""
    made = HashList.from_pictures([str(folder / "b.png"), PICTURE, encode(PICTURE, "PNG")])
    assert [entry.id for entry in made] == [str(folder / "b.png"), "picture-2", "picture-3"]
    assert {entry.hash for entry in made} == {hashmatch.phash(PICTURE)}


def test_no_picture_is_left_out_silently(folder: Path) -> None:
    """If any picture cannot be hashed, all such pictures are named and no list is made."""
    (folder / "cut.png").write_bytes(encode(PICTURE, "PNG")[:900])
    (folder / "more" / "note.txt").write_bytes(b"text")
    with pytest.raises(HashListError, match="2 pictures cannot be hashed") as caught:
        HashList.from_pictures(folder)
    assert [problem.path for problem in caught.value.problems] == ["cut.png", "more/note.txt"]
    with pytest.raises(InputError, match="not a folder"):
        HashList.from_pictures(folder / "none")
