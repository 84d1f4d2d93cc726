"""What bounds the core, what a door asks it about an upload, and what it says."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address

from hashmatch.model import Outcome
from hashmatch.report import Record
from hashmatch.service.policy import Action, ActionPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSettings:
    """How much the core accepts, and how it rules."""

    policy: ActionPolicy  # what to recommend for each verdict
    workers: int  # worker processes of the matcher
    max_bytes: int  # of one upload
    max_held: int  # bytes of all uploads held at a time
    max_waiting: int  # uploads that are examined or wait for it at a time
    deadline: float  # seconds from the start of an upload to its answer
    # rule on nothing while a list is older; None for lists of any age
    max_list_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks about an upload."""

    door: str  # ``http``, ``clamd`` or ``icap``
    request: str  # an id of ours, which logs and the audit trail repeat
    client: str | None = None  # the name of the key or profile, if any
    address: str | None = None  # the uploader's IP address, where the client tells it

    def record(self) -> Record:
        """For the audit trail."""
        return {"door": self.door, "request": self.request, "client": self.client}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the core says about an upload."""

    outcome: Outcome  # what was found
    action: Action  # what the policy recommends
    case: str | None  # a random number that says nothing about the match; None for what is harmless
    # whether a copy is on disk; None where none is wanted. False is a failure
    held: bool | None = None
    item: int | None = None  # the number of that copy


def address_of(text: str | None) -> str | None:
    """An uploader's IP address as a client tells it; None unless it is one."""
    try:
        # Without a scope, which may be any text
        return None if text is None else str(ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return None


def new_case() -> str:
    """A case number: 80 random bits in four groups, such as ``ABCD-EFGH-2345-WXYZ``."""
    text = base64.b32encode(secrets.token_bytes(10)).decode("ascii")
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def new_request() -> str:
    """An id for a request, which logs and the audit trail repeat."""
    return base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower()
