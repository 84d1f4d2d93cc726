"""Put the results of a scan into words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hashmatch.model import Cause, Reason, Verdict
from hashmatch.text import count, printable

if TYPE_CHECKING:
    from hashmatch.report.overview import Overview

VERDICTS = {
    Verdict.MATCH.value: ("match", "near an entry"),
    Verdict.CANDIDATE.value: ("candidate", "near an entry, too weakly for a match"),
    Verdict.UNSCANNED.value: ("unscanned", "not fully examined"),
    Verdict.CLEAR.value: ("clear", "examined, near no entry"),
    Verdict.NOT_IMAGE.value: ("not an image", "nothing to compare"),
}
"""Each verdict's name for people, and what it means."""

REASONS = {reason.value: reason.value.replace("_", " ") for reason in Reason}
"""Each reason's name for people."""

CAUSES = {
    Cause.CHANCE.value: "often chance",
    Cause.LONE_FRAME.value: "one frame of a video",
    Cause.LOW_INFORMATION.value: "little detail",
}
"""Why a near entry is only a candidate, for people."""

_SETTINGS = {
    "thresholds": "threshold in bits",
    "match_within": "distances of a match in bits",
    "turned_within": "distances of a match by a mirror image or quarter turn in bits",
    "further_within": "distances of a match by a further view in bits",
    "max_false_per_million": "false matches accepted per million files",
    "quality_floor": "quality floor (0 to 100)",
    "max_matches": "max matches named per file",
    "max_ratio": "max bytes unpacked per byte packed",
    "max_depth": "max depth in levels",
    "max_length": "max length in seconds",
    "max_decoding": "max decoding in seconds",
}
"""Settings whose names do not explain them, and names for people."""


def headline(overview: Overview) -> str:
    """Such as ``3 matches, 169 files not fully examined, 1 to look at``."""
    verdicts = overview.verdicts
    match, unscanned, candidates = (
        verdicts[verdict] for verdict in (Verdict.MATCH, Verdict.UNSCANNED, Verdict.CANDIDATE)
    )
    moved, not_moved = overview.moves()
    said = [
        *([count(match, "match", "matches")] if match else []),
        *([f"{moved:,} moved"] if moved else []),
        *([f"{not_moved:,} NOT moved"] if not_moved else []),
        *([f"{count(unscanned, 'file')} not fully examined"] if unscanned else []),
        *([f"{candidates:,} to look at"] if candidates else []),
    ]
    if said:
        return f"{', '.join(said)}."
    return "Every file was examined, and none matches." if overview.files else "No file was found."


def facts(overview: Overview) -> Iterator[tuple[str, str]]:
    """Facts about the run, by name."""
    summary = overview.summary
    if summary is None:
        return
    run, speed = summary["run"], overview.files_a_second()
    yield "started", printable(run.get("started") or "not known")
    yield "took", f"{float(run.get('seconds', 0)):,.1f} seconds"
    yield "throughput", "not known" if speed is None else f"{speed:,.1f} files a second"
    others = {name: value for name, value in run.items() if name not in {"started", "seconds"}}
    yield from settings_rows(others)
    yield from settings_rows(summary.get("walk", {}))
    for name, version in summary.get("versions", {}).items():
        yield printable(f"{name} version"), printable(str(version))
    yield "exit code", str(summary["exit_code"])


def settings_rows(value: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings, one a row, with names such as ``limits: max pixels``."""
    for name, inner in value.items():
        place = f"{prefix}{printable(_SETTINGS.get(name) or name.replace('_', ' '))}"
        if isinstance(inner, Mapping):
            yield from settings_rows(inner, f"{place}: ")
        else:
            yield place, _shown(inner)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.15g}"
    if isinstance(value, Mapping):
        return " and ".join(f"{printable(name)} {_shown(each)}" for name, each in value.items())
    if isinstance(value, list):
        if any(isinstance(each, Mapping) for each in value):
            return ", or ".join(map(_shown, value))
        return ", ".join(_shown(each) for each in value) or "(none)"
    return "(not set)" if value is None else printable(str(value))
