"""``hashmatch quarantine``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import group
from hashmatch.cli.files import WRITES

quarantine_app = group("List, check and restore the files that scan --quarantine moved.")

Folder = Annotated[
    Path, typer.Option("--quarantine", metavar="DIR", help="Quarantine folder.", show_default=False)
]


@quarantine_app.command("list")
def list_command(
    quarantine: Folder,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show items restored or never moved.")
    ] = False,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|jsonl", help="Format of the list.")
    ] = "table",
) -> int:
    """Show what is in quarantine: id, time, origin and match.

    Exit codes: 0, or 66 if there is no quarantine.
    """
    from hashmatch.cli.run_quarantine import run_list  # noqa: PLC0415 # only who asks pays for it

    return run_list(quarantine, everything=everything, output_format=output_format)


@quarantine_app.command("restore")
def restore_command(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", help="Item, as list shows it.")],
    quarantine: Folder,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Restore the one item to FILE instead of its origin."),
        WRITES,
    ] = None,
    audit: opt.Audit = None,
) -> int:
    """Restore files to where they came from, with their modes and times.

    Nothing is ever overwritten. Exit codes: 0 all were restored, 70 not all, 64 wrong usage.
    """
    from hashmatch.cli.run_quarantine import run_restore  # noqa: PLC0415 # as above

    return run_restore(quarantine, numbers, to=to, audit=audit)


@quarantine_app.command("verify")
def verify_command(quarantine: Folder) -> int:
    """Check that every file in quarantine is intact, and say where each file is.

    Exit codes, a bit mask: 0 all is well, 1 a file is missing or changed, or the manifest or
    the permissions are wrong, 2 a move was interrupted (the next scan or restore finishes it), 3
    both. 66 if there is no quarantine.
    """
    from hashmatch.cli.run_quarantine import run_verify  # noqa: PLC0415 # as above

    return run_verify(quarantine)
