"""Why an upload got no verdict."""

from __future__ import annotations

from enum import StrEnum

from hashmatch.errors import HashmatchError


class Why(StrEnum):
    """Why the service gives no verdict. The upload may be anything.

    Attributes:
        QUEUE_FULL: as many uploads as allowed are being received or examined.
        MEMORY_FULL: there is no room for the bytes of another upload.
        LIST_STALE: a list is older than allowed.
        POOL_FAILED: the worker processes died or cannot be started.
        TIMEOUT: the upload did not arrive, or was not examined, in time.
        STOPPING: the service is being stopped.
        INTERNAL: a mistake in hashmatch; the log says where.
        TOO_LARGE: it has more bytes than allowed.
        EMPTY: it has no bytes.
        CUT: it ended before its end.
        NOT_A_FILE: what a client handed over cannot be read, or is not a regular file.
        OUTSIDE_CLAMD_ROOT: a client named a path that is in no ``--clamd-root``.
        MALFORMED: it is a form that could be read in more than one way, or not at all.
        ENCODED: it has an encoding that cannot be undone.
        PARTIAL: it is a part of a file.
        HASHES_MISSING: nothing matched, and the lists have kinds of hashes that were not given.
    """

    QUEUE_FULL = "queue_full"
    MEMORY_FULL = "memory_full"
    LIST_STALE = "list_stale"
    POOL_FAILED = "pool_failed"
    TIMEOUT = "timeout"
    STOPPING = "stopping"
    INTERNAL = "internal"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    CUT = "cut"
    NOT_A_FILE = "not_a_file"
    OUTSIDE_CLAMD_ROOT = "outside_clamd_root"
    MALFORMED = "malformed"
    ENCODED = "encoded"
    PARTIAL = "partial"
    HASHES_MISSING = "hashes_missing"


EXPLANATIONS = {
    Why.QUEUE_FULL: "too many uploads are being examined; try again later",
    Why.MEMORY_FULL: "there is no room for the upload; try again later",
    Why.LIST_STALE: "a hash list is older than allowed",
    Why.POOL_FAILED: "the worker processes died or cannot be started; try again later",
    Why.TIMEOUT: "the upload did not arrive, or was not examined, in time",
    Why.STOPPING: "the service is being stopped",
    Why.INTERNAL: "an internal error; the log of the service says where",
    Why.TOO_LARGE: "the upload has more bytes than allowed",
    Why.EMPTY: "the upload is empty",
    Why.CUT: "the upload ended before its end",
    Why.NOT_A_FILE: "not a regular file that can be read",
    Why.OUTSIDE_CLAMD_ROOT: "the path is in no --clamd-root",
    Why.HASHES_MISSING: "give a hash of each kind that the lists have",
    Why.MALFORMED: "send the file as the raw body, or as the one part of a form",
    Why.ENCODED: "the encoding of the upload cannot be undone",
    Why.PARTIAL: "the upload is only a part of a file",
}


class UnansweredError(HashmatchError):
    """An upload got no verdict.

    Attributes:
        why: the reason.
    """

    def __init__(self, why: Why, explanation: str | None = None) -> None:
        super().__init__(explanation or EXPLANATIONS[why])
        self.why = why
