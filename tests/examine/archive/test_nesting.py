"""Archives in archives, compressed files, and what they may cost in all."""

import gzip
import io
import os
import random
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given

from counts import examples
from hashmatch.errors import DecodeError, SettingsError
from hashmatch.examine.container import read_members
from hashmatch.model import Reason
from hashmatch.options import ArchiveLimits

from .makers import (
    MIB,
    PACKERS,
    Forged,
    contents,
    forge_zip,
    make_tar,
    make_zip,
    problems,
    read_all,
    zstd,
)
from .quine import make_quine
from .strategies import Tree, trees


@given(trees())
@examples(150)
def test_any_tree_comes_out_as_it_went_in(tree: Tree) -> None:
    """Whatever is packed into whatever, its members come out in order, each with its path."""
    assert read_all(tree.data) == (list(tree.expected), None)


def test_paths_and_order_of_nested_archives() -> None:
    """The record of a nested archive follows those of its members."""
    inner = make_zip({"dir/b.jpg": b"1"})
    tar = make_tar({"inner.zip": inner, "c": b"2"})
    outer = make_zip({"first": b"0", "x.tar": tar, "x.tgz": PACKERS["GZIP"](tar), "last": b"3"})
    found, reason = read_all(outer)
    assert reason is None
    assert found == [
        (b"first", b"0", None, False),
        (b"x.tar!/inner.zip!/dir/b.jpg", b"1", None, False),
        (b"x.tar!/inner.zip", None, None, True),
        (b"x.tar!/c", b"2", None, False),
        # A tar may be a picture as well, so it is handed out too
        (b"x.tar", tar, None, True),
        (b"x.tgz!/inner.zip!/dir/b.jpg", b"1", None, False),
        (b"x.tgz!/inner.zip", None, None, True),
        (b"x.tgz!/c", b"2", None, False),
        (b"x.tgz", None, None, True),
        (b"last", b"3", None, False),
    ]


@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_file_holds_one_member(packer: str) -> None:
    """A file that is only compressed gives one member, by the name of ``content``."""
    pack = PACKERS[packer]
    assert contents(pack(b"a picture" * 99_999)) == {b"content": b"a picture" * 99_999}
    assert contents(pack(b"")) == {b"content": b""}
    assert contents(pack(pack(b"1"))) == {b"content!/content": b"1", b"content": None}


@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_files_in_several_streams(packer: str) -> None:
    """Streams in a row are one content, across padding; what follows them is ignored."""
    pack = PACKERS[packer]
    numbers = random.Random(5)
    # Of such lengths that streams end near the end of what is read at once
    parts = [numbers.randbytes(32 * 1024 - 60 + 3 * n) for n in range(30)]
    joined = b"".join(pack(part) + bytes(4 * (n % 3)) for n, part in enumerate(parts))
    plain = b"".join(parts)
    for junk in (b"", b"\x00", b"trailing junk, of some length"):
        assert contents(joined + junk, max_member_bytes=4 * MIB) == {b"content": plain}


def test_skippable_frames_of_zstandard() -> None:
    """Frames that hold no data, as parallel writers put them first, are passed over."""
    frame = b"\x53\x2a\x4d\x18\x05\x00\x00\x00abcde"
    assert contents(frame + zstd.compress(b"1") + frame + zstd.compress(b"2")) == {
        b"content": b"12"
    }


@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_files_cut_or_changed(packer: str) -> None:
    """Cut anywhere, a compressed file is truncated; changed, it is broken."""
    packed = PACKERS[packer](bytes(range(256)) * 40)
    for end in range(12, len(packed), 7):
        found, reason = read_all(packed[:end])
        assert found == [(b"content", None, Reason.TRUNCATED, False)] or not found
        assert reason == Reason.TRUNCATED
    if packer != "ZSTD":  # whose checksum is optional
        changed = bytearray(packed)
        changed[-5 if packer != "XZ" else -45] ^= 0x10
        assert read_all(bytes(changed)) == (
            [(b"content", None, Reason.UNDECODABLE, False)],
            Reason.UNDECODABLE,
        )


