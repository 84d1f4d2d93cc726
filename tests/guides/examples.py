"""Runs the examples of a guide as a reader would, and compares what they print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from commands import environment

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PICTURES = ROOT / "fixtures" / "benign_images"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = "--- end of a command ---"


def blocks(guide: str) -> list[tuple[str, str]]:
    """The code blocks of a guide, with language and text."""
    return _BLOCK.findall((DOCS / guide).read_text("utf-8"))


def set_up(folder: Path) -> None:
    """Make the uploads and the list that the guides use, as the README tells its readers to."""
    (folder / "fixtures").symlink_to(ROOT / "fixtures")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()  # the command is already on the path
    (recipe,) = [block for kind, block in blocks("../README.md") if kind == "sh"]
    subprocess.run(["sh", "-e", "-c", recipe], cwd=folder, check=True)


def check(guide: str, folder: Path) -> None:
    """Run a guide's commands and programs in a folder. Each must print what the guide shows."""
    commands: list[tuple[str, list[str]]] = []
    for kind, block in blocks(guide):
        if kind == "python":
            program = folder / f"example-{len(commands)}.py"
            program.write_text(block, encoding="utf-8")
            commands.append((f"'{sys.executable}' {program.name}", []))
        elif kind == "console":
            commands += _commands(block)
    printed = _run([command for command, _ in commands], folder)
    assert len(printed) == len(commands)
    for (command, expected), text in zip(commands, printed, strict=True):
        assert re.fullmatch(_pattern(expected), text), f"{command} printed:\n{text}"


def _commands(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the output shown for it."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        else:
            found[-1][1].append(line)
    return found


def _run(commands: list[str], folder: Path) -> list[str]:
    """Run commands one after another in one shell, and return what each printed."""
    # Each command sees the exit code of the one before in $?, as at a prompt
    script = "(exit 0)\n" + "".join(
        f"{command}\ncode=$?\necho '{_MARK}'\n(exit $code)\n" for command in commands
    )
    path = f"{folder / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment(PATH=path),
        timeout=120,
    )
    return [text.removeprefix("\n") for text in done.stdout.split(_MARK)[:-1]]


def _pattern(expected: list[str]) -> str:
    """A pattern for the output in a guide; an ellipsis matches what differs between runs."""
    return "".join(
        "(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + "\n"
        for line in expected
    )
