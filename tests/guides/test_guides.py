"""Every example of the guides is run, and prints what the guide says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands import environment

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "fixtures" / "benign_images"
GUIDES = ["audit.md", "nightly.md", "quarantine.md", "records.md", "report.md"]

_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = "--- end of a command ---"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the guides work on: a folder of uploads, a list, and the command itself."""
    uploads = tmp_path / "uploads"
    (uploads / "2026").mkdir(parents=True)
    shutil.copy(PICTURES / "variants" / "harbour-brighter.jpg", uploads / "2026" / "boats.jpg")
    shutil.copy(PICTURES / "unrelated" / "heather.jpg", uploads / "heather.jpg")
    cut = (PICTURES / "unrelated" / "pebbles.jpg").read_bytes()[:2000]
    (uploads / "pebbles.jpg").write_bytes(cut)
    shutil.copy(ROOT / "fixtures" / "hashes.txt", tmp_path / "hashes.txt")
    (tmp_path / "hashes.txt").chmod(0o600)
    command = tmp_path / "bin" / "hashmatch"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m hashmatch "$@"\n')
    command.chmod(0o755)
    shutil.copy(ROOT / "docs" / "nightly" / "hashmatch-nightly", command.parent)
    return tmp_path


def _run(lines: list[str], folder: Path) -> list[str]:
    """Run commands one after another in one shell, and return what each printed."""
    # Each command finds the exit code of the one before in $?, as at a prompt
    script = "(exit 0)\n" + "".join(
        f"{line}\ncode=$?\necho '{_MARK}'\n(exit $code)\n" for line in lines
    )
    path = f"{folder / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        ["/bin/sh", "-c", script],
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
    """What a guide shows, with an ellipsis for what differs from run to run."""
    lines = [
        "(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + "\n"
        for line in expected
    ]
    return "".join(lines)


@pytest.mark.parametrize("guide", GUIDES)
def test_examples_do_what_the_guide_says(folder: Path, guide: str) -> None:
    """Each command of a guide prints what stands under it, and each piece of Python runs."""
    commands: list[tuple[str, list[str]]] = []
    for kind, block in _BLOCK.findall((ROOT / "docs" / guide).read_text("utf-8")):
        if kind == "python":
            program = folder / f"example-{len(commands)}.py"
            program.write_text(block, encoding="utf-8")
            commands.append((f"'{sys.executable}' {program.name}", []))
            continue
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line.removeprefix("$ "), []))
            else:
                commands[-1][1].append(line)
    printed = _run([command for command, _ in commands], folder)
    assert len(printed) == len(commands)
    for (command, expected), text in zip(commands, printed, strict=True):
        assert re.fullmatch(_pattern(expected), text), f"{command} printed:\n{text}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_units_are_valid(tmp_path: Path) -> None:
    """The units of the guide are such that systemd finds nothing wrong with them."""
    for name in ("hashmatch.service", "hashmatch.timer"):
        text = (ROOT / "docs" / "nightly" / name).read_text("utf-8")
        # What it runs need not be installed here
        text = text.replace("/usr/local/bin/hashmatch-nightly", "/bin/true")
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("guide", [*GUIDES, "threat-model.md", "uk-code.md"])
def test_links_lead_somewhere(guide: str) -> None:
    """Whatever a guide links to is there."""
    text = (ROOT / "docs" / guide).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / "docs" / target).exists(), target
