"""The records that a scan writes: one schema, whatever they are rendered as.

A file's record has the keys ``type`` ("file"), ``schema``, ``path`` (or ``path_b64`` where the name
is no UTF-8), ``verdict``, ``reason``, ``detail``, ``matches``, ``match_count``, ``suppressed``,
``quality``, ``width``, ``height`` and ``format``. The last record is the ``summary``. Neither holds
a hash.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from hashmatch._version import __version__
from hashmatch.examine.decode import PILLOW_VERSION
from hashmatch.files import path_fields
from hashmatch.hashlist import HashList
from hashmatch.match.matcher import Matcher
from hashmatch.model import Match, Outcome, Reason, Verdict
from hashmatch.scan import Counts, FileResult, WalkCounts, WalkOptions

SCHEMA = 1
INTERRUPTED = 130

Record = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """Counts outcomes as they come, and tells the exit code that they amount to."""

    files: int = 0
    suppressed: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.files += 1
        self.suppressed += len(outcome.suppressed)
        self.verdicts[outcome.verdict] += 1
        if outcome.reason is not None:
            self.reasons[outcome.reason] += 1

    @property
    def exit_code(self) -> int:
        """A bit mask: 1 for a match, 2 for a file unscanned, 4 for a candidate of low information.

        0 therefore says that every file was examined and nothing is left for a human.
        """
        bits = {Verdict.MATCH: 1, Verdict.UNSCANNED: 2, Verdict.LOW_INFORMATION: 4}
        return sum(bit for verdict, bit in bits.items() if self.verdicts[verdict])


@dataclass(slots=True)
class Run:
    """The circumstances of a run, which change none of its results.

    Attributes:
        jobs: how many pictures were decoded at a time.
        interrupted: the operator stopped it, so there are files that it never came to.
        stop_code: the exit code, where it was.
        state: where the examinations came from, with a state.
        started: when.
    """

    jobs: int
    interrupted: bool = False
    stop_code: int = INTERRUPTED
    state: Counts | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _clock: float = field(default_factory=time.monotonic)

    def record(self) -> Record:
        """As the summary tells it."""
        return {
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._clock, 3),
            "jobs": self.jobs,
            "interrupted": self.interrupted,
            "state": None if self.state is None else asdict(self.state),
        }


def file_record(result: FileResult) -> Record:
    """The record of one file."""
    outcome = result.outcome
    return {
        "type": "file",
        "schema": SCHEMA,
        **path_fields(result.path),
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "matches": [_match_record(match) for match in outcome.matches],
        "match_count": outcome.match_count,
        "suppressed": [_match_record(match) for match in outcome.suppressed],
        "quality": outcome.quality,
        "width": outcome.width,
        "height": outcome.height,
        "format": outcome.format,
    }


def _match_record(match: Match) -> Record:
    return {
        "list": match.list,
        "entry": match.entry.id,
        "label": match.entry.label,
        "category": match.entry.category,
        "source": match.entry.source,
        "algorithm": match.algorithm,
        "bits": match.bits,
        "distance": match.distance,
        "threshold": match.threshold,
        "view": match.view,
        "quality": match.quality,
        "low_information": match.low_information,
        "confirmed": match.confirmed,
    }


def summary_record(
    tally: Tally, counts: WalkCounts, walk: WalkOptions, matcher: Matcher, run: Run
) -> Record:
    """The last record of a scan: what was done, with what, and what came of it."""
    return {
        "type": "summary",
        "schema": SCHEMA,
        "files": tally.files,
        "verdicts": {verdict.value: tally.verdicts[verdict] for verdict in Verdict},
        "reasons": {reason.value: tally.reasons[reason] for reason in Reason},
        "suppressed": tally.suppressed,
        "walk": asdict(counts),
        "lists": [list_record(hash_list) for hash_list in matcher.hash_lists],
        "settings": matcher.settings() | {"walk": asdict(walk)},
        "versions": {"hashmatch": __version__, "pillow": PILLOW_VERSION},
        "run": run.record(),
        "exit_code": run.stop_code if run.interrupted else tally.exit_code,
    }


def list_record(hash_list: HashList) -> Record:
    """What a summary tells of a list."""
    return {
        "name": hash_list.name,
        "version": hash_list.version,
        "created": hash_list.created,
        "digest": f"sha256:{hash_list.digest}",
        "entries": len(hash_list),
        "flat": hash_list.flat,
        "skipped": hash_list.skipped,
        "unsupported": dict(hash_list.unsupported),
        "left_out": dict(hash_list.left_out),
        "suppressed": list(hash_list.suppressed),
    }
