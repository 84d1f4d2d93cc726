"""What supervisor and workers say to each other.

Towards the worker: one message a file, a fixed header with the file's descriptor as ancillary data.
Towards the supervisor: frames of JSON, since a decoder that hostile bytes took over must not be
able to make the supervisor run anything (as a pickle would).
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import asdict
from typing import Any, NamedTuple

from hashmatch.model import (
    ArchiveLimits,
    Examination,
    ExamineOptions,
    HashKind,
    Limits,
    PerceptualHash,
    Reason,
    TransformOptions,
    ViewHashes,
)

FORK = b"F"
"""To the zygote: fork a worker that serves the socket sent along. The answer is its pid."""

REAP = b"R"
"""To the zygote: wait for the worker whose pid follows. The answer is how it ended."""

JOB = struct.Struct(">Q??II")
"""Header of a job: its number, whether to decode in full, whether to take digests and no more,
members to skip, and to do (0: all).
"""

LENGTH = struct.Struct(">I")
"""Header of a frame: the length of the JSON behind it, in bytes."""

MAX_FRAME = 16 * 1024 * 1024
"""Longer than anything a worker has to say: some 50,000 views."""

_MAX_TEXT = 1024  # characters; names of views and reasons in words are far shorter


class Answer(NamedTuple):
    """What a worker says of a job.

    Attributes:
        job: the number of the job.
        member: which member of an archive it is about; None for the file itself.
        examination: None where the worker only says which member it begins.
        end: nothing more comes of this job.
    """

    job: int
    member: bytes | None
    examination: Examination | None
    end: bool


class ProtocolError(Exception):
    """A worker said what no worker says: it cannot be trusted any more."""


def frame(message: dict[str, Any]) -> bytes:
    """A message as it goes over the wire."""
    text = json.dumps(message).encode()
    return LENGTH.pack(len(text)) + text


def take_frame(buffer: bytearray) -> dict[str, Any] | None:
    """Take the first whole message out of what has been received; None where there is none yet.

    Raises:
        ProtocolError: it is no message.
    """
    if len(buffer) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(buffer)
    if length > MAX_FRAME:
        raise ProtocolError
    if len(buffer) < LENGTH.size + length:
        return None
    text = bytes(buffer[LENGTH.size : LENGTH.size + length])
    del buffer[: LENGTH.size + length]
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError from None
    if not isinstance(message, dict):
        raise ProtocolError
    return message


def encode_answer(answer: Answer) -> bytes:
    """A worker's answer as a frame."""
    return frame(
        {
            "job": answer.job,
            "member": None if answer.member is None else base64.b64encode(answer.member).decode(),
            "examination": answer.examination and _encode_examination(answer.examination),
            "end": answer.end,
        }
    )


def decode_answer(message: dict[str, Any], options: ExamineOptions) -> Answer:
    """Read an answer, trusting nothing in it.

    Args:
        message: the answer.
        options: what was asked for.

    Raises:
        ProtocolError: it is not one.
    """
    try:
        member, examination = message["member"], message["examination"]
        member = None if member is None else base64.b64decode(member, validate=True)
        return Answer(
            job=_integer(message["job"], 2**64),
            member=member,
            examination=None
            if examination is None
            else _decode_examination(examination, options.of_part(member)),
            end=message["end"] is True,
        )
    except (KeyError, TypeError, ValueError):
        raise ProtocolError from None


def encode_options(options: ExamineOptions) -> dict[str, Any]:
    """Options as a message."""
    return {**asdict(options), "formats": sorted(options.formats)}


def decode_options(message: dict[str, Any]) -> ExamineOptions:
    """Options from a message of our own supervisor."""
    changes = message["transforms"]
    return ExamineOptions(
        **message
        | {
            "kinds": _kinds(message["kinds"]),
            "limits": Limits(**message["limits"]),
            "archives": ArchiveLimits(**message["archives"]),
            "formats": frozenset(message["formats"]),
            "digests": tuple(message["digests"]),
            "transforms": changes
            and TransformOptions(
                tuple(changes["names"]), changes["seed"], _kinds(changes["kinds"])
            ),
        }
    )


def _kinds(values: list[list[Any]]) -> tuple[HashKind, ...]:
    return tuple(HashKind(*kind) for kind in values)


def _encode_examination(found: Examination) -> dict[str, Any]:
    return {
        "format": found.format,
        "width": found.width,
        "height": found.height,
        "views": [
            [
                view.view,
                view.quality,
                [h.words for h in view.hashes],
                [h.words for h in view.uncertain_bits],
            ]
            for view in found.views
        ],
        "reason": found.reason,
        "detail": found.detail,
        "quality": found.quality,
        "exact": found.exact,
        "digests": found.digests,
    }


def _decode_examination(message: dict[str, Any], options: ExamineOptions) -> Examination:
    exact = message["exact"] is True
    quality = message["quality"]
    found = Examination(
        format=_text_or_none(message["format"]),
        width=_integer(message["width"]),
        height=_integer(message["height"]),
        views=tuple(_decode_view(view, options.kinds, exact=exact) for view in message["views"]),
        reason=None if message["reason"] is None else Reason(message["reason"]),
        detail=_text_or_none(message["detail"]),
        quality=None if quality is None else _integer(quality, 100),
        exact=exact,
        digests=_decode_digests(message["digests"], options.digests),
    )
    if found.lacks(options.kinds, options.digests):
        raise ValueError
    return found


def _decode_view(message: list[Any], kinds: tuple[HashKind, ...], *, exact: bool) -> ViewHashes:
    name, quality, hashes, uncertain_bits = message
    return ViewHashes(
        _text(name),
        _integer(quality, 100),
        _decode_hashes(hashes, kinds),
        _decode_hashes(uncertain_bits, () if exact else kinds),
    )


def _decode_hashes(
    values: list[list[int]], kinds: tuple[HashKind, ...]
) -> tuple[PerceptualHash, ...]:
    if not all(type(word) is int for words in values for word in words):
        raise ValueError
    return tuple(
        PerceptualHash(kind.algorithm, kind.bits, tuple(words))
        for words, kind in zip(values, kinds, strict=True)
    )


def _decode_digests(values: list[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """All of the digests that were asked for, or where the bytes were not all read, none."""
    for value, name in zip(values, names if values else (), strict=True):
        PerceptualHash.from_hex(_text(value), name)
    return tuple(values)


def _integer(value: object, most: int = 2**53) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError
    return value


def _text(value: object) -> str:
    """A text that does nothing to a terminal, whatever it is printed into."""
    if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
        raise ValueError
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)
