"""What a scan does with its findings: it records them, and moves matched files to quarantine."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from hashmatch.cli.case_store import CaseStore
from hashmatch.cli.deferred import deferred
from hashmatch.cli.scan import CustodySettings
from hashmatch.cli.streams import say
from hashmatch.errors import QuarantineError, SettingsError
from hashmatch.examine.extras import PILLOW_VERSION
from hashmatch.files import is_object, path_fields
from hashmatch.hashlist import HashList
from hashmatch.model import Verdict
from hashmatch.report import Record, list_record
from hashmatch.scan import FileResult
from hashmatch.sources import OpenStores
from hashmatch.text import printable

if TYPE_CHECKING:
    from hashmatch.cli import quarantine as quarantine_command
    from hashmatch.custody import audit
    from hashmatch.custody import quarantine as holds
else:
    quarantine_command = deferred("hashmatch.cli.quarantine")
    audit, holds = map(deferred, ("hashmatch.custody.audit", "hashmatch.custody.quarantine"))

_WRONG_PLACE = "--quarantine takes a folder for files, and s3://BUCKET/PREFIX/ for objects"

NOT_MOVED = 8
"""What a match that could not be moved adds to the exit code."""


@dataclass(slots=True)
class Custody:
    """Follows a scan and acts on its results. Use ``open_custody``."""

    settings: CustodySettings
    log: audit.AuditLog | None = None
    quarantine: holds.Quarantine | holds.BucketQuarantine | None = None
    stores: OpenStores | None = None
    cases: CaseStore | None = None
    _root: bytes | None = None  # the last one found to be outside the quarantine
    # How many files were ``moved``, ``copied`` (objects that also stay where they are),
    # ``not_moved`` and ``left`` (archives with a matching member, and files in a dry run)
    _moves: Counter[str] = field(default_factory=Counter)
    # The matches of each matching member; empty if a review suppressed all named ones
    _members: list[Sequence[Mapping[str, Any]]] = field(default_factory=list)

    def begin(
        self,
        hash_lists: Sequence[HashList],
        settings: Mapping[str, Any],
        *,
        command: str = "scan",
    ) -> None:
        """Record in the audit trail that a command begins."""
        if self.cases is not None:
            self.cases.begin(hash_lists)
        if self.log is not None:
            self.log.start(
                command=command,
                settings={**settings, **_settings_record(self.settings)},
                lists=[list_record(hash_list) for hash_list in hash_lists],
                versions={"pillow": PILLOW_VERSION},
            )

    def follow(self, result: FileResult, record: Record) -> None:
        """Record one file if it is not clear, and move it if it matched.

        It is recorded in the audit trail and in the case store before it is moved. Afterwards the
        case store learns where it is now. Raises ``SettingsError`` if the quarantine is inside the
        folder that the file was found in.
        """
        self._log_file(record)
        if self.cases is not None:
            self.cases.add(result)
        if self.settings.quarantine is not None:
            self._move_if_matched(result, record, self.settings.quarantine)
        if self.cases is not None and result.archive is None:
            self.cases.end_file(self.settings.quarantine, record.get("quarantine"))

    def _move_if_matched(self, result: FileResult, record: Record, quarantine: str) -> None:
        if result.root is not None and result.root != self._root:
            # The paths in --files-from are not known until the walk reaches them
            _check_apart(quarantine, result.root)
            self._root = result.root
        taken = {Verdict.MATCH}
        if self.settings.quarantine_candidates:
            taken.add(Verdict.CANDIDATE)
        matched = result.outcome.verdict in taken
        if result.archive is not None:
            if matched:
                self._members.append(record["matches"])
            return
        members, self._members = self._members, []
        if matched:
            self._take(result, record, record["matches"])
        elif members and self.settings.quarantine_archives:
            self._take(result, record, list(chain.from_iterable(members)))
        elif members:
            self._moves["left"] += 1
            say(
                f"{printable(result.path)}: a member matches;"
                " --quarantine-archives would move the archive"
            )

    def moved(self) -> Container[bytes]:
        """The real paths that the files in a quarantine came from."""
        if self.quarantine is None:
            return frozenset()
        if isinstance(self.quarantine, holds.BucketQuarantine):
            return holds.HeldObjects(self.quarantine.bucket, self.quarantine.prefix)
        items = self.quarantine.items.values()
        held = (item for item in items if item.state is holds.HoldState.HELD)
        return frozenset(item.path for item in held if item.path is not None)

    def sum_up(self, summary: Record) -> None:
        """Add the moves to a summary and to its exit code."""
        if self.settings.quarantine is not None:
            summary["quarantine"] = dict.fromkeys(("moved", "not_moved", "left"), 0) | self._moves
            if self._moves["not_moved"] and not summary["run"]["interrupted"]:
                summary["exit_code"] |= NOT_MOVED

    def end(self, summary: Record) -> None:
        """Record in the audit trail how a run ended, once its results are written."""
        if self.log is not None:
            names = ("files", "verdicts", "reasons", "suppressed", "quarantine")
            counts = {name: summary[name] for name in names if name in summary}
            head = self.log.finish(exit_code=summary["exit_code"], counts=counts)
            say(f"audit head: {head}")

    def _log_file(self, record: Record) -> None:
        if self.log is None:
            return
        kind = record["verdict"]
        if kind in {Verdict.CLEAR, Verdict.NOT_IMAGE}:
            if not record["suppressed"]:
                return
            kind = "suppressed"
        self.log.add({**record, "type": kind}, sync=kind == Verdict.MATCH)

    def _take(
        self, result: FileResult, record: Record, matches: Sequence[Mapping[str, Any]]
    ) -> None:
        event: Record = {"type": "quarantine", **path_fields(result.path)}
        try:
            event |= self._move(result, matches)
        except QuarantineError as error:
            self._moves["not_moved"] += 1
            say(f"not moved: {error}")
            event |= {"moved": False, "why": error.message}
        if self.quarantine is not None:
            record["quarantine"] = event.get("id")
        if self.log is not None:
            self.log.add(event, sync=True)

    def _move(self, result: FileResult, matches: Sequence[Mapping[str, Any]]) -> Record:
        """Move a file, or say that it would be moved. Returns its fields of the audit event."""
        if result.sha256 is None:
            # Another file may have taken its place unnoticed
            raise QuarantineError("it was not read completely", path=os.fsdecode(result.path))
        if self.quarantine is None:
            self._moves["left"] += 1
            say(f"{printable(result.path)}: would be moved")
            return {"dry_run": True}
        if self.cases is not None:
            self.cases.write_before_move()
        sha256 = result.sha256.hex()
        if isinstance(self.quarantine, holds.BucketQuarantine):
            return self._move_object(self.quarantine, result.path, sha256, matches)
        if is_object(result.path):
            raise QuarantineError(_WRONG_PLACE, path=os.fsdecode(result.path))
        item = self.quarantine.hold(result.path, root=result.root, sha256=sha256, matches=matches)
        self._moves["moved"] += 1
        return {"moved": True, "id": item.id}

    def _move_object(
        self,
        quarantine: holds.BucketQuarantine,
        path: bytes,
        sha256: str,
        matches: Sequence[Mapping[str, Any]],
    ) -> Record:
        if self.stores is None or not is_object(path):
            raise QuarantineError(_WRONG_PLACE, path=os.fsdecode(path))
        try:
            source, key = self.stores.s3(path)
        except SettingsError as error:
            raise QuarantineError(error.message, path=error.path) from error
        held = quarantine.hold(source, key, sha256=sha256, matches=matches)
        self._moves["moved" if held.removed else "copied"] += 1
        return {"moved": held.removed, "copied": True, "id": held.id}


def open_custody(
    settings: CustodySettings,
    paths: Sequence[str],
    stack: ExitStack,
    stores: OpenStores | None = None,
    cases: CaseStore | None = None,
) -> Custody:
    """Open the audit trail and the quarantine, before anything is scanned.

    Raises:
        SettingsError: the quarantine is inside what is scanned, or not for what is scanned.
        InputError: there is no such bucket.
        OutputError: one of them cannot be opened, or is in use.
    """
    custody = Custody(settings, stores=stores, cases=cases)
    if settings.quarantine is not None:
        for path in paths:
            if is_object(settings.quarantine) != is_object(path):
                raise SettingsError(_WRONG_PLACE, path=settings.quarantine)
            _check_apart(settings.quarantine, os.fsencode(path))
    if settings.audit is not None:
        custody.log = stack.enter_context(audit.AuditLog.open(settings.audit))
    if settings.quarantine is not None and not settings.dry_run:
        if stores is not None and is_object(settings.quarantine):
            store, prefix = stores.s3(os.fsencode(settings.quarantine))
            store.check()
            custody.quarantine = holds.BucketQuarantine(
                store, prefix, remove_source=settings.remove_source
            )
        else:
            custody.quarantine = stack.enter_context(holds.Quarantine(settings.quarantine))
            quarantine_command.say_settled(custody.quarantine)
    return custody


def _settings_record(settings: CustodySettings) -> Record:
    return {
        "quarantine": settings.quarantine,
        "remove_source": settings.remove_source,
        "quarantine_archives": settings.quarantine_archives,
        "dry_run": settings.dry_run,
    }


def _check_apart(quarantine: str, root: bytes) -> None:
    inner = os.fsencode(quarantine)
    if is_object(root):
        # A prefix ends anywhere, the name of a bucket only at its slash
        inside = inner.startswith(root if root.count(b"/") > 2 else root + b"/")
    elif is_object(quarantine):
        inside = False
    else:
        inner, above = os.path.realpath(inner), os.path.realpath(root)
        inside = inner == above or inner.startswith(os.path.join(above, b""))  # noqa: PTH118 # bytes
    if inside:
        raise SettingsError(
            "the quarantine is inside what is scanned: choose another place", path=quarantine
        )
