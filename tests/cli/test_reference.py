from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from commands import environment, hashmatch_command
from hashmatch.cli.main import app
from hashmatch.cli.reference import manual, reference
from hashmatch.examine.sandbox import forker

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_document_is_up_to_date() -> None:
    """``docs/cli.md`` equals the commands' help; if not, the message says how to generate it."""
    assert DOCUMENT.read_text("utf-8") == reference(), (
        "run: python -m hashmatch.cli.reference > docs/cli.md"
    )


def test_the_manual_page_is_up_to_date() -> None:
    """``docs/hashmatch.1``, which the wheel installs, equals the commands' help."""
    assert DOCUMENT.with_name("hashmatch.1").read_text("utf-8") == manual(), (
        "run: python -m hashmatch.cli.reference man > docs/hashmatch.1"
    )


def test_the_summary_of_each_command_is_the_first_sentence_of_its_help() -> None:
    """The list of commands has the first sentence of each one's help, and imports none."""
    main = typer.main.get_command(app)
    assert isinstance(main, TyperGroup)
    for name, command in main.commands.items():
        itself = command.make_context(name, [], resilient_parsing=True).command
        first = (itself.help or "").partition("\n\n")[0]
        assert command.short_help == " ".join(first.split())


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff here")
def test_the_manual_page_is_readable() -> None:
    """Groff finds nothing wrong with the page, and shows options as they are typed."""
    command = ["groff", "-man", "-Tascii", "-ww", "-rLL=100n", "-P-cbou"]
    done = subprocess.run(command, input=manual(), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    section = done.stdout.partition("HASHMATCH SCAN")[2].partition("HASHMATCH REMATCH")[0]
    for text in ("--max-bytes SIZE", "-o, --output FILE", "--threshold BITS", "Matching"):
        assert text in section


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_options(shell: str) -> None:
    """The completion that a shell asks for names the options of a command."""
    asked = {
        "bash": {"COMP_WORDS": "hashmatch scan --max-by", "COMP_CWORD": "2"},
        "zsh": {"_TYPER_COMPLETE_ARGS": "hashmatch scan --max-by"},
        "fish": {
            "_TYPER_COMPLETE_ARGS": "hashmatch scan --max-by",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
    }[shell]
    done = hashmatch_command(env=environment(_HASHMATCH_COMPLETE=f"complete_{shell}", **asked))
    assert "--max-bytes" in done.stdout.decode()


def parameters_of(command: Any, context: Any) -> Iterator[tuple[Any, Any]]:
    """Every parameter of a command and of those below it, with its context."""
    for parameter in command.params:
        yield parameter, context
    for name, child in getattr(command, "commands", {}).items():
        below = child.make_context(name, [], parent=context, resilient_parsing=True)
        yield from parameters_of(below.command, below)


def completed(parameter: Any, context: Any, begun: str = "") -> list[str]:
    """What a shell completes for the value of a parameter."""
    return [item.value for item in parameter.shell_complete(context, begun)]


def test_completion_knows_the_values_of_every_closed_set() -> None:
    """An option shown as ``a|b|c`` completes these values, and takes no other."""
    main: Any = typer.main.get_command(app)
    closed = [
        (parameter, context)
        for parameter, context in parameters_of(main, main.make_context("hashmatch", []))
        if "|" in str(parameter.metavar)
    ]
    assert len(closed) > 20
    for parameter, context in closed:
        values = parameter.metavar.split("|")
        assert completed(parameter, context) == values
        assert completed(parameter, context, values[-1][:2]) == [
            value for value in values if value.startswith(values[-1][:2])
        ]
        with pytest.raises(typer.BadParameter, match="choose from "):
            parameter.process_value(context, ["other"] if parameter.multiple else "other")


def test_completion_starts_no_process() -> None:
    """Whoever completes the options of a scan waits for no decoder to load."""
    main: Any = typer.main.get_command(app)
    names = [each.name for each, _ in parameters_of(main, main.make_context("hashmatch", []))]
    assert "max_bytes" in names
    assert not forker._ahead


@pytest.mark.parametrize(
    ("words", "among"),
    [
        ("scan --algorithm", "sha256"),
        ("scan --list-format", "vpdq"),
        ("scan --threshold", "auto"),
        ("scan --deny-format", "psd"),
        ("hash --algorithm", "dhash-256"),
        ("evaluate --transforms", "crop-5-centre"),
        ("serve --clamd-profile", "rspamd"),
        ("serve --icap-profile", "squid"),
        ("serve --action", "unscanned=reject"),
    ],
)
def test_completion_knows_longer_sets_too(words: str, among: str) -> None:
    """Values that the help does not list as ``a|b|c`` are completed as well."""
    main: Any = typer.main.get_command(app)
    command, option = words.split()
    for parameter, context in parameters_of(main, main.make_context("hashmatch", [])):
        if context.info_name == command and option in parameter.opts:
            assert among in completed(parameter, context)
            assert completed(parameter, context, among[:-1]) == [
                value for value in completed(parameter, context) if value.startswith(among[:-1])
            ]
            break
    else:
        pytest.fail(f"there is no option {words}")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_for_the_shell_that_is_named(shell: str) -> None:
    """The script is for that shell, whatever shell is running."""
    done = hashmatch_command("--show-completion", shell)
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"_HASHMATCH_COMPLETE=complete_{shell}" in done.stdout.decode()


def test_completion_for_an_unknown_shell_is_refused(tmp_path: Path) -> None:
    """Nothing is installed, and the message names the shells."""
    done = hashmatch_command("--install-completion", "nosuch", env=environment(HOME=str(tmp_path)))
    assert (done.returncode, done.stdout) == (64, b"")
    assert b"--install-completion takes one of bash, zsh, fish" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("columns", ["20", "250"])
def test_the_document_does_not_depend_on_the_terminal(columns: str) -> None:
    """It is the same whatever terminal it is generated in, and has no colours."""
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
    for code in ("64 wrong usage", "65 bad list", "66 input not found", "70 internal error"):
        assert code.split()[0] in section
