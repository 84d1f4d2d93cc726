"""What the errors of S3 mean: whether to try again, and why an object cannot be had."""

from __future__ import annotations

import re

from hashmatch.errors import DecodeError
from hashmatch.model import Reason
from hashmatch.sources.objects.store import TransientError

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_GONE = frozenset(
    {"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NotFound", "404", "MethodNotAllowed"}
)
_CHANGED = frozenset({"PreconditionFailed", "412", "304"})
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_BUSY = frozenset({"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "429"})
_ARCHIVED = "InvalidObjectState"

WORDS = {
    Reason.VANISHED: "the object is gone",
    Reason.CHANGED: "the object changed since it was listed",
    Reason.PERMISSION: "not permitted to read it",
}
"""What to say for a reason."""


def failure(status: int, code: str, message: str) -> DecodeError:
    """What an error of S3 means for whoever asked, by its status, code and message.

    The message is only compared, since it may say anything.
    """
    code = code if _CODE.fullmatch(code) else "error"
    what = f"the storage says {code} ({status})"
    if code in _EXPIRED:
        return TransientError(Reason.PERMISSION, f"the credentials have expired: {what}")
    if "Server Side Encryption" in message or "SSECustomer" in code:
        return DecodeError(
            Reason.PERMISSION, "it is encrypted with a key of its owner (SSE-C), not with S3's"
        )
    if status > 501 or status == 500 or code in _BUSY or status == 429:
        return TransientError(Reason.UNAVAILABLE, what)
    if code == _ARCHIVED:
        return DecodeError(
            Reason.UNAVAILABLE, f"it is archived, and must be restored first: {what}"
        )
    if code in _GONE or status == 404:
        return DecodeError(Reason.VANISHED, WORDS[Reason.VANISHED])
    if code in _CHANGED or status == 412:
        return DecodeError(Reason.CHANGED, WORDS[Reason.CHANGED])
    if status in {401, 403}:
        return DecodeError(Reason.PERMISSION, f"{WORDS[Reason.PERMISSION]}: {what}")
    return DecodeError(Reason.UNAVAILABLE, what)


def code_in(body: bytes) -> str:
    """The code in the body of an answer; empty if it has none."""
    return _text_of(rb"<Code>([A-Za-z0-9.]{1,64})</Code>", body)


def region_in(header: str, body: bytes) -> str:
    """The region that an answer's header or body names; empty if neither does."""
    if _REGION.fullmatch(header):
        return header
    return _text_of(rb"<Region>([a-z0-9-]{1,64})</Region>", body)


def _text_of(pattern: bytes, body: bytes) -> str:
    found = re.search(pattern, body[:65536])
    return "" if found is None else found[1].decode("ascii")
