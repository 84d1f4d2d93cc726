from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.errors import InputError
from hashmatch.report.numbers import share_of
from hashmatch.report.overview import Overview, read_results
from hashmatch.report.phrases import headline, settings_rows
from hashmatch.report.scan_page import to_html, to_json

from .results import file, match, ordinary, summary, write


def test_counts_are_those_of_the_records(tmp_path: Path) -> None:
    """Verdicts, reasons, distances, lists and throughput are counted from the records."""
    path = write(tmp_path / "results.jsonl", ordinary())
    overview = read_results(path)
    assert overview.verdicts == {
        "match": 12,
        "candidate": 1,
        "clear": 20,
        "not_image": 1,
        "unscanned": 1,
    }
    assert overview.reasons == {"truncated": 1}
    assert overview.distances["phash-64"] == {0: 3, 1: 3, 2: 2, 3: 2, 4: 2}
    assert overview.candidate_distances["phash-64"] == {0: 1}
    share = overview.lists["synthetic"]
    assert (share.files, share.candidates, len(share.entries)) == (12, 1, 2)
    assert overview.files_a_second() == 35 / 2
    assert overview.warnings() == []
    assert overview.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_file_counts_once_for_a_list(tmp_path: Path) -> None:
    """A file near several entries of a list counts once, as a match if any of them is one."""
    files = [
        file(
            "a.jpg",
            "match",
            matches=[
                match(entry="1", category="B"),
                match(entry="2", cause="chance", category="A"),
                match(entry="3", cause="chance", category="B"),
            ],
        )
    ]
    overview = read_results(write(tmp_path / "r", [*files, summary(files)]))
    assert (overview.lists["synthetic"].files, overview.lists["synthetic"].candidates) == (1, 0)
    assert len(overview.lists["synthetic"].entries) == 3
    assert {name: each.files for name, each in overview.categories.items()} == {"A": 0, "B": 1}
    assert "<th" in to_html(overview)
    assert ">category<" in to_html(overview)


def test_rows_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    """Tables hold as many rows as asked for, and count the rest."""
    files = [file(f"{n}.jpg", "match", matches=[match()], match_count=3) for n in range(5)]
    files += [file(f"{n}.png", "unscanned", reason="timeout") for n in range(4)]
    overview = read_results(write(tmp_path / "r", [*files, summary(files)]), rows=2)
    assert (len(overview.matches), overview.more_matches) == (2, 3 + 10)
    assert (len(overview.gaps), overview.more_gaps) == (2, 2)
    assert "13 more rows are in the results" in to_html(overview)
    assert "2 more rows are in the results" in to_html(overview)


def test_results_without_a_summary_say_so(tmp_path: Path) -> None:
    """The report of a killed scan begins with a warning."""
    overview = read_results(write(tmp_path / "r", ordinary()[:-1]))
    assert "without a summary" in overview.warnings()[0]
    assert "without a summary" in to_html(overview)
    assert json.loads(to_json(overview))["complete"] is False
    assert overview.files_a_second() is None


def test_results_that_were_cut_or_interrupted_say_so(tmp_path: Path) -> None:
    """A summary that disagrees with the records, or was interrupted, gives a warning."""
    records = ordinary()
    assert "cut or edited" in read_results(write(tmp_path / "r", records[1:])).warnings()[0]
    records[-1]["run"]["interrupted"] = True
    records[-1]["exit_code"] = 130
    overview = read_results(write(tmp_path / "r", records))
    assert "was interrupted" in overview.warnings()[0]
    assert "(Exit code 130.)" in to_html(overview)


def test_empty_scan_makes_a_report(tmp_path: Path) -> None:
    """A scan without files, with the smallest possible summary, makes a report."""
    last = summary([], lists=[], run={}, settings={}, exit_code=0)
    del last["versions"], last["walk"]
    overview = read_results(write(tmp_path / "r", [last]))
    assert "No file was found." in to_html(overview)
    assert "not known" in to_html(overview)


def test_list_digests_and_settings_are_told(tmp_path: Path) -> None:
    """The report names each list with its version and digest, and every setting."""
    overview = read_results(write(tmp_path / "r", ordinary()))
    text = to_html(overview)
    assert "sha256:" + "ab" * 32 in text
    assert "1,234,567" in text
    assert "threshold in bits: phash-64" in text


