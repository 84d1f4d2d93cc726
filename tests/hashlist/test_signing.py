"""Signatures, freshness, exposure and synthetic lists."""

import itertools
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from counts import LONG
from hashmatch import Entry, HashKind, HashList, PerceptualHash, SettingsError, hamming_distance
from hashmatch.errors import HashListError, MissingExtraError
from hashmatch.hashlist import save_compiled
from hashmatch.hashlist.freshness import SeenVersions, exposure, parse_duration, staleness
from hashmatch.hashlist.signing import make_keys, sign_list, verify_list
from synthetic_list import synthesize

pytest.importorskip("cryptography")

TEXT = b"# algorithm: phash\n# name: signed\n# version: 3\n9ec5d32b1a6c4e35 one first\n"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A folder with a list, the same compiled, their signatures and the keys."""
    (tmp_path / "list.txt").write_bytes(TEXT)
    save_compiled(HashList.load(tmp_path / "list.txt"), tmp_path / "list.hml")
    make_keys(tmp_path / "key", tmp_path / "key.pub")
    for name in ("list.txt", "list.hml"):
        sign_list(tmp_path / name, tmp_path / "key")
    return tmp_path


def check(folder: Path, name: str = "list.txt") -> None:
    """Load a list in the folder and verify it."""
    verify_list(HashList.load(folder / name), folder / f"{name}.sig", folder / "key.pub")


def test_a_signed_list_verifies(signed: Path) -> None:
    """A signed list verifies, and only its owner can read the private key."""
    check(signed)
    check(signed, "list.hml")
    assert (signed / "key").stat().st_mode & 0o777 == 0o600


def test_a_compiled_list_with_other_entries_is_refused(signed: Path) -> None:
    """A compiled list that copies the signed one's header fields, but not its entries, is refused.

    Its checksums are correct, as an attacker who can write the file would make them.
    """
    genuine = HashList.load(signed / "list.hml")
    other = HashList.loads(TEXT.replace(b"9ec5", b"9ec4"))
    forged = HashList(replace(other.contents, digest=genuine.digest), source="forged")
    save_compiled(forged, signed / "list.hml")
    assert HashList.load(signed / "list.hml").digest == genuine.digest
    with pytest.raises(HashListError, match="the list was changed"):
        check(signed, "list.hml")


def test_a_compiled_list_keeps_the_digest_of_its_original(signed: Path) -> None:
    """A compiled list keeps its name and digest for records, but needs its own signature."""
    assert HashList.load(signed / "list.hml").digest == HashList.load(signed / "list.txt").digest
    (signed / "list.hml.sig").write_bytes((signed / "list.txt.sig").read_bytes())
    with pytest.raises(HashListError, match="the signature is for another list"):
        check(signed, "list.hml")


@pytest.mark.parametrize("name", ["list.txt", "list.txt.sig", "list.hml", "list.hml.sig"])
def test_every_flipped_byte_is_refused(signed: Path, name: str) -> None:
    """A change to any byte of list or signature, in one of three ways, is refused."""
    path, which = signed / name, name.removesuffix(".sig")
    whole = path.read_bytes()
    for place in range(len(whole)):
        for mask in (0x01, 0x20, 0xFF) if LONG else ((0x01, 0x20, 0xFF)[place % 3],):
            changed = bytearray(whole)
            changed[place] ^= mask
            path.write_bytes(changed)
            with pytest.raises(HashListError):
                check(signed, which)
    path.write_bytes(whole)
    check(signed, which)


def test_a_signature_spelt_otherwise_is_refused(signed: Path) -> None:
    """The same statement and signature in other bytes are refused."""
    path = signed / "list.txt.sig"
    whole = path.read_text()
    fields = json.loads(whole)
    # Four bits of the last base64 digit carry nothing
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = fields["signature"][-3]
    same = digits[digits.index(last) ^ 1]
    for text in (
        whole.replace(f"{last}==", f"{same}=="),
        json.dumps(fields, sort_keys=True) + "\n",
        json.dumps(dict(reversed(fields.items())), separators=(",", ":")) + "\n",
        whole.rstrip(),
    ):
        assert text != whole
        path.write_text(text)
        with pytest.raises(HashListError, match="the signature was changed"):
            check(signed)


def test_every_cut_signature_is_refused(signed: Path) -> None:
    """A signature cut at any length is refused."""
    path = signed / "list.txt.sig"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(HashListError):
            check(signed)


def test_another_key_is_refused(signed: Path) -> None:
    """A signature by another key is refused."""
    make_keys(signed / "other", signed / "other.pub")
    hash_list = HashList.load(signed / "list.txt")
    with pytest.raises(HashListError, match="not by this key"):
        verify_list(hash_list, signed / "list.txt.sig", signed / "other.pub")


def test_a_missing_signature_is_refused(signed: Path) -> None:
    """A list without a signature file is refused with the file's name."""
    (signed / "list.txt.sig").unlink()
    with pytest.raises(HashListError, match=r"list\.txt\.sig"):
        check(signed)


