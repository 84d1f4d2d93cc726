"""Every example in the guides runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands import SOURCE, environment, install_command
from guides import examples
from pictures import photo

FIXTURES = examples.ROOT / "fixtures"

FOLDERS = ("/srv/files", "/etc/hashmatch", "/var/lib/hashmatch")
RESULTS = range(8)
"""The exit codes that report results rather than errors."""


def blocks(guide: str, language: str) -> list[str]:
    """The examples of a guide in one language."""
    return [text for name, text in examples.blocks(guide) if name == language]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the files that the guides use, and the command on the path."""
    for name in (*FOLDERS, "uploads"):
        (tmp_path / name.lstrip("/")).mkdir(parents=True)
    pictures = FIXTURES / "benign_images" / "originals"
    for picture in ("harbour.jpg", "meadow.jpg", "mist.png"):
        shutil.copy(pictures / picture, tmp_path / "srv" / "files")
        shutil.copy(pictures / picture, tmp_path / "uploads")
    shutil.copy(pictures / "harbour.jpg", tmp_path / "upload.jpg")
    for name in ("hashes.txt", "new.txt", "etc/hashmatch/hashes.txt"):
        shutil.copy(FIXTURES / "hashes.txt", tmp_path / name)
    (tmp_path / "etc/hashmatch/hashes-yesterday.txt").write_text("0123456789abcdef yesterday\n")
    (tmp_path / "decisions.csv").write_text(
        "id,verdict,by,at\n"
        "1,false_positive,reviewer 7,2026-01-31\n"
        "2,confirmed,reviewer 7,2026-01-31\n"
    )
    install_command(tmp_path)
    return tmp_path


def run(text: str, place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run an example in that folder, with its absolute paths moved there too."""
    for folder in FOLDERS:
        text = text.replace(folder, f"{place}{folder}")
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*command, text],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env=environment(PATH=path, PYTHONPATH=SOURCE),
    )


@pytest.mark.parametrize("guide", ["review.md", "state.md"])
@pytest.mark.skipif(os.name == "nt", reason="the examples are for a POSIX shell")
def test_commands_run(place: Path, guide: str) -> None:
    """Commands run in the order of the guide, and end with results rather than errors."""
    shown = blocks(guide, "sh")
    assert shown
    for text in shown:
        done = run(text, place, "sh", "-c")
        assert done.returncode in RESULTS, f"{text}\n{done.stderr}"
        assert "internal error" not in done.stderr


def test_review_example_has_the_effect_it_tells(place: Path) -> None:
    """After the guide, a false positive is suppressed and the statistics count both decisions."""
    for text in blocks("review.md", "sh"):
        done = run(text, place, "sh", "-c")
    assert '"false_positive": 1' in (place / "stats.json").read_text()
    done = run("hashmatch scan uploads --list hashes.txt --state scan.db -q", place, "sh", "-c")
    assert "1 suppressed by review" in done.stdout


def test_programs_run(place: Path) -> None:
    """The guide's Python examples, one after another, form a program that runs."""
    program = "\n".join(blocks("pipeline.md", "python"))
    done = run(program, place, sys.executable, "-W", "error", "-c")
    assert done.returncode == 0, done.stderr
    assert "hold for review: synthetic-0001 at 0 bits" in done.stdout


def test_verdicts_are_read_from_a_state(place: Path) -> None:
    """The program in the guide to states prints what matched, and since which scan."""
    scan = "hashmatch scan uploads --list hashes.txt --state scan.db -q"
    assert run(scan, place, "sh", "-c").returncode in RESULTS
    (program,) = blocks("state.md", "python")
    done = run(program, place, sys.executable, "-W", "error", "-c")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert "uploads/" in done.stdout


@pytest.fixture
def pictures(place: Path) -> Path:
    """A few small pictures to evaluate."""
    (place / "pictures").mkdir()
    for seed in range(20):
        photo(seed, 96, 80).save(place / "pictures" / f"{seed}.jpg", quality=85)
    return place


@pytest.mark.skipif(os.name == "nt", reason="the examples are for a POSIX shell")
def test_evaluations_run(pictures: Path) -> None:
    """The command and the program in the guide to thresholds write an evaluation."""
    (command, *_) = blocks("thresholds.md", "")
    (program,) = blocks("thresholds.md", "python")
    (pictures / "program.py").write_text(program, encoding="utf-8")
    record = pictures / "evaluation" / "evaluation.json"
    for text, interpreter in ((command, ("sh", "-c")), ("program.py", (sys.executable,))):
        done = run(text, pictures, *interpreter)
        assert done.returncode == 0, done.stderr
        assert json.loads(record.read_text("utf-8"))
        record.unlink()


def test_readme_matches_an_upload(place: Path) -> None:
    """The README's program holds an upload that matches."""
    (place / "uploads" / "2026").mkdir(parents=True)
    for name in ("uploads/2026/boats.jpg", "uploads/heather.jpg"):
        (place / name).write_bytes((place / "upload.jpg").read_bytes())
    expected = ("synthetic-0001 0\n", "0\n")
    for program, printed in zip(blocks("../README.md", "python"), expected, strict=True):
        done = run(program, place, sys.executable, "-W", "error", "-c")
        assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_readme_shows_what_a_scan_prints(tmp_path: Path) -> None:
    """The README's scan prints exactly the lines shown, for files made as the README says."""
    install_command(tmp_path)
    examples.set_up(tmp_path)
    shown = next(text for text in blocks("../README.md", "console") if "scan uploads" in text)
    command, expected = shown.removeprefix("$ ").split("\n", 1)
    done = run(command, tmp_path, "sh", "-c")
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 3)
