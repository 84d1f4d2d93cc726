"""Puts together what a report to NCMEC or the NCA asks for, as far as the case store knows it.

What it cannot know is null, and ``blank`` lists the place of every null (JSON Pointer, RFC 6901),
so that nobody takes a blank for a no. Sources: NCMEC, CyberTipline API documentation
(``incidentSummary``, ``fileDetails``, ``ipCaptureEvent``, ``viewedByEsp``, ``originalFileHash``,
``industryClassification``); The Online Safety (CSEA Content Reporting) Regulations of the United
Kingdom, for the NCA.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from hashmatch._version import __version__
from hashmatch.cases.values import Case, SeenPlace
from hashmatch.files import path_fields

SCHEMA = 1


def evidence(
    case: Case, *, store: str, created: datetime, audit_head: str | None
) -> dict[str, Any]:
    """The evidence of a case, as ``docs/evidence.schema.json`` describes it.

    The head of the audit trail fixes every decision before it. ``store`` is the token by which the
    trail names the store.
    """
    uploads = [seen for seen in case.places if seen.place.request is not None]
    first = min((seen.first_seen for seen in uploads), default=None)
    record: dict[str, Any] = {
        "type": "evidence",
        "schema": SCHEMA,
        "created": _time(created),
        "hashmatch": __version__,
        "case": {
            "number": case.id,
            "store": store,
            "status": case.status,
            "first_seen": _time(case.first_seen),
            "last_seen": _time(case.last_seen),
        },
        "incident": {"type": None, "time": _time(first), "url": None},
        "reporter": {"organisation": None, "contact": None, "legal_basis": None},
        "person": {"user": None, "screen_name": None, "email": None, "phone": None},
        "classification": {
            "industry": None,
            "lists": sorted({match.category for match in case.matches if match.category}),
        },
        "file": _file(case),
        "places": [_place(each) for each in case.places],
        "copies": case.copies,
        "matches": [_plain(asdict(match)) for match in case.matches],
        "decisions": [_plain(asdict(made)) for made in case.decisions],
        "notes": [_plain(note._asdict()) for note in case.notes],
        "audit": {"head": audit_head},
    }
    record["blank"] = list(blanks(record))
    return record


def _file(case: Case) -> dict[str, Any]:
    return {
        "digests": {"sha256": case.sha256, "sha1": None, "md5": None},
        "bytes": case.size,
        "format": case.format,
        "width": case.width or None,
        "height": case.height or None,
        "viewed": bool(case.viewings),
        "viewings": [_plain(each._asdict()) for each in case.viewings],
        "publicly_available": None,
    }


def blanks(value: Any, place: str = "") -> Iterator[str]:
    """Yield the JSON Pointer of each null."""
    if value is None:
        yield place
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from blanks(each, f"{place}/{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from blanks(each, f"{place}/{number}")


def _place(seen: SeenPlace) -> dict[str, Any]:
    place = seen.place
    upload = place.request is not None
    path = {"path": None} if place.path is None else path_fields(place.path)
    name = None if place.path is None else path_fields(place.path.rpartition(b"/")[2]).get("path")
    return {
        "door": place.door,
        "name": name,
        **path,
        "client": place.client,
        "request": place.request,
        "number": place.number,
        "upload_ip": place.address,
        "upload_time": _time(seen.first_seen) if upload else None,
        "first_seen": _time(seen.first_seen),
        "last_seen": _time(seen.last_seen),
        "held": None
        if place.item is None
        else {"quarantine": place.quarantine, "item": place.item},
    }


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _time(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
