"""Containers of every kind: what is in them is examined, or the record says why not."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch import Entry, HashKind, HashList, Matcher, Outcome, Reason, Verdict
from hashmatch.errors import DecodeError
from hashmatch.examine import extras
from hashmatch.examine.container import read_members, sniff_container
from hashmatch.examine.examination import examine
from hashmatch.examine.sandbox import Sandbox, WorkerLimits
from hashmatch.options import ArchiveLimits, ExamineOptions
from hashmatch.scan import make_pool, scan
from matchers import in_process
from pictures import encode, photo

from ..archive.makers import MIB, make_tar, make_zip, read_all
from .containers import CONTAINERS, LIBARCHIVE, a_mail, make_mbox, make_pdf, make_rar4

KIND = HashKind("phash", 64)
LISTED = encode(photo(1, 160, 120), "JPEG")
OTHER = encode(photo(2, 160, 120), "JPEG")
ENCRYPTED = {
    "7z": """
N3q8ryccAATIgMAhIAAAAAAAAABiAAAAAAAAAC5sg0uI01vF5UJpFOZnkV8O9J+3zCOxq9pUnK73LOhly6svQAEEBgABCSAABwsB
AAIkBvEHARJTD5tAYW6VqggHfQPzCXDasYshIQEAAQAMEg4ACAoB2BOLkwAABQEZAQARDQBzAC4AdAB4AHQAAAAUCgEA0FyyIA2A
3QEVBgEAIICkgQAA
""",
    "7z with names": """
N3q8ryccAATDszVvkAAAAAAAAAAuAAAAAAAAADvi5kYJS1yG588+t2wyTQ9sR8g6nXkIl1Kz16/giCoYZ/cwFXZTFHQDbLraYyiW
a4LX7WARNoKpr6MNQBptAt6cxDvtqWZk0rkGLBy/NDtQn9sgovaM0pn36jzRKLeX2X4pD9oX82BpIkmfH2hG3CDANMhLdWivbQdr
UBmRQUfVen+KgcQW/im08l+n8NdMY0xR7ysXBiABCXAABwsBAAEkBvEHARJTDw7p3JrjRQjUz9aIojsmR58MYgoBPw1PBAAA
""",
    "pdf": """