def test_names_of_settings_are_escaped_once(tmp_path: Path) -> None:
    """A backslash in the name of a nested setting is shown as two."""
    last = summary([], settings={"\\": {"a": {"b": {"c": 1}}}})
    assert '<th scope="row">\\\\: a: b: c</th><td>1</td>' in to_html(
        read_results(write(tmp_path / "r", [last]))
    )


def test_what_took_no_time_has_no_throughput(tmp_path: Path) -> None:
    """A time close to zero gives no infinite throughput, which JSON cannot hold."""
    files = [file("a.jpg")]
    last = summary(files, run={"seconds": 5e-324})
    assert read_results(write(tmp_path / "r", [*files, last])).files_a_second() is None


_GOOD = file("a.jpg", "match", matches=[match()])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        json.dumps({**_GOOD, "schema": "x"}),
        json.dumps({**_GOOD, "type": "else"}),
        json.dumps({**_GOOD, "verdict": "else"}),
        json.dumps({**_GOOD, "reason": "else"}),
        json.dumps({**_GOOD, "path": 1}),
        json.dumps({**_GOOD, "quarantine": "1"}),
        json.dumps({**_GOOD, "path": "\ud800"}),
        json.dumps({**_GOOD, "path_b64": "%"}),
        json.dumps({**_GOOD, "matches": [{}]}),
        json.dumps({**_GOOD, "matches": 1}),
        json.dumps({**_GOOD, "matches": [match(distance=None)]}),
        json.dumps({**_GOOD, "matches": [match(distance=65)]}),
        json.dumps({**_GOOD, "matches": [match(distance=-1)]}),
        json.dumps({**_GOOD, "matches": [match(distance=300_000_000, bits=300_000_000)]}),
        json.dumps({**_GOOD, "matches": [match(distance=1e999)]}).replace("Infinity", "1e999"),
        json.dumps({**_GOOD, "matches": [match(quality=101)]}),
        json.dumps({**_GOOD, "match_count": -99}),
        json.dumps({**_GOOD, "match_count": 10**4000}),
        json.dumps({**_GOOD, "schema": math.inf}).replace("Infinity", "1e999"),
        json.dumps({**_GOOD, "schema": True}),
        json.dumps({**summary([]), "run": []}),
        json.dumps({**summary([]), "run": {"seconds": -1}}),
        json.dumps({**summary([]), "run": {"started": ["now"]}}),
        json.dumps({**summary([]), "walk": [1]}),
        json.dumps({**summary([]), "versions": None}),
        json.dumps({**summary([]), "verdicts": {"match": -1}}),
        json.dumps({**summary([]), "reasons": {"else": 1}}),
        json.dumps({**summary([]), "exit_code": 64}),
        json.dumps({**summary([]), "settings": {"a" * 501: 1}}),
        json.dumps({**summary([]), "lists": [{"name": 1}]}),
        json.dumps({**summary([]), "lists": [{"name": "a", "entries": -1}]}),
    ],
)
def test_what_is_no_result_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    """A line that is not a record of a scan is an error that names its number, not its text."""
    path = tmp_path / "r"
    path.write_text(json.dumps(_GOOD) + "\n" + line + "\n")
    with pytest.raises(InputError, match="not a record of a scan") as caught:
        read_results(path)
    assert (caught.value.path, caught.value.line) == (str(path), 2)


def test_other_schema_and_records_after_the_summary_are_errors(tmp_path: Path) -> None:
    """Records of another schema, or after the summary, are refused."""
    with pytest.raises(InputError, match="schema 2, and this hashmatch reads 1"):
        read_results(write(tmp_path / "r", [{**_GOOD, "schema": 2}]))
    with pytest.raises(InputError, match="not a record"):
        read_results(write(tmp_path / "r", [summary([]), _GOOD]))
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path / "nowhere")


