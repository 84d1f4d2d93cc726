"""Matches go to humans, and decisions come back."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.findings import content, finding, match_of
from hashmatch import Entry, SettingsError
from hashmatch.cases import (
    Cases,
    Precision,
    band,
    import_decisions,
    read_queue,
    review_stats,
    wilson,
    write_queue,
    write_stats_json,
    write_stats_table,
)
from hashmatch.cli.main import run
from hashmatch.errors import DecisionsError, InputError
from hashmatch.evaluate import intervals
from hashmatch.match import reviews
from hashmatch.model import Cause, Match
from pictures import encode, photo

AT = "2026-01-31T14:00:00Z"
COUNT = 12
PHASH = ("--algorithm", "phash")


def fill(cases: Cases, matches: list[Match], path: bytes = b"/files/%d.jpg") -> None:
    """Keep matches, each of different content."""
    names = [path % number if b"%d" in path else path for number in range(len(matches))]
    cases.record(
        finding(number, match, path=name)
        for number, (match, name) in enumerate(zip(matches, names, strict=True))
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Cases]:
    """A store with a dozen matches."""
    with Cases(tmp_path / "cases.db") as found:
        fill(found, [match_of(number) for number in range(COUNT)])
        yield found


def suppressed(cases: Cases) -> dict[str, Any]:
    """The false positives by content."""
    return dict(cases.rejected([content(number) for number in range(COUNT)]))


def decisions(path: Path, rows: list[dict[str, Any]], header: str = "id,verdict,by,at") -> Path:
    """Write a table of decisions."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header.split(","), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8")
    return path


def said(number: int, verdict: str = "confirmed", at: str = AT) -> dict[str, Any]:
    """One decision."""
    return {"id": number, "verdict": verdict, "by": "reviewer 7", "at": at}


def test_queue_has_what_a_reviewer_needs_and_no_hash(store: Cases) -> None:
    """Every match is a row with path, entry, distance and band, and without any hash."""
    stream = io.StringIO()
    assert write_queue(read_queue(store), store.token, stream) == COUNT
    rows = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    assert [row["id"] for row in rows] == [str(number) for number in range(1, COUNT + 1)]
    assert rows[5]["path"] == "/files/5.jpg"
    assert (rows[5]["list"], rows[5]["entry"], rows[5]["label"]) == ("list-1", "entry-2", "label 5")
    assert rows[5]["category"] == "category A"
    assert (rows[5]["distance"], rows[5]["threshold"], rows[5]["band"]) == ("5", "8", "far")
    assert all(row[name] == "" for row in rows for name in ("verdict", "by", "at", "note"))
    assert "fedcba9876543210" not in stream.getvalue().lower()


@pytest.mark.parametrize(
    ("distance", "threshold", "expected"),
    [
        (0, 8, "equal"),
        (1, 8, "close"),
        (4, 8, "close"),
        (5, 8, "far"),
        (6, 8, "far"),
        (7, 8, "edge"),
        (8, 8, "edge"),
        (0, 0, "equal"),
        (16, 31, "far"),
        (31, 31, "edge"),
    ],
)
def test_bands(distance: int, threshold: int, expected: str) -> None:
    """A band says how much of the threshold a match uses."""
    assert band(distance, threshold) == expected


def test_names_are_no_formulas(tmp_path: Path) -> None:
    """No name acts as a formula in a spreadsheet or as a command in a terminal."""
    with Cases(tmp_path / "cases.db") as store:
        match = match_of(1, list="=1+1", entry=Entry("@x", match_of(0).entry.hash, "-2\x1b[0m"))
        fill(store, [match], b"/\xff\n")
        stream = io.StringIO()
        write_queue(read_queue(store), store.token, stream)
    (row,) = csv.DictReader(io.StringIO(stream.getvalue(), newline=""))
    assert (row["list"], row["entry"], row["label"]) == ("'=1+1", "'@x", "'-2\\x1b[0m")
    assert row["path"] == "/\\xff\\n"


def test_sample_is_seeded_and_uniform(store: Cases) -> None:
    """A seed repeats its sample; over many seeds, all matches are equally likely."""
    assert read_queue(store, sample=4, seed=3) == read_queue(store, sample=4, seed=3)
    drawn = [0] * COUNT
    for seed in range(300):
        rows = read_queue(store, sample=4, seed=seed)
        assert len({row.match.id for row in rows}) == 4
        for row in rows:
            drawn[row.match.id - 1] += 1
    # Each is expected 100 times, with a standard deviation of 8
    assert min(drawn) > 60
    assert max(drawn) < 140
    assert len(read_queue(store, sample=100)) == COUNT
    with pytest.raises(SettingsError):
        read_queue(store, sample=0)


