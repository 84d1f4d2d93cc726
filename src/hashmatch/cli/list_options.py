"""The options about lists, of every command that looks something up in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.files import READS, READS_SIGNATURE, READS_STREAM, WRITES
from hashmatch.errors import SettingsError

if TYPE_CHECKING:
    from hashmatch.hashlist import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings:
    """Which lists to look up in, what is demanded of them, and which of their entries may match.

    Raises:
        SettingsError: an option has an unknown value, or needs another option that is missing.
    """

    PANEL: ClassVar[str] = "Lists"

    files: Annotated[
        list[str],
        typer.Option(
            "--list",
            metavar="FILE",
            help="Hash list; - is stdin, fd:3 an open descriptor. Repeatable.",
            show_default=False,
        ),
        READS_STREAM,
        READS_SIGNATURE,
    ]
    list_format: opt.ListFormat = None
    algorithm: opt.ListAlgorithm = None
    skip_bad_entries: opt.SkipBadEntries = False
    category: Annotated[
        opt.Names,
        typer.Option(
            metavar="A,B",
            help="Only entries of these categories. Repeatable. Entries of category 0, often 'not"
            " pertinent', match only if named here.",
        ),
    ] = None
    exclude_category: Annotated[
        opt.Names,
        typer.Option(metavar="A,B", help="No entries of these categories. Repeatable."),
    ] = None
    source: Annotated[
        opt.Names, typer.Option(metavar="A,B", help="Only entries of these sources. Repeatable.")
    ] = None
    suppress: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Suppress the entries in this table: entry, reason, by, date and, if only one list"
            " is meant, list.",
        ),
        READS,
    ] = None
    max_list_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Oldest a list may be, such as 36h, 7d or 2w.")
    ] = None
    stale: Annotated[
        str, typer.Option(metavar="warn|fail", help="What to do about an older list.")
    ] = "warn"
    seen_versions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Record each list's version in FILE; refuse older versions."
        ),
        WRITES,
    ] = None
    allow_rollback: Annotated[
        bool, typer.Option("--allow-rollback", help="Accept an older version all the same.")
    ] = False
    require_signature: Annotated[
        Path | None,
        typer.Option(
            metavar="KEY.pub", help="Refuse lists that this key has not signed (LIST.sig)."
        ),
        READS,
    ] = None
    permissions: Annotated[
        str,
        typer.Option(metavar="warn|fail", help="What to do about a list that others can read."),
    ] = "warn"

    def __post_init__(self) -> None:
        for name, value in (("--stale", self.stale), ("--permissions", self.permissions)):
            if value not in ("warn", "fail"):
                raise SettingsError(f"{name} takes warn or fail")
        if self.stale == "fail" and self.max_list_age is None:
            raise SettingsError("--stale fail needs --max-list-age")
        if self.allow_rollback and self.seen_versions is None:
            raise SettingsError("--allow-rollback needs --seen-versions")

    def record(self) -> dict[str, Any]:
        """What decides which entries may match, for the audit trail."""
        return {
            "category": self.category,
            "exclude_category": self.exclude_category,
            "source": self.source,
            "suppress": None if self.suppress is None else str(self.suppress),
        }

    def policy(self, suppressed: frozenset[tuple[str, str | None]] = frozenset()) -> Policy:
        """Which entries may match."""
        from hashmatch.hashlist import Policy  # noqa: PLC0415 # it takes NumPy

        return Policy(
            categories=_named(self.category),
            exclude_categories=_named(self.exclude_category) or frozenset(),
            sources=_named(self.source),
            suppressed=suppressed,
        )


NO_LISTS = ListSettings(files=[])


def _named(texts: opt.Names) -> frozenset[str] | None:
    """The names in an option that can be repeated and can hold several, separated by commas."""
    if texts is None:
        return None
    return frozenset(name.strip() for text in texts for name in text.split(","))
