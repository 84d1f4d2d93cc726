"""The command ``hashmatch``: its subcommands, and the exit code of every ending."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import completion
from typer.core import TyperCommand, TyperGroup

from hashmatch._version import __version__
from hashmatch.cli.command import group, show_help
from hashmatch.cli.deferred import deferred
from hashmatch.cli.stopping import INTERRUPTED, say_stopped, stop_code, stop_when_told
from hashmatch.cli.streams import say, take_standard_streams
from hashmatch.errors import (
    HashmatchError,
    InputError,
    LinesError,
    OutputError,
    SettingsError,
    place_of,
)

USAGE = 64
BAD_LIST = 65
NO_INPUT = 66
INTERNAL = 70
PIPE_CLOSED = 141

if TYPE_CHECKING:
    from hashmatch.examine.sandbox import start as workers
else:
    workers = deferred("hashmatch.examine.sandbox.start")


_SUMMARIES = {
    "scan": "Find the files that match a hash list.",
    "shard": "Scan on many machines: cut a scan into shards, examine them, and merge the results.",
    "cluster": "Make keys for scan --cluster.",
    "rematch": "Match stored hashes against another list, or at another threshold, without opening"
    " files.",
    "hash": "Compute the hashes of pictures, as a list or as records.",
    "serve": "Serve verdicts on uploads over HTTP, clamd's protocol and ICAP.",
    "key": "Create a bearer key for a client of hashmatch serve.",
    "doctor": "Show what this installation reads, what protects it, and whether it works.",
    "evaluate": "Find the thresholds that suit your pictures, your list and your volume.",
    "list": "Fetch, check, convert, merge, sign and compile hash lists.",
    "report": "Write a scan report for people: one page that works offline and in print.",
    "audit": "Check the audit trail that scan --audit writes.",
    "quarantine": "List, check and restore what scan --quarantine and serve --hold keep.",
    "review": "Export matches for review, decide them, and import decisions.",
    "nightly": "Set up a nightly scan.",
}
"""Each command, which its module is named after, and the first sentence of its help."""


_NOT_NUMBERS = {
    "Input should be a valid integer, unable to parse string as an integer": "not a whole number",
    "Input should be a valid number, unable to parse string as a number": "not a number",
}
"""What Typer says about values that are not numbers, and what we say."""

_COMPLETIONS = {
    "--install-completion": completion.install_callback,
    "--show-completion": completion.show_callback,
}
_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


class _DeferredCommand(TyperCommand):
    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of the command itself."""
        runs = parent is not None and not extra.get("resilient_parsing")
        if self.name == "scan" and runs and not {"-h", "--help", "--cluster"} & set(args):
            # Decoders take as long to load as all that this process needs before the first file
            workers.make_pool_soon()
            parent.call_on_close(workers.make_no_pool)
        command = typer.main.get_command(import_module(f"hashmatch.cli.{self.name}").app)
        return command.make_context(info_name, args, parent, **extra)


class _Main(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {
            name: _DeferredCommand(name, short_help=summary) for name, summary in _SUMMARIES.items()
        }

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. The options for completion may be followed by a shell."""
        if len(args) > 1 and args[0] in _COMPLETIONS:
            _complete_for(ctx, *args[:2])
        return super().parse_args(ctx, args)


def _complete_for(context: Any, option: str, shell: str) -> None:
    """Show or install completion for a shell, and exit.

    Typer takes both options for flags, and would choose the shell that is running.
    """
    if shell not in _SHELLS:
        raise SettingsError(f"{option} takes one of {', '.join(_SHELLS)}")
    (parameter,) = [each for each in context.command.params if option in each.opts]
    _COMPLETIONS[option](context, parameter, shell)


app = group(
    "hashmatch",
    "Find pictures that match a hash list.",
    cls=_Main,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # Their panels show the values of local variables, hashes among them
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command, and exit with its code."""
    take_standard_streams()
    try:
        stop_when_told()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # just before or after the command itself
        code = stop_code()
    # Python looks for garbage in every module as it exits, which takes as long as a small scan
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments, and return its exit code."""
    # A stopped command exits with this code even if something else fails, such as a lost terminal
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
        say(_plain(error.format_message()), f"try '{command} --help'")
        return USAGE
    except HashmatchError as error:
        say(*lines_of(error))
        return exit_code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SystemExit as ending:
        # Completion exits 0 by itself. Where a pipe broke, Typer would exit 1: a match
        return PIPE_CLOSED if ending.code else 0
    except BrokenPipeError:  # the reader has enough: end silently
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 # the last line of defence: a crash must exit 70
        say(f"internal error: {place_of(error)}")
        return INTERNAL


def _plain(message: str) -> str:
    """Typer's message about a wrong value, in the words of ours."""
    for theirs, ours in _NOT_NUMBERS.items():
        message = message.replace(theirs, ours)
    return message


def _give_up_broken_streams() -> None:
    """Keep Python from flushing them again at exit, which would exit 120 if it failed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except ValueError:  # it was closed after a failed write: nothing is left to flush
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


def exit_code_of(error: HashmatchError) -> int:
    """The exit code of a command that ends with an error."""
    kinds = {
        SettingsError: USAGE,
        LinesError: BAD_LIST,
        InputError: NO_INPUT,
    }
    for kind, code in kinds.items():
        if isinstance(error, kind):
            return code
    return INTERNAL


def lines_of(error: HashmatchError) -> list[str]:
    """The lines that report an error."""
    problems = getattr(error, "problems", ())
    lines = [str(problem) for problem in problems]
    hidden = getattr(error, "count", 0) - len(problems)
    if hidden > 0:
        lines.append(f"... and {hidden} more")
    return [*lines, str(error)]
