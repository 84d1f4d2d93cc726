"""Bytes of any kind give members or a ``DecodeError``, and skipping gives the same."""

import io
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counts import LONG
from hashmatch.examine.archive import ends_in_zip, sniff_archive
from hashmatch.examine.container import read_members
from hashmatch.model import Reason
from hashmatch.options import ArchiveLimits

from .makers import MIB, ZIP_METHODS, Forged, forge_zip, make_tar, make_zip, read_all
from .strategies import TAR_FORMATS, damaged, trees

SMALL = ArchiveLimits(max_members=40, max_total_bytes=60_000)
MAGICS = (
    *(b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh91AY&SY", b"\xfd7zXZ\x00"),
    *(b"\x28\xb5\x2f\xfd", b"\x53\x2a\x4d\x18"),
)


def _fuzz(short: int, long: int) -> settings:
    return settings(max_examples=long if LONG else short)


def _is_told(data: bytes, limits: ArchiveLimits = SMALL) -> None:
    """Every record is whole or has a reason."""
    found, reason = read_all(data, limits, max_member_bytes=20_000)
    is_archive = sniff_archive(data[:512]) is not None or ends_in_zip(io.BytesIO(data), len(data))
    assert reason is not None or is_archive
    assert len(found) <= limits.max_members
    for _, content, problem, nested in found:
        assert content is None or len(content) <= 20_000
        assert content is not None or problem is not None or nested


@given(damaged())
@_fuzz(200, 60_000)
def test_damaged_archives(data: bytes) -> None:
    """An archive with bytes changed, lost or added never raises anything but ``DecodeError``."""
    _is_told(data)


@given(st.sampled_from(MAGICS), st.binary(max_size=600))
@_fuzz(200, 20_000)
def test_random_bytes_behind_every_magic(magic: bytes, junk: bytes) -> None:
    """Random bytes that begin like an archive are a broken archive."""
    _is_told(magic + junk)


@given(trees().map(lambda tree: tree.data) | damaged(), st.integers(0, 12))
@_fuzz(120, 20_000)
def test_skipping_gives_the_tail(data: bytes, skip: int) -> None:
    """To skip members gives what is left of a full read: members, and how it ends."""
    for limits in (SMALL, ArchiveLimits()):
        every, reason = read_all(data, limits, 20_000)
        assert read_all(data, limits, 20_000, skip) == (every[skip:], reason)


_FLIPPED = [
    *(make_zip({"a": b"ab" * 90, "b/c": b"1" * 50}, method) for method in ZIP_METHODS),
    *(make_tar({"ä": b"ab" * 90, "b" * 120: b"1"}, form) for form in TAR_FORMATS[1:]),
]


@pytest.mark.parametrize("data", _FLIPPED)
def test_every_byte_flipped_and_every_truncation(data: bytes) -> None:
    """No archive is read as a whole one if it is cut, and none crashes with a byte inverted."""
    every = read_all(data, SMALL)
    for place in range(min(len(data), 4096)):
        found, reason = read_all(data[:place], SMALL)
        assert reason is not None or any(key[2] for key in found) or (found, reason) == every
        read_all(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :], SMALL)


def test_skipped_members_are_not_unpacked() -> None:
    """Coming back for a member of a zip costs no more than a look at the heads of those before."""

    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            Counting.taken += len(data)
            return data

    file = Counting(make_zip({f"{number}": bytes(MIB) for number in range(20)}, zipfile.ZIP_STORED))
    (last,) = read_members(file, ArchiveLimits(), MIB, skip=19, again=True)
    assert last.path == b"19"
    assert Counting.taken < 3 * MIB


def test_skipped_members_count() -> None:
    """Skipped members use up the budget as if they had been read."""
    files = {f"{number}": bytes(1000) for number in range(10)}
    for data in (make_zip(files), make_tar(files, tarfile.USTAR_FORMAT)):
        for limits in (ArchiveLimits(max_members=5), ArchiveLimits(max_total_bytes=9000)):
            every, reason = read_all(data, limits)
            assert reason == Reason.ARCHIVE_LIMIT
            for skip in range(12):
                assert read_all(data, limits, skip=skip) == (every[skip:], reason)


def test_ten_thousand_empty_members_do_not_take_long() -> None:
    """The limit on members stops a directory of a million entries at once."""
    data = forge_zip([Forged(b"x", offset=0) for _ in range(30_000)])
    found, reason = read_all(data)
    assert (len(found), reason) == (10_000, Reason.ARCHIVE_LIMIT)
