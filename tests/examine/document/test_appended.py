"""Files behind the end of a picture."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashmatch import Entry, HashKind, HashList, Matcher, Verdict
from hashmatch.examine.container import read_members
from hashmatch.examine.document.appended import appended, picture_end
from hashmatch.examine.examination import examine
from hashmatch.options import ArchiveLimits, ExamineOptions
from matchers import in_process
from pictures import animation, encode, photo, plain_ppm

from ..archive.makers import MIB, make_tar, make_zip, read_all
from .containers import CONTAINERS, a_mail, make_pdf, make_rar4

KIND = HashKind("phash", 64)
LISTED = encode(photo(1, 160, 120), "JPEG")
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF")
PICTURES = {name: encode(photo(2, 160, 120), name) for name in FORMATS}
PICTURES["progressive"] = encode(photo(2, 160, 120), "JPEG", progressive=True)
PICTURES["netpbm"] = encode(photo(2, 160, 120), "PPM")
PICTURES["several"] = 2 * encode(photo(2, 160, 120), "PPM")
PICTURES["plain"] = plain_ppm(photo(2, 160, 120))
PICTURES["animation"] = animation([photo(2, 160, 120), photo(3, 160, 120)], "GIF")
TRAILERS = (
    *(b"", b"\0", bytes(5000), b"\r\n", b"SEFHk\0\0\0SEFT", b"Image_UTC_Data1700000000000"),
    *(b"BM is text", b"GIF", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"PK\3", b"PK\5\6"),
)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    """A matcher whose list has one generated picture."""
    found = examine(LISTED, ExamineOptions(kinds=(KIND,)))
    return in_process(HashList.from_entries([Entry("it", found.views[0].hashes[0])], name="list"))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("gap", [b"", bytes(70_000), b"some words"])
def test_a_listed_picture_behind_another_matches(name: str, gap: bytes, matcher: Matcher) -> None:
    """A picture is found behind each format, directly, behind padding and behind other bytes."""
    for behind in (LISTED, encode(photo(1, 160, 120), "PNG"), encode(photo(1, 160, 120), "WEBP")):
        outcome = matcher.match(PICTURES[name] + gap + behind)
        assert outcome.verdict is Verdict.MATCH
        assert [part.path for part in outcome.parts] == [b"appended-1", b""]


@pytest.mark.parametrize("name", PICTURES)
def test_a_harmless_trailer_leaves_a_picture_clear(name: str, matcher: Matcher) -> None:
    """Zeros, line ends, a phone's notes and chance signatures are no files."""
    assert picture_end(PICTURES[name]) == len(PICTURES[name])
    for trailer in TRAILERS:
        outcome = matcher.match(PICTURES[name] + trailer)
        assert (outcome.verdict, outcome.reason, outcome.parts) == (Verdict.CLEAR, None, ())


@pytest.mark.parametrize("pack", [CONTAINERS["7Z"], CONTAINERS["RAR5"], make_rar4, make_pdf])
def test_a_container_behind_a_picture_is_opened(
    pack: Callable[[bytes], bytes], matcher: Matcher
) -> None:
    """A RAR, 7z or PDF appended to a picture is a part with parts of its own."""
    outcome = matcher.match(PICTURES["JPEG"] + pack(LISTED))
    assert outcome.verdict is Verdict.MATCH
    assert outcome.parts[0].path.startswith(b"appended-1!/")
    broken = matcher.match(PICTURES["JPEG"] + make_rar4(LISTED)[:2000])
    assert broken.verdict is Verdict.UNSCANNED


def test_all_that_follow_are_found() -> None:
    """Pictures in a row are parts in a row, and the zip at the end is read as before."""
    data = b"".join(PICTURES[name] for name in FORMATS) + make_zip({"a": LISTED})
    paths = [key[0] for key in read_all(data)[0]]
    assert paths == [b"a", *(b"appended-%d" % number for number in range(1, len(FORMATS)))]


def test_a_jpeg_without_its_end_hides_nothing(matcher: Matcher) -> None:
    """If the first picture lacks its end marker, the second one is still found."""
    outcome = matcher.match(PICTURES["JPEG"][:-2] + LISTED)
    assert outcome.verdict is Verdict.MATCH
    outcome = matcher.match(PICTURES["PNG"][:-12] + LISTED)
    assert outcome.verdict is Verdict.MATCH


@pytest.mark.parametrize("junk", [b"junk", b"\xff\0", b"\0\xff\0\xff", bytes(300)])
def test_a_jpeg_with_broken_segments_hides_nothing(junk: bytes, matcher: Matcher) -> None:
    """Where a decoder passes over junk between segments, what follows the picture is found."""
    data = PICTURES["JPEG"]
    table = data.index(b"\xff\xdb")
    for broken in (
        data[:table] + junk + data[table:],
        data[: table + 3] + b"\x10" + data[table + 4 :],
    ):
        outcome = matcher.match(broken + LISTED)
        assert outcome.verdict is Verdict.MATCH


