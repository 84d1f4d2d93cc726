"""What scans and rematches hand to the case store, and what commands show of it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from cases.findings import finding
from hashmatch.cases import Cases, Filters
from hashmatch.cli.main import run
from hashmatch.custody.quarantine import Quarantine
from pictures import encode, photo


class Desk:
    """A folder with a matching picture, its copy in an archive, and a list."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files, self.hash_list = folder / "files", folder / "list.txt"
        self.files.mkdir()
        data = encode(photo(1, 96, 80), "JPEG", quality=85)
        (self.files / "a.jpg").write_bytes(data)
        listing = ["hash", "--algorithm", "phash", str(self.files), "-o", str(self.hash_list)]
        assert run(listing) == 0
        with zipfile.ZipFile(self.files / "b.zip", "w") as archive:
            archive.writestr("inner.jpg", data)

    def scan(self, *options: str | Path) -> int:
        """Scan by command."""
        command = ["scan", str(self.files), "--list", str(self.hash_list), "-q"]
        return run([*command, *map(str, options)])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Ready to scan."""
    return Desk(tmp_path)


def test_a_scan_without_a_state_keeps_cases_and_heeds_decisions(desk: Desk, place: str) -> None:
    """With --cases alone, in either database, a file and its copy in an archive are one case."""
    assert desk.scan("--cases", place) == 1
    with Cases(place, create=False) as cases:
        (row,) = cases.queue().rows
        paths = {seen.place.path for seen in cases.get(row.id).places}
        files = bytes(desk.files)
        assert paths == {files + b"/a.jpg", files + b"/b.zip!/inner.jpg"}
        assert row.best.list_version is None
        cases.decide(row.id, "ann", "false_positive")
    assert desk.scan("--cases", place) == 0


def test_a_case_knows_where_its_evidence_is(desk: Desk) -> None:
    """Places name the quarantine and the item, also of a member whose archive was moved."""
    place, folder = desk.folder / "cases.db", desk.folder / "quarantine"
    moving = ("--quarantine", folder, "--quarantine-archives", "--audit", desk.folder / "log")
    assert desk.scan("--cases", place, *moving) == 1
    with Cases(place, create=False) as cases:
        (row,) = cases.queue().rows
        held = {seen.place.path: seen.place.item for seen in cases.get(row.id).places}
        assert all(seen.place.quarantine == str(folder) for seen in cases.get(row.id).places)
    files = bytes(desk.files)
    assert held == {files + b"/a.jpg": 1, files + b"/b.zip!/inner.jpg": 2}
    start = json.loads((desk.folder / "log").read_text().splitlines()[0])
    assert start["event"]["settings"]["cases"] == str(place)


def test_a_file_is_a_case_before_it_is_moved(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan that ends in the middle of a move has lost no match that nothing finds again."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Quarantine, "hold", interrupted)
    place, folder = desk.folder / "cases.db", desk.folder / "quarantine"
    assert desk.scan("--cases", place, "--quarantine", folder) not in {0, 1}
    with Cases(place, create=False) as cases:
        (row,) = cases.queue().rows
        assert cases.get(row.id).places[0].place.item is None


def test_a_rematch_and_the_report_use_the_cases_of_the_state(
    desk: Desk, capfd: pytest.CaptureFixture
) -> None:
    """A match that only a rematch finds is a case, and the report of the state has it."""
    state = desk.folder / "scan.db"
    other = desk.folder / "other.txt"
    other.write_text("# algorithm: phash\n0123456789abcdef far\n")
    assert run(["scan", str(desk.files), "--list", str(other), "--state", str(state), "-q"]) == 0
    assert not Path(f"{state}.cases").exists()
    assert run(["review", "export", "--state", str(state)]) == 0
    assert "0 matches to review" in capfd.readouterr().err
    rematch = ["rematch", "--list", str(desk.hash_list), "--state", str(state), "-q"]
    assert run(rematch) == 1
    with Cases(f"{state}.cases", create=False) as cases:
        assert [row.copies for row in cases.queue(Filters(door="scan")).rows] == [2]
    capfd.readouterr()
    assert run(["report", "--state", str(state), "--format", "json"]) == 0
    shown = json.loads(capfd.readouterr().out)["matches"]
    assert sorted(Path(row["path"]).name for row in shown) == ["a.jpg", "inner.jpg"]
    command = ["review", "decide", "1", "false_positive", "--by", "ann", "--state", str(state)]
    assert run(command) == 0
    assert "case 1: false_positive (decision 1)" in capfd.readouterr().err
    assert run(rematch) == 0
    capfd.readouterr()
    assert run(["report", "--state", str(state), "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["matches"] == []


def test_a_case_can_be_read_back(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    """Show tells who decided what and when, for people and as JSON; the export has it, too."""
    place = str(tmp_path / "cases.db")
    with Cases(place) as cases:
        cases.record([finding(1, path=b"/files/\xff.jpg")])
        cases.note(1, "bob", "look again")
        cases.lease("bob")
    again = ["review", "decide", "1", "confirmed", "--cases", place, "--two-reviewers"]
    assert run([*again, "--by", "ann", "--reason", "=clear"]) == 66
    assert "case 1 is with bob until" in capfd.readouterr().err
    assert run([*again, "--by", "bob", "--reason", "=clear"]) == 0
    assert "open until a second reviewer decides" in capfd.readouterr().err
    assert run([*again, "--by", "cat"]) == 0
    capfd.readouterr()
    assert run(["review", "show", "1", "--cases", place]) == 0
    said = capfd.readouterr().out
    assert "case 1: confirmed" in said
    assert "scan: /files/\\xff.jpg" in said
    assert "bob: confirmed, waits for a second reviewer: =clear" in said
    assert "decision  cat: confirmed" in said
    assert run(["review", "show", "1", "--cases", place, "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert [made["reviewer"] for made in record["decisions"]] == ["bob", "cat"]
    assert record["places"][0]["path_b64"]
    assert run(["review", "export", "--cases", place, "--reviewed"]) == 0
    header, row = capfd.readouterr().out.splitlines()
    assert header.endswith("verdict,by,at,note")
    assert ",confirmed,cat,20" in row


def test_what_is_exported_is_known_when_it_comes_back(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """Exported decisions, whole-case or of a day alone, add nothing when they are imported."""
    place, table = str(tmp_path / "cases.db"), tmp_path / "table.csv"
    with Cases(place) as cases:
        cases.record(finding(number) for number in range(3))
        cases.decide(1, "ann", "false_positive", "why")
    table.write_text("id;verdict;at\n2;UNSURE;2026-01-31\n3;false-positive;31.1.2026 14:05\n")
    command = ["review", "import", str(table), "--by", "bob", "--cases", place]
    assert run(command) == 0
    table.write_bytes(table.read_text().encode("utf-16"))
    assert run(command) == 0
    assert "0 decisions added, 2 already known" in capfd.readouterr().err
    back = ["review", "export", "--cases", place, "--reviewed", "-o", str(table)]
    assert run(back) == 0
    assert run(["review", "import", str(table), "--cases", place]) == 0
    assert "0 decisions added, 3 already known" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("11/29/2026", "2026-11-29"),
        ("29/11/2026 1:05 PM", "2026-11-29T13:05"),
        ("12/12/2025 12:00 am", "2025-12-12T00:00"),
        ("1.2.2026", "2026-02-01"),
        ("11/12/2025", None),
        ("31/31/2025", None),
    ],
)
def test_dates_of_spreadsheets_count_where_they_mean_one_day(
    tmp_path: Path, capfd: pytest.CaptureFixture, text: str, day: str | None
) -> None:
    """A date as spreadsheets write it is taken, unless day and month may be swapped."""
    place, table = str(tmp_path / "cases.db"), tmp_path / "table.csv"
    with Cases(place) as cases:
        cases.record([finding(1)])
    table.write_text(f"ID\tVerdict\tBy\tAt\n1\tFalse Positive\tann\t{text}\n")
    code = run(["review", "import", str(table), "--cases", place])
    with Cases(place) as cases:
        made = [each.at.isoformat() for each in cases.decisions()]
    assert code == (65 if day is None else 0)
    assert len(made) == (day is not None)
    if day is not None:
        assert made[0].startswith(day)
    else:
        assert ":2: at: " in capfd.readouterr().err


def test_one_of_state_and_cases_is_needed(capfd: pytest.CaptureFixture) -> None:
    """Without either option, the command says what to give."""
    assert run(["review", "export"]) == 64
    assert "give --cases, or the --state whose cases are meant" in capfd.readouterr().err
