from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from commands import environment, hashmatch_command
from hashmatch.cli.reference import reference

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_document_is_up_to_date() -> None:
    """``docs/cli.md`` is what the commands say; if not, the message tells how to make it anew."""
    assert DOCUMENT.read_text("utf-8") == reference(), (
        "run: python -m hashmatch.cli.reference > docs/cli.md"
    )


@pytest.mark.parametrize("columns", ["20", "250"])
def test_the_document_does_not_depend_on_the_terminal(columns: str) -> None:
    """Whatever terminal it is made in, it is the same, and has no colours."""
    env = environment(COLUMNS=columns, FORCE_COLOR="1", TERM="xterm-256color")
    command = [sys.executable, "-m", "hashmatch.cli.reference"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == reference()
    assert "\x1b" not in done.stdout


def test_the_document_has_every_command_and_option() -> None:
    """Each command that the help names has a section, and each option of a scan is in it."""
    text = reference()
    for line in hashmatch_command("--help").stdout.decode().partition("Commands:\n")[2].split("\n"):
        if line.startswith("  ") and not line.startswith("   "):
            assert f"## `hashmatch {line.split()[0]}`" in text
    section = text.partition("## `hashmatch scan`")[2].partition("\n## ")[0]
    for option in ("--list", "--algorithm", "--threshold", "--format", "--output", "--jobs"):
        assert f"{option} " in section
    for code in ("64 wrong usage", "65 bad list", "66 no such input", "70 internal error"):
        assert code.split()[0] in section
