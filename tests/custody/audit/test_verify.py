from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashmatch.custody.audit import verify
from hashmatch.custody.journal.chain import START_OF_CHAIN, canonical, digest_of
from hashmatch.errors import InputError, SettingsError

from .trails import forged, lines_of, write_run


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    """A trail with complete runs."""
    path = tmp_path / "trail.jsonl"
    write_run(path)
    write_run(path)
    return path


def test_untouched_trail_is_whole(trail: Path) -> None:
    """An untouched trail has no problem and no gap, and its head is the last digest."""
    found = verify(trail)
    assert (found.records, found.runs, found.problem_count, found.gaps) == (12, 2, 0, ())
    assert found.head == json.loads(lines_of(trail)[-1])["digest"]


def test_every_flipped_byte_is_found(trail: Path) -> None:
    """An edit to any record, at any place, is reported by line."""
    lines = lines_of(trail)
    for number, line in enumerate(lines):
        for place in range(0, len(line) - 1, 11):
            edited = line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]
            trail.write_bytes(b"".join([*lines[:number], edited, *lines[number + 1 :]]))
            found = verify(trail)
            assert number + 1 in {finding.line for finding in found.problems}


def test_every_flipped_newline_is_found(trail: Path) -> None:
    """Two lines joined into one are noticed, wherever they are."""
    lines = lines_of(trail)
    for number in range(len(lines) - 1):
        joined = lines[number][:-1] + b" " + lines[number + 1]
        trail.write_bytes(b"".join([*lines[:number], joined, *lines[number + 2 :]]))
        assert verify(trail).problems[0].line == number + 1


def test_every_edit_with_a_new_digest_is_found(trail: Path) -> None:
    """An edited record with a recomputed digest shows in the next record."""
    lines = lines_of(trail)
    for number, line in enumerate(lines[:-1]):
        record = json.loads(line)
        record["event"]["extra"] = True
        new = forged([record], previous=record["previous"], seq=record["seq"])
        trail.write_bytes(b"".join([*lines[:number], *new, *lines[number + 1 :]]))
        assert [finding.line for finding in verify(trail).problems] == [number + 2]


def test_every_removed_record_is_found(trail: Path) -> None:
    """Removing any record is found; removing the last leaves a run without an end."""
    lines = lines_of(trail)
    for number in range(len(lines)):
        trail.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        found = verify(trail)
        if number < len(lines) - 1:
            assert [finding.line for finding in found.problems] == [number + 1]
        else:
            assert [finding.line for finding in found.gaps] == [7]


def test_every_swap_of_neighbours_is_found(trail: Path) -> None:
    """Two swapped records are found."""
    lines = lines_of(trail)
    for number in range(len(lines) - 1):
        swapped = [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]
        trail.write_bytes(b"".join(swapped))
        assert verify(trail).problems[0].line == number + 1


def test_every_doubled_record_is_found(trail: Path) -> None:
    """A repeated record is found."""
    lines = lines_of(trail)
    for number, line in enumerate(lines):
        trail.write_bytes(b"".join([*lines[:number], line, *lines[number:]]))
        assert verify(trail).problems[0].line == number + 2


def test_records_of_another_shape_are_found(trail: Path) -> None:
    """A record with a correct digest but wrong types or keys is refused."""
    last = json.loads(lines_of(trail)[-1])
    before = trail.read_bytes()
    for change in ({"seq": "13"}, {"event": []}, {"event": {}}, {"time": 1}, {"more": 1}):
        bare = {**last, "seq": 13, "previous": last["digest"], **change}
        del bare["digest"]
        trail.write_bytes(before + canonical({**bare, "digest": digest_of(bare)}) + b"\n")
        assert [finding.line for finding in verify(trail).problems] == [13]


def test_blanks_and_key_order_count_as_edits(trail: Path) -> None:
    """A record that says the same in other bytes counts as edited."""
    lines = lines_of(trail)
    record = json.loads(lines[2])
    for text in (
        json.dumps(record, sort_keys=True),
        json.dumps(dict(reversed(record.items())), separators=(",", ":")),
    ):
        trail.write_bytes(b"".join([*lines[:2], text.encode() + b"\n", *lines[3:]]))
        assert [finding.line for finding in verify(trail).problems] == [3]


