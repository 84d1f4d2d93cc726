"""A scan finds files of any kind by the digests of their bytes."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from commands import hashmatch_command, records
from hashlist.feeds import Item, ncmec, stopncii, tat, vics
from hashmatch.examine.examination import examine
from hashmatch.model import HashKind
from hashmatch.options import ExamineOptions
from pictures import encode, photo

DIGESTS = ("md5", "sha1", "sha256")
PHASH = HashKind("phash", 64)


def video(seed: int) -> bytes:
    """Bytes that begin like an MP4 file and are longer than one read; they show nothing."""
    return b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2" + hashlib.sha256(bytes([seed])).digest() * 50_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of files that are not pictures, one picture, and others like them."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "clip.mp4").write_bytes(video(1))
    (files / "other.mp4").write_bytes(video(1) + b"\0")
    (files / "note.txt").write_text("nothing to see\n")
    (files / "other.txt").write_text("nothing to see")
    (files / "empty.txt").touch()
    with zipfile.ZipFile(files / "bundle.zip", "w") as bundle:
        bundle.writestr("inner.txt", "some other words\n")
    (files / "photo.jpg").write_bytes(encode(photo(1, 300, 200), "JPEG"))
    return tmp_path


def digest_of(path: Path, algorithm: str) -> str:
    """A digest, computed independently."""
    return hashlib.new(algorithm, path.read_bytes()).hexdigest()


def matches(folder: Path, hash_list: str, *options: str) -> dict[str, list[tuple[object, ...]]]:
    """What a scan finds: entry, algorithm, distance and view of each match, by file."""
    (folder / "list").write_text(hash_list)
    result = hashmatch_command(
        *("scan", folder / "files", "--list", folder / "list", "--format", "jsonl", *options)
    )
    assert result.returncode & ~3 == 0, result.stderr
    found = {}
    for record in records(result.stdout):
        if record.get("matches"):
            name = record["path"].removeprefix(f"{folder / 'files'}/")
            found[name] = [
                (match["entry"], match["algorithm"], match["distance"], match["view"])
                for match in record["matches"]
            ]
    return found


def test_any_file_is_found_by_its_digests(folder: Path) -> None:
    """A video, an archive, its member, a text and a picture match at distance 0; no other does."""
    known = ("clip.mp4", "bundle.zip", "note.txt", "photo.jpg")
    contents = {name: (folder / "files" / name).read_bytes() for name in known}
    contents["bundle.zip!/inner.txt"] = b"some other words\n"
    lines = [
        f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()} {name}\n"
        for name, data in contents.items()
        for algorithm in DIGESTS
    ]
    found = matches(folder, "".join(lines))
    assert {name: set(told) for name, told in found.items()} == {
        name: {(name, algorithm, 0, "bytes") for algorithm in DIGESTS} for name in contents
    }


def test_exact_matches_come_first(folder: Path) -> None:
    """A picture that is known both ways names its digests before its perceptual hash."""
    path = folder / "files" / "photo.jpg"
    (view,) = examine(photo(1, 300, 200), ExamineOptions(kinds=(PHASH,))).views
    lines = [
        f"{view.hashes[0]} near",
        *(f"{name}:{digest_of(path, name)} {name}" for name in DIGESTS),
    ]
    found = matches(folder, "# algorithm: phash\n" + "\n".join(lines))["photo.jpg"]
    assert [(entry, view) for entry, _, _, view in found[:3]] == [
        (name, "bytes") for name in DIGESTS
    ]
    assert found[3][0] == "near"


def test_what_feeds_say_counts_in_a_scan(folder: Path) -> None:
    """Entries that are active match; tombstones, withdrawn ones and those of category 0 never."""
    files = folder / "files"
    clip = {"md5": digest_of(files / "clip.mp4", "md5")}
    note = {"md5": digest_of(files / "note.txt", "md5")}
    gone = Item("1-note", gone=True, added="2026-01-03T00:00:00Z")
    withdrawn = Item("1-note", note, "1", gone=True)
    for text in (
        ncmec([Item("1-clip", clip, "A1"), gone, Item("1-note", note, "A1")]),
        stopncii([Item("1-clip", clip), Item("1-note", note), withdrawn], pages=3),
        vics([Item("1-clip", clip, "1"), Item("1-note", note, "0")]),
        tat([Item("1-clip", clip, "1"), Item("1-note", note, "1"), withdrawn]),
    ):
        ((path, found),) = matches(folder, text).items()
        assert (path, [match[1:] for match in found]) == ("clip.mp4", [("md5", 0, "bytes")])
    assert list(matches(folder, vics([Item("2", note, "0")] * 2), "--category", "0")) == [
        "note.txt"
    ]
