"""``hashmatch quarantine``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from hashmatch.cli import options as opt
from hashmatch.cli.command import argument, group, option, switch
from hashmatch.cli.files import READS_OBJECTS, WRITES
from hashmatch.cli.streams import say
from hashmatch.custody.audit import AuditLog
from hashmatch.custody.quarantine import (
    HeldFile,
    HeldFileCheck,
    HeldObjects,
    HoldState,
    Quarantine,
    QuarantineCheck,
    Where,
    read_items,
    verify,
)
from hashmatch.errors import QuarantineError, SettingsError
from hashmatch.files import is_object, path_fields
from hashmatch.sources import OpenStores, S3Options
from hashmatch.text import printable

WRONG = 1
INTERRUPTED = 2
NOT_ALL = 70
_WAIT_SECONDS = 5.0
"""A service that holds an upload has the quarantine for a second or two."""

_ELSEWHERE = frozenset({HoldState.NOT_MOVED, HoldState.RESTORED})

app = group("quarantine", "List, check and restore what scan --quarantine and serve --hold keep.")

Place = Annotated[str, argument("DIR", "Quarantine folder, or s3://BUCKET/PREFIX/."), READS_OBJECTS]


@app.command("list")
def list_command(
    quarantine: Place,
    everything: Annotated[
        bool, switch("--all", "Also show items that were restored or never moved.")
    ] = False,
    output_format: Annotated[str, option("table|jsonl", "Output format.", "--format")] = "table",
    profile: opt.Profile = None,
    requester_pays: opt.RequesterPays = False,
) -> int:
    """Show what is in quarantine: id, time, origin and match.

    Exit codes: 0 shown, 66 there is no quarantine.
    """
    with _opened(quarantine, profile, requester_pays=requester_pays) as (_, objects):
        items = read_items(quarantine) if objects is None else objects.items()
    shown = [item for item in items if everything or item.state not in _ELSEWHERE]
    for item in shown:
        sys.stdout.write(_FORMATS[output_format](item) + "\n")
    if not shown:
        say("no items")
    return 0


@app.command("restore")
def restore_command(
    quarantine: Place,
    numbers: Annotated[list[int], argument("ID...", "Number of an item, as shown by list.")],
    to: Annotated[
        Path | None, option("FILE", "Restore a single item to FILE instead of its origin."), WRITES
    ] = None,
    audit: opt.Audit = None,
    profile: opt.Profile = None,
    requester_pays: opt.RequesterPays = False,
) -> int:
    """Restore files to where they came from, with their modes and times.

    An upload came from no path, so give --to; if it is encrypted, decrypt it with age. An object is
    copied back, and its copy stays in quarantine. Nothing is ever overwritten. Exit codes: 0 all
    were restored, 64 wrong usage, 70 some were not restored.
    """
    if to is not None and len(numbers) != 1:
        raise SettingsError("--to takes exactly one item")
    failed = 0
    with ExitStack() as stack:
        stores, objects = stack.enter_context(
            _opened(quarantine, profile, requester_pays=requester_pays)
        )
        if objects is None:
            read_items(quarantine)  # fails if there is no quarantine; opening it would create one
        elif to is not None:
            raise SettingsError("--to is for a quarantine folder: objects go back to their bucket")
        log = None if audit is None else stack.enter_context(AuditLog.open(audit))
        if objects is None:
            held = stack.enter_context(Quarantine(quarantine, wait=_WAIT_SECONDS))
            say_settled(held)
            restore = partial(held.restore, to=to)
        else:
            restore = partial(objects.restore, bucket_of=stores.s3)
        if log is not None:
            log.start(command="quarantine restore", settings={"quarantine": quarantine})
        for number in dict.fromkeys(numbers):
            failed += not _restore(restore, number, log)
        code = NOT_ALL if failed else 0
        if log is not None:
            counts = {"restored": len(set(numbers)) - failed, "failed": failed}
            say(f"audit head: {log.finish(exit_code=code, counts=counts)}")
    return code


@app.command("verify")
def verify_command(
    quarantine: Place,
    profile: opt.Profile = None,
    requester_pays: opt.RequesterPays = False,
) -> int:
    """Check that every file in quarantine is intact, and say where each file is.

    Exit codes add up: 0 all is well, 1 a file is missing or changed, or the manifest or the
    permissions are wrong, 2 a move was interrupted (the next scan or restore finishes it). 66 there
    is no quarantine.
    """
    with _opened(quarantine, profile, requester_pays=requester_pays) as (_, objects):
        if objects is None:
            found = verify(quarantine)
        else:
            found = QuarantineCheck(tuple(objects.verify()), (), ())
    for check in found.items:
        if check.problem is not None or check.interrupted:
            sys.stdout.write(_place(check) + "\n")
    for line in (*found.problems, *found.gaps):
        sys.stdout.write(f"{printable(line)}\n")
    whole = sum(check.problem is None and not check.interrupted for check in found.items)
    sys.stdout.write(f"whole in quarantine: {whole}\n")
    wrong = bool(found.problems) or any(check.problem is not None for check in found.items)
    gaps = bool(found.gaps) or any(check.interrupted for check in found.items)
    return (WRONG if wrong else 0) | (INTERRUPTED if gaps else 0)


@contextmanager
def _opened(
    place: str, profile: str | None, *, requester_pays: bool
) -> Iterator[tuple[OpenStores, HeldObjects | None]]:
    """What reaches object storage, and what a quarantine there holds; None for one in a folder."""
    with OpenStores(S3Options(profile, requester_pays)) as stores:
        if not is_object(place):
            yield stores, None
            return
        store, prefix = stores.s3(os.fsencode(place))
        store.check()
        yield stores, HeldObjects(store, prefix)


def say_settled(quarantine: Quarantine) -> None:
    """Report the moves that were finished when the quarantine was opened."""
    for item in quarantine.settled:
        say(f"item {item.id}, interrupted earlier, is {item.state}: {_name(item)}")


def _restore(restore: Callable[[int], bytes], number: int, log: AuditLog | None) -> bool:
    event: dict[str, Any] = {"type": "restore", "id": number}
    try:
        path = restore(number)
    except QuarantineError as error:
        say(f"item {number} was not restored: {error}")
        event |= {"restored": False, "why": error.message}
    else:
        sys.stdout.write(f"{number}  {printable(path)}\n")
        event |= {"restored": True, **path_fields(path)}
    if log is not None:
        log.add(event, sync=True)
    return bool(event["restored"])


def _place(check: HeldFileCheck) -> str:
    place = {
        Where.ORIGINAL: "whole in its original place",
        Where.QUARANTINE: "whole in quarantine",
        Where.NOWHERE: "not whole anywhere",
    }[check.where]
    what = f"{check.problem}; " if check.problem is not None else ""
    what += "its move was interrupted; " if check.interrupted else ""
    return f"item {check.item.id}: {what}{place}: {_name(check.item)}"


def _name(item: HeldFile) -> str:
    return printable(item.name)


def _table_line(item: HeldFile) -> str:
    near = "; ".join(map(_match, item.matches[:1]))
    more = f" and {len(item.matches) - 1} more" if len(item.matches) > 1 else ""
    when = datetime.fromisoformat(item.time).strftime("%Y-%m-%d %H:%M:%S")
    return f"{item.id:>6}  {when}  {item.state:<9}  {_origin(item)}  {near}{more}".rstrip()


def _origin(item: HeldFile) -> str:
    kind = " (encrypted)" if item.encrypted else ""
    return f"{printable(item.path or item.name)}{kind}"


def _match(match: Mapping[str, Any]) -> str:
    entry = f"{match.get('list')}/{match.get('entry')}"
    return printable(f"{entry} {match.get('algorithm')} {match.get('distance')}")


def _json_line(item: HeldFile) -> str:
    record = {
        "type": "item",
        "id": item.id,
        "time": item.time,
        "state": item.state,
        **({"case": item.case} if item.path is None else path_fields(item.path)),
        "encrypted": item.encrypted,
        "size": item.size,
        "matches": item.matches,
        "why": item.why,
    }
    return json.dumps(record)


_FORMATS: dict[str, Callable[[HeldFile], str]] = {"table": _table_line, "jsonl": _json_line}
