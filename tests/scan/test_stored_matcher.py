"""Stored rows decided as columns, compared with the matcher, which decides objects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashmatch import HashKind, HashList, Matcher, PerceptualHash, Verdict
from hashmatch.errors import DecodeError
from hashmatch.hashing import ALGORITHMS
from hashmatch.model import Entry, Examination, Reason, ViewHashes
from hashmatch.options import ExamineOptions
from hashmatch.scan import State
from hashmatch.scan.stored_matcher import StoredMatcher
from hashmatch.state.rows import Unconfirmed, sha256_of
from hashmatch.state.settings import Settings

KINDS = (HashKind("dhash", 64), HashKind("phash", 64), HashKind("phash", 256))
DIGESTS = ("md5", "sha1", "sha256")


def world(seed: int) -> tuple[HashList, list[Examination]]:
    """A list, and examinations, many near its thresholds, some because of uncertain bits."""
    rng = np.random.default_rng(seed)

    def word() -> int:
        return int(rng.integers(0, 2**64, dtype=np.uint64))

    entries = {kind: [tuple(word() for _ in range(kind.words)) for _ in range(5)] for kind in KINDS}
    digests = [rng.bytes(size).hex() for size in (16, 20, 32)]
    lines = [
        f"{kind.algorithm}:{PerceptualHash(*kind, code)}"
        for kind in KINDS
        for code in entries[kind]
    ]
    lines += [f"{name}:{value}" for name, value in zip(DIGESTS, digests, strict=True)]

    def near(kind: HashKind) -> tuple[PerceptualHash, PerceptualHash]:
        words = (
            list(entries[kind][rng.integers(5)]) if rng.random() < 0.5 else [word()] * kind.words
        )
        for _ in range(int(rng.integers(0, 16))):
            words[rng.integers(kind.words)] ^= 1 << int(rng.integers(64))
        uncertain_bits = [sum(1 << int(b) for b in set(rng.integers(0, 64, 5))) for _ in words]
        return PerceptualHash(*kind, tuple(words)), PerceptualHash(*kind, tuple(uncertain_bits))

    found = []
    for _ in range(30):
        exact = bool(rng.random() < 0.5)
        views = []
        for number in range(int(rng.integers(0, 3))):
            pairs = [near(kind) for kind in KINDS]
            hashes = tuple(first for first, _ in pairs)
            uncertain_bits = () if exact else tuple(second for _, second in pairs)
            views.append(
                ViewHashes(f"frame:{number}", int(rng.integers(30, 100)), hashes, uncertain_bits)
            )
        own = [rng.bytes(size).hex() for size in (16, 20, 32)]
        if rng.random() < 0.15:
            column = int(rng.integers(3))
            own[column] = digests[column]
        reason = Reason.TRUNCATED if rng.random() < 0.2 else None
        found.append(
            Examination(
                format="JPEG" if views else None,
                width=7 * len(views),
                height=5,
                views=tuple(views),
                reason=reason,
                detail="the file ends early" if reason else None,
                quality=max((view.quality for view in views), default=None),
                exact=exact or not views,
                digests=tuple(own) if reason is None or rng.random() < 0.5 else (),
            )
        )
    return HashList.loads("# algorithm: phash\n" + "\n".join(lines) + "\n"), found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where states go."""
    return tmp_path_factory.mktemp("states")


@examples(25)
@given(st.integers(0, 2**32), st.sets(st.sampled_from(range(3)), min_size=1))
def test_rows_are_judged_as_their_examinations_are(
    folder: Path, seed: int, chosen: set[int]
) -> None:
    """Stored, loaded and decided as a column, each examination has the outcome it has itself."""
    hash_list, examinations = world(seed)
    path = folder / f"{seed}-{len(list(folder.iterdir()))}.db"
    options = ExamineOptions(kinds=KINDS, digests=DIGESTS, fast=True)
    whole = Matcher(hash_list)
    expected = whole.screen(examinations)
    with State(path) as state:
        number = state.runs.settings_number(Settings.of(options))
        identity = (3, "1:2", 4)
        for row, examination in enumerate(examinations):
            state.files.put(b"%04d" % row, identity, 0, number, [(None, examination)])
        rows = [group[0] for group in state.files.everything()]
        judged = StoredMatcher(whole, state).screen(rows)
        assert judged == expected
        # Lists that ask for fewer kinds of hashes than are stored
        few = [KINDS[place] for place in sorted(chosen)]
        fewer = HashList.from_entries(
            [entry for entry in hash_list if entry.hash.kind in few], name=hash_list.name
        )
        matcher = Matcher(fewer)
        narrowed = [
            replace(
                found,
                digests=(),
                views=tuple(
                    ViewHashes(
                        view.view,
                        view.quality,
                        tuple(value for value in view.hashes if value.kind in few),
                        tuple(value for value in view.uncertain_bits if value.kind in few),
                    )
                    for view in found.views
                ),
            )
            for found in examinations
        ]
        judged = StoredMatcher(matcher, state).screen(rows)
        assert judged == matcher.screen(narrowed)


