"""Write the evidence of a case as a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hashmatch.report.pages import render
from hashmatch.text import printable

_UNKNOWN = "not known: for you to fill in"


def evidence_page(record: Mapping[str, Any]) -> str:
    """The page of a record of ``hashmatch.cases.evidence``. It shows no picture."""
    case, file = record["case"], record["file"]
    facts = {
        "Case": f"{case['number']} of store {case['store']}",
        "Decision": case["status"],
        "Incident type": record["incident"]["type"],
        "Incident time": record["incident"]["time"],
        "Found from, to": f"{case['first_seen']}, {case['last_seen']}",
        "SHA-256": file["digests"]["sha256"],
        "Format": file["format"],
        "Viewed by a reviewer": "yes" if file["viewed"] else "no",
        "Industry classification": record["classification"]["industry"],
        "Classification by lists": ", ".join(record["classification"]["lists"]) or None,
        "Audit head": record["audit"]["head"],
        "Made by": f"hashmatch {record['hashmatch']}, {record['created']}",
    }
    return render(
        "evidence.html.j2",
        record=record,
        facts=[(name, _shown(value)) for name, value in facts.items()],
        places=[{name: _shown(value) for name, value in each.items()} for each in record["places"]],
    )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return f"{value['quarantine']}, item {value['item']}"
    return _UNKNOWN if value is None else printable(str(value))
