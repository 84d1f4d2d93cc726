"""What a scan shows on a terminal while it runs."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import time
from pathlib import Path

from workers import plants

from . import commands

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown(folder: Path, *options: str, seconds: float) -> tuple[int, str]:
    """Scan two files again and again, with a terminal on stderr: the exit code and what it shows.

    Ends once counts are shown, or after so many seconds.
    """
    (folder / "clear.jpg").write_bytes(plants.picture(1, side=200))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (folder / "list.txt").write_text("# algorithm: phash\n0123456789abcdef a\n")
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    command = ["scan", "--files-from", "-", "--list", folder / "list.txt", "--output"]
    process = commands.start(
        *(*command, folder / "out.jsonl", "--format", "jsonl", *options),
        stdin=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    names = b"\n".join(os.fsencode(folder / name) for name in ("clear.jpg", "broken.png")) + b"\n"
    text = ""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and "unscanned" not in text:
        process.stdin.write(names)
        process.stdin.flush()
        time.sleep(0.02)
        text += received(ours)
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=60)
    text += received(ours)
    os.close(ours)
    return process.returncode, _CONTROL.sub("", text)


def received(terminal: int) -> str:
    """What there is to read; nothing more comes once the other end is closed."""
    try:
        return os.read(terminal, 1 << 16).decode()
    except OSError:
        return ""


def test_a_terminal_shows_how_far_the_scan_has_come(tmp_path: Path) -> None:
    """Files, their rate, matches and what is unscanned are counted on stderr as they come."""
    code, text = shown(tmp_path, seconds=30)
    assert code == 2
    told = re.search(r"([0-9,]+) files, [0-9,]+ a second, 0 match, ([0-9,]+) unscanned", text)
    assert told is not None, text
    files, unscanned = (int(number.replace(",", "")) for number in told.groups())
    assert files > 0
    assert abs(files - 2 * unscanned) <= 1


def test_quiet_shows_nothing_on_a_terminal_either(tmp_path: Path) -> None:
    """With --quiet not a byte goes to stderr, though it is a terminal."""
    assert shown(tmp_path, "--quiet", seconds=1.5) == (2, "")
