"""The list options of every command that matches against lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from hashmatch.cli import options as opt
from hashmatch.cli.command import option, switch
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, READS_SIGNATURE, READS_STREAM, WRITES
from hashmatch.errors import SettingsError

if TYPE_CHECKING:
    from hashmatch import hashlist
else:
    hashlist = deferred("hashmatch.hashlist")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings:
    """Which lists to use, what to demand of them, and which of their entries may match."""

    PANEL: ClassVar[str] = "Lists"

    files: Annotated[
        list[str],
        option(
            "FILE",
            "Hash list; - reads stdin, fd:3 an open descriptor. Repeatable.",
            "--list",
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
        option(
            "A,B",
            "Match only entries of these categories. Repeatable. Entries of category 0, often"
            " 'not pertinent', match only if named here.",
        ),
    ] = None
    exclude_category: Annotated[
        opt.Names, option("A,B", "Skip entries of these categories. Repeatable.")
    ] = None
    source: Annotated[
        opt.Names, option("A,B", "Match only entries of these sources. Repeatable.")
    ] = None
    suppress: Annotated[
        Path | None,
        option(
            "FILE.csv",
            "Suppress the entries in this table. Its columns are entry, reason, by, date and, for"
            " one list only, list.",
        ),
        READS,
    ] = None
    max_list_age: Annotated[
        str | None, option("AGE", "Maximum age of a list, such as 36h, 7d or 2w.")
    ] = None
    stale: Annotated[str, option("warn|fail", "Warn about an older list, or fail.")] = "warn"
    seen_versions: Annotated[
        Path | None,
        option("FILE", "Record each list's version in FILE; refuse older versions."),
        WRITES,
    ] = None
    allow_rollback: Annotated[
        bool, switch("--allow-rollback", "Accept an older version anyway.")
    ] = False
    require_signature: Annotated[
        Path | None,
        option("KEY.pub", "Refuse lists that this key has not signed (LIST.sig)."),
        READS,
    ] = None
    permissions: Annotated[
        str, option("warn|fail", "Warn about a list that others can read, or fail.")
    ] = "warn"

    def __post_init__(self) -> None:
        if self.stale == "fail" and self.max_list_age is None:
            raise SettingsError("--stale fail needs --max-list-age")
        if self.allow_rollback and self.seen_versions is None:
            raise SettingsError("--allow-rollback needs --seen-versions")

    def sources_of_entries(self) -> list[str]:
        """Every file that decides which entries may match: lists, signatures, suppressions."""
        signed = self.files if self.require_signature is not None else ()
        tables = () if self.suppress is None else (str(self.suppress),)
        return [*self.files, *(path + READS_SIGNATURE.suffix for path in signed), *tables]

    def record(self) -> dict[str, Any]:
        """What decides which entries may match, for the audit trail."""
        return {
            "category": self.category,
            "exclude_category": self.exclude_category,
            "source": self.source,
            "suppress": None if self.suppress is None else str(self.suppress),
        }

    def policy(
        self, suppressed: frozenset[tuple[str, str | None]] = frozenset()
    ) -> hashlist.Policy:
        """Which entries may match."""
        return hashlist.Policy(
            categories=_named(self.category),
            exclude_categories=_named(self.exclude_category) or frozenset(),
            sources=_named(self.source),
            suppressed=suppressed,
        )


NO_LISTS = ListSettings(files=[])


def _named(texts: opt.Names) -> frozenset[str] | None:
    """The names in a repeatable option, each of which may hold several, separated by commas."""
    if texts is None:
        return None
    return frozenset(name.strip() for text in texts for name in text.split(","))
