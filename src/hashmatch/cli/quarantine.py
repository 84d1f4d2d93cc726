"""``hashmatch quarantine``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli.command import group
from hashmatch.cli.files import WRITES

quarantine_app = group("Look after the files that scan --quarantine moved.")

Folder = Annotated[
    Path, typer.Option("--quarantine", metavar="DIR", help="The quarantine.", show_default=False)
]


@quarantine_app.command("list")
def list_command(
    quarantine: Folder,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was restored, or never came here.")
    ] = False,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|jsonl", help="How to write the list.")
    ] = "table",
) -> int:
    """Show what is in quarantine: ids, when, where from, and what was matched.

    Exit codes: 0, or 66 where there is no quarantine.
    """
    from hashmatch.cli.run_quarantine import run_list  # noqa: PLC0415 # only who asks pays for it

    return run_list(quarantine, everything=everything, output_format=output_format)


@quarantine_app.command("restore")
def restore_command(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", help="As list shows them.")],
    quarantine: Folder,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Restore the one item there, not where it came from."),
        WRITES,
    ] = None,
    audit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record it in this audit trail."), WRITES
    ] = None,
) -> int:
    """Bring files back to where they came from, with their modes and times.

    Nothing is ever overwritten. Exit codes: 0 all were restored, 70 not all, 64 wrong usage.
    """
    from hashmatch.cli.run_quarantine import run_restore  # noqa: PLC0415 # as above

    return run_restore(quarantine, numbers, to=to, audit=audit)


@quarantine_app.command("verify")
def verify_command(quarantine: Folder) -> int:
    """Check that every file in quarantine is whole, and say where each file is.

    Exit codes, a bit mask: 0 all is well, 1 a file is missing or was changed, or the manifest or
    the permissions are wrong, 2 a move was interrupted (the next scan or restore finishes it), 3
    both. 66 where there is no quarantine.
    """
    from hashmatch.cli.run_quarantine import run_verify  # noqa: PLC0415 # as above

    return run_verify(quarantine)
