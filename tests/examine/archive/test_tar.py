"""Tar archives of every kind, honest and not."""

import io
import tarfile

import pytest

from hashmatch.model import Reason

from .makers import (
    BLOCK,
    PACKERS,
    TAR_END,
    contents,
    make_tar,
    padding,
    pax_entry,
    problems,
    read_all,
    tar_block,
    tar_entry,
)
from .strategies import TAR_FORMATS

FILES = {"a.jpg": b"picture" * 50_000, "dir/b.png": b"", "dir/ü.gif": bytes(range(256)) * 2}
RAW = {name.encode(): data for name, data in FILES.items()}
LONG = "folder/" * 30 + "x" * 200


@pytest.mark.parametrize("format_", TAR_FORMATS)
@pytest.mark.parametrize("packer", [None, *PACKERS])
def test_every_kind_of_tar_is_read(format_: int, packer: str | None) -> None:
    """Ustar, GNU and pax archives come out as they went in, packed or not."""
    data = make_tar(FILES, format_)
    assert contents(PACKERS[packer](data) if packer else data) == RAW


@pytest.mark.parametrize("format_", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names(format_: int) -> None:
    """Names that have no room in a header are read from those before it."""
    assert contents(make_tar({LONG: b"1", "b": b"2"}, format_)) == {LONG.encode(): b"1", b"b": b"2"}


def test_long_targets_of_links_are_passed_over() -> None:
    """A header for a link's long target changes nothing about the entry."""
    data = tar_entry(b"x", b"target" * 99, b"K") + tar_entry(b"x", b"long name\x00", b"L")
    assert contents(data + tar_entry(b"short", b"1") + TAR_END) == {b"long name": b"1"}


def test_names_are_raw_bytes() -> None:
    """Names of any bytes stay as they are, and ustar's two fields for them are joined."""
    data = tar_entry(b"\xff/../x\x1b", b"1") + tar_entry(b"name", b"2", at_345=b"/abs")
    # GNU keeps times where ustar keeps the prefix
    data += tar_entry(b"gnu", b"3", magic=b"ustar  \x00", at_345=b"13370000000")
    data += tar_entry(b"v7", b"4", magic=b"") + TAR_END
    names = {b"\xff/../x\x1b": b"1", b"/abs/name": b"2", b"gnu": b"3", b"v7": b"4"}
    assert contents(data) == names


def test_numbers_beyond_octal() -> None:
    """Sizes in base 256, and sizes in pax keywords, are read."""
    data = tar_entry(b"a", b"123", at_124=b"\x80" + (3).to_bytes(11, "big"))
    data += pax_entry((b"size", b"3")) + tar_entry(b"b", b"456", size=0) + TAR_END
    assert contents(data) == {b"a": b"123", b"b": b"456"}


def test_keywords_for_all_that_follows() -> None:
    """A global pax header holds until an entry's own says otherwise."""
    data = pax_entry((b"path", b"shared"), kind=b"g") + tar_entry(b"1", b"1")
    data += pax_entry((b"comment", b"?"), (b"path", b"own")) + tar_entry(b"2", b"2") + TAR_END
    assert contents(data) == {b"shared": b"1", b"own": b"2"}


def test_links_devices_and_pipes_are_special() -> None:
    """An entry that is not a file is ``special_file``, and no link is followed."""
    whole = io.BytesIO()
    kinds = {"hard": b"1", "soft": b"2", "character": b"3", "block": b"4", "pipe": b"6"}
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("folder")
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
        archive.addfile(tarfile.TarInfo("file"))
    expected = {name.encode(): Reason.SPECIAL_FILE for name in kinds} | {b"file": None}
    assert problems(whole.getvalue()) == expected


def test_unknown_kinds_are_files() -> None:
    """A kind that nobody knows is read as a file, as POSIX wants; labels and lists are not."""
    data = tar_entry(b"label", kind=b"V") + tar_entry(b"list", b"Yname\x00", kind=b"D")
    data += tar_entry(b"old folder/", kind=b"\x00") + tar_entry(b"a", b"1", kind=b"Z")
    data += tar_entry(b"b", b"2", kind=b"7") + tar_entry(b"c/", b"3", kind=b"\x00") + TAR_END
    assert contents(data) == {b"a": b"1", b"b": b"2", b"c/": b"3"}


def test_joined_archives_are_read_on() -> None:
    """What follows an end mark is read where it is an archive, and ignored where it is not."""
    data = make_tar({"a": b"1"}) + make_tar({"b": b"2"})
    assert contents(data) == {b"a": b"1", b"b": b"2"}
    for junk in (b"\xff" * 5000, b"x"):
        assert contents(data + junk) == {b"a": b"1", b"b": b"2"}


def test_cut_archives_are_truncated() -> None:
    """Cut anywhere before its end mark, a tar is truncated after its whole members."""
    data = make_tar({"a": b"1" * 700, "b": b"2" * 100}, tarfile.USTAR_FORMAT)
    ends = {"a": 3 * BLOCK, "b": 5 * BLOCK}
    for end in range(BLOCK, 5 * BLOCK + 1, 37):
        found, reason = read_all(data[:end])
        assert reason == Reason.TRUNCATED
        whole = [name for name, needed in ends.items() if needed - BLOCK < end]
        assert [key[0].decode() for key in found if key[2] is None] == [
            name for name in whole if end >= {"a": BLOCK + 700, "b": 4 * BLOCK + 100}[name]
        ]
    assert read_all(data[: 5 * BLOCK])[1] == Reason.TRUNCATED
    assert read_all(data[: 6 * BLOCK])[1] is None


def test_a_member_cut_short_is_named() -> None:
    """The member in which an archive breaks off is truncated, and then the archive is."""
    data = tar_entry(b"a", b"1") + tar_entry(b"b", b"2" * 5000)[:2000]
    expected = [(b"a", b"1", None, False), (b"b", None, Reason.TRUNCATED, False)]
    assert read_all(data) == (expected, Reason.TRUNCATED)
    assert read_all(PACKERS["GZIP"](data)) == (expected, Reason.TRUNCATED)
    for skip in range(3):
        assert read_all(data, skip=skip) == (expected[skip:], Reason.TRUNCATED)


@pytest.mark.parametrize(
    "broken",
    [
        b"\x01" * BLOCK,
        tar_block(b"x", at_124=b"9999999\x00"),
        tar_block(b"x", at_124=b"\xff" * 12),
        tar_entry(b"x", b"abc", kind=b"x"),
        tar_entry(b"x", b"3 a", kind=b"x"),
        tar_entry(b"x", b"9 ab=c\nxx", kind=b"x"),
        tar_entry(b"x", b"99 path=b\n", kind=b"x"),
        tar_entry(b"x", b"0 path=b\n", kind=b"x"),
        tar_entry(b"x", b"9 path b\n", kind=b"x"),
        pax_entry((b"size", b"many")) + tar_entry(b"b"),
        pax_entry((b"size", b"1" * 21)) + tar_entry(b"b"),
        pax_entry((b"path", b"lost")) + TAR_END,
        tar_block(b"x", 1 << 30, kind=b"L"),
        tar_entry(b"x", b"name", kind=b"L") * 17,
        tar_block(b"x", kind=b"S", at_482=b"\x01"),
        tar_block(b"x", kind=b"S", at_482=b"\x01") + (bytes(504) + b"\x01" + bytes(7)) * 4000,
    ],
)
def test_broken_structure_ends_an_archive(broken: bytes) -> None:
    """If a tar's structure breaks, the members before that are read, and then it is reported."""
    data = tar_entry(b"a", b"1") + broken
    assert read_all(data) == ([(b"a", b"1", None, False)], Reason.UNDECODABLE)


def test_a_long_header_cut_short() -> None:
    """An archive that ends within a header's own data is truncated."""
    data = tar_entry(b"a", b"1") + tar_entry(b"x", b"name" * 500, kind=b"L")[:1000]
    assert read_all(data)[1] == Reason.TRUNCATED


STORED = b"A" * 600 + b"B" * 5
UNFOLDED = bytes(512) + b"A" * 600 + bytes(900) + b"B" * 5 + bytes(3)
REGIONS = (512, 600, 2012, 5)


def _old_sparse() -> bytes:
    numbers = b"".join(b"%011o\x00" % number for number in (*REGIONS, len(UNFOLDED), 0))
    size = b"%011o\x00" % len(UNFOLDED)
    gnu = b"ustar  \x00"
    return tar_entry(b"f", STORED, b"S", magic=gnu, at_386=numbers, at_483=size)


def _old_sparse_that_goes_on() -> bytes:
    first = b"".join(b"%011o\x00" % number for number in (0, 0) * 3 + REGIONS[:2])
    second = b"".join(b"%011o\x00" % number for number in REGIONS[2:]).ljust(504, b"\x00")
    size = b"%011o\x00" % len(UNFOLDED)
    header = tar_block(b"f", len(STORED), b"S", at_386=first, at_482=b"\x01", at_483=size)
    return header + second + b"\x01" + bytes(7) + bytes(BLOCK) + STORED + padding(STORED)


def _pax_sparse(keywords: dict[bytes, bytes], stored: bytes = STORED) -> bytes:
    told = [(b"GNU.sparse." + keyword, value) for keyword, value in keywords.items()]
    return pax_entry(*told) + tar_entry(b"GNUSparseFile.0/f", stored)


def _pax_sparse_01() -> bytes:
    regions = b",".join(b"%d" % number for number in REGIONS)
    size = b"%d" % len(UNFOLDED)
    return _pax_sparse({b"map": regions, b"size": size, b"numblocks": b"2", b"name": b"f"})


def _pax_sparse_10(regions: tuple[int, ...] = REGIONS, size: int = len(UNFOLDED)) -> bytes:
    numbers = b"".join(b"%d\n" % number for number in (len(regions) // 2, *regions))
    keywords = {b"major": b"1", b"minor": b"0", b"name": b"f", b"realsize": b"%d" % size}
    return _pax_sparse(keywords, numbers + padding(numbers) + STORED)


@pytest.mark.parametrize(
    "entry",
    [
        _old_sparse(),
        _old_sparse_that_goes_on(),
        _pax_sparse_01(),
        _pax_sparse_10(),
        _pax_sparse({b"minor": b"0", b"name": b"f"}),
        pax_entry((b"GNU.sparse.name", b"f"), kind=b"g") + tar_entry(b"GNUSparseFile.0/f", STORED),
    ],
)
def test_sparse_files_are_told_and_what_follows_is_read(entry: bytes) -> None:
    """A sparse file is never misread: it is of an unsupported format, and the next one is found."""
    data = entry + pax_entry((b"path", b"next")) + tar_entry(b"", b"1") + TAR_END
    for packed in (data, PACKERS["XZ"](data)):
        found, stopped = read_all(packed)
        assert stopped is None
        assert found[0] == (b"f", None, Reason.UNSUPPORTED_FORMAT, False)
        assert len(found) == 2


def test_what_follows_a_sparse_file_is_read() -> None:
    """The blocks in which its map continues, and its content, are no entries."""
    data = _old_sparse_that_goes_on() + tar_entry(b"next", b"1") + TAR_END
    assert read_all(data)[0][1:] == [(b"next", b"1", None, False)]