def test_json_report_holds_what_the_page_shows(tmp_path: Path) -> None:
    """As JSON, the report has the counts, the rows and the summary."""
    again = json.loads(to_json(read_results(write(tmp_path / "r", ordinary()))))
    assert again["verdicts"]["match"] == 12
    assert again["distances"] == {"phash-64": {"0": 3, "1": 3, "2": 2, "3": 2, "4": 2}}
    assert again["matches"][0]["path"] == "folder/0.jpg"
    assert again["lists"]["synthetic"] == {"files": 12, "candidates": 1, "entries": 2}
    assert again["complete"] is True


@pytest.mark.parametrize(
    ("verdicts", "moved", "said"),
    [
        ({"clear": 2}, {}, "Every file was examined, and none matches."),
        ({"match": 1}, {True: 1}, "1 match, 1 moved."),
        ({"match": 2}, {True: 1, False: 1}, "2 matches, 1 moved, 1 NOT moved."),
        ({"unscanned": 1, "candidate": 1}, {}, "1 file not fully examined, 1 to look at."),
        (
            {"match": 3, "unscanned": 1690, "candidate": 2, "clear": 1},
            {},
            "3 matches, 1,690 files not fully examined, 2 to look at.",
        ),
    ],
)
def test_the_headline_says_what_needs_a_human(
    verdicts: dict[str, int], moved: dict[bool, int], said: str
) -> None:
    """The headline counts matches, moves, and files that need another look, each in its number."""
    overview = Overview("r", files=sum(verdicts.values()))
    overview.verdicts.update(verdicts)
    overview.moved.update(moved)
    assert headline(overview) == said


def test_moves_that_failed_are_shown(tmp_path: Path) -> None:
    """The page says which matches were moved, and which were not; the summary's counts win."""
    files = [
        file("a.jpg", "match", matches=[match()], quarantine=1),
        file("b.jpg", "match", matches=[match()], quarantine=None),
        file("c.jpg", "match", matches=[match()]),
    ]
    overview = read_results(write(tmp_path / "r", [*files, summary(files)]))
    assert [row.moved for row in overview.matches] == [True, False, None]
    page = to_html(overview)
    assert "3 matches, 1 moved, 1 NOT moved." in page
    assert page.count("<td>moved</td>") == page.count("NOT moved</span>") == 1
    last = summary(files, quarantine={"moved": 2, "not_moved": 4})
    assert read_results(write(tmp_path / "r", [last])).moves() == (2, 4)


def test_shares_never_round_to_nothing() -> None:
    """One in a million is not shown as none."""
    assert (share_of(0, 0), share_of(0, 9), share_of(1, 10**6)) == ("0%", "0%", "under 0.1%")
    assert (share_of(1, 3), share_of(1, 2)) == ("33.3%", "50%")


_TEXT = st.text(max_size=20)


@settings(max_examples=60)
@given(
    texts=st.lists(_TEXT, min_size=6, max_size=6),
    distance=st.integers(0, 64),
    settings_=st.recursive(
        st.none() | st.booleans() | st.integers() | _TEXT,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2),
    ),
)
def test_any_records_make_reports(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], distance: int, settings_: Any
) -> None:
    """Any names and settings make a report of each kind, and none of their markup is in it."""
    path, entry, label, category, view, detail = texts
    near = match(entry=entry, label=label, category=category, view=view, distance=distance)
    files = [file(path, "match", reason="timeout", detail=detail, matches=[near])]
    records = [*files, summary(files, settings={"any": settings_})]
    overview = read_results(write(tmp_path_factory.mktemp("any") / "r", records))
    page = to_html(overview)
    assert page.count("<script>") == page.count("<style>") == 1
    assert json.loads(to_json(overview))


def test_distances_count_matches_and_candidates(tmp_path: Path) -> None:
    """The histogram's caption counts matches and candidates, of which an entry may have several."""
    page = to_html(read_results(write(tmp_path / "results.jsonl", ordinary())))
    assert "12 matches and 1 candidate within 8 bits." in page


def test_settings_are_said_in_words() -> None:
    """Distances of a match and plain numbers are written for people, not as Python values."""
    within = [{"phash-64": 8}, {"phash-64": 10, "dhash-64": 6}]
    assert list(settings_rows({"match_within": within, "max_false_per_million": 1000.0})) == [
        ("distances of a match in bits", "phash-64 8, or phash-64 10 and dhash-64 6"),
        ("false matches accepted per million files", "1,000"),
    ]
