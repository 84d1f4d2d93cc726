"""Make the records of a scan, which have one schema however they are rendered.

Each file has a record with the keys ``type`` ("file"), ``schema``, ``path`` (or ``path_b64`` if the
name is not UTF-8), ``verdict``, ``reason``, ``detail``, ``matches``, ``match_count``,
``suppressed``, ``quality``, ``width``, ``height``, ``format`` and ``kind``. The last record is the
``summary``. No record holds a hash.
"""

from __future__ import annotations

import os
import platform
import socket
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hashmatch._version import __version__
from hashmatch.examine.extras import PILLOW_VERSION
from hashmatch.files import is_object, path_fields
from hashmatch.hashlist import HashList
from hashmatch.hashlist.freshness import age_of
from hashmatch.match.matcher import Matcher
from hashmatch.model import Kind, Outcome, Reason, Verdict
from hashmatch.scan import Counts, FileResult, WalkCounts, WalkOptions
from hashmatch.text import printable

SCHEMA = 1
INTERRUPTED = 130

Record = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """Counts of outcomes, and the exit code they amount to."""

    files: int = 0
    suppressed: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.files += 1
        self.suppressed += len(outcome.suppressed)
        self.verdicts[outcome.verdict] += 1
        if outcome.reason is not None:
            self.reasons[outcome.reason] += 1
        if outcome.verdict is Verdict.NOT_IMAGE:
            self.kinds[outcome.kind or Kind.OTHER] += 1
        if outcome.reason is Reason.UNSUPPORTED_FORMAT:
            self.unsupported[outcome.format or "other"] += 1

    @property
    def exit_code(self) -> int:
        """A bit mask: 1 for a match, 2 for a file unscanned, 4 for a candidate.

        So 0 means that every file was examined and none needs a human. Custody adds 8 for a match
        that could not be moved.
        """
        bits = {Verdict.MATCH: 1, Verdict.UNSCANNED: 2, Verdict.CANDIDATE: 4}
        return sum(bit for verdict, bit in bits.items() if self.verdicts[verdict])


@dataclass(slots=True)
class Run:
    """The circumstances of a run, which do not affect its results."""

    jobs: int  # how many pictures were decoded at a time
    paths: Sequence[str] = ()  # what was scanned; the records have absolute paths
    # the file that names more of it; ``-`` for standard input, None if not given
    files_from: str | None = None
    max_list_age: str | None = None  # the maximum age of a list, as given to ``--max-list-age``
    interrupted: bool = False  # the operator stopped it before it had seen every file
    stop_code: int = INTERRUPTED  # the exit code if it was interrupted
    state: Counts | None = None  # where the examinations came from, with a state
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _clock: float = field(default_factory=time.monotonic)

    def record(self) -> Record:
        """The run as the summary has it."""
        named = self.files_from is not None and self.files_from != "-"
        return {
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._clock, 3),
            "host": socket.gethostname(),
            "cwd": _absolute("."),
            "paths": [_absolute(path) for path in self.paths],
            "files_from": _absolute(self.files_from or "") if named else self.files_from,
            "max_list_age": self.max_list_age,
            "jobs": self.jobs,
            "interrupted": self.interrupted,
            "state": None if self.state is None else _state_record(self.state),
        }


def _state_record(counts: Counts) -> Record:
    return asdict(counts) | {"gone_matches": [*map(printable, counts.gone_matches)]}


def _absolute(path: str) -> str:
    """The absolute path, made printable; unchanged if the working folder is gone.

    Paths in object storage are absolute.
    """
    if is_object(path):
        return printable(path)
    try:
        return printable(os.path.abspath(path))  # noqa: PTH100 # links stay, as the operator gave them
    except FileNotFoundError:
        return printable(path)


def file_record(result: FileResult) -> Record:
    """The record of one file."""
    return {
        "type": "file",
        "schema": SCHEMA,
        **path_fields(result.path),
        **outcome_record(result.outcome),
    }


def outcome_record(outcome: Outcome) -> Record:
    """The outcome for a file, without its name."""
    return {
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "matches": [match.record() for match in outcome.matches],
        "match_count": outcome.match_count,
        "suppressed": [match.record() for match in outcome.suppressed],
        "quality": outcome.quality,
        "width": outcome.width,
        "height": outcome.height,
        "format": outcome.format,
        "kind": outcome.kind,
    }


def summary_record(
    tally: Tally, counts: WalkCounts, walk: WalkOptions, matcher: Matcher, run: Run
) -> Record:
    """The last record of a scan: what was done, with what, and the result."""
    return {
        "type": "summary",
        "schema": SCHEMA,
        "files": tally.files,
        "verdicts": {verdict.value: tally.verdicts[verdict] for verdict in Verdict},
        "reasons": {reason.value: tally.reasons[reason] for reason in Reason},
        "kinds": {kind.value: tally.kinds[kind] for kind in Kind if tally.kinds[kind]},
        "unsupported": dict(sorted(tally.unsupported.items())),
        "install": _to_install(tally.unsupported),
        "suppressed": tally.suppressed,
        "walk": asdict(counts) | {"skipped_links": [*map(printable, counts.skipped_links)]},
        "lists": [list_record(hash_list) for hash_list in matcher.hash_lists],
        "expected_false": matcher.expected_false().record(),
        "settings": matcher.settings() | {"walk": asdict(walk)},
        "versions": {
            "hashmatch": __version__,
            "pillow": PILLOW_VERSION,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "run": run.record(),
        "exit_code": run.stop_code if run.interrupted else tally.exit_code,
    }


def _to_install(formats: Collection[str]) -> dict[str, str]:
    if not formats:
        return {}
    from hashmatch.examine.missing import install_lines  # noqa: PLC0415 # loads decoders

    return install_lines(sorted(formats))


def list_record(hash_list: HashList, *, age: bool = True) -> Record:
    """A list as a summary, the audit trail and an evaluation have it.

    Without its age, which is in whole days, the record is the same any day.
    """
    record = {
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
        "warnings": list(hash_list.warnings),
    }
    if age:
        since = age_of(hash_list, datetime.now(UTC))
        record["age_days"] = None if since is None else since.days
    return record
