"""``hashmatch doctor``."""

from __future__ import annotations

from hashmatch.cli import options as opt


def doctor_command(
    as_json: opt.AsJson = False,
) -> int:
    """Show what this installation can do, what protects it, and whether it works.

    Exit codes: 0 the self-test passed, 70 it failed.
    """
    from hashmatch.cli.run_doctor import run_doctor  # noqa: PLC0415 # it takes NumPy

    return run_doctor(as_json=as_json)