def test_likeliest_mistakes_come_first(tmp_path: Path) -> None:
    """First come low information, then unconfirmed, then those that use most of the threshold."""
    matches = [
        match_of(0, distance=2),
        match_of(1, distance=20, threshold=32),
        match_of(2, distance=8),
        match_of(3, distance=0, confirmed=False),
        match_of(4, distance=1, cause=Cause.LOW_INFORMATION),
        match_of(5, distance=0, threshold=0),
    ]
    with Cases(tmp_path / "cases.db") as store:
        fill(store, matches)
        rows = read_queue(store, near_threshold_first=True)
    assert [row.match.id for row in rows] == [5, 4, 3, 2, 1, 6]


def test_what_chance_makes_most_often_comes_first(tmp_path: Path) -> None:
    """The store keeps how often chance makes a match; what is not known counts as frequent."""
    numbers = [1e-9, 0.2, None, 1e-4]
    matches = [match_of(at, expected_false=number) for at, number in enumerate(numbers)]
    with Cases(tmp_path / "cases.db") as store:
        fill(store, matches)
        rows = read_queue(store, near_threshold_first=True)
    assert [row.match.expected_false for row in rows] == [None, 0.2, 1e-4, 1e-9]


def test_reviewed_matches_leave_the_queue(store: Cases, tmp_path: Path) -> None:
    """A decided match is not in the queue, unless you ask for all."""
    path = decisions(tmp_path / "v.csv", [said(1), said(2, "unsure"), said(3, "")])
    found = import_decisions(store, path)
    assert (found.added, found.known, found.open) == (2, 0, 1)
    assert [row.match.id for row in read_queue(store)] == list(range(3, COUNT + 1))
    assert len(read_queue(store, reviewed=True)) == COUNT
    found = import_decisions(store, path)
    assert (found.added, found.known, found.open) == (0, 2, 1)


def test_exported_queue_comes_back_filled_in(store: Cases, tmp_path: Path) -> None:
    """The queue is a table of decisions once its last columns are filled in.

    An apostrophe that keeps a spreadsheet from running a cell is removed again.
    """
    stream = io.StringIO()
    write_queue(read_queue(store), store.token, stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    for row in rows:
        row.update({"verdict": "confirmed", "by": "'-Zoë", "at": "2026-01-31"})
        row["note"] = 'a "b"\nc, d'
    path = decisions(tmp_path / "v.csv", rows, ",".join(rows[0]))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as spreadsheets save them
    assert import_decisions(store, path).added == COUNT
    kept = {(each.decision, each.reviewer, each.at, each.reason) for each in store.decisions()}
    end = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert kept == {("confirmed", "-Zoë", end, 'a "b"\nc, d')}


def test_every_wrong_row_is_told_and_nothing_taken_in(store: Cases, tmp_path: Path) -> None:
    """All wrong rows are reported by line, and then no row is imported."""
    future = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    wrong = {
        3: said(99),
        4: said(1),
        5: said(2, "yes"),
        6: said(3) | {"by": " "},
        7: said(4, at="yesterday"),
        8: said(5, at=future),
        9: said(6) | {"id": "x"},
        10: said(7) | {"by": "b" * 10_001},
        11: said(8, at="0001-01-01T00:00:00+14:00"),
        12: said(9) | {"id": "٣"},
    }
    path = decisions(tmp_path / "v.csv", [said(1), *wrong.values(), said(12)])
    with path.open("a") as file:
        file.write("10,confirmed\n")
    with pytest.raises(DecisionsError, match="11 of 13 decisions are wrong; nothing") as caught:
        import_decisions(store, path)
    assert [problem.line for problem in caught.value.problems] == [*wrong, 14]
    assert store.decisions() == []


def test_all_faults_of_a_row_are_reported(store: Cases, tmp_path: Path) -> None:
    """A row with several faults names each of them at once."""
    path = decisions(tmp_path / "v.csv", [{"id": 99, "verdict": "yes", "by": "", "at": "soon"}])
    with pytest.raises(DecisionsError) as caught:
        import_decisions(store, path)
    (problem,) = caught.value.problems
    assert [fault.partition(":")[0] for fault in problem.message.split("; ")] == [
        "id",
        "verdict",
        "by",
        "at",
    ]


@pytest.mark.parametrize(
    "text",
    ["0000000000000000011", "00000000000000000199", "1".zfill(18) + 5000 * "0"],
    ids=["another match", "no match", "no number"],
)
def test_ids_that_are_too_long_are_wrong_rows(store: Cases, tmp_path: Path, text: str) -> None:
    """A row whose id is too long is wrong, however the id begins."""
    path = decisions(tmp_path / "v.csv", [said(2), said(1, "false_positive") | {"id": text}])
    with pytest.raises(DecisionsError, match="1 of 2 decisions is wrong") as caught:
        import_decisions(store, path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.message) == (3, "id: no match has this id")
    assert store.decisions() == []


def test_an_id_is_the_same_however_it_is_written(store: Cases, tmp_path: Path) -> None:
    """An id with leading zeros names the same match, and may occur only once in a table."""
    path = decisions(tmp_path / "v.csv", [said(2), said(2) | {"id": "02"}, said(3)])
    with pytest.raises(DecisionsError) as caught:
        import_decisions(store, path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.message) == (3, "id: an earlier row has the same id")
    alone = decisions(tmp_path / "v.csv", [said(2) | {"id": "011"}])
    assert import_decisions(store, alone).added == 1
    assert [each.match for each in store.decisions()] == [11]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", 1),
        (b"id,verdict,at\n", 1),
        (b"id,verdict,by,at\n1,\xff,a,b\n", None),
        (b'id,verdict,by,at\n1,"confirmed"x,a,b\n', 2),
    ],
)
def test_files_that_are_no_table_are_refused(
    store: Cases, tmp_path: Path, data: bytes, line: int | None
) -> None:
    """A table without its columns, or that is not UTF-8 or not CSV, gives a single error."""
    (tmp_path / "v.csv").write_bytes(data)
    with pytest.raises(DecisionsError) as caught:
        import_decisions(store, tmp_path / "v.csv")
    assert caught.value.line == line


