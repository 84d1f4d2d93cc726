"""``hashmatch key``, for clients of ``hashmatch serve``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import argument, option, single, takes_settings
from hashmatch.cli.streams import say
from hashmatch.service.keys import new_key


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """A key to make."""

    name: Annotated[str, argument("NAME", "Name of the client.")]
    scope: Annotated[
        opt.Names,
        option("match|admin|review", "What the key permits. Repeatable.", show_default="match"),
    ] = None


@takes_settings
def key_command(asked: KeySettings) -> int:
    """Create a bearer key for a client of hashmatch serve.

    Prints the key to stderr, once. Prints to stdout the lines to add to the file for serve --keys;
    they hold only a digest of the key.
    """
    token, lines = new_key(asked.name, asked.scope or ["match"])
    say(f"the key of {asked.name}: {token}")
    typer.echo(lines, nl=False)
    return 0


app = single("key", key_command)