JVBERi0xLjYKJb/3ov4KMSAwIG9iago8PCAvUGFnZXMgMiAwIFIgL1R5cGUgL0NhdGFsb2cgPj4KZW5kb2JqCjIgMCBvYmoKPDwg
L0NvdW50IDEgL0tpZHMgWyAzIDAgUiBdIC9UeXBlIC9QYWdlcyA+PgplbmRvYmoKMyAwIG9iago8PCAvQ29udGVudHMgNCAwIFIg
L01lZGlhQm94IFsgMCAwIDEwIDEwIF0gL1BhcmVudCAyIDAgUiAvUmVzb3VyY2VzIDw8ID4+IC9UeXBlIC9QYWdlID4+CmVuZG9i
ago0IDAgb2JqCjw8IC9MZW5ndGggMzIgL0ZpbHRlciAvRmxhdGVEZWNvZGUgPj4Kc3RyZWFtClPdfbrkIpW16exg93wmgMDDrxr4
fyxdB1c3ZffxUx9qCmVuZHN0cmVhbQplbmRvYmoKNSAwIG9iago8PCAvQ0YgPDwgL1N0ZENGIDw8IC9BdXRoRXZlbnQgL0RvY09w
ZW4gL0NGTSAvQUVTVjIgL0xlbmd0aCAxNiA+PiA+PiAvRmlsdGVyIC9TdGFuZGFyZCAvTGVuZ3RoIDEyOCAvTyA8NTE3MDg0MjQy
ZmY5Y2FhN2QyNTliZWIwNzMzZGY0MmZjMmU1MjE1YzE4NDUxMDhkYTk3YTUyZDk2MzgxN2JiMD4gL09FIDw+IC9QIC0xMDI4IC9S
IDQgL1N0bUYgL1N0ZENGIC9TdHJGIC9TdGRDRiAvVSA8YjcxZmVlZTMxZjk2Y2VkMWQyMDMyNTkwODg5MzZhZWYwMDIxNDQ2OTkw
YjllNDExNDA3MWE0ZDkxMDQ5ODRjMT4gL1VFIDw+IC9WIDQgPj4KZW5kb2JqCnhyZWYKMCA2CjAwMDAwMDAwMDAgNjU1MzUgZiAK
MDAwMDAwMDAxNSAwMDAwMCBuIAowMDAwMDAwMDY0IDAwMDAwIG4gCjAwMDAwMDAxMjMgMDAwMDAgbiAKMDAwMDAwMDIyNyAwMDAw
MCBuIAowMDAwMDAwMzMwIDAwMDAwIG4gCnRyYWlsZXIgPDwgL1Jvb3QgMSAwIFIgL1NpemUgNiAvSUQgWzw2OWZiMjBlMmQ2YTY2
N2YwYzAwNDY3OWVhYmZkZTVlZj48NjlmYjIwZTJkNmE2NjdmMGMwMDQ2NzllYWJmZGU1ZWY+XSAvRW5jcnlwdCA1IDAgUiA+Pgpz
dGFydHhyZWYKNjQ2CiUlRU9GCg==
""",
}
"""Files that 7z and qpdf encrypted."""


@pytest.fixture(scope="module")
def hash_list() -> HashList:
    """A list of one generated picture."""
    found = examine(LISTED, ExamineOptions(kinds=(KIND,)))
    return HashList.from_entries([Entry("it", found.views[0].hashes[0])], name="list")


@pytest.fixture(scope="module")
def matcher(hash_list: HashList) -> Matcher:
    """A matcher with that list."""
    return in_process(hash_list)


def parts(outcome: Outcome) -> dict[bytes, Verdict]:
    """The verdict of each part, by its path."""
    return {part.path: part.outcome.verdict for part in outcome.parts}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_listed_picture_inside_matches(name: str, matcher: Matcher) -> None:
    """The picture is a part that matches as in a zip, and another picture there is clear."""
    pack = CONTAINERS[name]
    outcome = matcher.match(pack(LISTED))
    zipped = matcher.match(make_zip({"a.jpg": LISTED}))
    assert (outcome.verdict, outcome.matches[0].distance) == (
        Verdict.MATCH,
        zipped.matches[0].distance,
    )
    assert list(parts(outcome).values()).count(Verdict.MATCH) == 1
    far = matcher.match(pack(OTHER))
    expected = Verdict.UNSCANNED if name == "SVG" else Verdict.CLEAR
    assert far.verdict is expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"data:image", b"data&colon;image"),
        (b"data:", b"da\nta:"),
        (b";base64,", b';x="y"; base64&#44;'),
        (b";base64,", b";x=" + b"y" * 3000 + b";base64,"),
        (b",/9j", b",&#47;9&#x6A;"),
        (b",/9j", b",&#" + b"0" * 5000 + b"47;9j"),
        (b"<!DOCTYPE html>", b"<p>&#" + b"1" * 5000 + b";"),
        (b"<!DOCTYPE html>", b"<!-- saved -->text"),
        (b"<!DOCTYPE html>", b"<br/>"),
    ],
)
def test_a_data_uri_is_read_as_browsers_read_it(old: bytes, new: bytes, matcher: Matcher) -> None:
    """Character references, line breaks and quotes within a data URI hide nothing."""
    page = CONTAINERS["HTML"](LISTED)
    assert old in page
    assert matcher.match(page.replace(old, new)).verdict is Verdict.MATCH


def test_a_script_that_handles_data_uris_has_none(matcher: Matcher) -> None:
    """Too few characters for a picture, such as the end of a pattern, are no cut base64."""
    script = rb"<script>it.replace(/^data:image\/(png|jpg);base64,/, '')</script>"
    assert matcher.match(b"<html>" + script).verdict is Verdict.NOT_IMAGE


def forwarded(data: bytes) -> bytes:
    """A mail that holds a mail in base64."""
    inner = base64.encodebytes(a_mail(data).as_bytes())
    head = b"From: a@example.org\nDate: today\nContent-Type: message/rfc822\n"
    return head + b"Content-Transfer-Encoding: base64\n\n" + inner


@pytest.mark.parametrize("kind", [b"rfc822", b"global", b"delivery-status"])
def test_a_mail_within_a_mail_may_be_in_base64(kind: bytes, matcher: Matcher) -> None:
    """A forwarded mail is opened although it is encoded, which one standard forbids."""
    mail = forwarded(LISTED).replace(b"message/rfc822", b"message/" + kind)
    assert matcher.match(mail).verdict is Verdict.MATCH


@pytest.mark.parametrize(
    ("old", "new"),
    [(b": base64\n\n", b": quoted-printable\n\n"), (b": base64\n\n", b": base64\n\nA: b\n")],
)
def test_a_mail_within_a_mail_is_not_clear_unless_it_is_decoded(
    old: bytes, new: bytes, matcher: Matcher
) -> None:
    """What is read of a mail in another encoding, or behind a header, may not be all of it."""
    mail = forwarded(LISTED)
    assert mail.count(old) == 1
    found = matcher.match(mail.replace(old, new))
    assert (found.verdict, found.reason) == (Verdict.UNSCANNED, Reason.UNSUPPORTED_FORMAT)


def test_a_mail_of_two_encodings_is_not_clear(matcher: Matcher) -> None:
    """Programs differ about which one counts, so the part is not scanned."""
    data = a_mail(LISTED).as_bytes()
    encoding = b"Content-Transfer-Encoding: base64\n"
    found = matcher.match(data.replace(encoding, b"Content-Transfer-Encoding: 7bit\n" + encoding))
    assert (found.verdict, found.reason) == (Verdict.UNSCANNED, Reason.UNSUPPORTED_FORMAT)


def test_a_mailbox_without_years_is_taken_apart(matcher: Matcher) -> None:
    """A line of a mailbox that names no year begins a mail if headers follow it."""
    data = make_mbox(LISTED)
    for begin in (0, data.rindex(b"\nFrom ") + 1):
        end = data.index(b"\n", begin)
        other = data[:begin] + b"From someone" + data[end:]
        assert matcher.match(other).verdict is Verdict.MATCH


def test_a_saved_page_has_few_headers(matcher: Matcher) -> None:
    """A page that was saved as one file is a mail by its two MIME headers alone."""
    data = a_mail(LISTED).as_bytes()
    body = data[data.index(b"MIME-Version") :]
    assert matcher.match(body).verdict is Verdict.MATCH


@pytest.mark.parametrize("name", CONTAINERS)
def test_so_does_one_nested_in_a_mailed_zip(name: str, matcher: Matcher) -> None:
    """Containers are opened inside an archive and a mail, and skipping gives the tail."""
    inner = make_zip({"first": b"1", "x": CONTAINERS[name](LISTED), "last": b"2"})
    assert matcher.match(inner).verdict is Verdict.MATCH
    data = a_mail(inner).as_bytes()
    assert matcher.match(data).verdict is Verdict.MATCH
    for whole in (inner, data):
        every, reason = read_all(whole)
        for skip in range(len(every) + 2):
            assert read_all(whole, skip=skip) == (every[skip:], reason)


def test_a_folder_of_containers_is_scanned_behind_the_walls(
    hash_list: HashList, tmp_path: Path
) -> None:
    """Behind all walls that the system has, each container is a match, as without any."""
    for name, pack in CONTAINERS.items():
        (tmp_path / name).write_bytes(pack(LISTED))
    (tmp_path / "JPEG+RAR").write_bytes(OTHER + make_rar4(LISTED))
    (tmp_path / "FORWARDED").write_bytes(forwarded(LISTED))
    with make_pool(1, WorkerLimits(sandbox=Sandbox.BEST)) as pool:
        results = list(scan([tmp_path], in_process(hash_list), pool))
    by_path = {result.path: result.outcome for result in results}
    assert not [path for path, found in by_path.items() if found.reason == Reason.DECODER_CRASH]
    found = {
        path.removeprefix(bytes(tmp_path) + b"/").partition(b"!")[0].decode()
        for path, outcome in by_path.items()
        if outcome.verdict is Verdict.MATCH
    }
    assert found == {*CONTAINERS, "JPEG+RAR", "FORWARDED"}


@pytest.mark.parametrize("name", [*ENCRYPTED, "rar"])
def test_what_is_encrypted_is_unscanned(name: str, matcher: Matcher) -> None:
    """A container that needs a password is ``encrypted``, alone or in a zip."""
    data = base64.b64decode(ENCRYPTED[name]) if name in ENCRYPTED else make_rar4(LISTED, 4)
    for file in (data, make_zip({"a": data})):
        outcome = matcher.match(file)
        assert (outcome.verdict, outcome.reason) == (Verdict.UNSCANNED, Reason.ENCRYPTED)


@pytest.mark.parametrize("name", CONTAINERS)
def test_one_that_is_cut_is_never_clear(name: str, matcher: Matcher) -> None:
    """Cut within the picture, a container is a match or unscanned."""
    data = CONTAINERS[name](LISTED)
    for tenth in range(2, 9):
        start = data.find(LISTED[:64])
        end = start + len(LISTED) if start >= 0 else len(data)
        outcome = matcher.match(data[: max(start, 0) + (end - max(start, 0)) * tenth // 10])
        assert outcome.verdict in {Verdict.MATCH, Verdict.UNSCANNED, Verdict.CANDIDATE}
        assert outcome.reason is not None


@given(
    st.sampled_from(sorted(CONTAINERS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 3),
)
@settings(max_examples=150, derandomize=True)  # C libraries could end the tests
def test_damage_is_told(name: str, changes: list[tuple[float, int]], skip: int) -> None:
    """Whatever bytes are changed, there are members or a ``DecodeError``, and skipping agrees."""
    data = bytearray(CONTAINERS[name](b"some text, and no picture" * 9 if name != "PDF" else OTHER))
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    every, reason = read_all(bytes(data))
    for _, content, problem, nested in every:
        assert content is not None or problem is not None or nested
    assert read_all(bytes(data), skip=skip) == (every[skip:], reason)


@pytest.mark.parametrize("name", CONTAINERS)
def test_limits_hold_in_every_container(name: str) -> None:
    """Members, bytes and depth are counted in each container as in an archive."""
    data = CONTAINERS[name](LISTED)
    outer = make_zip({"a": data, "b": data})
    _, reason = read_all(outer, ArchiveLimits(max_members=2))
    assert reason is Reason.ARCHIVE_LIMIT
    limit = len(data) + len(LISTED) // 2
    told = read_all(make_zip({"a": data}), ArchiveLimits(max_total_bytes=limit))
    assert Reason.ARCHIVE_LIMIT in {told[1], *(key[2] for key in told[0])}
    told = read_all(make_zip({"a": data}), ArchiveLimits(max_depth=1))
    assert Reason.ARCHIVE_LIMIT in {key[2] for key in told[0]}


@pytest.mark.parametrize(
    ("name", "module", "remedy"),
    [
        ("PDF", extras.PDF, r"pip install 'hashmatch\[pdf\]'"),
        *((name, extras.LIBARCHIVE, r"pip install 'hashmatch\[archives\]'") for name in LIBARCHIVE),
    ],
)
def test_without_the_extra_it_says_what_to_install(
    name: str, module: str, remedy: str, matcher: Matcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the library, a container is unsupported, and the detail has the command."""
    data = CONTAINERS[name](LISTED)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DecodeError, match=remedy):
        list(read_members(io.BytesIO(data), ArchiveLimits(), MIB))
    outcome = matcher.match(data)
    assert (outcome.verdict, outcome.reason) == (Verdict.UNSCANNED, Reason.UNSUPPORTED_FORMAT)


