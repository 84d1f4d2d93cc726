"""What a door asks the core about an upload, and what the core says."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from hashmatch.model import Outcome
from hashmatch.report import Record
from hashmatch.service.policy import Action


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks about an upload.

    Attributes:
        door: ``http``, ``clamd``, ...
        request: an id of ours, which logs and the audit trail repeat.
        client: the name of the key or profile, if any.
    """

    door: str
    request: str
    client: str | None = None

    def record(self) -> Record:
        """For the audit trail."""
        return {"door": self.door, "request": self.request, "client": self.client}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the core says of an upload.

    Attributes:
        outcome: what was found.
        action: what the policy recommends.
        case: a random number that says nothing about the match; None for what is harmless.
        held: whether a copy is on disk; None where none is wanted. False is a failure.
    """

    outcome: Outcome
    action: Action
    case: str | None
    held: bool | None = None


def new_case() -> str:
    """A case number: 80 random bits in four groups, such as ``ABCD-EFGH-2345-WXYZ``."""
    text = base64.b32encode(secrets.token_bytes(10)).decode("ascii")
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def new_request() -> str:
    """An id for a request, which logs and the audit trail repeat."""
    return base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower()
