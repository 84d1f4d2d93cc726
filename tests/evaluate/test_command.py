from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import ForkedCommand
from examine.sandbox import plants
from examine.sandbox.processes import children
from hashmatch.cli.main import run
from pictures import photo
from scan.commands import environment

FEW = ("--transforms", "jpeg-50", "--transforms", "mirror")


def test_command_says_what_it_found(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command prints counts and sentences for each rule, and writes three files."""
    output = tmp_path / "report"
    assert run(["evaluate", str(folder), *FEW, "--jobs", "1", "-o", str(output)]) == 0
    said, told = capfd.readouterr()
    assert said.startswith(f"Scan with --rates {output}/evaluation.json --max-false-per-million")
    assert (
        "26 different pictures out of 31 files (left out: 2 copies, 1 with too little detail,"
        " 1 not an image, 1 truncated)."
    ) in said
    assert "phash and dhash: Too few pictures to fix a threshold." in said
    assert "false matches a day for 10,000 files a day against 100,000 entries, and" in said
    assert "phash 8 finds at least 99% of the variants of 1 of 2 transforms." in said
    assert "Never: mirror. One step stricter, phash 7 finds 50.0%" in said
    assert "evaluation.html" in told
    found = json.loads((output / "evaluation.json").read_text())
    assert found["settings"]["list_size"] == 100_000
    assert found["settings"]["transforms"] == ["jpeg-50", "mirror"]


def test_command_takes_list_pairs_and_baseline(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A list sets the list size, and what was found with each file is printed."""
    (tmp_path / "list.txt").write_text("00ff00ff12345678 one\nff00ff0087654321 two\n")
    (tmp_path / "pairs.csv").write_text(f"{folder}/00.png,{folder}/01.png,different\n")
    common = ["evaluate", str(folder), *FEW, "--jobs", "1", "--algorithm", "phash"]
    assert run([*common, "-o", str(tmp_path)]) == 0
    capfd.readouterr()
    arguments = ["--list", str(tmp_path / "list.txt"), "--pairs", str(tmp_path / "pairs.csv")]
    arguments += ["--baseline", str(tmp_path / "evaluation.json"), "-o", str(tmp_path / "new")]
    assert run([*common, *arguments]) == 0
    said, told = capfd.readouterr()
    assert "list.txt: At phash 8, 0 of 26 ordinary pictures match" in said
    assert "Since the last evaluation: These settings changed: list_size." in said
    assert "no algorithm" in told
    found = json.loads((tmp_path / "new" / "evaluation.json").read_text())
    assert found["settings"]["list_size"] == 2
    assert found["baseline"]["same_pictures"]


def test_a_folder_that_cannot_be_made_is_told_at_once(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """If a file is in the way of the results, that is an error before anything is measured."""
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        command = ["evaluate", str(folder), *FEW, "--jobs", "1", "-o", str(output)]
        assert run([*command, "--cache", str(tmp_path / "cache")]) == 70
        assert f"{output}: cannot write to this folder" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--list", "nowhere.txt"], "nowhere.txt: cannot read the hash list"),
        (["--category", "a"], "list options need --list"),
    ],
)
def test_wrong_list_options_are_reported_before_anything_is_measured(
    options: list[str],
    error: str,
    folder: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Lists are loaded last, but a missing file or a useless option is an error at once."""
    cache = tmp_path / "cache"
    assert run(["evaluate", str(folder), *FEW, *options, "--cache", str(cache)]) in (64, 65)
    assert error in capfd.readouterr().err
    assert not cache.exists()


def test_command_lists_transforms(capfd: pytest.CaptureFixture[str]) -> None:
    """--list-transforms shows names, groups, sources, what they imitate, and parameters."""
    assert run(["evaluate", "--list-transforms"]) == 0
    said = capfd.readouterr().out
    assert "jpeg-twice       encoding  JPEG        saved, sent and saved again" in said
    assert "JPEG        ISO/IEC 10918-1" in said
    assert "quality 75, again 60" in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 64),
        (["--algorithm", "phash-100"], 64),
        (["--transforms", "sepia", "."], 64),
        (["--max-false-per-day", "0", "."], 64),
        (["--list", "nowhere.txt", "."], 65),
        (["--baseline", "nowhere.json", "."], 66),
        (["--pairs", "nowhere.csv", "."], 66),
        (["nowhere"], 66),
    ],
)
def test_command_exits_with_its_errors(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong usage, bad lists and missing inputs exit as in every command."""
    monkeypatch.chdir(tmp_path)
    assert run(["evaluate", *arguments]) == code


@pytest.mark.skipif(os.name != "posix", reason="a terminal of Unix")
def test_command_shows_progress_on_a_terminal(folder: Path) -> None:
    """On a terminal one line counts the pictures and then says what comes next."""
    parent, child = os.openpty()
    command = ("evaluate", str(folder), "--jobs", "1", "--transforms", "mirror")
    with os.fdopen(parent, "rb", buffering=0) as terminal, open(os.devnull, "wb") as nothing:
        assert ForkedCommand(*command, output=(nothing.fileno(), child)).wait(60) == 0
        os.close(child)
        assert b"31 of 31 pictures, now comparing them" in terminal.read(4096)


@pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")
def test_an_interrupted_run_is_taken_up_again(tmp_path: Path) -> None:
    """Ctrl-C exits 130 without a report, and with the cache the next run resumes."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(23):
        photo(40 + number, 160, 120).save(pictures / f"{number}.png")
    # The last never ends while the plug-in is there, so the run cannot end before it is interrupted
    (pictures / "z.jpg").write_bytes(plants.picture(1, plants.HANG, side=160))
    plants.install(tmp_path / "plug-in")
    cache, report = tmp_path / "cache", tmp_path / "report"
    command = [
        *(sys.executable, "-c", "from hashmatch.cli.main import main; main()"),
        *("evaluate", str(pictures), "--jobs", "2", "--cache", str(cache), "-o", str(report)),
        *("--transforms", "overlay"),
    ]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    known = environment(tmp_path / "plug-in")
    with subprocess.Popen(command, start_new_session=True, env=known, **pipes) as process:
        while not cache.exists() or cache.read_bytes().count(b"\n") < 3:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in told
    assert not report.exists()
    done = cache.read_bytes().count(b"\n")
    assert done < 24
    assert run(["evaluate", *command[4:], "--jobs", "1"]) == 0
    assert cache.read_bytes().count(b"\n") == 24
    assert len(list(report.iterdir())) == 3


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")
def test_an_interrupt_while_processes_begin_is_told_in_a_line(tmp_path: Path) -> None:
    """Ctrl-C before the workers are ready shows no traceback."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(plants.picture(1, plants.HANG))
    plants.install(tmp_path / "plug-in")  # so that no run ends before it is interrupted
    command = [
        *(sys.executable, "-c", "from hashmatch.cli.main import main; main()"),
        *("evaluate", str(tmp_path / "pictures"), "--jobs", "2", "--transforms", "overlay"),
    ]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    known = environment(tmp_path / "plug-in")
    with subprocess.Popen(command, start_new_session=True, env=known, **pipes) as process:
        while not children(process.pid):
            assert process.poll() is None
        time.sleep(0.1)  # in which it imports
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in told


@pytest.mark.skipif(os.name != "posix", reason="killing is told by signals")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    """However the parent ends, no worker outlives it."""
    for number in range(60):
        photo(90 + number, 160, 120).save(tmp_path / f"{number}.png")
    cache = tmp_path / "cache"
    command = [
        *(sys.executable, "-c", "from hashmatch.cli.main import main; main()"),
        *("evaluate", str(tmp_path), "--jobs", "2", "--cache", str(cache)),
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes) as process:
        while not cache.exists() or not cache.read_bytes():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        # Workers have inherited the pipe: it ends when the last of them does
        assert process.communicate(timeout=60)[0] == b""
        assert process.returncode == -signal.SIGKILL