def test_cut_runs_show_only_with_the_anchor(trail: Path) -> None:
    """A trail cut at the end of a run looks whole, and the anchor shows that it is not."""
    head = verify(trail).head
    trail.write_bytes(b"".join(lines_of(trail)[:6]))
    assert not verify(trail).problem_count
    assert not verify(trail).gaps
    found = verify(trail, anchor=head)
    assert found.problem_count == 1
    assert found.anchored is None


def test_rewritten_trail_shows_only_with_the_anchor(trail: Path) -> None:
    """A trail rechained after an edit looks whole, and the anchor shows that it is not."""
    head = verify(trail).head
    records = [json.loads(line) for line in lines_of(trail)]
    records[3]["event"]["verdict"] = "clear"
    trail.write_bytes(b"".join(forged(records, previous=START_OF_CHAIN, seq=1)))
    assert not verify(trail).problem_count
    assert verify(trail, anchor=head).problem_count == 1


def test_older_anchor_covers_what_was_there_then(trail: Path) -> None:
    """The anchor of an earlier run names the line up to which nothing has changed."""
    anchor = json.loads(lines_of(trail)[5])["digest"]
    found = verify(trail, anchor=f" {anchor.upper()}\n")
    assert found.anchored == 6
    assert not found.problem_count


def test_run_without_an_end_is_a_gap(trail: Path) -> None:
    """A killed run leaves a gap at the line where it began, even if others follow."""
    lines = lines_of(trail)
    trail.write_bytes(b"".join(lines[:3]))
    write_run(trail)
    found = verify(trail)
    assert [finding.line for finding in found.gaps] == [1]
    assert not found.problem_count


def test_problems_are_counted_beyond_those_named(tmp_path: Path) -> None:
    """A file of rubbish names a hundred problems and counts them all."""
    path = tmp_path / "rubbish"
    path.write_bytes(b'{"digest":"rubbish\n' * 1000)
    found = verify(path)
    assert (found.records, found.head, len(found.problems), found.problem_count) == (
        0,
        None,
        100,
        1000,
    )


@pytest.mark.parametrize("anchor", [None, "0" * 64])
@pytest.mark.parametrize("content", [b"", b"\n", b"\0SQLite", b"{}\n", b'{"digest":"12'])
def test_a_file_without_records_is_no_trail(
    tmp_path: Path, content: bytes, anchor: str | None
) -> None:
    """A file without records has no head, and is a problem: all may have been removed."""
    path = tmp_path / "empty"
    path.write_bytes(content)
    found = verify(path, anchor=anchor)
    assert (found.records, found.head, found.problem_count) == (0, None, 1)


def test_missing_trail_is_named(tmp_path: Path) -> None:
    """A missing trail is an error that names its path."""
    with pytest.raises(InputError, match="nowhere"):
        verify(tmp_path / "nowhere")


@pytest.mark.parametrize("anchor", ["", "12", "z" * 64, "0" * 65])
def test_wrong_anchor_is_refused(trail: Path, anchor: str) -> None:
    """An anchor that is not a SHA-256 in hex is refused."""
    with pytest.raises(SettingsError):
        verify(trail, anchor=anchor)


_HOSTILE = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["seq", "time", "event", "previous", "digest", "type"]), inner
            )
        ),
    ).map(lambda value: json.dumps(value).encode()),
    st.just(b"[" * 100_000),
    st.just(b'{"seq":' * 20_000 + b"1" + b"}" * 20_000),
)


@examples(150)
@given(lines=st.lists(_HOSTILE, max_size=4), begins=st.booleans())
def test_any_bytes_are_judged(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], begins: bool
) -> None:
    """Whatever is in the file, the check ends and finds no record where there is none.

    If it begins like a trail, each line is a problem; if not, that is the only problem.
    """
    path = tmp_path_factory.mktemp("any") / "trail"
    start = b'{"digest":"' if begins else b""
    path.write_bytes(start + b"\n".join(lines) + b"\n" * bool(lines))
    found = verify(path)
    assert found.records == 0
    assert found.problem_count == (max(path.read_bytes().count(b"\n"), 1) if begins else 1)


def test_canonical_form_is_ascii_sorted_and_tight() -> None:
    """The canonical form does not depend on the order of keys, and is pure ASCII."""
    assert canonical({"b": 1, "a": ["é", "\udcff", None]}) == (
        b'{"a":["\\u00e9","\\udcff",null],"b":1}'
    )