def test_a_broken_nested_archive_does_not_end_the_outer_one() -> None:
    """An inner archive's record has its own faults, and the outer archive is read on."""
    inner = make_tar({"a": b"1" * 600, "b": b"2"})
    outer = make_zip({"x.tar": inner[:1800], "y.7z": b"7z\xbc\xaf\x27\x1c", "z": b"3"})
    found, reason = read_all(outer)
    assert reason is None
    assert found == [
        (b"x.tar!/a", b"1" * 600, None, False),
        (b"x.tar", inner[:1800], Reason.TRUNCATED, True),
        (b"y.7z", None, Reason.UNDECODABLE, True),
        (b"z", b"3", None, False),
    ]


@pytest.mark.parametrize("head", [b"ALZ\x01", b"SIT!", b"no archive", b""])
def test_what_is_not_read_is_told(head: bytes) -> None:
    """Formats that are known and not read, and files that are no archives, are unsupported."""
    assert read_all(head) == ([], Reason.UNSUPPORTED_FORMAT)


def test_depth_is_limited() -> None:
    """An archive below the last level allowed is reported and not opened."""
    data = b"a picture"
    for _ in range(60):
        data = make_zip({"z": data, "beside": b"1"})
    found, reason = read_all(data)
    assert reason is None
    assert found == [
        (b"z!/z!/z", None, Reason.ARCHIVE_LIMIT, True),
        (b"z!/z!/beside", b"1", None, False),
        (b"z!/z", None, None, True),
        (b"z!/beside", b"1", None, False),
        (b"z", None, None, True),
        (b"beside", b"1", None, False),
    ]
    assert problems(data, limits=ArchiveLimits(max_depth=1)) == {
        b"z": Reason.ARCHIVE_LIMIT,
        b"beside": None,
    }


def test_a_zip_that_holds_itself() -> None:
    """A zip whose only member is that same zip comes to an end."""
    quine = make_quine()
    with zipfile.ZipFile(io.BytesIO(quine)) as archive:
        assert archive.read("r.zip") == quine
    assert read_all(quine) == (
        [
            (b"r.zip!/r.zip!/r.zip", None, Reason.ARCHIVE_LIMIT, True),
            (b"r.zip!/r.zip", None, None, True),
            (b"r.zip", None, None, True),
        ],
        None,
    )
    deep = read_all(quine, ArchiveLimits(max_depth=500, max_members=100))
    assert (len(deep[0]), deep[1]) == (100, Reason.ARCHIVE_LIMIT)


def test_members_are_counted_across_levels() -> None:
    """The limit on members holds for all levels together, folders included."""
    inner = make_zip({f"{number}": b"" for number in range(10)})
    outer = make_zip({"a": inner, "b": inner, "c/": b"", "d": b""})
    assert read_all(outer, ArchiveLimits(max_members=24))[1] is None
    found, reason = read_all(outer, ArchiveLimits(max_members=23))
    assert (len(found), reason) == (22, Reason.ARCHIVE_LIMIT)
    found, reason = read_all(outer, ArchiveLimits(max_members=14))
    assert reason == Reason.ARCHIVE_LIMIT
    assert found[-1] == (b"b", None, Reason.ARCHIVE_LIMIT, True)
    assert len(found) == 14


@pytest.mark.parametrize("packer", [None, *PACKERS])
def test_bytes_are_counted(packer: str | None) -> None:
    """The limit on bytes ends an archive in the member that exceeds it, in every format."""
    files = {f"{number}": bytes([number]) * 100_000 for number in range(10)}
    tar = make_tar(files)
    data = PACKERS[packer](tar) if packer else make_zip(files)
    found, reason = read_all(data, ArchiveLimits(max_total_bytes=550_000))
    assert reason == Reason.ARCHIVE_LIMIT
    assert [key[2] for key in found] == [None] * 5 + [Reason.ARCHIVE_LIMIT]


