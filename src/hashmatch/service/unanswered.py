"""Why an upload got no verdict."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from hashmatch.errors import HashmatchError


class Why(StrEnum):
    """Why the service gives no verdict. The upload may be anything."""

    _value_: str
    explanation: str  # the same as a sentence, for the client

    def __new__(cls, word: str, explanation: str) -> Self:
        """Make a member."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.explanation = explanation
        return made

    QUEUE_FULL = "queue_full", "too many uploads are being examined; try again later"
    MEMORY_FULL = "memory_full", "there is no room for the upload; try again later"
    LIST_STALE = "list_stale", "a hash list is older than allowed"
    POOL_FAILED = (
        "pool_failed",
        "the worker processes died or cannot be started; try again later",
    )
    TIMEOUT = "timeout", "the upload did not arrive, or was not examined, in time"
    STOPPING = "stopping", "the service is being stopped"
    INTERNAL = "internal", "an internal error; the log of the service says where"
    TOO_LARGE = "too_large", "the upload has more bytes than allowed"
    EMPTY = "empty", "the upload is empty"
    CUT = "cut", "the upload ended before its end"
    NOT_A_FILE = "not_a_file", "not a regular file that can be read"
    OUTSIDE_CLAMD_ROOT = "outside_clamd_root", "the path is in no --clamd-root"
    HASHES_MISSING = "hashes_missing", "give a hash of each kind that the lists have"
    MALFORMED = "malformed", "send the file as the raw body, or as the one part of a form"
    ENCODED = "encoded", "the encoding of the upload cannot be undone"
    PARTIAL = "partial", "the upload is only a part of a file"


class UnansweredError(HashmatchError):
    """An upload got no verdict."""

    def __init__(self, why: Why, explanation: str | None = None) -> None:
        super().__init__(explanation or why.explanation)
        self.why = why
