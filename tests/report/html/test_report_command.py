from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashmatch.cli.main import run

from .results import ordinary, write


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The results of an ordinary scan."""
    return write(tmp_path / "results.jsonl", ordinary())


def test_report_is_written(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes a page that only its owner can read, and exits 0."""
    page = results.with_name("report.html")
    assert run(["report", str(results), "-o", str(page)]) == 0
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert page.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("name", "start"), [("html", "<!DOCTYPE"), ("json", "{")])
def test_formats_go_to_standard_output(
    results: Path, capfdbinary: pytest.CaptureFixture[bytes], name: str, start: str
) -> None:
    """Without --output, each format goes to standard output."""
    assert run(["report", str(results), "--format", name]) == 0
    printed = capfdbinary.readouterr().out.decode("utf-8")
    assert printed.startswith(start)
    if name == "json":
        assert json.loads(printed)["files"] == 35


def test_incomplete_results_exit_2(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results without a summary make a report, a line on stderr and exit code 2."""
    write(results, ordinary()[:-1])
    page = results.with_name("report.html")
    assert run(["report", str(results), "-o", str(page)]) == 2
    assert "without a summary" in page.read_text("utf-8")
    assert "without a summary" in capsys.readouterr().err


def test_wrong_usage_and_input(results: Path) -> None:
    """An unknown format exits 64; missing results, or a file that is not results, exit 66."""
    assert run(["report", str(results), "--format", "md"]) == 64
    assert run(["report", str(results.with_name("nowhere"))]) == 66
    results.write_text("nothing\n")
    assert run(["report", str(results), "-o", str(results.with_name("r.html"))]) == 66
    assert not results.with_name("r.html").exists()


def test_rows_can_be_limited(results: Path) -> None:
    """The number of rows in tables can be set."""
    page = results.with_name("report.html")
    assert run(["report", str(results), "-o", str(page), "--rows", "1"]) == 0
    assert "12 more rows are in the results" in page.read_text("utf-8")
