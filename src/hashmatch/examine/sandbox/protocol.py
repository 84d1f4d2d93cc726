"""The messages between supervisor and workers.

The supervisor sends a worker one message per file: a fixed header, with the file's descriptor as
ancillary data. The worker answers in frames of JSON. A pickle would let a decoder that hostile
bytes took over run code in the supervisor. Before a frame is parsed, its length and its number of
values are checked, which limits what it can cost.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

from hashmatch.examine.sandbox.jobs import Job, ProtocolError, Reply, Said
from hashmatch.model import (
    DIGEST_BITS,
    Examination,
    HashKind,
    Kind,
    PerceptualHash,
    Reason,
    Thumbnail,
    ViewHashes,
)
from hashmatch.options import (
    THUMBNAIL_SIDE,
    ArchiveLimits,
    ExamineOptions,
    Limits,
    ThumbnailOptions,
    TransformOptions,
    VideoLimits,
)

FORK = b"F"
"""To the zygote: fork a worker that serves the attached socket. The answer is its pid."""

REAP = b"R"
"""To the zygote: wait for the worker whose pid follows. The answer is how it ended."""

LOAD = b"L"
"""To the zygote: load what is loaded late, for future workers. There is no answer."""

JOB = struct.Struct(">Q??IIH")
"""Header of a job: its number, whether to decode in full, whether to compute only digests, how many
members to skip, how many to examine (0: all), and how many bytes of JSON follow, which say what
thumbnail to make.
"""

HANDFUL = 32
"""The most jobs that a worker holds, and gets in one message. To hand small files over one by one
takes the supervisor as long as all else that it does. On a busy machine, a scan with 32 takes a
seventh less time than with 12: whenever the supervisor wakes, its data have left the cache."""

LENGTH = struct.Struct(">I")
"""Header of a frame: the length of the JSON that follows, in bytes."""

MAX_FRAME = 4 * 1024 * 1024
"""The longest frame in bytes: some 30,000 views of a picture."""

MAX_VALUES = 200_000
"""The most values in a frame. Each costs the supervisor some 200 bytes at most."""

_SHORT = 4096
"""Bytes of a message that cannot cost much, whatever is in it. Most have some 300."""

MAX_DEPTH = 8
"""The deepest nesting; an answer has six levels."""

# To the end of the text if a string has none, or every quote in it would begin a new search
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_USUAL: dict[str, Any] = {
    field.name: field.default for field in fields(Examination) if field.name != "views"
}
_to_json = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode
_MAX_TEXT = 1024  # characters; names of views and reasons in words are far shorter


def frame(message: dict[str, Any]) -> bytes:
    """A message as it goes over the wire."""
    text = _to_json(message).encode()
    return LENGTH.pack(len(text)) + text


def take_frame(buffer: bytearray) -> dict[str, Any] | None:
    """Take the first whole message out of what has been received; None if there is none yet.

    Raises:
        ProtocolError: it is not a message, or it is too large, too deep or has too many values.
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
    return parse_message(text)


def parse_message(text: bytes) -> dict[str, Any]:
    """Parse one message, after bounding what that can cost.

    Raises:
        ProtocolError: it is not a message, or it is larger, deeper or fuller than any.
    """
    if len(text) > MAX_FRAME:
        raise ProtocolError
    if len(text) > _SHORT:
        _check_cost(text)
    try:
        message = json.loads(text.decode())  # it would search bytes for their encoding
    except (ValueError, RecursionError):
        raise ProtocolError from None
    if not isinstance(message, dict):
        raise ProtocolError
    return message


def _check_cost(text: bytes) -> None:
    """Refuse a text with more values, or deeper nesting, than any answer has.

    Counting is quick and takes no memory. It also counts commas within strings, which are rare.
    """
    if _count_values(text) >= MAX_VALUES or text.count(b'"') > 2 * MAX_VALUES:
        raise ProtocolError
    brackets = _STRINGS.sub(b"", text).translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets:
        raise ProtocolError


