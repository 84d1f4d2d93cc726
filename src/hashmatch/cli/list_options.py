"""The options of every command that looks something up in lists, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.files import READS, READS_SIGNATURE, READS_STREAM, WRITES
from hashmatch.errors import SettingsError

if TYPE_CHECKING:
    from hashmatch.hashlist import Policy

Names = list[str] | None


@dataclass(frozen=True, slots=True)
class ListSettings:
    """Which lists to look up in, what they must be, and which of their entries may match.

    Its fields are the options: what a command gets of them is what stands here.

    Raises:
        SettingsError: an option takes other words, or says how another one is meant that is not
            given.
    """

    files: Annotated[
        list[str],
        typer.Option(
            "--list",
            metavar="FILE",
            help="A hash list; - is stdin and fd:3 an open descriptor; may be given several times.",
            show_default=False,
        ),
        READS_STREAM,
        READS_SIGNATURE,
    ]
    list_format: opt.ListFormat = None
    algorithm: Annotated[
        str | None,
        typer.Option(
            metavar="ALGORITHM", help="What lists that name no algorithm hold: phash or dhash."
        ),
    ] = None
    skip_bad_entries: opt.SkipBadEntries = False
    category: Annotated[
        Names,
        typer.Option(
            metavar="A,B",
            help="Only entries of these categories; may be given several times. Entries of category"
            " 0, which can mean not pertinent, match only if it is named here.",
        ),
    ] = None
    exclude_category: Annotated[
        Names,
        typer.Option(
            metavar="A,B", help="No entries of these categories; may be given several times."
        ),
    ] = None
    source: Annotated[
        Names,
        typer.Option(
            metavar="A,B", help="Only entries of these sources; may be given several times."
        ),
    ] = None
    suppress: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Take the entries out that stand in this table: entry, reason, by, date, and list"
            " where only one list is meant.",
        ),
        READS,
    ] = None
    max_list_age: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="How old a list may be, such as 36h, 7d or 2w."),
    ] = None
    stale: Annotated[
        str, typer.Option(metavar="warn|fail", help="What to do about a list that is older.")
    ] = "warn"
    seen_versions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the last version used of each list there, and refuse a lower one.",
        ),
        WRITES,
    ] = None
    allow_rollback: Annotated[
        bool,
        typer.Option("--allow-rollback", help="Use a list of a lower version all the same."),
    ] = False
    require_signature: Annotated[
        Path | None,
        typer.Option(
            metavar="KEY.pub",
            help="Refuse a list that this key has not signed (LIST.sig beside it).",
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
            raise SettingsError("--stale fail needs a --max-list-age that lists may have")
        if self.allow_rollback and self.seen_versions is None:
            raise SettingsError("--allow-rollback needs the --seen-versions that it goes against")

    def record(self) -> dict[str, Any]:
        """Whatever of this decides which entries may match, as the audit trail tells it."""
        return {
            "category": self.category,
            "exclude_category": self.exclude_category,
            "source": self.source,
            "suppress": None if self.suppress is None else str(self.suppress),
        }

    def policy(self, suppressed: frozenset[tuple[str, str | None]] = frozenset()) -> Policy:
        """Which entries may match, as these options say."""
        from hashmatch.hashlist import Policy  # noqa: PLC0415 # it takes NumPy

        return Policy(
            categories=_named(self.category),
            exclude_categories=_named(self.exclude_category) or frozenset(),
            sources=_named(self.source),
            suppressed=suppressed,
        )


NO_LISTS = ListSettings([])


def takes_lists(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of ``ListSettings`` in the place of its parameter ``lists``.

    The command gets their values as that parameter. Where it has a default, no list is needed; an
    option that the command has itself is left to it.
    """
    own = inspect.signature(command, eval_str=True)
    hints = get_type_hints(ListSettings, include_extras=True)
    defaults = {
        field.name: inspect.Parameter.empty if field.default is MISSING else field.default
        for field in fields(ListSettings)
        if field.name not in own.parameters
    }
    if own.parameters["lists"].default is not inspect.Parameter.empty:
        hints["files"] = Annotated[(Names, *hints["files"].__metadata__)]
        defaults["files"] = None
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        parameters += (
            [parameter]
            if name != "lists"
            else [
                parameter.replace(name=option, default=default, annotation=hints[option])
                for option, default in defaults.items()
            ]
        )

    @wraps(command)
    def run(*args: Any, **values: Any) -> int:
        chosen = {name: values.pop(name) for name in defaults}
        chosen["files"] = chosen["files"] or []
        return command(*args, **values, lists=ListSettings(**chosen))

    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined] # as inspect reads it
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _named(texts: Names) -> frozenset[str] | None:
    """The names in an option that may be given several times and may hold several."""
    if texts is None:
        return None
    return frozenset(name.strip() for text in texts for name in text.split(","))