def test_missing_file_is_an_input_error(store: Cases, tmp_path: Path) -> None:
    """A missing file is reported as missing."""
    with pytest.raises(InputError, match="No such file"):
        import_decisions(store, tmp_path / "none.csv")


@settings(max_examples=50)
@given(data=st.binary(max_size=120))
def test_any_bytes_are_verdicts_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """Whatever follows the header is imported, left open or reported; no other error occurs."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "v.csv").write_bytes(b"id,verdict,by,at\n1,confirmed,a,2026-01-01\n" + data)
    with Cases(folder / "cases.db") as store:
        fill(store, [match_of(0)])
        try:
            import_decisions(store, folder / "v.csv")
        except DecisionsError:
            assert store.decisions() == []


def test_latest_verdict_counts(store: Cases, tmp_path: Path) -> None:
    """Among several decisions on a match, the latest in time counts, whenever it was imported."""
    late, early = "2026-01-31T14:00:00+02:00", "2026-01-31T11:00:00Z"
    import_decisions(store, decisions(tmp_path / "a.csv", [said(2, "confirmed", late)]))
    import_decisions(store, decisions(tmp_path / "b.csv", [said(2, "false_positive", early)]))
    assert review_stats(store).overall.confirmed == 1
    assert suppressed(store) == {}
    last = decisions(tmp_path / "c.csv", [said(2, "false_positive", "2026-01-31T13:00:00Z")])
    import_decisions(store, last)
    assert review_stats(store).overall.false_positives == 1
    ((wrong, (named,)),) = suppressed(store).items()
    assert (wrong, named.list, named.entry) == (content(1), "list-1", "entry-1")
    import_decisions(store, decisions(tmp_path / "d.csv", [said(2, "unsure", "2026-02-01")]))
    assert suppressed(store) == {}


@pytest.mark.parametrize("word", ["confirmed", "unsure"])
@pytest.mark.parametrize("wrong", [AT, "2026-01-31", "2026-01-31T23:59:59.9Z"])
@pytest.mark.parametrize("day", ["2026-01-31", "20260131", "2026-W05-6"])
def test_of_a_day_alone_the_match_stays(
    store: Cases, tmp_path: Path, word: str, wrong: str, day: str
) -> None:
    """A false positive dated with a day does not override another decision of the same day."""
    stays = decisions(tmp_path / "a.csv", [said(2, word, day)])
    goes = decisions(tmp_path / "b.csv", [said(2, "false_positive", wrong)])
    assert [import_decisions(store, path).added for path in (stays, goes)] == [1, 1]
    assert suppressed(store) == {}
    assert review_stats(store).overall.false_positives == 0
    assert [import_decisions(store, path).added for path in (stays, goes)] == [0, 0]
    later = decisions(tmp_path / "c.csv", [said(2, "false_positive", "2026-02-01")])
    import_decisions(store, later)
    assert list(suppressed(store)) == [content(1)]


def test_the_day_that_has_begun_anywhere_is_not_in_the_future(store: Cases, tmp_path: Path) -> None:
    """Today's date is accepted in every time zone, although the day has not ended."""
    day = (datetime.now(UTC) + timedelta(hours=14)).date().isoformat()
    rows = [said(2, "confirmed", day), said(3, "false_positive", day)]
    import_decisions(store, decisions(tmp_path / "v.csv", rows))
    kept = [each.at.isoformat() for each in store.decisions()]
    assert kept == [f"{day}T23:59:59.999999+00:00", f"{day}T00:00:00+00:00"]