def _count_values(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


def encode_job(job: Job, number: int) -> bytes:
    """The header of a job. Send its descriptor along with it.

    ``number`` is 64 bits that nobody can guess; answers must repeat them.
    """
    wanted = b""
    if job.thumbnail is not None:
        member = job.thumbnail.member
        path = None if member is None else _encode_path(member)
        wanted = json.dumps(
            {**asdict(replace(job.thumbnail, member=None)), "member": path}
        ).encode()
    header = JOB.pack(number, job.exact, job.digest_only, job.skip, job.count, len(wanted))
    return header + wanted


def decode_job(
    header: bytes, descriptor: int, receive: Callable[[int], bytes] = bytes
) -> tuple[int, Job]:
    """The number and the job in a header; ``receive`` returns the next bytes, as many as asked."""
    number, exact, digest_only, skip, count, length = JOB.unpack(header)
    thumbnail = None
    if length:
        wanted = json.loads(receive(length))
        path = wanted.pop("member")
        member = None if path is None else base64.b64decode(path)
        thumbnail = ThumbnailOptions(**wanted, member=member)
    return number, Job(descriptor, exact, digest_only, skip, count, thumbnail=thumbnail)


def encode_said(said: Said, number: int) -> bytes:
    """What a worker says about the job of this number, as a frame.

    If an examination is too large for a frame, its last views are dropped: ``frame_limit``.
    """
    if said is None:
        return frame({"job": number, "progress": True})
    if isinstance(said, bytes):
        return frame({"job": number, "member": _encode_path(said)})
    data = _encode_reply(said, number)
    most = len(said.examination.views)
    # Count as the supervisor does, or it might refuse an honest answer
    while most and _is_too_large(data):
        most //= 2
        found = replace(
            said.examination,
            views=said.examination.views[:most],
            reason=Reason.FRAME_LIMIT,
            detail=f"{len(said.examination.views)} views are more than one answer holds",
        )
        data = _encode_reply(said._replace(examination=found), number)
    return data


def _is_too_large(data: bytes) -> bool:
    # Each value takes a byte at least
    return len(data) >= MAX_VALUES and (len(data) > MAX_FRAME or _count_values(data) >= MAX_VALUES)


def _encode_reply(reply: Reply, number: int) -> bytes:
    message = {
        "job": number,
        "examination": _encode_examination(reply.examination),
        "end": reply.end,
    }
    if reply.member is not None:
        message["member"] = _encode_path(reply.member)
    if reply.thumbnail is not None:
        message["thumbnail"] = _encode_small(reply.thumbnail)
    return frame(message)


def _encode_small(found: Thumbnail) -> list[Any]:
    return [found.view, found.width, found.height, base64.b64encode(found.pixels).decode()]


def _encode_path(path: bytes) -> str:
    return base64.b64encode(path).decode()


def decode_said(message: dict[str, Any], job: Job, number: int, options: ExamineOptions) -> Said:
    """Read what a worker says about its job, and trust nothing in it.

    Raises:
        ProtocolError: the message is not valid, or is about another job.
    """
    try:
        if _integer(message["job"], 2**64) != number:
            raise ProtocolError
        if "progress" in message:
            return None
        member = message.get("member")
        path = None if member is None else base64.b64decode(member, validate=True)
        if path is not None and "examination" not in message:
            return path
        examination = _decode_examination(message["examination"], options.of_part(path))
        end, thumbnail = message["end"] is True, None
        if "thumbnail" in message:
            thumbnail = _decode_small(message["thumbnail"], job.thumbnail)
        return Reply(job, path, examination, end, thumbnail)
    except (KeyError, TypeError, ValueError):
        raise ProtocolError from None


def _decode_small(message: list[Any], asked: ThumbnailOptions | None) -> Thumbnail:
    """A thumbnail, if it has as many pixels as it says and no more than were asked for."""
    view, width, height, text = message
    if asked is None:
        raise ValueError
    width, height = _integer(width, THUMBNAIL_SIDE), _integer(height, THUMBNAIL_SIDE)
    pixels = base64.b64decode(text, validate=True)
    if not width or not height or len(pixels) != width * height * (3 if asked.colour else 1):
        raise ValueError
    return Thumbnail(_text(view), width, height, asked.colour, pixels)


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
            "video": VideoLimits(**message["video"]),
            "formats": frozenset(message["formats"]),
            "digests": tuple(message["digests"]),
            "transforms": changes
            and TransformOptions(
                tuple(changes["names"]),
                changes["seed"],
                _kinds(changes["kinds"]),
                tuple(changes["encodings"]),
            ),
        }
    )


def _kinds(values: list[list[Any]]) -> tuple[HashKind, ...]:
    return tuple(HashKind(*kind) for kind in values)


def _encode_examination(found: Examination) -> dict[str, Any]:
    """All of an examination that is not usual; what is usual goes without saying."""
    message = {
        name: value
        for name, usual in _USUAL.items()
        if (value := getattr(found, name)) is not usual and value != usual
    }
    message["views"] = [
        [
            view.view,
            view.quality,
            [each.words for each in view.hashes],
            [each.words for each in view.uncertain_bits],
        ]
        for view in found.views
    ]
    return message


def _decode_examination(message: dict[str, Any], options: ExamineOptions) -> Examination:
    kinds, digests = options.kinds, options.digests
    said = _USUAL | message
    exact = said["exact"] is True
    quality, reason, kind = said["quality"], said["reason"], said["kind"]
    found = Examination(
        format=_text_or_none(said["format"]),
        width=_integer(said["width"]),
        height=_integer(said["height"]),
        views=tuple([_decode_view(view, kinds, exact=exact) for view in said["views"]]),
        reason=None if reason is None else Reason(reason),
        detail=_text_or_none(said["detail"]),
        quality=None if quality is None else _integer(quality, 100),
        exact=exact,
        digests=_decode_digests(said["digests"], digests),
        kind=None if kind is None else Kind(kind),
    )
    if found.lacks(kinds, digests):
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
    found = []
    for words, kind in zip(values, kinds, strict=True):
        for word in words:
            if type(word) is not int:
                raise ValueError
        found.append(PerceptualHash(kind.algorithm, kind.bits, tuple(words)))
    return tuple(found)


def _decode_digests(values: list[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """All digests that were asked for, or none if not all bytes were read."""
    if values in ([], ()):
        return ()
    for value, name in zip(values, names, strict=True):
        if not 8 * len(bytes.fromhex(value)) == 4 * len(value) == DIGEST_BITS[name]:
            raise ValueError
    return tuple(values)


def _integer(value: object, most: int = 2**53) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError
    return value


def _text(value: object) -> str:
    """A text that is safe to print on a terminal."""
    if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
        raise ValueError
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)