def test_a_library_to_be_loaded_late_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the walls, one that is not loaded yet is an ``ImportError``, until it is."""
    monkeypatch.setattr(extras, "_deferred", set())
    monkeypatch.setattr(extras, "_absent", set())
    extras.defer(decoders=True)
    with pytest.raises(ImportError):
        extras.require(extras.PDF, "PDF")
    extras.load_deferred()
    assert extras.require(extras.PDF, "PDF") is sys.modules["pypdfium2"]


def test_members_of_documents_have_telling_paths() -> None:
    """Pages, attachments and parts are named by number and by their own names."""
    data = a_mail(make_pdf(LISTED)).as_bytes()
    paths = [key[0] for key in read_all(data)[0]]
    assert paths == [b"1", "2-naïve.jpg!/page-1/image-1.jpg".encode(), "2-naïve.jpg".encode()]


@pytest.mark.parametrize(
    "text",
    [
        b"Subject: a heading\n\nand text\n",
        b"From: here\nto: there\n\nDate: a fruit",
        b"key: value\nfrom: yaml\nname: x\n",
        b"From me to you, in 2024\nI write: a letter\n",
        b"plain text about %PDF files",
        b"a < b and <p> is not at the start",
        b"",
    ],
)
def test_texts_are_no_documents(text: bytes) -> None:
    """Text that only looks like a mail, a page or a PDF is not taken for one."""
    assert sniff_container(text) is None


def test_a_tar_is_not_looked_through_for_what_follows() -> None:
    """A tar's own last member is not taken for an appended file."""
    paths = [key[0] for key in read_all(make_tar({"a": make_zip({"b": b"1"})}))[0]]
    assert paths == [b"a!/b", b"a"]
