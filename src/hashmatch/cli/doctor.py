"""``hashmatch doctor``."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> int:
    """Show what this installation can do, what protects it, and whether it works.

    Exit codes: 0 the self-test passed, 70 it failed.
    """
    from hashmatch.cli.run_doctor import run_doctor  # noqa: PLC0415 # it takes NumPy

    return run_doctor(as_json=as_json)
