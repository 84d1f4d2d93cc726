"""The verdict rule. It exists only once, and every way in uses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from hashmatch.model import Cause, Reason, Verdict


class NearEntry(Protocol):
    """A near entry, reduced to what the rule needs."""

    @property
    def cause(self) -> Cause | None:
        """Why it is only a candidate; None for a match."""


def decide(
    nearest: Sequence[NearEntry], *, count: int, reason: Reason | None, is_picture: bool
) -> Verdict:
    """Decide the verdict of one part: a file, or a member of an archive.

    ====================  ===========  ===========  ==============
    nearest entry         reason       picture      verdict
    ====================  ===========  ===========  ==============
    a match               any          any          ``match``
    counted, not named    any          any          ``match``
    a candidate, or none  a reason     any          ``unscanned``
    a candidate           none         any          ``candidate``
    none                  none         yes          ``clear``
    none                  none         no           ``not_image``
    ====================  ===========  ===========  ==============

    The first row that fits decides. Only a match counts even if the rest of the part could not be
    examined.

    Args:
        nearest: the near entries that are named, best first: matches come before candidates.
        count: how many entries are near. Those not named rank after those that are.
        reason: why some of the part was not examined; None if all of it was.
        is_picture: whether the part is a picture, by its content.
    """
    if nearest and nearest[0].cause is None:
        return Verdict.MATCH
    if count and not nearest:  # nobody knows how good they are, so they count as matches
        return Verdict.MATCH
    if reason is not None:
        return Verdict.UNSCANNED
    if nearest:
        return Verdict.CANDIDATE
    return Verdict.CLEAR if is_picture else Verdict.NOT_IMAGE


_WHOLE = (
    Verdict.MATCH,
    Verdict.CANDIDATE,
    Verdict.UNSCANNED,
    Verdict.CLEAR,
    Verdict.NOT_IMAGE,
)


def decide_whole(parts: Iterable[Verdict]) -> Verdict:
    """Decide the verdict of a file that has members, from the verdicts of all its parts.

    The file itself is one of its parts: a picture with a ZIP appended has a verdict itself, an
    archive that is not a picture is ``not_image``, and one that cannot be read to its end is
    ``unscanned``. The first row that fits decides:

    ================================  ==============
    parts                             verdict
    ================================  ==============
    any is a match                    ``match``
    any is ``candidate``              ``candidate``
    any is unscanned                  ``unscanned``
    any is a picture, and clear       ``clear``
    none is a picture, or there are   ``not_image``
    no parts
    ================================  ==============

    So a member that cannot be read hides neither a match nor a candidate in another member, and a
    file is clear only if all of it was examined.
    """
    found = set(parts)
    return next((verdict for verdict in _WHOLE if verdict in found), Verdict.NOT_IMAGE)
