"""Events of clamd's protocol and of ICAP."""

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
class DescriptorSent:
    """The byte that carries the descriptor of clamd's ``FILDES`` has arrived."""


@dataclass(frozen=True, slots=True)
class PreviewEnd:
    """ICAP's preview is over, and there is more of the body."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """What arrives is not the protocol. Nothing that follows can be understood."""
