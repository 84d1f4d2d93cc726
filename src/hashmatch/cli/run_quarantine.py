"""What ``hashmatch quarantine`` does with its options."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from hashmatch.cli.streams import say
from hashmatch.custody.audit import AuditLog
from hashmatch.custody.quarantine import (
    HeldFile,
    HeldFileCheck,
    HoldState,
    Quarantine,
    Where,
    read_items,
    verify,
)
from hashmatch.errors import QuarantineError, SettingsError
from hashmatch.files import path_fields
from hashmatch.text import printable

WRONG = 1
INTERRUPTED = 2
NOT_ALL = 70

_ELSEWHERE = frozenset({HoldState.NOT_MOVED, HoldState.RESTORED})


def run_list(folder: Path, *, everything: bool, output_format: str) -> int:
    """Show the items of a quarantine, and return the exit code."""
    if output_format not in _FORMATS:
        raise SettingsError(f"unknown format {output_format!r}; choose from {', '.join(_FORMATS)}")
    shown = [item for item in read_items(folder) if everything or item.state not in _ELSEWHERE]
    for item in shown:
        sys.stdout.write(_FORMATS[output_format](item) + "\n")
    if not shown:
        say("no items")
    return 0


def run_restore(
    folder: Path, numbers: Sequence[int], *, to: Path | None, audit: Path | None
) -> int:
    """Restore items, and return the exit code."""
    if to is not None and len(numbers) != 1:
        raise SettingsError("--to takes one item")
    read_items(folder)  # an error without a quarantine, where opening would create one
    failed = 0
    with ExitStack() as stack:
        log = None if audit is None else stack.enter_context(AuditLog.open(audit))
        quarantine = stack.enter_context(Quarantine(folder))
        say_settled(quarantine)
        if log is not None:
            log.start(command="quarantine restore", settings={"quarantine": str(folder)})
        for number in dict.fromkeys(numbers):
            failed += not _restore(quarantine, number, to, log)
        code = NOT_ALL if failed else 0
        if log is not None:
            counts = {"restored": len(set(numbers)) - failed, "failed": failed}
            say(f"audit head: {log.finish(exit_code=code, counts=counts)}")
    return code


def run_verify(folder: Path) -> int:
    """Check a quarantine, print what was found, and return the exit code."""
    found = verify(folder)
    for check in found.items:
        if check.problem is not None or check.interrupted:
            sys.stdout.write(_place(check) + "\n")
    for line in (*found.problems, *found.gaps):
        sys.stdout.write(f"{printable(line)}\n")
    whole = sum(check.problem is None and not check.interrupted for check in found.items)
    sys.stdout.write(f"whole in quarantine: {whole}\n")
    wrong = bool(found.problems) or any(check.problem is not None for check in found.items)
    gaps = bool(found.gaps) or any(check.interrupted for check in found.items)
    return (WRONG if wrong else 0) | (INTERRUPTED if gaps else 0)


def say_settled(quarantine: Quarantine) -> None:
    """Report the moves that were finished when the quarantine was opened."""
    for item in quarantine.settled:
        say(f"item {item.id}, interrupted earlier, is {item.state}: {_name(item)}")


def _restore(quarantine: Quarantine, number: int, to: Path | None, log: AuditLog | None) -> bool:
    event: dict[str, Any] = {"type": "restore", "id": number}
    try:
        path = quarantine.restore(number, to=to)
    except QuarantineError as error:
        say(f"item {number} was not restored: {error}")
        event |= {"restored": False, "why": error.message}
    else:
        sys.stdout.write(f"{number}  {printable(path)}\n")
        event |= {"restored": True, **path_fields(path)}
    if log is not None:
        log.add(event, sync=True)
    return bool(event["restored"])


def _place(check: HeldFileCheck) -> str:
    place = {
        Where.ORIGINAL: "whole in its original place",
        Where.QUARANTINE: "whole in quarantine",
        Where.NOWHERE: "not whole anywhere",
    }[check.where]
    what = f"{check.problem}; " if check.problem is not None else ""
    what += "its move was interrupted; " if check.interrupted else ""
    return f"item {check.item.id}: {what}{place}: {_name(check.item)}"


def _name(item: HeldFile) -> str:
    return printable(item.path if item.destination is None else item.destination)


def _table_line(item: HeldFile) -> str:
    near = "; ".join(map(_match, item.matches[:1]))
    more = f" and {len(item.matches) - 1} more" if len(item.matches) > 1 else ""
    when = datetime.fromisoformat(item.time).strftime("%Y-%m-%d %H:%M:%S")
    return f"{item.id:>6}  {when}  {item.state:<9}  {printable(item.path)}  {near}{more}".rstrip()


def _match(match: Mapping[str, Any]) -> str:
    entry = f"{match.get('list')}/{match.get('entry')}"
    return printable(f"{entry} {match.get('algorithm')} {match.get('distance')}")


def _json_line(item: HeldFile) -> str:
    record = {
        "type": "item",
        "id": item.id,
        "time": item.time,
        "state": item.state,
        **path_fields(item.path),
        "size": item.size,
        "matches": item.matches,
        "why": item.why,
    }
    return json.dumps(record)


_FORMATS: dict[str, Callable[[HeldFile], str]] = {"table": _table_line, "jsonl": _json_line}
