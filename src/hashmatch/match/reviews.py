"""Applies what people decided: a false positive on a content matches it no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from hashmatch.model import Match, PerceptualHash


class ReviewedEntry(NamedTuple):
    """An entry as decisions refer to it: once a list gives its id to another hash, it is another.

    Attributes:
        list: the name of its list.
        entry: its id.
        fingerprint: a keyed digest of its hash.
    """

    list: str
    entry: str
    fingerprint: bytes


class Rejection(NamedTuple):
    """The decision that a match is a false positive.

    Attributes:
        by: who decided it.
        at: when.
    """

    by: str
    at: datetime


class Reviews(Protocol):
    """What is known about decisions. ``hashmatch.cases.Cases`` is one."""

    def content(self, hashes: Sequence[PerceptualHash]) -> str:
        """Identify a content whose bytes are not all known by its hashes."""

    def name(self, match: Match) -> ReviewedEntry:
        """Name a match's entry."""

    def rejected(
        self, contents: Collection[str]
    ) -> Mapping[str, Mapping[ReviewedEntry, Rejection]]:
        """For each content, the entries that are false positives on it."""
