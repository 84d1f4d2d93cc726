"""What you see when you watch a command on a terminal, and what a pipe does not get."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest

from commands import COMMAND, environment, quick_command
from hashmatch.cli import progress
from pictures import encode, photo

LIST = b"# algorithm: phash\n9ec5d32b1a6c4e35 one\n"


def watched(*arguments: str, before_writing: float = 0.0, fifo: Path | None = None) -> str:
    """Run the command with a terminal as its stderr, and return all that appeared there."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 400))
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(TERM="xterm"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = bytearray()
        reader = threading.Thread(target=_read, args=(ours, shown))
        reader.start()
        if fifo is not None:
            with fifo.open("wb") as stream:  # waits until the command has opened it
                time.sleep(before_writing)
                stream.write(LIST)
        assert process.wait(60) in (0, 1)
        reader.join(10)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8", "replace"))


def terminal(*arguments: str) -> bytes:
    """Run the command with a terminal for all its output, and return that output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*quick_command(), *arguments],
        env=environment(TERM="xterm", NO_COLOR="1"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = bytearray()
        _read(ours, shown)
        assert process.wait(60) in (0, 1)
    os.close(ours)
    return bytes(shown)


def lines_on_screen(shown: bytes) -> list[str]:
    """What remains on a terminal that restarts the line at CR and clears it at the escape code."""
    lines = []
    for line in shown.decode().split("\r\n"):
        text = ""
        for part in line.split("\r"):
            text = part.replace("\x1b[K", "") if "\x1b[K" in part else part + text[len(part) :]
        lines.append(text)
    return lines


def _read(descriptor: int, shown: bytearray) -> None:
    try:
        while data := os.read(descriptor, 4096):
            shown += data
    except OSError:  # the other side is closed
        pass


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A named pipe, from which a list comes as slowly as the test wants."""
    path = tmp_path / "slow.txt"
    os.mkfifo(path, 0o600)
    return path


@pytest.mark.timing
def test_a_long_reading_is_told_on_a_terminal(fifo: Path) -> None:
    """On a terminal, loading a list says so only if it takes more than a second."""
    slow = watched("list", "check", str(fifo), before_writing=1.5, fifo=fifo)
    assert f"reading {fifo}" in slow
    quick = watched("list", "check", str(fifo), before_writing=0.0, fifo=fifo)
    assert "reading" not in quick


@pytest.mark.timing
def test_a_scan_counts_files_on_a_terminal(tmp_path: Path) -> None:
    """A running scan shows files, rate, matches and unscanned files; --quiet shows nothing."""
    data = encode(photo(1, 640, 480), "JPEG")
    (tmp_path / "list.txt").write_bytes(LIST)
    (tmp_path / "list.txt").chmod(0o600)
    (tmp_path / "files").mkdir()
    for number in range(200):
        (tmp_path / "files" / f"{number}.jpg").write_bytes(data)
    scan = ["scan", str(tmp_path / "files"), "--list", str(tmp_path / "list.txt"), "--jobs", "1"]
    assert re.search(
        r"[0-9]+ files, [0-9,]+ a second, 0 matches, 0 not fully examined", watched(*scan)
    )
    assert watched(*scan, "--quiet") == ""


@pytest.mark.parametrize("form", ["table", "jsonl"])
def test_rows_and_progress_do_not_share_a_line(tmp_path: Path, form: str) -> None:
    """On a terminal every row has its own line, and no trace of the progress remains."""
    (tmp_path / "files").mkdir()
    for number in range(40):
        data = encode(photo(number % 4, 320, 240), "JPEG")
        (tmp_path / "files" / f"{number}.jpg").write_bytes(data)
    made = tmp_path / "list.txt"
    listed = ("--algorithm", "phash", str(tmp_path / "files" / "1.jpg"))
    said = terminal("hash", *listed, "--output", str(made))
    assert said == f"hashmatch: wrote the hashes of 1 picture to {made}\r\n".encode()
    shown = terminal(
        *("scan", str(tmp_path / "files"), "--list", str(made), "--jobs", "1", "--format", form),
        *("--decode", "exact"),
    )
    assert b"starting" in shown
    *lines, summary, last = lines_on_screen(shown)
    begin = "match  " if form == "table" else '{"type": "file"'
    if form == "table":
        *lines, summary, expected = (*lines, summary)
        assert expected.startswith("expect ")
    assert len(lines) == (10 if form == "table" else 40)
    assert all(line.startswith(begin) for line in lines), lines
    assert summary.startswith("40 files: " if form == "table" else '{"type": "summary"')
    assert last == ""


def test_the_time_left_is_told_where_the_number_of_files_is_known() -> None:
    """If an earlier scan knows how many files there are, progress shows the time left."""
    line = progress.Progress(expected=7_200)
    assert line._left(3_600, 1.0) == ", about 1 h 0 min left"
    assert line._left(7_080, 1.0) == ", about 2 min left"
    assert line._left(7_190, 1.0) == ", about 10 s left"
    assert line._left(7_200, 1.0) == line._left(0, 0.0) == progress.Progress()._left(1, 1.0) == ""
