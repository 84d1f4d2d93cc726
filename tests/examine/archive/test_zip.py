"""Zip archives, honest and not."""

import io
import stat
import struct
import zipfile
import zlib

import pytest

from hashmatch.examine.archive import ends_in_zip
from hashmatch.model import Reason
from hashmatch.options import ArchiveLimits

from .makers import (
    MIB,
    PACKERS,
    ZIP_METHODS,
    Forged,
    contents,
    deflated,
    forge_zip,
    make_zip,
    problems,
    read_all,
    zip_crypto,
)

FILES = {"a.jpg": b"picture" * 50_000, "dir/b.png": b"", "dir/ü.gif": bytes(range(256)) * 9}
RAW = {name.encode(): data for name, data in FILES.items()}


@pytest.mark.parametrize("method", ZIP_METHODS)
def test_every_method_of_zipfile_is_read(method: int) -> None:
    """Stored, deflated, bzip2 and LZMA members come out as they went in."""
    assert contents(make_zip(FILES, method)) == RAW


@pytest.mark.parametrize("method", [93, 95])
def test_newer_methods_are_read(method: int) -> None:
    """Zstandard and xz members come out as they went in."""
    data = FILES["a.jpg"]
    pack = PACKERS["ZSTD" if method == 93 else "XZ"]
    one = Forged(b"a", pack(data), method, crc=zlib.crc32(data), size=len(data))
    assert contents(forge_zip([one])) == {b"a": data}