@pytest.mark.parametrize("at", ["2026-01-31+14:00", "2026-01-31-05:00", "2026-W05", "2026-W05T14"])
def test_what_is_no_day_and_no_time_is_a_wrong_row(store: Cases, tmp_path: Path, at: str) -> None:
    """A day with a time zone, or a week, is not taken for a time of day."""
    path = decisions(tmp_path / "v.csv", [said(2, "confirmed", at)])
    with pytest.raises(DecisionsError) as caught:
        import_decisions(store, path)
    assert "at: not an ISO 8601 date or time" in caught.value.problems[0].message


def test_statistics_are_those_counted_by_hand(store: Cases, tmp_path: Path) -> None:
    """Precision by algorithm, distance and list, and the worst entries, follow from decisions."""
    words = ["confirmed", "false_positive", "confirmed", "unsure", "false_positive", "confirmed"]
    rows = [said(number + 1, word) for number, word in enumerate(words)]
    import_decisions(store, decisions(tmp_path / "v.csv", rows))
    stats = review_stats(store)
    assert (stats.matches, stats.pending) == (COUNT, COUNT - 6)
    assert stats.overall == Precision(3, 2, 1, *wilson(3, 5))
    assert stats.overall.share == 0.6
    assert stats.by_algorithm == {
        "dhash-64": Precision(1, 1, 0, *wilson(1, 2)),
        "phash-64": Precision(2, 1, 1, *wilson(2, 3)),
    }
    assert stats.by_distance["phash-64", 3] == Precision(0, 0, 1, 0.0, 1.0)
    assert stats.by_distance["phash-64", 3].share is None
    assert stats.by_list["list-1"] == Precision(1, 1, 1, *wilson(1, 2))
    assert list(stats.worst_entries) == [("list-0", "entry-1"), ("list-1", "entry-1")]


@given(st.integers(0, 400), st.integers(0, 400))
def test_wilson_is_the_score_interval(confirmed: int, wrong: int) -> None:
    """The interval is that of an evaluation, which is compared with SciPy's."""
    low, high = wilson(confirmed, confirmed + wrong)
    if not confirmed + wrong:
        assert (low, high) == (0.0, 1.0)
        return
    expected = intervals.wilson(confirmed / (confirmed + wrong), confirmed + wrong)
    assert math.isclose(low, expected.low, abs_tol=1e-12)
    assert math.isclose(high, expected.high, abs_tol=1e-12)


def test_statistics_are_written_for_people_and_programs(store: Cases, tmp_path: Path) -> None:
    """The table has a line for each group, and the JSON has the same numbers."""
    rows = [said(1), said(2, "false_positive")]
    import_decisions(store, decisions(tmp_path / "v.csv", rows))
    table, data = io.StringIO(), io.StringIO()
    write_stats_table(review_stats(store), table)
    write_stats_json(review_stats(store), data)
    assert "12 matches, 10 not reviewed yet" in table.getvalue()
    assert "phash-64 at 1 bit " in table.getvalue()
    assert "list-1/entry-1" in table.getvalue()
    record = json.loads(data.getvalue())
    assert record["overall"]["precision"] == 0.5
    assert record["worst_entries"][0]["entry"] == "entry-1"


