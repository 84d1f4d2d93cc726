"""Which entries of a list may match: by category, by source, by date, and by the operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

import numpy as np
import numpy.typing as npt

from hashmatch.errors import HashListError, SettingsError
from hashmatch.hashlist.columns import Rows, TextColumn
from hashmatch.hashlist.contents import Contents, IndexTables
from hashmatch.hashlist.lookup import ABSENT
from hashmatch.hashlist.section import Section
from hashmatch.hashlist.updates import MergedSections, SectionUpdate
from hashmatch.model import HashKind

NOT_PERTINENT = frozenset({"0", "NEGATIVE_CLASS", "FALSE_POSITIVE"})
"""Categories that say of an entry that it is none of what the list is about.

0 in VICS data, and what ThreatExchange calls signals that were found to be wrong.
"""

SUPPRESSED = "suppressed"

REASONS = {
    "withdrawn": "the list withdraws them",
    "expired": "they have expired",
    "not pertinent": "their category can mean not pertinent, and was not asked for",
    "category": "of another category",
    "source": "of another source",
    SUPPRESSED: "they are suppressed",
}
"""Why entries are left out, in words."""

DATE_CHARACTERS = len("2026-01-02")


def refuse_text(name: str, value: object) -> None:
    """Refuse a text where several are wanted: it would pass for its characters, or for its parts.

    Raises:
        SettingsError: it is one.
    """
    if isinstance(value, str):
        raise SettingsError(f"{name} takes a set, not a text")


@dataclass(frozen=True, slots=True)
class Policy:
    """Which entries may match.

    Entries that have expired never do. Nor do those of a category that means not pertinent, unless
    that category is asked for.

    Attributes:
        categories: only entries of these; None for those of all and of none.
        exclude_categories: no entries of these.
        sources: only entries of these; None for those of all and of none.
        suppressed: no entries of these ids, which must be their own and not ``file:line``: each
            with the name of the list that it is meant for, None for all lists.
        now: when entries are looked at that expire, with its time zone; None for the time of
            loading.

    Raises:
        SettingsError: a text stands where a set of them should, or ``now`` has no time zone.
    """

    categories: frozenset[str] | None = None
    exclude_categories: frozenset[str] = frozenset()
    sources: frozenset[str] | None = None
    suppressed: frozenset[tuple[str, str | None]] = frozenset()
    now: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("categories", "exclude_categories", "sources", "suppressed"):
            refuse_text(name, getattr(self, name))
        if self.now is not None and self.now.utcoffset() is None:
            raise SettingsError("now has no time zone, such as datetime.now(UTC) has")

    def suppressed_in(self, name: str) -> list[str]:
        """The ids that are suppressed in a list of this name, in order."""
        return sorted({entry for entry, meant in self.suppressed if meant in (None, name)})

    def unknown(self, contents: Contents) -> dict[str, frozenset[str]]:
        """The names in each setting that no entry of a list has: one on no list may be a slip.

        Args:
            contents: the list, before this policy is applied to it.
        """
        settings = {
            "categories": ("category", self.categories),
            "exclude_categories": ("category", self.exclude_categories),
            "sources": ("source", self.sources),
        }
        return {
            setting: names.difference(
                *(section.column(field).counts() for section in contents.sections.values())
            )
            for setting, (field, names) in settings.items()
            if names
        }

    def reasons(self) -> Mapping[str, tuple[str, Callable[[str], bool]]]:
        """For each reason to leave an entry out, the field it lies in and what tells."""
        now = self.now or datetime.now(UTC)
        asked = self.categories or frozenset()
        return {
            "expired": ("expires", lambda text: bool(text) and _is_over(text, now)),
            "not pertinent": ("category", lambda text: text in NOT_PERTINENT - asked),
            "category": (
                "category",
                lambda text: (
                    text in self.exclude_categories
                    or (self.categories is not None and text not in self.categories)
                ),
            ),
            "source": (
                "source",
                lambda text: self.sources is not None and text not in self.sources,
            ),
        }


DEFAULT_POLICY = Policy()


def end_of_life(text: str) -> datetime | None:
    """When an entry that expires at this date or time stops matching; None if it is neither.

    A date means the whole of that day. Without a time zone, UTC is meant.
    """
    try:
        if len(text) <= DATE_CHARACTERS:
            # To the last moment rather than to the next day: some lists write 9999-12-31 for never
            moment = datetime.combine(date.fromisoformat(text), time.max)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def select(contents: Contents, policy: Policy) -> Contents:
    """The list without the entries that may not match.

    Args:
        contents: a list.
        policy: which entries may match.

    Raises:
        HashListError: the policy suppresses an entry by its line.
    """
    counts = Counter(contents.left_out)
    plain: dict[HashKind, Section] = {}
    tables: dict[HashKind, IndexTables] = {}
    updates: dict[HashKind, SectionUpdate] = {}
    dropped = [contents.dropped]
    unwanted = policy.suppressed_in(contents.name)
    met: set[str] = set()
    for kind, section in contents.sections.items():
        found = section.find(unwanted)
        met.update(entry for entry, row in zip(unwanted, found, strict=True) if row != ABSENT)
        _check_named(contents, section, found[found != ABSENT])
        rows, reasons = _left_out(section, policy, found[found != ABSENT])
        counts.update(reasons)
        if rows.size:
            dropped.append(section.take(rows).column("id"))
        index = contents.tables.get(kind)
        if index is None or not rows.size:
            left = section.take(np.delete(np.arange(len(section)), rows)) if rows.size else section
            plain |= {kind: left} if len(left) else {}
            tables |= {kind: index} if index is not None else {}
        elif rows.size < len(section):
            # The stored index finds all rows still, so they stay where they are
            updates[kind] = SectionUpdate.of(section, index).changed(rows, None)
    return replace(
        contents,
        sections=MergedSections(plain, updates) if updates else plain,
        tables=tables,
        updates=updates,
        left_out=dict(counts),
        suppressed=(*contents.suppressed, *sorted(met)),
        dropped=TextColumn.concatenate(dropped),
    )


def _check_named(contents: Contents, section: Section, suppressed: Rows) -> None:
    """Refuse to suppress by ``file:line``, where the next list may have another entry."""
    nameless = suppressed[section.column("id").take(suppressed).lengths() == 0]
    if nameless.size:
        raise HashListError(
            f"{section.entry(int(nameless[0])).id} is suppressed, which has no id and may be"
            " another entry in the next list: give it an id in the list, and suppress that",
            path=contents.name,
        )


def _left_out(section: Section, policy: Policy, suppressed: Rows) -> tuple[Rows, Mapping[str, int]]:
    """The rows that may not match, and how many of them for which reason."""
    mask = np.zeros(len(section), dtype=np.bool_)
    mask[suppressed] = True
    counts = {SUPPRESSED: len(suppressed)} if len(suppressed) else {}
    for reason, (field, applies) in policy.reasons().items():
        hit = ~mask & _where(section, field, applies)
        if hit.any():
            counts[reason] = int(hit.sum())
            mask |= hit
    return np.flatnonzero(mask), counts


def _where(section: Section, field: str, applies: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
    """Which rows something applies to, asked once for each text that occurs."""
    column = section.columns.get(field)
    if column is None:
        return np.full(len(section), applies(""), dtype=np.bool_)
    return column.where(applies)


def _is_over(text: str, now: datetime) -> bool:
    end = end_of_life(text)
    return end is None or end <= now