def test_folders_are_no_members() -> None:
    """A folder gives no record."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.mkdir("dir")
        archive.writestr("dir/a", b"1")
    assert contents(whole.getvalue()) == {b"dir/a": b"1"}


def test_names_are_raw_bytes() -> None:
    """Names of any bytes stay as they are, whatever their flag says of their encoding."""
    names = [
        b"caf\x82.jpg",
        b"\xff\xfe",
        b"../../etc/passwd",
        b"/abs",
        b"C:\\x",
        b"a\x1b[2J\x00b",
        b"",
    ]
    forged = [Forged(name, b"1", flags=flags) for name in names for flags in (0, 0x800)]
    found, reason = read_all(forge_zip(forged))
    assert reason is None
    assert [key[0] for key in found] == [one.name for one in forged]


def test_two_members_may_share_a_name() -> None:
    """Of members with one name each is read, not the last alone."""
    found, _ = read_all(forge_zip([Forged(b"a", b"1"), Forged(b"a", b"2")]))
    assert [key[1] for key in found] == [b"1", b"2"]


def test_data_before_and_after_the_archive() -> None:
    """An archive after other data, or before a comment, is read as usual."""
    assert contents(b"PK\x03\x04 and a program" + make_zip(FILES)) == RAW
    commented = forge_zip([Forged(b"a", b"1")], comment=b"PK" * 30_000)
    assert contents(commented) == {b"a": b"1"}


@pytest.mark.parametrize(
    "behind", [bytes(18), bytes(range(1, 19)), b"\xff" * 18, b"PK\x05\x06" * 9]
)
def test_a_false_end_hides_nothing(behind: bytes) -> None:
    """What looks like another end record, in the comment or after it, is ignored."""
    end = b"PK\x05\x06" + behind
    assert contents(forge_zip([Forged(b"a", b"1")], comment=end)) == {b"a": b"1"}
    assert contents(make_zip(FILES) + end + b"more") == RAW


def test_the_entries_of_all_directories_come() -> None:
    """Two zips in a row, and two directories that one end may mean, hide no member."""
    one, two = make_zip({"one": b"1"}), make_zip({"two": b"2"})
    assert contents(one + two) == {b"one": b"1", b"two": b"2"}
    assert contents(b"a picture" + two + one) == {b"one": b"1", b"two": b"2"}
    members, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    last = two[two.index(b"PK\x01\x02") :]  # its length leads to this directory, and its offset
    length = len(last) - 22  # to the other
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, length, members, 0)
    both = one[:end] + two[: two.index(b"PK\x01\x02")] + last[:length] + record
    found, _ = read_all(both)
    assert (b"one", b"1") in {key[:2] for key in found}


def test_a_zip_within_a_zip_comes_once() -> None:
    """The end of a stored member that is a zip is not taken for another end of the archive."""
    inner = make_zip({"one": b"1"})
    found, reason = read_all(make_zip({"inner.zip": inner}, zipfile.ZIP_STORED))
    assert ([key[0] for key in found], reason) == ([b"inner.zip!/one", b"inner.zip"], None)


def test_a_cut_archive_is_not_taken_for_a_member_of_it() -> None:
    """If an archive ends with a whole zip or an empty directory, what comes before is missed."""
    whole = make_zip({"a.txt": b"x", "inner.zip": make_zip({"one": b"1"})}, zipfile.ZIP_STORED)
    cut = whole[: int.from_bytes(whole[-6:-2], "little")]
    found, reason = read_all(cut)
    assert ([key[0] for key in found], reason) == ([b"one"], Reason.TRUNCATED)
    one = make_zip({"one": b"1"})
    members = one.index(b"PK\x01\x02")
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, 0, members, 0)
    assert read_all(one[:members] + end) == ([], Reason.TRUNCATED)


def test_a_zip_is_known_by_its_end() -> None:
    """A zip with entries is recognised wherever it begins, and chance runs of its marks are not."""
    for data in (make_zip(FILES), b"front" + make_zip(FILES), make_zip(FILES) + b"junk"):
        assert ends_in_zip(io.BytesIO(data), len(data))
    end = make_zip({})
    for data in (b"", b"PK\x05\x06", end, b"front" + end, b"\xff" * 99 + end[:4] + b"\xff" * 99):
        assert not ends_in_zip(io.BytesIO(data), len(data))


def test_zip64() -> None:
    """Sizes, offsets and directories in their 64-bit fields are read."""
    whole = io.BytesIO()
    with (
        zipfile.ZipFile(whole, "w") as archive,
        archive.open("stream", "w", force_zip64=True) as member,
    ):
        member.write(b"content")
    assert contents(whole.getvalue()) == {b"stream": b"content"}
    wide = struct.pack("<2H3Q", 1, 24, 3, 3, 0)
    one = Forged(b"a", b"abc", extra=b"\x99\x99\x01\x00x" + wide)
    one.size = one.packed_size = one.offset = 0xFFFFFFFF
    plain = forge_zip([one])
    assert contents(plain) == {b"a": b"abc"}
    for extensible in (b"", b"more to come"):
        assert contents(_with_zip64_end(plain, extensible)) == {b"a": b"abc"}


def _with_zip64_end(plain: bytes, extensible: bytes) -> bytes:
    body, end = plain[:-22], plain[-22:]
    length, offset = struct.unpack_from("<2L", end, 12)
    fields = (44 + len(extensible), 45, 45, 0, 0, 1, 1, length, offset)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", *fields) + extensible
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    saturated = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *(0xFFFF,) * 2, *(0xFFFFFFFF,) * 2, 0)
    return body + record + locator + saturated


def test_a_lost_zip64_record_is_told() -> None:
    """A locator that leads nowhere does not make an empty archive."""
    broken = _with_zip64_end(forge_zip([Forged(b"a", b"abc")]), b"").replace(
        b"PK\x06\x06", b"PK\x06\x05"
    )
    assert read_all(broken) == ([], Reason.UNDECODABLE)


def test_encrypted_members_are_told() -> None:
    """Encrypted members are ``encrypted``, and those beside them are read."""
    secret = b"a secret"
    crc = zlib.crc32(secret)
    packed = zip_crypto(b"password", secret, crc)
    locked = Forged(b"locked", packed, flags=1, crc=crc, size=len(secret))
    data = forge_zip(
        [Forged(b"a", b"1"), locked, Forged(b"strong", b"2", flags=0x41), Forged(b"c", b"3")]
    )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("locked", b"password") == secret
    found, reason = read_all(data)
    assert reason is None
    assert found == [
        (b"a", b"1", None, False),
        (b"locked", None, Reason.ENCRYPTED, False),
        (b"strong", None, Reason.ENCRYPTED, False),
        (b"c", b"3", None, False),
    ]


def test_links_and_devices_are_special() -> None:
    """Members that are symbolic links, devices or pipes are never content."""
    kinds = {b"link": stat.S_IFLNK, b"pipe": stat.S_IFIFO, b"device": stat.S_IFBLK}
    members = [Forged(name, b"/etc/passwd", mode=mode | 0o644) for name, mode in kinds.items()]
    data = forge_zip([*members, Forged(b"file", b"1", mode=stat.S_IFREG | 0o644)])
    assert problems(data) == dict.fromkeys(kinds, Reason.SPECIAL_FILE) | {b"file": None}


@pytest.mark.parametrize("method", [1, 6, 9, 97, 98, 99, 65535])
def test_unknown_methods_are_told_by_member(method: int) -> None:
    """A member of a method that is not read is ``unsupported_format``, others are read."""
    data = forge_zip([Forged(b"odd", b"12345", method), Forged(b"a", b"1")])
    assert problems(data) == {b"odd": Reason.UNSUPPORTED_FORMAT, b"a": None}


def test_a_version_of_the_future_hides_nothing() -> None:
    """A member that asks for a later version of zip is read, and so are those beside it."""
    data = forge_zip([Forged(b"late", b"1", version=99), Forged(b"a", b"2")])
    assert contents(data) == {b"late": b"1", b"a": b"2"}


def test_names_in_the_local_header_do_not_matter() -> None:
    """A local header with another name hides no member."""
    data = forge_zip([Forged(b"a", b"1", local_name=b"other.txt")])
    assert contents(data) == {b"a": b"1"}


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (deflated(b"crc", b"12345", crc=7), Reason.UNDECODABLE),
        (Forged(b"stored crc", b"12345", crc=7), Reason.UNDECODABLE),
        (deflated(b"more than announced", b"1" * 5000, size=4999), Reason.UNDECODABLE),
        (deflated(b"less than announced", b"1" * 5000, size=5001), Reason.TRUNCATED),
        (deflated(b"packed size too small", b"123456" * 9, packed_size=4), Reason.TRUNCATED),
        (Forged(b"no deflate", b"\xff" * 30, 8), Reason.UNDECODABLE),
        (Forged(b"no bzip2", b"\xff" * 30, 12), Reason.UNDECODABLE),
        (Forged(b"no lzma", b"\xff" * 30, 14), Reason.UNDECODABLE),
        (Forged(b"bad lzma", b"\x09\x04\x05\x00\xe0" + b"\xff" * 30, 14), Reason.UNDECODABLE),
        (Forged(b"odd lzma", b"\x09\x04\x05\x00\x5c" + b"\xff" * 30, 14), Reason.UNDECODABLE),
        (Forged(b"empty lzma", b"", 14, size=1), Reason.UNDECODABLE),
        (Forged(b"no zstd", b"\xff" * 30, 93), Reason.UNDECODABLE),
        (Forged(b"no xz", b"\xff" * 30, 95), Reason.UNDECODABLE),
        (Forged(b"too large", b"1", size=MIB + 1), Reason.TOO_LARGE),
        (Forged(b"behind the end", b"1", offset=4_000_000_000), Reason.TRUNCATED),
        (Forged(b"over the end", b"1", packed_size=99_999, size=99_999), Reason.TRUNCATED),
        (Forged(b"elsewhere", b"1", offset=1), Reason.UNDECODABLE),
        (
            Forged(b"far", b"1", offset=0xFFFFFFFF, extra=struct.pack("<2HQ", 1, 8, 1 << 63)),
            Reason.TRUNCATED,
        ),
    ],
    ids=lambda value: value.name.decode() if isinstance(value, Forged) else "",
)
def test_broken_members_are_told_one_by_one(member: Forged, reason: Reason) -> None:
    """A member that lies gets its reason, and the members around it are read."""
    data = forge_zip([Forged(b"first", b"1"), member, Forged(b"last", b"2")])
    found, stopped = read_all(data)
    assert stopped is None
    assert found == [
        (b"first", b"1", None, False),
        (member.name, None, reason, False),
        (b"last", b"2", None, False),
    ]


def test_lzma_with_and_without_an_end_mark() -> None:
    """LZMA members are read whether or not they mark their end, and none is cut in silence."""
    whole = make_zip({"a": b"abc" * 1000}, zipfile.ZIP_LZMA)
    assert contents(whole) == {b"a": b"abc" * 1000}
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        info = archive.getinfo("a")
    packed = whole[31 : 31 + info.compress_size]
    cut = Forged(b"a", packed[:-12], 14, crc=info.CRC, size=info.file_size)
    assert problems(forge_zip([cut])) == {b"a": Reason.TRUNCATED}
    # The end mark is in the last bytes: without it the announced size is the end
    unmarked = Forged(b"a", packed[:-5], 14, crc=info.CRC, size=info.file_size)
    assert contents(forge_zip([unmarked])) == {b"a": b"abc" * 1000}


def test_a_zip_without_its_directory_is_truncated() -> None:
    """Cut at any place, a zip is truncated, and no member is made up."""
    whole = make_zip({"a": b"1" * 200, "b": b"2" * 200}, zipfile.ZIP_STORED)
    for end in range(4, len(whole)):
        assert read_all(whole[:end]) == ([], Reason.TRUNCATED)


def test_a_broken_directory_is_told() -> None:
    """Members before the broken place of a directory are read, and then it is reported."""
    whole = forge_zip([Forged(b"a", b"1"), Forged(b"b", b"2")])
    place = whole.rindex(b"PK\x01\x02")
    broken = whole[:place] + b"XX" + whole[place + 2 :]
    assert read_all(broken) == ([(b"a", b"1", None, False)], Reason.UNDECODABLE)
    lost = bytearray(whole)
    lost[-10:-2] = struct.pack("<2L", 1 << 20, 1)
    assert read_all(bytes(lost)) == ([], Reason.UNDECODABLE)


def test_a_directory_is_found_by_its_place_too() -> None:
    """A directory whose size is wrong is found where its end record says that it begins."""
    whole = bytearray(forge_zip([Forged(b"a", b"1")]))
    for length in (0, 1, 1 << 20):
        whole[-10:-6] = struct.pack("<L", length)
        assert contents(bytes(whole)) == {b"a": b"1"}


def test_split_archives_are_told() -> None:
    """A part of a split archive is ``unsupported_format``."""
    assert read_all(forge_zip([Forged(b"a", b"1")], disk=1)) == ([], Reason.UNSUPPORTED_FORMAT)


def test_overlapping_members_use_up_the_budget() -> None:
    """Many members that share one run of packed bytes end as ``archive_limit``, soon."""
    kernel = deflated(b"0", bytes(16 * MIB))
    members = [kernel]
    members += [deflated(b"%d" % number, b"", offset=0) for number in range(1, 200)]
    for one in members[1:]:
        one.crc, one.size, one.packed_size = kernel.crc, kernel.size, len(kernel.packed)
        one.packed = b""
    data = forge_zip(members)
    assert len(data) < 40_000
    found, reason = read_all(data, max_member_bytes=16 * MIB)
    assert reason == Reason.ARCHIVE_LIMIT
    assert [key[2] for key in found] == [None] * 4 + [Reason.ARCHIVE_LIMIT]


def test_members_that_unpack_to_nothing_use_up_the_budget() -> None:
    """What a member takes up counts, where that is more than what it gives."""
    empty_blocks = b"\x00\x00\x00\xff\xff" * 20_000
    first = Forged(b"0", empty_blocks + b"\x03\x00", 8, size=0, crc=0)
    shared = {"size": 0, "crc": 0, "packed_size": len(first.packed), "offset": 0}
    members = [first, *(Forged(b"%d" % n, b"", 8, **shared) for n in range(1000))]
    found, reason = read_all(forge_zip(members))
    assert reason == Reason.ARCHIVE_LIMIT
    assert 600 < len(found) < 700


def test_ratio_of_a_member() -> None:
    """A large member that unpacks to too many times its size is refused; others are read."""
    limits = ArchiveLimits(max_ratio=500)
    bomb = deflated(b"bomb", bytes(65 * MIB))
    data = forge_zip([bomb, Forged(b"filler", bytes(MIB)), Forged(b"a", b"1")])
    found, reason = read_all(data, limits, max_member_bytes=128 * MIB)
    assert reason is None
    assert [key[2] for key in found] == [Reason.ARCHIVE_LIMIT, None, None]


def test_a_blank_picture_is_no_bomb() -> None:
    """A small member may pack as well as it likes."""
    blank = deflated(b"blank.bmp", bytes(8 * MIB))
    assert contents(forge_zip([blank]), max_member_bytes=8 * MIB) == {b"blank.bmp": bytes(8 * MIB)}