@pytest.fixture
def scanned(tmp_path: Path) -> list[str]:
    """The arguments of a scan in which two files with the same content match."""
    data = encode(photo(1, 96, 80), "JPEG", quality=85)
    other = encode(photo(2, 96, 80), "JPEG", quality=85)
    (tmp_path / "files").mkdir()
    for name, held in (("a.jpg", data), ("b.jpg", data), ("c.jpg", other)):
        (tmp_path / "files" / name).write_bytes(held)
    assert (
        run(["hash", *PHASH, str(tmp_path / "files"), "--output", str(tmp_path / "list.txt")]) == 0
    )
    arguments = ["scan", str(tmp_path / "files"), "--list", str(tmp_path / "list.txt")]
    return [*arguments, "--state", str(tmp_path / "scan.db"), "-q"]


def test_false_positives_are_suppressed_with_a_trace(
    scanned: list[str], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """A false positive stops this content from matching this entry anywhere, and is reported."""
    state, queue = tmp_path / "scan.db", tmp_path / "queue.csv"
    assert run(scanned) == 1
    assert run(["review", "export", "--state", str(state), "-o", str(queue), "--sample", "9"]) == 0
    assert "2 matches to review, drawn with seed 0" in capfd.readouterr().err
    rows = list(csv.DictReader(io.StringIO(queue.read_text(encoding="utf-8"), newline="")))
    (wrong,) = [row for row in rows if row["path"].endswith("b.jpg")]
    filled = decisions(tmp_path / "v.csv", [said(wrong["id"], "false_positive")])
    assert run(["review", "import", str(filled), "--state", str(state)]) == 0
    assert "1 decision added, 0 already known" in capfd.readouterr().err
    (tmp_path / "files" / "d.jpg").write_bytes((tmp_path / "files" / "a.jpg").read_bytes())
    assert run([*scanned, "--format", "jsonl"]) == 1
    *files, summary = map(json.loads, capfd.readouterr().out.splitlines())
    assert [each["verdict"] for each in files] == ["clear", "clear", "match", "clear"]
    assert [len(each["suppressed"]) for each in files] == [1, 1, 0, 1]
    assert files[0]["suppressed"][0]["entry"] == wrong["entry"]
    assert files[0]["matches"] == []
    assert summary["suppressed"] == 3
    assert run(scanned) == 1
    assert "3 suppressed by review" in capfd.readouterr().out
    again = ["rematch", *scanned[2:], "--format", "jsonl"]
    assert run(again) == 1
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["suppressed"] == 3
    assert run(["review", "stats", "--state", str(state), "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["overall"]["false_positive"] == 1


def test_verdicts_go_to_the_matches_that_they_are_about(tmp_path: Path) -> None:
    """A queue from another store is refused, row by row."""
    for name in ("one.db", "two.db"):
        with Cases(tmp_path / name) as store:
            fill(store, [match_of(number) for number in range(3)])
            with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
                write_queue(read_queue(store), store.token, stream)
    exported = csv.DictReader((tmp_path / "one.db.csv").read_text(encoding="utf-8").splitlines())
    filled = [row | said(int(row["id"])) for row in exported]
    path = decisions(tmp_path / "v.csv", filled, ",".join(filled[0]))
    with Cases(tmp_path / "two.db") as store, pytest.raises(DecisionsError) as caught:
        import_decisions(store, path)
    assert [str(each).partition(": ")[2] for each in caught.value.problems] == [
        "cases: the queue was exported from another case store"
    ] * 3
    with Cases(tmp_path / "one.db") as store:
        assert import_decisions(store, path).added == 3


def test_reviews_are_about_a_hash_and_not_only_about_its_id(
    scanned: list[str], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """If a list gives the id to another hash, that hash matches and waits for its own review."""
    state, queue, path = (tmp_path / name for name in ("scan.db", "queue.csv", "list.txt"))
    run(scanned)
    run(["review", "export", "--state", str(state), "-o", str(queue)])
    rows = list(csv.DictReader(io.StringIO(queue.read_text(encoding="utf-8"), newline="")))
    filled = decisions(tmp_path / "v.csv", [said(row["id"], "false_positive") for row in rows])
    run(["review", "import", str(filled), "--state", str(state)])
    assert run(scanned) == 0
    lines = path.read_text().splitlines()
    changed = [
        line if line[0] == "#" else f"{int(line[:16], 16) ^ 1:016x}{line[16:]}" for line in lines
    ]
    path.write_text("\n".join(changed) + "\n")
    capfd.readouterr()
    assert run([*scanned, "--format", "jsonl"]) == 1
    *files, summary = map(json.loads, capfd.readouterr().out.splitlines())
    assert [each["verdict"] for each in files] == ["match"] * 3
    assert summary["suppressed"] == 0
    run(["review", "export", "--state", str(state), "-o", str(queue)])
    again = list(csv.DictReader(io.StringIO(queue.read_text(encoding="utf-8"), newline="")))
    assert {(row["list"], row["entry"]) for row in again} == {
        (row["list"], row["entry"]) for row in rows
    }
    path.write_text("\n".join(lines) + "\n")
    assert run(scanned) == 0


def test_what_is_left_after_a_review_is_named(
    scanned: list[str], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """The queue has every near entry; the next one takes a false positive's place in records."""
    path, queue = tmp_path / "list.txt", tmp_path / "queue.csv"
    (value,) = [line[:16] for line in path.read_text().splitlines() if line.endswith("a.jpg")]
    near = [f"{int(value, 16) ^ bits:016x} entry-{bits}" for bits in (1, 3, 7)]
    path.write_text("\n".join(["# algorithm: phash", *near, ""]))
    few = [*scanned, "--max-matches", "1", "--format", "jsonl"]
    for number, left in enumerate([3, 2, 1, 0]):
        capfd.readouterr()
        assert run(few) == (1 if left else 0)
        first, *_ = map(json.loads, capfd.readouterr().out.splitlines())
        assert (first["match_count"], len(first["suppressed"])) == (left, 3 - left)
        named = [match["entry"] for match in first["matches"]]
        assert named == [f"entry-{bits}" for bits in (1, 3, 7)[number : number + 1]]
        run(["review", "export", "--state", few[5], "-o", str(queue)])
        rows = list(csv.DictReader(queue.read_text(encoding="utf-8").splitlines()))
        assert [row["entry"] for row in rows] == [f"entry-{bits}" for bits in (1, 3, 7)[number:]]
        filled = [said(int(row["id"]), "false_positive") for row in rows[:1]]
        run(["review", "import", str(decisions(tmp_path / "v.csv", filled)), "--state", few[5]])


@pytest.mark.parametrize(("most", "queues"), [(1_000, [14]), (11, [11, 3])])
def test_a_reviewed_file_stays_clear_however_many_entries_are_near(
    scanned: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    queues: list[int],
) -> None:
    """The queue has all near entries of a file, also those that no record names.

    If it cannot hold them all at once, the file matches until the rest are decided too.
    """
    monkeypatch.setattr(reviews, "MOST", most)
    path, queue, state = tmp_path / "list.txt", tmp_path / "queue.csv", scanned[5]
    (value,) = [line[:16] for line in path.read_text().splitlines() if line.endswith("a.jpg")]
    near = [f"{int(value, 16) ^ 1 << bit:016x} entry-{bit}" for bit in range(14)]
    path.write_text("\n".join(["# algorithm: phash", *near, ""]))
    left = 14
    for length in queues:
        capfd.readouterr()
        assert run([*scanned, "--format", "jsonl"]) == 1
        first, *_ = map(json.loads, capfd.readouterr().out.splitlines())
        assert (first["match_count"], len(first["matches"])) == (left, min(left, 10))
        run(["review", "export", "--state", state, "-o", str(queue)])
        rows = list(csv.DictReader(queue.read_text(encoding="utf-8").splitlines()))
        assert len(rows) == length
        filled = [said(int(row["id"]), "false_positive") for row in rows]
        run(["review", "import", str(decisions(tmp_path / "v.csv", filled)), "--state", state])
        left -= length
    assert run(scanned) == 0


def test_wrong_verdicts_exit_65(
    scanned: list[str], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """The command reports every wrong row by line and exits with 65; with 66 without a state."""
    run(scanned)
    state = str(tmp_path / "scan.db")
    wrong = decisions(tmp_path / "v.csv", [said(1, "maybe"), said(77)])
    assert run(["review", "import", str(wrong), "--state", state]) == 65
    error = capfd.readouterr().err
    assert f"{wrong}:2: verdict: choose from" in error
    assert f"{wrong}:3: id: no match has this id" in error
    for command in (["export"], ["stats"], ["import", str(wrong)]):
        assert run(["review", *command, "--state", str(tmp_path / "none.db")]) == 66


def test_verdicts_are_taken_in_while_a_scan_runs(store: Cases, tmp_path: Path) -> None:
    """A scan locks out other scans, but not reviewers."""
    path = decisions(tmp_path / "v.csv", [said(1)])
    with Cases(store.place, create=False) as other:
        assert import_decisions(other, path).added == 1
