"""``hashmatch audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli.command import group
from hashmatch.cli.files import READS

audit_app = group("Check the audit trail that scan --audit writes.")


@audit_app.command("verify")
def verify_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The audit trail."), READS],
    anchor: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Head that an earlier run printed, kept elsewhere."),
    ] = None,
) -> int:
    """Find every record that was edited, removed, added or moved.

    Without an anchor, nothing shows that the end was cut off, or that the whole file was rewritten.
    Exit codes, added up: 0 the trail is whole, 1 it was tampered with or is not an audit trail, 2 a
    run has no end or a crash tore a line. 66 no such file.
    """
    from hashmatch.cli.run_audit import run_verify  # noqa: PLC0415 # only who asks pays for it

    return run_verify(file, anchor)