def test_unconfirmed_rows_say_so(folder: Path) -> None:
    """What cannot be confirmed is decided by its preview; only digests are certain."""
    code = PerceptualHash("phash", 64, (0x0123456789ABCDEF,))
    near = PerceptualHash("phash", 64, (0x0123456789ABCDEE,))
    entries = [Entry("a", code), Entry("b", PerceptualHash.from_hex("ab" * 32, "sha256"))]
    matcher = Matcher(HashList.from_entries(entries, name="synthetic"))
    view = ViewHashes("stored", 90, (near,), (near,))
    found = Examination("JPEG", 9, 9, (view,), quality=90, exact=False, digests=("ab" * 32,))
    with State(folder / "unconfirmed.db") as state:
        options = ExamineOptions(kinds=(HashKind("phash", 64),), digests=("sha256",))
        number = state.runs.settings_number(Settings.of(options))
        state.files.put(b"key", None, 0, number, [(None, found)])
        (row,) = state.files.group(b"key")
        judge = StoredMatcher(matcher, state)
        assert judge.screen([row]) == [None]
        error = DecodeError(Reason.VANISHED, "the file is gone")
        (outcome,) = judge.screen([Unconfirmed(row, error)])
    assert outcome.verdict is Verdict.MATCH
    assert outcome.reason is Reason.VANISHED
    assert {match.entry.id: match.confirmed for match in outcome.matches} == {"a": False, "b": True}
    assert sha256_of(Unconfirmed(row, error), ()) == bytes.fromhex("ab" * 32)


@examples(40)
@given(st.integers(0, 2**32), st.integers(0, 12), st.sampled_from(["linear", "multi"]))
def test_near_says_no_only_where_no_doubt_could_help(seed: int, uncertain: int, index: str) -> None:
    """A preview may be near exactly if flipping a few uncertain bits brings it near."""
    rng = np.random.default_rng(seed)
    entries = rng.integers(0, 2**64, (300, 1), dtype=np.uint64)
    text = "\n".join(f"{value:016x}" for value in entries[:, 0].tolist())
    matcher = Matcher(HashList.loads(f"# algorithm: phash\n{text}\n"), index=index)
    allowed = ALGORITHMS["phash"].max_bit_flips
    assert allowed is not None
    flips = allowed[64]
    codes = entries[rng.integers(300, size=200)].copy()
    uncertain_bits = np.zeros_like(codes)
    for row in range(len(codes)):
        places = rng.permutation(64).tolist()
        for place in places[:uncertain]:
            uncertain_bits[row] |= np.uint64(1 << place)
        for place in rng.permutation(places[: uncertain + 14])[: rng.integers(0, 18)].tolist():
            codes[row] ^= np.uint64(1 << place)
    expected = []
    for code, doubt in zip(codes[:, 0].tolist(), uncertain_bits[:, 0].tolist(), strict=True):
        differing = [code ^ value for value in entries[:, 0].tolist()]
        # The best that flipping as many of the uncertain bits as a preview ever does can do
        best = (
            (bits & ~doubt).bit_count() + max(0, (bits & doubt).bit_count() - flips)
            for bits in differing
        )
        expected.append(min(best) <= 8)
    kind = HashKind("phash", 64)
    assert matcher.near({kind: codes}, {kind: uncertain_bits}).tolist() == expected
    distance = [[(c ^ e).bit_count() for e in entries[:, 0].tolist()] for c in codes[:, 0].tolist()]
    assert matcher.near({kind: codes}).tolist() == [min(row) <= 8 for row in distance]
