"""``hashmatch report --state``: a report where the records of a scan were not kept."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tracemalloc
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hashmatch.cli.main import run
from hashmatch.report.from_state import read_state
from pictures import encode, photo


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: two equal pictures, one other, a broken one, an archive; and a list."""
    monkeypatch.chdir(tmp_path)
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.png").write_bytes(encode(photo(1, 96, 80), "PNG"))
    shutil.copy(files / "a.png", files / "again.png")
    (files / "b.png").write_bytes(encode(photo(2, 96, 80), "PNG"))
    (files / "cut.png").write_bytes(encode(photo(3, 96, 80), "PNG")[:-2000])
    with zipfile.ZipFile(files / "c.zip", "w") as archive:
        archive.write(files / "a.png", "inside.png")
    list_hash("files/a.png", "list.csv", category="B")
    return tmp_path


def list_hash(picture: str, name: str, category: str = "") -> None:
    """Write a list with the hash of a picture."""
    run(["hash", picture, "--algorithm", "phash", "--output", "hash.txt"])
    lines = Path("hash.txt").read_text().splitlines()
    (value,) = {line.split()[0] for line in lines if line[0] != "#"}
    Path(name).write_text(f"hash,algorithm,id,category\n{value},phash,one,{category}\n")
    Path(name).chmod(0o600)


def reported(*arguments: str) -> dict[str, Any]:
    """The report as JSON."""
    assert run(["report", *arguments, "--format", "json", "--output", "report.json"]) == 0
    return dict(json.loads(Path("report.json").read_text()))


def scan(*arguments: str) -> int:
    """Scan with the state, and keep the records too."""
    fixed = ["scan", "files", "--list", "list.csv", "--state", "scan.db", "--jobs", "1"]
    return run([*fixed, "--format", "jsonl", "--output", "results.jsonl", *arguments])


def test_a_state_reports_what_its_results_do(folder: Path) -> None:
    """Counts, categories, gaps, and the matches in every place of a content equal the records'."""
    assert scan() == 3
    of_state, of_records = reported("--state", "scan.db"), reported("results.jsonl")
    assert (of_state["source"], of_state["sha256"]) == ("scan.db", None)
    for report in (of_state, of_records):
        del report["source"], report["sha256"]
        for row in (*report["matches"], *report["gaps"]):
            row["path"] = str(folder / row["path"])
            row.pop("id", None)
        report["matches"].sort(key=lambda row: row["path"])
    assert [row["category"] for row in of_state["matches"]] == ["B"] * 3
    assert of_state == of_records


def test_a_state_reports_matches_of_a_later_rematch(folder: Path) -> None:
    """Matches of a later rematch are included, and files that have gone are not."""
    scan()
    list_hash("files/b.png", "new.csv")
    (folder / "files" / "again.png").unlink()
    scan()
    run(["rematch", "--state", "scan.db", "--list", "new.csv", "--output", "x", "--jobs", "1"])
    names = {Path(row["path"]).name for row in reported("--state", "scan.db")["matches"]}
    assert names == {"a.png", "inside.png", "b.png"}


def test_matches_that_a_review_took_back_are_not_reported() -> None:
    """A confirmed false positive is in no report of the state."""
    scan()
    run(["review", "export", "--state", "scan.db", "-o", "queue.csv"])
    rows = Path("queue.csv").read_text().splitlines()
    (number,) = {row.split(",")[0] for row in rows[1:]}
    Path("verdicts.csv").write_text(f"id,verdict,by,at\n{number},false_positive,me,2026-01-02\n")
    assert run(["review", "import", "verdicts.csv", "--state", "scan.db"]) == 0
    assert reported("--state", "scan.db")["matches"] == []


def test_the_page_names_the_state() -> None:
    """The page says that it was made from a state, and holds no path of another list."""
    scan()
    assert run(["report", "--state", "scan.db", "--output", "report.html"]) == 0
    page = Path("report.html").read_text()
    assert "Made from" in page
    assert 'the state <span class="mono">scan.db</span>' in page


def test_a_report_needs_one_thing_to_report(capsys: pytest.CaptureFixture[str]) -> None:
    """Giving neither results nor state, or both, is wrong usage; a state needs a scan in it."""
    assert run(["report"]) == 64
    assert run(["report", "results.jsonl", "--state", "scan.db"]) == 64
    assert "RESULTS.jsonl or --state" in capsys.readouterr().err
    assert run(["report", "--state", "scan.db"]) == 66
    scan("--max-pixels", "1")
    assert run(["report", "--state", "list.txt"]) == 66


def test_files_not_examined_take_no_memory() -> None:
    """Twenty thousand files and members not examined are all counted, and few are in memory."""
    scan()
    before = len(read_state("scan.db").gaps)
    with closing(sqlite3.connect("scan.db")) as state, state:
        for number in range(20_000):
            state.execute(
                "INSERT INTO files (key, member, settings, exact, width, height, reason, detail,"
                " hashes, examined) VALUES (?, ?, 1, 1, 0, 0, 'truncated', ?, x'', 0)",
                (b"\0archive-%d" % (number // 30), number % 30, "in words " * 40),
            )
    tracemalloc.start()
    try:
        overview = read_state("scan.db", rows=10)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(overview.gaps) + overview.more_gaps == before + 20_000
    assert most < 3_000_000
