"""The command ``hashmatch``: its subcommands, and the exit code of every ending."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from hashmatch._version import __version__
from hashmatch.cli.audit import audit_app
from hashmatch.cli.command import group, show_help
from hashmatch.cli.doctor import doctor_command
from hashmatch.cli.evaluate import evaluate_command
from hashmatch.cli.hash import hash_command
from hashmatch.cli.lists import list_app
from hashmatch.cli.nightly import nightly_app
from hashmatch.cli.quarantine import quarantine_app
from hashmatch.cli.rematch import rematch_command
from hashmatch.cli.report import report_command
from hashmatch.cli.review import review_app
from hashmatch.cli.scan import scan_command
from hashmatch.cli.serve import key_command, serve_command
from hashmatch.cli.stopping import INTERRUPTED, say_stopped, stop_code, stop_when_told
from hashmatch.cli.streams import say, take_standard_streams
from hashmatch.errors import (
    DecisionsError,
    HashListError,
    HashmatchError,
    InputError,
    OutputError,
    SettingsError,
    place_of,
)

USAGE = 64
BAD_LIST = 65
NO_INPUT = 66
INTERNAL = 70
PIPE_CLOSED = 141

app = group(
    "Find pictures that match a hash list.",
    name="hashmatch",
    context_settings={"help_option_names": ["-h", "--help"]},
    # Their panels show the values of local variables, hashes among them
    pretty_exceptions_enable=False,
)
app.command("scan")(scan_command)
app.command("rematch")(rematch_command)
app.command("hash")(hash_command)
app.command("serve")(serve_command)
app.command("key")(key_command)
app.command("doctor")(doctor_command)
app.command("evaluate")(evaluate_command)
app.add_typer(list_app, name="list")
app.command("report")(report_command)
app.add_typer(audit_app, name="audit")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(review_app, name="review")
app.add_typer(nightly_app, name="nightly")


def main() -> None:
    """Run the command, and exit with its code."""
    take_standard_streams()
    stop_when_told()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments.

    Returns:
        The exit code.
    """
    # A stopped command exits so, whatever else fails, such as writing to a lost terminal
    code = stop_code(otherwise=_run(arguments))
    say_stopped()
    _give_up_broken_streams()
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = app(args=list(arguments), prog_name="hashmatch", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = "hashmatch" if context is None else context.command_path
        say(error.format_message(), f"try '{command} --help'")
        return USAGE
    except HashmatchError as error:
        say(*_lines_of(error))
        return _exit_code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SystemExit as ending:
        # Completion exits 0 by itself. Where a pipe broke, Typer would exit 1: a match
        return PIPE_CLOSED if ending.code else 0
    except BrokenPipeError:  # whoever read the results has enough: end without a word
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 # the last line of defence: a crash must exit 70
        say(f"internal error: {place_of(error)}")
        return INTERNAL


def _give_up_broken_streams() -> None:
    """Keep Python from flushing them once more when it exits, and exiting 120 if that fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except ValueError:  # whoever failed to write closed it: nothing is left to flush
            continue
        except (OSError, OutputError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hashmatch {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    show_help(context)


def _exit_code_of(error: HashmatchError) -> int:
    kinds = {
        SettingsError: USAGE,
        HashListError: BAD_LIST,
        DecisionsError: BAD_LIST,
        InputError: NO_INPUT,
    }
    for kind, code in kinds.items():
        if isinstance(error, kind):
            return code
    return INTERNAL


def _lines_of(error: HashmatchError) -> list[str]:
    problems = getattr(error, "problems", ())
    lines = [str(problem) for problem in problems]
    hidden = getattr(error, "count", 0) - len(problems)
    if hidden > 0:
        lines.append(f"... and {hidden} more")
    return [*lines, str(error)]
