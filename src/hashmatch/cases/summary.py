"""Write review statistics as a table for people, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from hashmatch.cases.precision import Precision, Stats
from hashmatch.text import count, printable


def write_stats_table(stats: Stats, stream: TextIO) -> None:
    """Write them for people."""
    stream.write(
        f"{count(stats.matches, 'match', 'matches')}, {stats.pending:,} not reviewed yet\n"
    )
    for title, groups in _groups(stats):
        if groups:
            stream.write(f"\n{title:<34}  precision  95% interval   confirmed  false  unsure\n")
        stream.writelines(
            f"{printable(label):<34}  {_row(found)}\n" for label, found in groups.items()
        )


def _row(found: Precision) -> str:
    share = "-" if found.share is None else f"{found.share:.1%}"
    interval = f"{found.low:.1%}-{found.high:.1%}"
    counts = f"{found.confirmed:>9}  {found.false_positives:>5}  {found.unsure:>6}"
    return f"{share:>9}  {interval:<13}  {counts}"


def _groups(stats: Stats) -> Iterator[tuple[str, Mapping[str, Precision]]]:
    yield "overall", {"every reviewed match": stats.overall}
    yield "by algorithm", stats.by_algorithm
    distances = stats.by_distance.items()
    yield (
        "by distance",
        {f"{kind} at {count(bits, 'bit')}": found for (kind, bits), found in distances},
    )
    yield "by list", stats.by_list
    worst = stats.worst_entries.items()
    yield "most false positives", {f"{name}/{entry}": found for (name, entry), found in worst}


def write_stats_json(stats: Stats, stream: TextIO) -> None:
    """Write them as JSON."""
    distances, worst = stats.by_distance.items(), stats.worst_entries.items()
    record = {
        "type": "review",
        "schema": 1,
        "matches": stats.matches,
        "pending": stats.pending,
        "overall": _record(stats.overall),
        "by_algorithm": [{"algorithm": k} | _record(v) for k, v in stats.by_algorithm.items()],
        "by_distance": [{"algorithm": k, "distance": d} | _record(v) for (k, d), v in distances],
        "by_list": [{"list": name} | _record(found) for name, found in stats.by_list.items()],
        "worst_entries": [{"list": k, "entry": entry} | _record(v) for (k, entry), v in worst],
    }
    stream.write(json.dumps(record, indent=1) + "\n")


def _record(found: Precision) -> dict[str, Any]:
    return {
        "precision": found.share,
        "interval_95": [found.low, found.high],
        "confirmed": found.confirmed,
        "false_positive": found.false_positives,
        "unsure": found.unsure,
    }
