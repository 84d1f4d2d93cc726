"""``hashmatch audit``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hashmatch.cli.command import argument, group, option
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS
from hashmatch.custody.audit import Verification, verify
from hashmatch.custody.journal import JournalReader
from hashmatch.text import count, printable

if TYPE_CHECKING:
    from hashmatch import cases
else:
    cases = deferred("hashmatch.cases")

TAMPERED = 1
INCOMPLETE = 2

app = group("audit", "Check the audit trail that scan --audit writes.")


@app.command("verify")
def verify_command(
    file: Annotated[Path, argument("FILE", "The audit trail."), READS],
    anchor: Annotated[
        str | None, option("HEX", "Audit head that an earlier run printed, kept elsewhere.")
    ] = None,
    cases_at: Annotated[
        str | None,
        option("PLACE", "Also compare the decisions in this case store with the trail.", "--cases"),
    ] = None,
    trail: Annotated[
        list[str] | None,
        option("FILE", "Another trail with decisions on these cases. Repeatable.", "--trail"),
        READS,
    ] = None,
) -> int:
    """Find every record that was edited, removed, added or moved.

    With --cases, also find decisions that were added, changed or removed behind the trail's back.
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
    code = (TAMPERED if found.problem_count else 0) | (INCOMPLETE if found.gaps else 0)
    return code if cases_at is None else code | _check_cases(cases_at, [str(file), *(trail or ())])


def _check_cases(place: str, trails: Sequence[str]) -> int:
    with cases.Cases(place, create=False) as opened:
        found = cases.check_trail(opened, _events(trails))
        name = printable(opened.place)
    for what in (*found.problems, *found.gaps):
        sys.stdout.write(f"{name}: {printable(what)}\n")
    alike = "differ from the trail" if found.problems else "are as the trail has them"
    sys.stdout.write(f"{name}: {count(found.decisions, 'decision')}; they {alike}\n")
    return (TAMPERED if found.problems else 0) | (INCOMPLETE if found.gaps else 0)


def _events(trails: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in trails:
        journal = JournalReader(path)
        for record in journal:
            yield f"{path}:{journal.line}", record["event"]


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
