"""The reference of the command line, made of what ``--help`` says.

``python -m hashmatch.cli.reference`` prints what belongs into ``docs/cli.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from hashmatch.cli.main import app

_WIDTH = 100
_HEAD = """\
# Command line reference

Made by `python -m hashmatch.cli.reference` from what `--help` says; a test holds it to that.
"""


def reference() -> str:
    """The help of every command, as Markdown, whatever terminal this runs in."""
    command = typer.main.get_command(app)
    return _HEAD + "".join(
        f"\n## `{name}`\n\n```\n{text}\n```\n" for name, text in _helps(command, "hashmatch", None)
    )


def _helps(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    """The name and the help of a command, and of all below it."""
    context = command.make_context(
        name.rpartition(" ")[2],
        [],
        parent=parent,
        resilient_parsing=True,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
    )
    yield name, command.get_help(context).rstrip()
    for child in getattr(command, "commands", {}).values():
        yield from _helps(child, f"{name} {child.name}", context)


if __name__ == "__main__":
    sys.stdout.write(reference())
