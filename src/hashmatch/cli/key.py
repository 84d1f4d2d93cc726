"""``hashmatch key``, for clients of ``hashmatch serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import argument, option, single
from hashmatch.cli.streams import say
from hashmatch.service.keys import new_key


def key_command(
    name: Annotated[str, argument("NAME", "Name of the client.")],
    *,
    scope: Annotated[
        opt.Names,
        option("match|admin|review", "What the key permits. Repeatable.", show_default="match"),
    ] = None,
) -> int:
    """Create a bearer key for a client of hashmatch serve.

    Prints the key to stderr, once. Prints to stdout the lines to add to the file for serve --keys;
    they hold only a digest of the key.
    """
    token, lines = new_key(name, scope or ["match"])
    say(f"the key of {name}: {token}")
    typer.echo(lines, nl=False)
    return 0


app = single("key", key_command)
