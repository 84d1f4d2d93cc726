"""Applies what people decided: a false positive on a content matches it no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, Protocol

from hashmatch.match.verdict import decide
from hashmatch.model import Examination, Match, Outcome

MOST = 1_000
"""How many entries near one content people are asked to decide about at a time."""

SHA256 = "sha256"


class ReviewedEntry(NamedTuple):
    """An entry as decisions refer to it: once a list gives its id to another hash, it is another.

    Attributes:
        fingerprint: a keyed digest of its hash.
    """

    list: str
    entry: str
    fingerprint: bytes


class Rejection(NamedTuple):
    """Who decided that a match is a false positive, and when."""

    by: str
    at: datetime


class Reviews(Protocol):
    """What is known about decisions. ``hashmatch.cases.Cases`` is one."""

    def content(self, hashes: Sequence[str]) -> str:
        """Identify a content whose bytes are not all known by its hashes."""

    def name(self, match: Match) -> ReviewedEntry:
        """Name a match's entry."""

    def rejected(
        self, contents: Collection[str]
    ) -> Mapping[str, Mapping[ReviewedEntry, Rejection]]:
        """For each content, the entries that are false positives on it."""


def content_of(examination: Examination, digests: Sequence[str], reviews: Reviews) -> str:
    """Identify what was examined: by the SHA-256 of its bytes, or else by its hashes."""
    if len(examination.digests) == len(digests):
        return f"{SHA256}:{examination.digests[digests.index(SHA256)]}"
    hashes = [f"{each.kind} {each}" for view in examination.views for each in view.hashes]
    return reviews.content([*hashes, *examination.digests])


def apply_reviews(
    outcome: Outcome, rejections: Mapping[ReviewedEntry, Rejection], reviews: Reviews, most: int
) -> Outcome:
    """Move matches that people decided are false positives to ``suppressed``."""
    left, taken = [], []
    for match in outcome.matches:
        why = rejections.get(reviews.name(match)) if rejections else None
        if why is None:
            left.append(match)
        else:
            at = why.at.isoformat(timespec="seconds")
            taken.append(replace(match, by=why.by, at=at))
    count = outcome.match_count - len(taken)
    verdict = outcome.verdict
    if taken:
        is_picture = outcome.format is not None
        verdict = decide(left, count=count, reason=outcome.reason, is_picture=is_picture)
    return replace(
        outcome,
        verdict=verdict,
        matches=tuple(left[:most]),
        match_count=count,
        suppressed=tuple(taken),
        near=(*left[:MOST], *taken),
    )
