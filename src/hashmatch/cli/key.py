"""``hashmatch key``, for clients of ``hashmatch serve``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import single, takes_settings
from hashmatch.cli.streams import say
from hashmatch.service.keys import new_key


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """A key to make."""

    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the client.", show_default=False)
    ]
    scope: Annotated[
        opt.Names,
        typer.Option(
            metavar="match|admin", help="What the key permits. Repeatable.", show_default="match"
        ),
    ] = None


@takes_settings
def key_command(asked: KeySettings) -> int:
    """Make a bearer key for a client of hashmatch serve.

    Writes the key to stderr, once, and to stdout the lines for the file that serve --keys reads.
    They hold a digest of the key.
    """
    token, lines = new_key(asked.name, asked.scope or ["match"])
    say(f"the key of {asked.name}: {token}")
    typer.echo(lines, nl=False)
    return 0


app = single("key", key_command)
