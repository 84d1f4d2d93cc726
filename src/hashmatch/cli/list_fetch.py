"""``hashmatch list fetch`` and ``hashmatch list status``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import argument, option, switch, takes_settings
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.progress import is_watched
from hashmatch.cli.streams import say, status
from hashmatch.errors import HashmatchError, SettingsError
from hashmatch.text import count, printable, span

if TYPE_CHECKING:
    from hashmatch import fetch
    from hashmatch.custody import audit
else:
    fetch, audit = deferred("hashmatch.fetch"), deferred("hashmatch.custody.audit")

OVER_AGE = 1

_COLUMNS = ("source", "entries", "withdrawn", "age", "last success", "next fetch")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesSettings:
    """Which sources, and where their lists are."""

    lists: Annotated[Path, option("DIR", "Folder of the lists.", "--output", "-o"), WRITES]
    file: Annotated[Path, option("FILE.toml", "File of sources.", "--sources"), READS] = Path(
        "sources.toml"
    )
    names: Annotated[list[str] | None, argument("SOURCE", "Sources. Default: all.")] = None

    def chosen(self) -> list[fetch.FetchSource]:
        """Return the named sources, or all; raise ``SettingsError`` for an unknown name."""
        found: Mapping[str, fetch.FetchSource] = fetch.read_sources(self.file)
        for name in self.names or ():
            if name not in found:
                raise SettingsError(f"no source has the name {name!r}", path=str(self.file))
        return [each for name, each in found.items() if not self.names or name in self.names]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """The options of a fetch."""

    sources: SourcesSettings
    full: Annotated[bool, switch("--full", "Fetch everything, not only what has changed.")] = False
    allow_shrink: Annotated[
        bool, switch("--allow-shrink", "Allow a list to lose more than 10% of its entries.")
    ] = False
    audit: opt.Audit = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSettings:
    """The options of a status."""

    sources: SourcesSettings
    as_json: opt.AsJson = False


@takes_settings
def fetch_command(asked: FetchSettings) -> int:
    """Bring lists up to date from the bodies that publish them.

    Writes DIR/SOURCE.hml, a compiled list. A fetch that was stopped resumes where it was. If one
    fails, its old list stays, the message names the page, and the other sources are still fetched.
    Exit codes: 0 all are up to date; otherwise that of the first failure: 64 a wrong setting, 65
    the pages do not make a list, 66 a page could not be fetched, 70 a file could not be written.
    """
    from hashmatch.cli.main import exit_code_of, lines_of  # noqa: PLC0415 # it imports this module

    code, fetched = 0, 0
    sources = asked.sources.chosen()
    with ExitStack() as stack:
        log = None
        if asked.audit is not None:
            log = stack.enter_context(audit.AuditLog.open(asked.audit))
            log.start(command="list fetch", settings=_settings_record(asked, sources))
        for source in sources:
            try:
                found = _fetch(source, asked)
            except HashmatchError as error:
                say(*lines_of(error))
                code = code or exit_code_of(error)
                event: dict[str, object]
                event = {"type": "fetch", "source": source.name, "failed": str(error)}
            else:
                fetched += 1
                event = {"type": "fetch", "source": source.name} | _event(found)
            if log is not None:
                log.add(event, sync=True)
        if log is not None:
            log.finish(exit_code=code, counts={"fetched": fetched, "sources": len(sources)})
    return code


@takes_settings
def status_command(asked: StatusSettings) -> int:
    """Show how old each source's list is, and when it is fetched next.

    The age is counted from the beginning of the last fetch that succeeded. "withdrawn" counts the
    entries withdrawn since the last full fetch. Exit codes: 0, 1 a list is over its max_age.
    """
    now = datetime.now(UTC)
    found = [fetch.status_of(source, asked.sources.lists, now) for source in asked.sources.chosen()]
    if asked.as_json:
        typer.echo(json.dumps({"sources": [each.record() for each in found]}))
    else:
        _show(found, now)
    return OVER_AGE if any(each.over_age for each in found) else 0


def add_commands(app: typer.Typer) -> None:
    """Add both commands to a group."""
    app.command("fetch")(fetch_command)
    app.command("status")(status_command)


def _fetch(source: fetch.FetchSource, asked: FetchSettings) -> fetch.Fetched:
    def watch(page: int) -> None:
        if is_watched():
            status.show(f"fetching {source.name}: page {page:,}")

    found = fetch.fetch(
        source,
        asked.sources.lists,
        full=asked.full,
        allow_shrink=asked.allow_shrink,
        tools=fetch.Tools(watch=watch),
    )
    if found.why_full and found.records:
        say(f"{source.name}: fetched everything: {found.why_full}")
    say(*(f"{source.name}: {notice}" for notice in found.notices))
    pages = count(found.pages, "page")
    if found.records:
        pages += f" with {count(found.records, 'record')}"
    entries = count(found.before, "entry", "entries")
    typer.echo(f"{source.name}: {pages}; {entries} before, {found.kept.entries:,} now")
    return found


def _event(found: fetch.Fetched) -> dict[str, object]:
    return {
        "pages": found.pages,
        "records": found.records,
        "full": bool(found.why_full),
        "before": found.before,
        "entries": found.kept.entries,
        "list": found.kept.digest,
    }


def _settings_record(
    asked: FetchSettings, sources: Sequence[fetch.FetchSource]
) -> dict[str, object]:
    return {
        "sources": {source.name: f"{source.kind} {source.url}".strip() for source in sources},
        "lists": str(asked.sources.lists),
        "full": asked.full,
        "allow_shrink": asked.allow_shrink,
    }


def _show(found: Sequence[fetch.SourceStatus], now: datetime) -> None:
    rows = [_COLUMNS, *(_row(each, now) for each in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(printable("  ".join(cells).rstrip()) + "\n")


def _row(each: fetch.SourceStatus, now: datetime) -> tuple[str, ...]:
    if each.age is None or each.last_success is None or each.next_fetch is None:
        last, following, age = "never", "now", "no list"
    else:
        last = f"{each.last_success:%Y-%m-%d %H:%M}Z"
        following = "now" if each.next_fetch <= now else f"in {span(each.next_fetch - now)}"
        age = span(each.age) + (" (over its max_age)" if each.over_age else "")
        if each.age < timedelta():
            age = f"made {span(-each.age)} from now"
    return (each.name, f"{each.entries:,}", f"{each.withdrawn:,}", age, last, following)