@pytest.mark.parametrize("packer", PACKERS)
def test_flat_bombs(packer: str) -> None:
    """A compressed file that unpacks to far too much is ended by the ratio."""
    bomb = PACKERS[packer](bytes(8 * MIB)) * 10
    found, reason = read_all(bomb, max_member_bytes=256 * MIB)
    assert found == [(b"content", None, Reason.ARCHIVE_LIMIT, False)]
    assert reason == Reason.ARCHIVE_LIMIT
    # Within a larger archive it is refused by its own ratio, and the rest is read
    outer = forge_zip([Forged(b"bomb", bomb), Forged(b"filler", bytes(MIB)), Forged(b"a", b"1")])
    found, reason = read_all(outer, max_member_bytes=256 * MIB)
    assert reason is None
    assert [(key[0], key[2]) for key in found] == [
        (b"bomb!/content", Reason.ARCHIVE_LIMIT),
        (b"bomb", Reason.ARCHIVE_LIMIT),
        (b"filler", None),
        (b"a", None),
    ]


def test_members_over_the_size_limit() -> None:
    """A member over its limit is ``too_large``, in every format, and those beside it are read."""
    files = {"large": bytes(1001), "fits": bytes(1000)}
    for data in (make_zip(files), make_tar(files), PACKERS["BZIP2"](make_tar(files))):
        assert problems(data, max_member_bytes=1000) == {b"large": Reason.TOO_LARGE, b"fits": None}
    assert problems(gzip.compress(bytes(1001)), max_member_bytes=1000) == {
        b"content": Reason.TOO_LARGE
    }


@pytest.mark.parametrize("name", ["max_members", "max_total_bytes", "max_ratio", "max_depth"])
def test_limits_are_at_least_one(name: str) -> None:
    """A limit under one is a mistake in the settings."""
    with pytest.raises(SettingsError, match=name):
        ArchiveLimits(**{name: 0})


def test_members_show_no_content() -> None:
    """Neither a member nor an error shows what a file holds."""
    (member,) = read_members(io.BytesIO(make_zip({"a": b"canary"})), ArchiveLimits(), MIB)
    assert member.data == b"canary"
    assert "canary" not in repr(member)


def test_problems_hold_nothing_in_memory() -> None:
    """A member's problem has no traceback and no cause, which would keep the archive alive."""
    data = make_tar({"x": make_zip({"a": b"1"})[:-30], "y": PACKERS["XZ"](b"1")[:-30]})
    members = list(read_members(io.BytesIO(data), ArchiveLimits(), MIB))
    told = [member.problem for member in members if member.problem is not None]
    assert len(told) == 2
    for problem in told:
        assert (problem.__traceback__, problem.__cause__, problem.__context__) == (None,) * 3


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python has Zstandard itself")
def test_without_zstandard_its_files_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package for Zstandard, its files are reported with what to install."""
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    with pytest.raises(DecodeError, match=r"pip install backports\.zstd") as caught:
        list(read_members(io.BytesIO(zstd.compress(b"1")), ArchiveLimits(), MIB))
    assert caught.value.reason == Reason.UNSUPPORTED_FORMAT


def test_a_file_that_shrinks_is_told(tmp_path: Path) -> None:
    """A file that is cut while it is read gives what was read so far, then is truncated."""
    path = tmp_path / "a.tar"
    path.write_bytes(make_tar({"a": b"1", "b": bytes(9 * MIB)}))
    with path.open("rb") as file:
        members = read_members(file, ArchiveLimits(), 16 * MIB)
        assert next(members).data == b"1"
        os.truncate(path, MIB)
        problem = next(members).problem
        assert problem is not None
        assert problem.reason == Reason.TRUNCATED


class _Failing(io.BytesIO):
    def read(self, _size: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_failing_medium_is_told() -> None:
    """An error of the disk is ``undecodable``, and says what the system said."""
    with pytest.raises(DecodeError, match="Input/output error") as caught:
        list(read_members(_Failing(b"PK\x03\x04"), ArchiveLimits(), MIB))
    assert caught.value.reason == Reason.UNDECODABLE


class _Pipe(io.BytesIO):
    def seek(self, _offset: int, _whence: int = 0) -> int:
        raise OSError(29, "Illegal seek")


def test_a_file_without_a_size_is_told() -> None:
    """A file that cannot be sought in is ``undecodable``."""
    with pytest.raises(DecodeError) as caught:
        list(read_members(_Pipe(), ArchiveLimits(), MIB))
    assert caught.value.reason == Reason.UNDECODABLE
