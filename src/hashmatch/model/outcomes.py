"""What a look into the lists comes to: matches, a verdict, an outcome."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from hashmatch.errors import OutcomeTruthError
from hashmatch.model.closed_sets import Cause, Kind, Reason, Verdict
from hashmatch.model.hashes import Entry


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a list that is within the threshold of one view of the file.

    Attributes:
        list: the name of the list.
        entry: the entry.
        algorithm: of both hashes.
        bits: their width.
        distance: Hamming, in bits, exact.
        threshold: the largest distance that counts as near, in bits.
        view: the view of the file at this distance.
        quality: 0 to 100, of that view.
        cause: why this is only a candidate for a human; None for a match.
        confirmed: the distance is exact; otherwise it is a preview's and may be some bits off,
            because the file could not be read again to make sure.
        expected_false: how many entries of this list are this near (by both hashes, if two agree)
            to a picture on no list, by chance. None if that is not known.
        by: who decided that it is a false positive; None unless someone did.
        at: when, ISO 8601 in UTC.
    """

    list: str
    entry: Entry
    algorithm: str
    bits: int
    distance: int
    threshold: int
    view: str
    quality: int
    cause: Cause | None = None
    confirmed: bool = True
    expected_false: float | None = None
    by: str | None = None
    at: str | None = None

    def record(self) -> dict[str, Any]:
        """The match as records have it: all of it but the entry's hash."""
        of_entry = {name: getattr(self.entry, name) for name in ("label", "category", "source")}
        *rest, by, at = ((each.name, getattr(self, each.name)) for each in fields(self)[2:])
        decided = () if self.by is None else (by, at)
        return {"list": self.list, "entry": self.entry.id, **of_entry, **dict([*rest, *decided])}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one file: a verdict, and everything that led to it.

    ``bool(outcome)`` raises; compare ``outcome.verdict``.

    Attributes:
        verdict: exactly one.
        reason: why something was not examined. Always set with ``unscanned``; with another verdict
            it says that the rest was not examined.
        detail: the reason in words.
        matches: the nearest entries of all parts, best first. Candidates have a ``cause``.
        match_count: how many entries are near, over all parts; ``matches`` has the nearest.
        quality: 0 to 100, the best of any view of the file itself; None without a view.
        width: pixels, as stored; 0 if unknown.
        height: pixels, as stored; 0 if unknown.
        format: the picture's or video's format, by content; None if the file itself is neither.
        suppressed: near entries that a human found to be false positives on this very file.
        parts: the members of an archive in its order, then the file itself; empty for a file
            without members.
        kind: what the file itself is, such as ``video``; None for a picture or if it is not known.
        near: with reviews, every near entry that people are to decide about, 1,000 at most.
        content: with reviews, what identifies the content, if anything is near; see ``Reviews``.
    """

    verdict: Verdict
    reason: Reason | None = None
    detail: str | None = None
    matches: tuple[Match, ...] = ()
    match_count: int = 0
    quality: int | None = None
    width: int = 0
    height: int = 0
    format: str | None = None
    suppressed: tuple[Match, ...] = ()
    parts: tuple[Part, ...] = ()
    kind: Kind | None = None
    near: tuple[Match, ...] = field(default=(), repr=False)
    content: str | None = field(default=None, repr=False)

    def __bool__(self) -> NoReturn:
        raise OutcomeTruthError(
            "an outcome is neither true nor false; compare outcome.verdict with a Verdict"
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One thing inside a file that is examined by itself.

    Attributes:
        path: the member's path in the archive, as ``scan`` writes it after the archive's path:
            ``b"b.jpg"``, or ``b"a.zip!/b.jpg"`` in a nested archive; empty for the file itself.
        outcome: its outcome, which has no parts.
    """

    path: bytes
    outcome: Outcome
