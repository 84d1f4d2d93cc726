"""Keeps matched uploads as evidence, since many clients delete what they refuse."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from hashmatch.custody.quarantine import Quarantine
from hashmatch.custody.quarantine.sealing import Seal
from hashmatch.errors import HashmatchError, OutputError, SettingsError
from hashmatch.files import Closing
from hashmatch.model import Verdict
from hashmatch.report import Record
from hashmatch.service.log import log_event
from hashmatch.service.policy import Action
from hashmatch.service.ruling import Asked, Ruling, new_case
from hashmatch.service.upload import memory_file

_IDLE_SECONDS = 1.0


class HoldFolder(Closing):
    """A quarantine that uploads are written into, by one thread at a time.

    It is open only while uploads are being held, so that ``hashmatch quarantine restore`` can open
    it at other times.

    Args:
        folder: the quarantine, created if need be.
        seal: encrypts what is held; None to hold it as it is.
        candidates: also hold candidates.
        wait: seconds to wait for another process that has the quarantine open.

    Raises:
        OutputError: the folder cannot be used.
        SettingsError: this system has no files in memory, or cannot keep files safely.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        seal: Seal | None = None,
        candidates: bool = False,
        wait: float = 5.0,
    ) -> None:
        if not hasattr(os, "memfd_create"):
            raise SettingsError("--hold needs files in memory, which this system does not have")
        self._folder = folder
        self.folder = str(Path(folder).resolve())  # the absolute path of the quarantine
        self.failed = False  # the last upload could not be held
        self._seal = seal
        self._verdicts = {Verdict.MATCH} | ({Verdict.CANDIDATE} if candidates else set())
        self._wait = wait
        self._using = threading.Lock()
        self._quarantine: Quarantine | None = None
        self._used = 0.0
        self._open()

    def wants(self, verdict: Verdict, action: Action) -> bool:
        """Whether to hold an upload with this verdict: not one that the policy allows."""
        return verdict in self._verdicts and action is not Action.ALLOW

    def hold(self, upload: BinaryIO, case: str, matches: Sequence[Mapping[str, Any]]) -> int:
        """Write an upload into the quarantine, and return the id of the item once it is on disk.

        Raises:
            QuarantineError: it was not written.
            OutputError: it was not written, and others will not be either: the disk may be full.
        """
        with self._using:
            self.failed = True
            quarantine = self._open()
            if self._seal is None:
                item = quarantine.hold_upload(upload.fileno(), case=case, matches=matches)
            else:
                # One at a time, so that this takes no more memory than one upload may have
                with _sealed_file() as sealed:
                    self._seal.encrypt(upload, sealed)
                    item = quarantine.hold_upload(
                        sealed.fileno(), case=case, encrypted=True, matches=matches
                    )
            self.failed = False
        return item.id

    def keep(self, upload: BinaryIO, ruling: Ruling, asked: Asked) -> Record:
        """Hold an upload, or log why not: it is refused all the same.

        Return the event for the audit trail, with whether it is ``held``, and its ``id`` if so.
        """
        case = ruling.case or new_case()
        event: Record = {"type": "hold", **asked.record(), "case": case}
        matches = [match.record() for match in ruling.outcome.matches]
        try:
            return event | {"held": True, "id": self.hold(upload, case, matches)}
        except HashmatchError as error:
            log_event("hold_failed", level=logging.ERROR, request=asked.request, why=str(error))
            return event | {"held": False, "why": str(error)}

    def heal(self, size: int) -> None:
        """See whether a file of this many bytes could be held now, if the last one was not."""
        if self.failed and self._has_room(size):
            self.failed = False
            log_event("hold_resumed")
        self.rest()

    def _has_room(self, size: int) -> bool:
        with self._using:
            try:
                self._open()
                found = os.statvfs(self._folder)
            except (HashmatchError, OSError):
                return False
        return found.f_bavail * found.f_frsize >= size

    def rest(self) -> None:
        """Let other processes open the quarantine, unless uploads are being held."""
        if time.monotonic() - self._used > _IDLE_SECONDS and self._using.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._using.release()

    def close(self) -> None:
        """Close the quarantine."""
        with self._using:
            self._close()

    def _open(self) -> Quarantine:
        if self._quarantine is None:
            self._quarantine = Quarantine(self._folder, wait=self._wait)
        self._used = time.monotonic()
        return self._quarantine

    def _close(self) -> None:
        if self._quarantine is not None:
            self._quarantine.close()
            self._quarantine = None


def _sealed_file() -> BinaryIO:
    try:
        return memory_file()
    except OSError as error:
        raise OutputError("there is no descriptor left to encrypt an upload") from error
