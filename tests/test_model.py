from __future__ import annotations

import dataclasses
from math import isqrt

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch import (
    Entry,
    HashKind,
    Limits,
    Match,
    Outcome,
    PerceptualHash,
    SettingsError,
    Verdict,
)
from hashmatch.errors import HashError, HashmatchError, MissingExtraError, OutcomeTruthError
from hashmatch.model import DIGEST_BITS, Examination, Reason, ViewHashes
from hashmatch.options import ArchiveLimits, ExamineOptions

HEX = "ca9a11fe0123bead"

hex_texts = st.sampled_from([16, 64]).flatmap(
    lambda digits: st.text("0123456789abcdefABCDEF", min_size=digits, max_size=digits)
)


@given(hex_texts, st.sampled_from(["phash", "dhash"]))
def test_hex_round_trips(text: str, algorithm: str) -> None:
    """A hash prints the digits it was read from, in lower case, and reads back what it prints."""
    value = PerceptualHash.from_hex(text, algorithm)
    assert str(value) == text.lower()
    assert value.kind == (algorithm, 4 * len(text))
    assert PerceptualHash.from_hex(str(value), algorithm) == value


@given(hex_texts, st.sampled_from(["phash", "dhash"]))
def test_imagehash_round_trips(text: str, algorithm: str) -> None:
    """A hash becomes a square ``ImageHash`` with the same bits, and converts back unchanged."""
    value = PerceptualHash.from_hex(text, algorithm)
    theirs = value.to_imagehash()
    side = isqrt(value.bits)
    assert theirs.hash.shape == (side, side)
    assert str(theirs) == str(value)
    assert PerceptualHash.from_imagehash(theirs, algorithm) == value
    bits = "".join(f"{word:064b}" for word in value.words)
    assert [bool(int(bit)) for bit in bits] == theirs.hash.ravel().tolist()


def test_imagehash_of_another_size_is_refused() -> None:
    """An ``ImageHash`` whose width is not a multiple of 64 bits is refused."""
    odd = imagehash.ImageHash(np.ones((6, 6), dtype=bool))
    with pytest.raises(HashError):
        PerceptualHash.from_imagehash(odd)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0x" + HEX[2:], HEX[:-1], HEX + "0", f" {HEX[1:]}", f"{HEX[:-1]}\n", "_" + HEX[1:]),
        *("g" + HEX[1:], "+" + HEX[1:], HEX[:8] + " " + HEX[9:], "\N{ARABIC-INDIC DIGIT ONE}" * 16),
    ],
)
def test_what_is_no_hex_is_refused_without_quoting_it(text: str) -> None:
    """Only hex digits of a full width are a hash; the error does not repeat its input."""
    with pytest.raises(HashError) as caught:
        PerceptualHash.from_hex(text)
    assert HEX[1:-1] not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("algorithm", "bits", "words"),
    [
        ("phash", 64, ()),
        ("phash", 64, (1, 2)),
        ("phash", 63, (1,)),
        ("phash", 0, ()),
        ("phash", -64, ()),
        ("phash", 64, (1 << 64,)),
        ("phash", 64, (-1,)),
        ("md5", 64, (1,)),
        ("sha1", 160, (1, 2, 1)),
        ("sha256", 320, (1, 2, 3, 4, 5)),
    ],
)
def test_words_must_fit_the_width(algorithm: str, bits: int, words: tuple[int, ...]) -> None:
    """A hash that does not hold exactly its bits cannot be made."""
    with pytest.raises(HashError):
        PerceptualHash(algorithm, bits, words)


@given(st.sampled_from(sorted(DIGEST_BITS)), st.data())
def test_digests_round_trip(algorithm: str, data: st.DataObject) -> None:
    """An exact digest is stored, printed and read like a hash, whatever its width."""
    digits = DIGEST_BITS[algorithm] // 4
    text = data.draw(st.text("0123456789abcdef", min_size=digits, max_size=digits))
    value = PerceptualHash.from_hex(text, algorithm)
    assert str(value) == text
    assert value.bits == DIGEST_BITS[algorithm]
    assert len(value.words) == value.kind.words


