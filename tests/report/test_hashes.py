from __future__ import annotations

import hashlib
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from films import FORMATS, film, scene
from hashmatch import HashKind, HashList, PerceptualHash, Verdict
from hashmatch.examine.examination import examine
from hashmatch.files import path_of
from hashmatch.model import Examination, ViewHashes
from hashmatch.options import ExamineOptions
from hashmatch.report.hashes import WRITERS
from hashmatch.text import printable
from matchers import in_process
from pictures import as_mode, encode, photo, with_orientation

from .outcomes import names

KINDS = (HashKind("phash", 64), HashKind("dhash", 64), HashKind("phash", 256))
OPTIONS = ExamineOptions(kinds=KINDS, digests=("sha256",))


def written(name: str, *files: tuple[bytes, Examination]) -> str:
    """What a writer writes of these files."""
    stream = io.StringIO()
    writer = WRITERS[name](stream, KINDS)
    for path, found in files:
        writer.write(path, found)
    return stream.getvalue()


def made_up(digest: str, word: int = 0x0123456789ABCDEF) -> Examination:
    """An examination with this digest."""
    hashes = tuple(PerceptualHash(*kind, (word,) * kind.words) for kind in KINDS)
    return Examination("PNG", 1, 1, (ViewHashes("stored", 80, hashes),), digests=(digest,))


@given(st.lists(names, min_size=1, max_size=4))
def test_what_is_written_is_a_list(paths: list[bytes]) -> None:
    """With any names, the text is a valid list with every hash, and the names as its labels."""
    files = [
        (path, made_up(hashlib.sha256(str(number).encode()).hexdigest(), number + 99))
        for number, path in enumerate(paths)
    ]
    text = written("text", *files)
    hash_list = HashList.loads(text)
    assert hash_list.notices == ()
    assert len(hash_list) == len(paths) * len(KINDS)
    assert {kind: len(section) for kind, section in hash_list.sections.items()} == dict.fromkeys(
        KINDS, len(paths)
    )
    entries = {(entry.id, entry.hash) for entry in hash_list}
    for path, found in files:
        for value in found.views[0].hashes:
            assert (f"sha256:{found.digests[0][:12]}", value) in entries
        lines = [line for line in text.splitlines() if found.digests[0][:12] in line]
        assert len(lines) == len(KINDS)
        assert all(line.endswith(printable(path)) for line in lines)


def test_pictures_match_their_own_list() -> None:
    """A list made of pictures finds each of them at distance 0, even through another view."""
    sources = [
        encode(photo(1, 320, 240), "PNG"),
        encode(photo(2, 320, 240), "JPEG"),
        encode(as_mode(photo(3, 320, 240), "I;16"), "PNG"),  # clipped in the stored view
    ]
    files = [(b"%d.png" % number, examine(data, OPTIONS)) for number, data in enumerate(sources)]
    matcher = in_process(HashList.loads(written("text", *files)))
    for number, data in enumerate(sources):
        outcome = matcher.match(data)
        assert outcome.verdict is Verdict.MATCH
        assert outcome.matches[0].distance == 0
        assert outcome.matches[0].entry.id == f"sha256:{hashlib.sha256(data).hexdigest()[:12]}"
        assert outcome.matches[0].entry.label == f"{number}.png"


def test_a_listed_video_is_found_in_a_longer_one() -> None:
    """A list made of a video matches a video that shows it among other scenes."""
    options = ExamineOptions(kinds=KINDS, digests=("sha256",))
    encoding = FORMATS["MATROSKA"]
    text = written(
        "text", (b"a.mkv", examine(film(list(map(scene, (1, 2, 3))), encoding), options))
    )
    matcher = in_process(HashList.loads(text))
    outcome = matcher.match(film(list(map(scene, (8, 1, 2, 3, 9))), encoding))
    assert outcome.verdict is Verdict.MATCH
    assert "@00:00:0" in outcome.matches[0].entry.id
    assert matcher.match(film(list(map(scene, (8, 1, 9))), encoding)).verdict is Verdict.CANDIDATE


def test_files_with_the_same_bytes_are_one_entry() -> None:
    """The second of two equal files becomes a comment, since an id occurs only once."""
    text = written("text", (b"one", made_up("ab" * 32)), (b"two", made_up("ab" * 32)))
    assert len(HashList.loads(text)) == len(KINDS)
    assert text.splitlines()[-1] == "# same file as sha256:abababababab: two"


def test_files_whose_digests_begin_alike_are_two_entries() -> None:
    """Two files whose digests share their first digits are kept apart by the whole digest."""
    first, second = "ab" * 32, "ab" * 31 + "cd"
    files = [(b"1", made_up(first)), (b"2", made_up(second, 7)), (b"3", made_up(second, 7))]
    text = written("text", *files)
    assert {entry.id for entry in HashList.loads(text)} == {
        "sha256:abababababab",
        f"sha256:{second}",
    }
    assert text.splitlines()[-1] == f"# same file as sha256:{second}: 3"


@given(names)
def test_records_have_every_view_and_algorithm(path: bytes) -> None:
    """JSONL has an object for each algorithm and view, with the hash as imagehash prints it."""
    value = PerceptualHash.from_hex("ca9a11fe0123bead")
    found = Examination(
        *("PNG", 1, 1, (ViewHashes("stored", 80, (value,)), ViewHashes("trimmed", 70, (value,)))),
        digests=("ab" * 32,),
    )
    rows = [json.loads(line) for line in written("jsonl", (path, found)).splitlines()]
    assert [path_of(row) for row in rows] == [path, path]
    assert [(row["view"], row["quality"]) for row in rows] == [("stored", 80), ("trimmed", 70)]
    assert all(
        (row["algorithm"], row["bits"], row["hash"]) == ("phash", 64, str(value)) for row in rows
    )


def test_turned_pictures_and_crops_are_listed_under_ids_of_their_own() -> None:
    """A picture with an EXIF turn is listed as stored and upright, and each crop by its place."""
    turned = with_orientation(photo(1, 400, 300), 6)
    found = examine(turned, ExamineOptions(kinds=KINDS, digests=("sha256",), crops=5))
    hash_list = HashList.loads(written("text", (b"a.jpg", found)))
    name = f"sha256:{found.digests[0][:12]}"
    places = ("centre", "top-left", "top-right", "bottom-left", "bottom-right")
    assert {entry.id for entry in hash_list} == {
        name,
        f"{name}+upright",
        *(f"{name}+crop-90-{place}" for place in places),
        *(f"{name}+upright+crop-90-{place}" for place in places),
    }
    upright = photo(1, 400, 300)
    assert in_process(hash_list).match(upright).verdict is Verdict.MATCH
    width, height = upright.size
    cropped = upright.crop((width // 20, height // 20, width - width // 20, height - height // 20))
    (best, *_) = in_process(hash_list).match(cropped).matches
    assert best.entry.id == f"{name}+upright+crop-90-centre"
