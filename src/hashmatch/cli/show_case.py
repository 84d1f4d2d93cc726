"""How ``hashmatch review show`` shows a case."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from hashmatch.cases import Case, CaseMatch, Event
from hashmatch.files import path_fields
from hashmatch.text import count, printable


def show(case: Case, history: Sequence[Event], *, as_json: bool) -> None:
    """Write a case and its history to standard output."""
    if as_json:
        sys.stdout.write(json.dumps(case_record(case), indent=1) + "\n")
        return
    sys.stdout.writelines(f"{line}\n" for line in _lines(case, history))


def case_record(case: Case) -> dict[str, Any]:
    """A case as JSON."""
    record: dict[str, Any] = _plain(asdict(case))
    record["places"] = [
        {
            **_plain(asdict(seen.place)),
            "path": None,
            **({} if seen.place.path is None else path_fields(seen.place.path)),
            "first_seen": seen.first_seen.isoformat(),
            "last_seen": seen.last_seen.isoformat(),
        }
        for seen in case.places
    ]
    for name in ("notes", "viewings"):
        record[name] = [_plain(each._asdict()) for each in getattr(case, name)]
    record["lease"] = None if case.lease is None else _plain(case.lease._asdict())
    return {"type": "case", "schema": 1, **record}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, bytes) else value


def _lines(case: Case, history: Sequence[Event]) -> Iterator[str]:
    yield f"case {case.id}: {case.status}"
    yield f"content: {case.content}"
    shape = f"{case.format or 'not a picture'}, {case.width} x {case.height}"
    yield f"{shape}, {count(case.copies, 'copy', 'copies')}"
    yield ""
    yield from map(_match_line, case.matches)
    yield ""
    for event in history:
        at = event.at.isoformat(timespec="seconds")
        yield f"{at}  {event.kind:<8}  {printable(event.who)}: {event.text}"


def _match_line(match: CaseMatch) -> str:
    label = "" if match.label is None else f" ({printable(match.label)})"
    kind = match.cause or "match"
    decided = match.decision or "not decided"
    return (
        f"match {match.id}: {printable(match.list)}/{printable(match.entry)}{label},"
        f" {match.distance} of {match.threshold} bits, {kind}: {decided}"
    )