def test_without_the_extra_signing_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is a sentence that ends in the command to run."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(MissingExtraError) as caught:
        make_keys(tmp_path / "key", tmp_path / "key.pub")
    assert str(caught.value) == (
        "signing or verifying a list needs an extra package: pip install 'hashmatch[sign]'"
    )


def test_keys_are_never_written_over(signed: Path) -> None:
    """Generating keys over existing ones is an error and leaves them unchanged."""
    before = (signed / "key").read_bytes()
    with pytest.raises(SettingsError, match="already exists"):
        make_keys(signed / "key", signed / "fresh.pub")
    assert (signed / "key").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no key", TEXT])
def test_what_is_no_key_is_refused_unquoted(signed: Path, content: bytes) -> None:
    """A key file without a key gives a clear error that quotes nothing."""
    (signed / "bad").write_bytes(content)
    for call in (
        lambda: sign_list(signed / "list.txt", signed / "bad"),
        lambda: verify_list(
            HashList.load(signed / "list.txt"), signed / "list.txt.sig", signed / "bad"
        ),
    ):
        with pytest.raises(SettingsError) as error:
            call()
        assert "9ec5d32b" not in str(error.value)


@pytest.mark.parametrize(
    ("created", "days", "stale"),
    [
        ("2026-02-28", 7, False),
        ("2026-02-20", 7, True),
        ("2026-02-22T00:00:00+00:00", 7, False),
        (None, 7, True),
        ("last week", 7, True),
        ("2026-03-02", 7, False),
        ("2026-03-03", 7, True),
        ("2099-01-01", 7, True),
        ("9999-12-31T23:59:59-14:00", 7, True),
    ],
)
def test_old_lists_are_told(created: str | None, days: int, stale: bool) -> None:
    """A list that is too old or of unknown age is reported; a recent one is not.

    A list from the future, beyond the difference of clocks and time zones, is of unknown age.
    """
    entry = Entry("a", PerceptualHash.from_hex("9ec5d32b1a6c4e35"))
    hash_list = HashList.from_entries([entry], name="aged", created=created)
    assert (staleness(hash_list, timedelta(days=days), NOW) is not None) is stale


def test_durations() -> None:
    """Hours, days and weeks are read; anything else is an error."""
    assert parse_duration("36h") == timedelta(hours=36)
    assert parse_duration("2w") == timedelta(days=14)
    for wrong in ("7", "d", "-1d", "7 d", "1y", ""):
        with pytest.raises(SettingsError):
            parse_duration(wrong)


@pytest.mark.parametrize(
    ("last", "now", "refused"),
    [
        ("9", "10", False),
        ("10", "9", True),
        ("1.2", "1.2", False),
        ("2026-02", "2026-01", True),
        ("3", None, True),
        (None, "1", False),
        ("1.0-rc1", "1.0", False),
        ("1.0", "1.0-rc1", True),
        ("1.0-rc2", "1.0-rc10", False),
        ("1.0-rc10", "1.0-RC2", True),
        ("1.0", "1.0.1", False),
        ("1.0.1", "1.0", True),
        ("1.0", "1.0.1-rc1", False),
        ("1.0.1-beta", "1.0.1-alpha", True),
        ("2026-02", "2026-02-03", False),
        ("v09", "v10", False),
        ("v10", "v09", True),
        ("007", "7", False),
        ("1\u00b2", "1", False),
        ("9" * 5000, "1", True),
    ],
)
def test_rolled_back_versions_are_told(
    tmp_path: Path, last: str | None, now: str | None, refused: bool
) -> None:
    """A version below the last one used is reported. Numbers compare as numbers.

    Another number makes a version higher, and another word lower, as in a pre-release.
    """
    entry = Entry("a", PerceptualHash.from_hex("9ec5d32b1a6c4e35"))
    path = tmp_path / "seen.json"
    SeenVersions(path).note(HashList.from_entries([entry], name="x", version=last))
    later = HashList.from_entries([entry], name="x", version=now)
    assert (SeenVersions(path).rollback(later) is not None) is refused


def test_a_broken_record_of_versions_is_an_error(tmp_path: Path) -> None:
    """An unreadable file of versions is an error, and not taken for an empty one."""
    (tmp_path / "seen.json").write_bytes(b"[1, 2")
    with pytest.raises(SettingsError):
        SeenVersions(tmp_path / "seen.json")


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, True), (0o604, True)])
def test_exposed_files_are_told(tmp_path: Path, mode: int, told: bool) -> None:
    """A list that others can read is reported."""
    path = tmp_path / "list.txt"
    path.write_bytes(TEXT)
    path.chmod(mode)
    assert (exposure(path) is not None) is told


@pytest.mark.parametrize("clustered", [False, True])
def test_synthetic_lists_are_reproducible(clustered: bool) -> None:
    """The same seed gives the same entries, another seed gives others, and none is flat."""
    kind = HashKind("phash", 64)
    first, again, other = (
        [entry.hash for entry in synthesize(3000, kind, seed=seed, clustered=clustered)]
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert len(first) == 3000
    if clustered:
        near = sum(hamming_distance(a, b) <= 12 for a, b in itertools.pairwise(first))
        assert near > 2000
