"""The audit trail of a service, which many threads write to and which may fail for a while."""

from __future__ import annotations

import logging
import threading

from hashmatch.custody.audit import AuditLog
from hashmatch.errors import OutputError
from hashmatch.report import Record
from hashmatch.service.log import log_event


class Trail:
    """Records what happens. A match must be answered even if this fails.

    Args:
        audit: the trail; None to record nothing.
    """

    def __init__(self, audit: AuditLog | None) -> None:
        self.failed = False  # the last record could not be written
        self._audit = audit
        self._writing = threading.Lock()

    def chain(self, event: Record) -> None:
        """Record an event, and return only once it is on disk, or raise ``OutputError``."""
        if self._audit is not None:
            with self._writing:
                self._audit.add(event, sync=True)

    def add(self, event: Record, *, sync: bool = False) -> None:
        """Record an event, as ``AuditLog.add`` does; a failure is logged and kept in ``failed``."""
        if self._audit is None:
            return
        try:
            with self._writing:
                self._audit.add(event, sync=sync)
        except OutputError as error:
            self.failed = True
            log_event("audit_failed", level=logging.ERROR, why=str(error))
        else:
            self.failed = False
