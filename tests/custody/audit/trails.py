"""Small audit trails, and ways to tamper with them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hashmatch.custody.audit import AuditLog
from hashmatch.custody.journal.chain import canonical, digest_of

LISTS = [{"name": "synthetic", "version": "1", "digest": "sha256:" + "ab" * 32, "entries": 3}]


def write_run(path: Path, events: int = 4, *, exit_code: int = 3) -> str:
    """Append a whole run to a trail, and return its head."""
    with AuditLog.open(path) as log:
        log.start(command="scan", settings={"thresholds": {"phash-64": 8}}, lists=LISTS)
        for number in range(events):
            log.add({"type": "file", "path": f"folder/{number}.jpg", "verdict": "match"})
        return log.finish(exit_code=exit_code, counts={"files": 10, "match": events})


def lines_of(path: Path) -> list[bytes]:
    """The lines of a trail, each with its newline."""
    return path.read_bytes().splitlines(keepends=True)


def events_of(path: Path) -> list[dict[str, Any]]:
    """The events of a trail."""
    return [json.loads(line)["event"] for line in lines_of(path)]


def forged(records: Iterable[dict[str, Any]], *, previous: str, seq: int) -> list[bytes]:
    """Rechain records, as an attacker who knows how would."""
    lines = []
    for record in records:
        bare = {key: value for key, value in record.items() if key != "digest"}
        bare |= {"seq": seq, "previous": previous}
        previous = digest_of(bare)
        lines.append(canonical({**bare, "digest": previous}) + b"\n")
        seq += 1
    return lines
