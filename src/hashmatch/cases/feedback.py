"""Sums up decisions by entry, in the shapes in which the owners of lists take feedback."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

from hashmatch.cases.store import Cases
from hashmatch.cases.values import CaseMatch, Decision
from hashmatch.errors import SettingsError
from hashmatch.text import escape_formula, printable

_NCMEC_TYPES = {"md5": "MD5", "sha1": "SHA1", "pdq": "PDQ"}
"""How NCMEC's hash sharing API names the fingerprints of an entry that feedback can be about."""


@dataclass(slots=True)
class EntryFeedback:
    """What people decided about the matches of one entry."""

    entry: str
    algorithm: str
    decided: Counter[str] = field(default_factory=Counter)  # how many matches have each decision
    exact: Counter[str] = field(default_factory=Counter)  # the same for matches at distance 0

    @property
    def verdict(self) -> bool | None:
        """Whether the entry is right, as far as decisions tell.

        One confirmed match says that it is. A refuted one says that it is wrong only at distance 0:
        another picture may be near by chance. None if nothing tells, or decisions disagree.
        """
        right = self.decided[Decision.CONFIRMED] > 0
        wrong = self.exact[Decision.FALSE_POSITIVE] > 0
        return None if right == wrong else right

    def counts(self) -> dict[str, int]:
        """The counts, by the names of columns."""
        return {
            "confirmed": self.decided[Decision.CONFIRMED],
            "refuted": self.decided[Decision.FALSE_POSITIVE],
            "refuted_at_0": self.exact[Decision.FALSE_POSITIVE],
            "unsure": self.decided[Decision.UNSURE],
        }


def gather_feedback(cases: Cases, hash_list: str) -> list[EntryFeedback]:
    """Sum up the decisions in force on the matches of a list, by entry and algorithm."""
    found: dict[tuple[str, str], EntryFeedback] = {}
    for row in cases.match_rows(include_decided=True):
        match: CaseMatch = row.match
        if match.list == hash_list and match.decision is not None:
            key = match.entry, match.algorithm
            each = found.setdefault(key, EntryFeedback(*key))
            each.decided[match.decision] += 1
            if match.distance == 0:
                each.exact[match.decision] += 1
    return [found[key] for key in sorted(found)]


def write_feedback(cases: Cases, hash_list: str, shape: str, stream: TextIO) -> int:
    """Write the feedback on a list, and return how many entries it has.

    Raises ``SettingsError`` if the shape is not ``ncmec``, ``stopncii`` or ``csv``.
    """
    if shape not in _SHAPES:
        raise SettingsError(f"unknown format {shape!r}; choose from {', '.join(_SHAPES)}")
    found = gather_feedback(cases, hash_list)
    _SHAPES[shape](found, stream)
    return len(found)


def _write_ncmec(found: list[EntryFeedback], stream: TextIO) -> None:
    """Votes for the hash sharing API: affirmative or negative, for each kind of fingerprint."""
    votes: list[dict[str, Any]] = [
        {
            "entry": each.entry,
            "feedbackType": _NCMEC_TYPES[each.algorithm],
            "affirmative": each.verdict,
            **each.counts(),
        }
        for each in found
        if each.algorithm in _NCMEC_TYPES
    ]
    stream.write(json.dumps({"feedback": votes}, indent=1) + "\n")


def _write_stopncii(found: list[EntryFeedback], stream: TextIO) -> None:
    values = {True: "Blocked", False: "NotBlocked", None: "PendingReview"}
    said: list[dict[str, Any]] = [
        {
            "entry": each.entry,
            "hashFeedback": {"feedbackValue": values[each.verdict], "tags": []},
            **each.counts(),
        }
        for each in found
    ]
    stream.write(json.dumps({"feedback": said}, indent=1) + "\n")


def _write_csv(found: list[EntryFeedback], stream: TextIO) -> None:
    words = {True: "right", False: "wrong", None: ""}
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(["entry", "algorithm", *EntryFeedback("", "").counts(), "verdict"])
    for each in found:
        name = escape_formula(printable(each.entry))
        writer.writerow([name, each.algorithm, *each.counts().values(), words[each.verdict]])


_SHAPES: dict[str, Callable[[list[EntryFeedback], TextIO], None]] = {
    "ncmec": _write_ncmec,
    "stopncii": _write_stopncii,
    "csv": _write_csv,
}
