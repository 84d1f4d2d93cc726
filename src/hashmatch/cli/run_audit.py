"""What ``hashmatch audit`` does, once its options are understood."""

from __future__ import annotations

import sys
from pathlib import Path

from hashmatch.custody.audit import Verification, verify
from hashmatch.text import printable

TAMPERED = 1
INCOMPLETE = 2


def run_verify(path: Path, anchor: str | None) -> int:
    """Check an audit trail, tell what was found, and return the exit code."""
    found = verify(path, anchor=anchor)
    name = printable(str(path))
    for finding in sorted((*found.problems, *found.gaps), key=lambda each: each.line):
        sys.stdout.write(f"{name}:{finding.line}: {finding.what}\n")
    hidden = found.problem_count - len(found.problems)
    if hidden:
        sys.stdout.write(f"{name}: ... and {hidden} more problems\n")
    sys.stdout.write(f"{name}: {_sum_up(found)}\n")
    for line in _what_it_shows(found, anchor):
        sys.stdout.write(f"{line}\n")
    return (TAMPERED if found.problem_count else 0) | (INCOMPLETE if found.gaps else 0)


def _sum_up(found: Verification) -> str:
    if not found.records:
        return "records 0; this is no audit trail"
    chain = "broken" if found.problem_count else "whole"
    return f"records {found.records}, runs {found.runs}; the chain is {chain}"


def _what_it_shows(found: Verification, anchor: str | None) -> list[str]:
    if found.head is None:
        return []
    lines = [f"head: {found.head}"]
    if anchor is None:
        lines.append(
            "No anchor was given, so a cut end or a file written anew would not show: compare the"
            " head with one that was kept elsewhere."
        )
    elif found.anchored is not None and not found.problem_count:
        lines.append(
            f"The anchor is that of line {found.anchored}: up to there, nothing was changed since."
        )
    return lines