@given(hex_texts)
def test_nothing_shows_bits_but_str(text: str) -> None:
    """The ``repr`` of a hash, and of every value that holds one, shows none of its digits."""
    value = PerceptualHash.from_hex(text)
    entry = Entry("entry-1", value, "a label")
    match = Match("list", entry, "phash", value.bits, 0, 8, "stored", 90)
    views = ViewHashes("stored", 90, (value,), (value,))
    shown = [
        *(value, entry, match, views),
        Outcome(Verdict.MATCH, matches=(match,)),
        Examination("PNG", 1, 1, (views,), digests=(text,)),
    ]
    assert repr(value) == f"<PerceptualHash phash-{value.bits}>"
    for one in shown:
        told = repr(one) + f"{[one]}"
        assert text.lower() not in told.lower()
        assert not any(str(word) in told for word in value.words if word > 10**6)
    assert "entry-1" in repr(match)
    assert "a label" in repr(match)


def test_hashes_are_values() -> None:
    """Equal hashes are equal as values and as keys; algorithm and width count."""
    one = PerceptualHash.from_hex(HEX)
    assert one == PerceptualHash.from_hex(HEX.upper())
    assert len({one, PerceptualHash.from_hex(HEX)}) == 1
    assert one != PerceptualHash.from_hex(HEX, "dhash")
    assert one != PerceptualHash.from_hex(HEX * 4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.bits = 128  # type: ignore[misc] # that is what must fail


def test_kinds_name_algorithm_and_width() -> None:
    """A kind is written as algorithm and width."""
    assert str(HashKind("phash", 256)) == "phash-256"
    assert (HashKind("phash", 256).words, HashKind("sha1", 160).words) == (4, 3)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_outcomes_are_no_booleans(verdict: Verdict) -> None:
    """Whatever the verdict, an outcome refuses to be true or false."""
    outcome = Outcome(verdict)
    with pytest.raises(OutcomeTruthError, match=r"outcome\.verdict"):
        bool(outcome)
    with pytest.raises(TypeError):
        any([outcome])
    with pytest.raises(HashmatchError):
        _ = not outcome


def test_verdicts_and_reasons_are_closed_sets() -> None:
    """Records may use exactly these words."""
    assert set(Verdict) == {"match", "clear", "candidate", "not_image", "unscanned"}
    assert set(Reason) == {
        *("undecodable", "truncated", "too_large", "timeout", "decoder_crash", "unavailable"),
        *("unsupported_format", "encrypted", "archive_limit", "frame_limit"),
        *("permission", "special_file", "changed", "vanished"),
    }


@pytest.mark.parametrize("limits", [Limits, ArchiveLimits])
def test_limits_are_at_least_1(limits: type[Limits | ArchiveLimits]) -> None:
    """A limit below 1 would let nothing through, and is refused by name; large limits are fine."""
    for field in dataclasses.fields(limits):
        for value in (0, -1):
            with pytest.raises(SettingsError, match=f"{field.name} must be at least 1"):
                limits(**{field.name: value})
        assert getattr(limits(**{field.name: 1}), field.name) == 1


def test_default_limits_are_those_of_the_documentation() -> None:
    """The default limits are 100 megapixels, 256 MiB of file and 64 frames."""
    assert dataclasses.astuple(Limits()) == (100_000_000, 256 * 1024 * 1024, 64)


def test_formats_are_checked_by_name() -> None:
    """An unknown format is refused, with the names of the known ones."""
    with pytest.raises(SettingsError, match=r"unknown format EPS; choose from AVIF, BMP, GIF"):
        ExamineOptions(kinds=(), formats=frozenset({"PNG", "EPS"}))


def test_missing_extra_says_how_to_install_it() -> None:
    """A missing extra names the command to install it, and can be caught as an ImportError."""
    error = MissingExtraError("decoding HEIF", "heif")
    assert "pip install 'hashmatch[heif]'" in str(error)
    assert isinstance(error, ImportError)
    assert isinstance(error, SettingsError)
