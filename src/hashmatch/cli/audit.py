"""``hashmatch audit``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from hashmatch.cli.command import argument, group, option
from hashmatch.cli.files import READS
from hashmatch.custody.audit import Verification, verify
from hashmatch.text import count, printable

TAMPERED = 1
INCOMPLETE = 2

app = group("audit", "Check the audit trail that scan --audit writes.")


@app.command("verify")
def verify_command(
    file: Annotated[Path, argument("FILE", "The audit trail."), READS],
    anchor: Annotated[
        str | None, option("HEX", "Audit head that an earlier run printed, kept elsewhere.")
    ] = None,
) -> int:
    """Find every record that was edited, removed, added or moved.

    Without an anchor, a trail whose end was cut off, or that was rewritten as a whole, looks
    intact. Exit codes add up: 0 the trail is whole, 1 it was tampered with or is not an audit
    trail, 2 a run has no end or a crash tore a line. 66 no such file.
    """
    found = verify(file, anchor=anchor)
    name = printable(str(file))
    for finding in sorted((*found.problems, *found.gaps), key=lambda each: each.line):
        sys.stdout.write(f"{name}:{finding.line}: {finding.what}\n")
    hidden = found.problem_count - len(found.problems)
    if hidden:
        sys.stdout.write(f"{name}: ... and {count(hidden, 'more problem')}\n")
    sys.stdout.write(f"{name}: {_sum_up(found)}\n")
    for line in _conclusions(found, anchor):
        sys.stdout.write(f"{line}\n")
    return (TAMPERED if found.problem_count else 0) | (INCOMPLETE if found.gaps else 0)


def _sum_up(found: Verification) -> str:
    if not found.records:
        return "no records"
    chain = "broken" if found.problem_count else "whole"
    return f"{count(found.records, 'record')}, {count(found.runs, 'run')}; the chain is {chain}"


def _conclusions(found: Verification, anchor: str | None) -> list[str]:
    if found.head is None:
        return []
    lines = [f"head: {found.head}"]
    if anchor is None:
        lines.append(
            "Without --anchor, a cut end or a rewritten file goes unnoticed: compare the head with"
            " one kept elsewhere."
        )
    elif found.anchored is not None and not found.problem_count:
        lines.append(
            f"The anchor is the head at line {found.anchored}: up to there, nothing has changed."
        )
    return lines
