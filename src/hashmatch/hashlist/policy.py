"""Selects the entries that may match: by category, source and expiry, and by suppressions."""

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
from hashmatch.hashlist.entry_ids import ABSENT
from hashmatch.hashlist.section import ListSection
from hashmatch.hashlist.updates import MergedSections, SectionUpdate
from hashmatch.model import HashKind

NOT_PERTINENT = frozenset({"0", "NEGATIVE_CLASS", "FALSE_POSITIVE"})
"""Categories of entries that are not pertinent.

VICS uses 0, and ThreatExchange the others for signals that turned out to be wrong.
"""

SUPPRESSED = "suppressed"

REASONS = {
    "withdrawn": "withdrawn {}",
    "expired": "expired {}",
    "not pertinent": "{} of a category that can mean not pertinent; --category includes it",
    "category": "{} of other categories",
    "source": "{} of other sources",
    SUPPRESSED: "suppressed {}",
}
"""Why entries are left out, in words, with a place for the noun."""

DATE_CHARACTERS = len("2026-01-02")

NO_DATE = "expires is not a date"


def refuse_text(name: str, value: object) -> None:
    """Refuse a string in place of a set of strings: Python would iterate over its characters.

    Raises:
        SettingsError: it is a string.
    """
    if isinstance(value, str):
        raise SettingsError(f"{name} must be a set of strings, not one string")


@dataclass(frozen=True, slots=True)
class Policy:
    """Which entries may match.

    Expired entries never do. Nor do entries in a category that means not pertinent, unless you name
    that category.

    Attributes:
        categories: only entries in these; None for all, with or without a category.
        exclude_categories: no entries in these.
        sources: only entries from these; None for all, with or without a source.
        suppressed: no entries with these ids, each paired with the name of its list, or None for
            all lists. An id must be the entry's own, not ``file:line``.
        now: the time, with its zone, at which to judge expiry; None for the time of loading.

    Raises:
        SettingsError: a string is given instead of a set, or ``now`` has no time zone.
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
            raise SettingsError("now needs a time zone, as in datetime.now(UTC)")

    def suppressed_in(self, name: str) -> list[str]:
        """The ids suppressed in a list of this name, sorted."""
        return sorted({entry for entry, meant in self.suppressed if meant in (None, name)})

    def unknown(self, contents: Contents) -> dict[str, frozenset[str]]:
        """The names in each setting that no entry of a list has, before the policy is applied."""
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
        """Each reason to leave an entry out, with the field to test and the test."""
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
    """When an entry with this expiry stops matching; None if it is neither a date nor a time.

    A date includes the whole day. Without a time zone, UTC is assumed.
    """
    try:
        if len(text) <= DATE_CHARACTERS:
            # The last moment, not the next day: some lists write 9999-12-31 for never
            moment = datetime.combine(date.fromisoformat(text), time.max)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def select(contents: Contents, policy: Policy) -> Contents:
    """Return the list without the entries that must not match.

    Raises:
        HashListError: the policy suppresses an entry by its line.
    """
    counts = Counter(contents.left_out)
    plain: dict[HashKind, ListSection] = {}
    index_tables: dict[HashKind, IndexTables] = {}
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
        index = contents.index_tables.get(kind)
        if index is None or not rows.size:
            left = section.take(np.delete(np.arange(len(section)), rows)) if rows.size else section
            plain |= {kind: left} if len(left) else {}
            index_tables |= {kind: index} if index is not None else {}
        elif rows.size < len(section):
            # The stored index refers to rows by number, so they stay where they are
            updates[kind] = SectionUpdate.of(section, index).changed(rows, None)
    return replace(
        contents,
        sections=MergedSections(plain, updates) if updates else plain,
        index_tables=index_tables,
        updates=updates,
        left_out=dict(counts),
        suppressed=(*contents.suppressed, *sorted(met)),
        dropped=TextColumn.concatenate(dropped),
    )


def _check_named(contents: Contents, section: ListSection, suppressed: Rows) -> None:
    """Refuse to suppress ``file:line``, which may be a different entry in the next list."""
    nameless = suppressed[section.column("id").take(suppressed).lengths() == 0]
    if nameless.size:
        raise HashListError(
            f"cannot suppress {section.entry(int(nameless[0])).id}: the list gives it no id, and in"
            " the next list that line may be another entry. Give it an id and suppress that",
            path=contents.name,
        )


def _left_out(
    section: ListSection, policy: Policy, suppressed: Rows
) -> tuple[Rows, Mapping[str, int]]:
    """The rows that must not match, and how many there are for each reason."""
    mask = np.zeros(len(section), dtype=np.bool_)
    mask[suppressed] = True
    counts = {SUPPRESSED: len(suppressed)} if len(suppressed) else {}
    for reason, (field, applies) in policy.reasons().items():
        hit = ~mask & _where(section, field, applies)
        if hit.any():
            counts[reason] = int(hit.sum())
            mask |= hit
    return np.flatnonzero(mask), counts


def _where(
    section: ListSection, field: str, applies: Callable[[str], bool]
) -> npt.NDArray[np.bool_]:
    """The rows whose text passes a test. The test runs once for each distinct text."""
    column = section.columns.get(field)
    if column is None:
        return np.full(len(section), applies(""), dtype=np.bool_)
    return column.where(applies)


def _is_over(text: str, now: datetime) -> bool:
    end = end_of_life(text)
    return end is None or end <= now
