"""Events that clamd's protocol and ICAP have in common."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BodyData:
    """Bytes of an upload as they arrive, without the lengths between them."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnd:
    """The upload is complete."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """What arrives is not the protocol. Nothing that follows can be understood."""
