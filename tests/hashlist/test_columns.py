"""Columns of texts, held one by one or each distinct text once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.hashlist import HashList, save_compiled
from hashmatch.hashlist.columns import TextColumn

TEXTS = st.lists(st.sampled_from(["", "A1", "A2", "long text", "ü"]), min_size=6, max_size=40)


def column_of(texts: list[str]) -> TextColumn:
    """A column that holds its texts one by one."""
    return TextColumn.from_bytes([text.encode() for text in texts])


@given(TEXTS, st.data())
def test_a_folded_column_reads_as_before(texts: list[str], data: st.DataObject) -> None:
    """Every method gives the same answer whether texts are held once or for each row."""
    plain = column_of(texts)
    folded = plain.folded()
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1))), np.int64)
    first = data.draw(st.integers(0, len(texts)))
    assert [folded[row] for row in range(len(folded))] == texts
    assert folded.texts(first, len(texts)) == texts[first:]
    assert folded.take(rows).texts(0, len(rows)) == [texts[row] for row in rows]
    assert np.array_equal(folded.fingerprints(), plain.fingerprints())
    assert np.array_equal(folded.lengths(), plain.lengths())
    assert folded.is_empty() == plain.is_empty()
    assert np.array_equal(folded.where("A1".__eq__), [text == "A1" for text in texts])
    both = TextColumn.concatenate([folded, plain, folded.take(rows)])
    assert both.texts(0, len(both)) == [*texts, *texts, *(texts[row] for row in rows)]


def test_what_recurs_is_folded_and_what_does_not_is_left() -> None:
    """A column of few distinct texts holds each once; one where most differ stays as it is."""
    recurring = column_of(["A1", "B2"] * 70_000).folded()
    assert recurring.which is not None
    assert recurring.which.dtype == np.uint8
    assert len(recurring) == 140_000
    assert recurring.data.tobytes() in (b"A1B2", b"B2A1")
    assert recurring.folded() is recurring
    different = column_of([str(number) for number in range(600)])
    assert different.folded() is different
    late = column_of(["A1"] * 70_000 + [str(number) for number in range(80_000)])
    assert late.folded() is late


def test_texts_of_equal_fingerprints_are_not_taken_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If two texts share a fingerprint, the column stays as it is."""
    column = column_of(["a", "b"] * 8)
    monkeypatch.setattr(TextColumn, "fingerprints", lambda self: np.ones(len(self), np.uint64))
    assert column.folded() is column


def test_a_compiled_list_keeps_recurring_labels_once(tmp_path: Path) -> None:
    """A label that all entries share takes one byte for each, and comes back whole."""
    lines = "".join(f"phash:{3 * n + 1:016x} {n} a rather long label\n" for n in range(1000))
    save_compiled(HashList.loads(lines), tmp_path / "labels.hml")
    bare = "".join(f"phash:{3 * n + 1:016x} {n}\n" for n in range(1000))
    save_compiled(HashList.loads(bare), tmp_path / "bare.hml")
    sizes = [(tmp_path / f"{name}.hml").stat().st_size for name in ("labels", "bare")]
    assert sizes[0] - sizes[1] < 3_000
    assert list(HashList.load(tmp_path / "labels.hml")) == list(HashList.loads(lines))


def test_more_rows_than_a_slice_are_taken() -> None:
    """A column of 140,000 texts, taken backwards, has them all."""
    texts = [b"%d" % number * (number % 3) for number in range(140_000)]
    column = TextColumn.from_bytes(texts).take(np.arange(len(texts))[::-1])
    assert [column.bytes_at(row) for row in (0, 65_535, 65_536, 139_999)] == [
        texts[139_999 - row] for row in (0, 65_535, 65_536, 139_999)
    ]
    assert column.data.tobytes() == b"".join(reversed(texts))