def test_pictures_of_an_mpo_are_not_appended(matcher: Matcher) -> None:
    """An MPO's further pictures are its frames; one that its index does not name is appended."""
    mpo = animation([photo(2, 160, 120), photo(1, 160, 120)], "MPO")
    assert appended(mpo, zip_at_end=False) == []
    assert matcher.match(mpo).verdict is Verdict.MATCH
    other = animation([photo(2, 160, 120), photo(3, 160, 120)], "MPO")
    assert [each.format for each in appended(other + LISTED, zip_at_end=False)] == ["JPEG"]
    assert matcher.match(other + LISTED).verdict is Verdict.MATCH


BOTH = PICTURES["JPEG"] + LISTED
HOLDERS = {
    "zip": lambda: make_zip({"a": BOTH}),
    "tar": lambda: make_tar({"a": BOTH}),
    "zip-in-tar": lambda: make_tar({"b": make_zip({"a": BOTH})}),
    "7z": lambda: CONTAINERS["7Z"](BOTH),
    "mail": lambda: a_mail(BOTH).as_bytes(),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_inside_a_container_it_is_opened(name: str, matcher: Matcher) -> None:
    """What is appended to a member of any container is a part of that member."""
    outcome = matcher.match(HOLDERS[name]())
    assert (outcome.verdict, outcome.reason) == (Verdict.MATCH, None)
    (found,) = [part.path for part in outcome.parts if part.outcome.matches]
    assert found.endswith(b"!/appended-1")


@pytest.mark.parametrize(
    "behind", [LISTED, make_rar4(LISTED), make_zip({"b": LISTED}), make_pdf(LISTED)]
)
def test_every_kind_of_file_is_opened_inside_a_zip(behind: bytes, matcher: Matcher) -> None:
    """A picture, an archive or a document appended to a member of a zip is examined."""
    outcome = matcher.match(make_zip({"a": PICTURES["PNG"] + behind, "z": PICTURES["JPEG"]}))
    assert (outcome.verdict, outcome.reason) == (Verdict.MATCH, None)


def several() -> dict[str, bytes]:
    """Members with and without a file appended, nested ones included."""
    large = encode(photo(5, 400, 300), "JPEG", quality=80)
    return {
        "0": large,
        "1": PICTURES["PNG"],
        "2.zip": make_zip({"a": large, "b": PICTURES["GIF"]}),
        "3": large,
        "4": large + LISTED + PICTURES["GIF"],
        "5": large,
        "6.zip": make_zip({"a": large + LISTED, "b": large}),
        "7": large,
    }


@pytest.mark.parametrize("pack", [make_zip, make_tar])
def test_members_are_counted_alike_whoever_skips_them(
    pack: Callable[[dict[str, bytes]], bytes],
) -> None:
    """After any member, a second look goes on with the next; a member at hand is found again."""
    data = pack(several())
    every = list(read_members(io.BytesIO(data), ArchiveLimits(), MIB))
    for number, member in enumerate(every):
        assert next(read_members(io.BytesIO(data), ArchiveLimits(), MIB, number)) == member
        if member.at_hand:
            again = read_members(io.BytesIO(data), ArchiveLimits(), MIB, number, again=True)
            assert next(again) == member
    assert [member.path for member in every if member.at_hand] == [b"0", b"1", b"3"]


@pytest.mark.parametrize("pack", [make_zip, make_tar])
def test_a_preview_is_found_again_beside_appended_files(
    pack: Callable[[dict[str, bytes]], bytes],
) -> None:
    """Fast and exact outcomes agree where members with and without appended files are mixed."""
    found = examine(several()["0"], ExamineOptions(kinds=(KIND,)))
    hash_list = HashList.from_entries([Entry("it", found.views[0].hashes[0])], name="list")
    fast = in_process(hash_list, decode="fast").match(pack(several()))
    assert fast == in_process(hash_list, decode="exact").match(pack(several()))
    assert sum(bool(part.outcome.matches) for part in fast.parts) == 8


@given(st.sampled_from(sorted(PICTURES)), st.binary(max_size=300), st.integers(0, 2**32))
@examples(150)
def test_any_bytes_have_an_end_or_none(name: str, tail: bytes, seed: int) -> None:
    """Whatever is changed, what is found lies behind the picture, in order and inside the file."""
    numbers = random.Random(seed)
    data = bytearray(PICTURES[name] + tail + PICTURES["JPEG"])
    for _ in range(numbers.randrange(4)):
        data[numbers.randrange(len(data))] = numbers.randrange(256)
    position = 0
    for found in appended(bytes(data), zip_at_end=False):
        assert position <= found.start < found.end <= len(data)
        position = found.end
