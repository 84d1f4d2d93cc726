"""The reference of the command line and its manual page, both made from what ``--help`` says.

``python -m hashmatch.cli.reference`` prints ``docs/cli.md``; with the argument ``man`` it prints
``docs/hashmatch.1``, which a wheel installs as a manual page.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer

from hashmatch.cli.main import app

_WIDTH = 100
_HEAD = """\
# Command line reference

Generated from `--help` by `python -m hashmatch.cli.reference`; a test keeps them equal.
"""


def reference() -> str:
    """The help of every command as Markdown, the same on every terminal."""
    return _HEAD + "".join(
        f"\n## `{name}`\n\n```\n{command.get_help(context).rstrip()}\n```\n"
        for name, command, context in _commands(typer.main.get_command(app), "hashmatch", None)
    )


def manual() -> str:
    """The help of every command, as a manual page in man(7) macros."""
    lines = ['.TH HASHMATCH 1 "" "" "User Commands"', ".SH NAME"]
    for name, command, context in _commands(typer.main.get_command(app), "hashmatch", None):
        first, _, rest = inspect.cleandoc(command.help or "").partition("\n\n")
        if context.parent is None:
            lines += [rf"hashmatch \- {_roff(first).rstrip('.')}", ".SH SYNOPSIS"]
        else:
            lines += [f".SH {name.upper()}", _roff(first), ".PP"]
        lines += [f".B {_roff(' '.join([name, *command.collect_usage_pieces(context)]))}"]
        for paragraph in filter(None, rest.split("\n\n")):
            lines += [".PP", _roff(paragraph)]
        panels = command.panels(context) if hasattr(command, "panels") else {}
        for panel, options in panels.items():
            lines.append(f".SS {_roff(panel)}")
            for option, text in options:
                lines += [".TP", f".B {_roff(option)}", _roff(text)]
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    """The text, escaped so that roff takes nothing in it for a command."""
    escaped = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _commands(command: Any, name: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    """A command and all commands below it: full name, command and context of each."""
    context = command.make_context(
        name.rpartition(" ")[2],
        [],
        parent=parent,
        resilient_parsing=True,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
    )
    yield name, context.command, context
    for child in getattr(context.command, "commands", {}).values():
        yield from _commands(child, f"{name} {child.name}", context)


if __name__ == "__main__":
    sys.stdout.write(manual() if sys.argv[1:] == ["man"] else reference())
