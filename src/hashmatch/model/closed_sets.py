"""What a file can be, why it was not examined, and what its verdict can be."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The result for a file. Every file gets exactly one.

    Attributes:
        MATCH: an entry is near enough to a view with enough detail.
        CLEAR: all of the file was examined, and no entry is near.
        CANDIDATE: an entry is near, but too weakly for a match: see ``Cause``. A human should look.
        NOT_IMAGE: the file is not a picture.
        UNSCANNED: something was not examined, and nothing else matches: see ``Reason``.
    """

    MATCH = "match"
    CLEAR = "clear"
    CANDIDATE = "candidate"
    NOT_IMAGE = "not_image"
    UNSCANNED = "unscanned"


class Cause(StrEnum):
    """Why a near entry is only a candidate: often chance, a frame by itself, too little detail."""

    CHANCE = "chance"
    LONE_FRAME = "lone_frame"
    LOW_INFORMATION = "low_information"


class Kind(StrEnum):
    """What a file is if it is not a still picture. A closed set.

    Attributes:
        VIDEO: moving pictures.
        DOCUMENT: such as a PDF. Its pictures have separate outcomes.
        AUDIO: sound.
        EXECUTABLE: a program or a program library.
        FONT: a typeface.
        DATABASE: such as an SQLite file.
        ARCHIVE: its members have separate outcomes.
        TEXT: in UTF-8, UTF-16 or an older encoding: prose, source code, tables, web pages.
        EMPTY: no bytes.
        OTHER: none of these.
    """

    VIDEO = "video"
    DOCUMENT = "document"
    AUDIO = "audio"
    EXECUTABLE = "executable"
    FONT = "font"
    DATABASE = "database"
    ARCHIVE = "archive"
    TEXT = "text"
    EMPTY = "empty"
    OTHER = "other"


class Reason(StrEnum):
    """Why a file, or a part of it, was not examined. A closed set.

    Attributes:
        UNDECODABLE: the decoder rejects it, or it cannot be read.
        TRUNCATED: it ends too early.
        TOO_LARGE: it has more bytes or pixels than the limits allow, or needs too much memory.
        TIMEOUT: the decoder took too long.
        DECODER_CRASH: the decoder's process died.
        UNSUPPORTED_FORMAT: the format is recognised, but hashmatch does not read it.
        ENCRYPTED: it needs a password.
        ARCHIVE_LIMIT: the archive has more members, bytes or levels than the limits allow.
        FRAME_LIMIT: it has more frames or pages, or lasts longer, than the limits allow.
        PERMISSION: hashmatch has no permission to read it.
        SPECIAL_FILE: it is not a regular file.
        CHANGED: it changed while it was read.
        VANISHED: it is no longer there.
        UNAVAILABLE: the storage that it is in does not hand it over.
    """

    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    DECODER_CRASH = "decoder_crash"
    UNSUPPORTED_FORMAT = "unsupported_format"
    ENCRYPTED = "encrypted"
    ARCHIVE_LIMIT = "archive_limit"
    FRAME_LIMIT = "frame_limit"
    PERMISSION = "permission"
    SPECIAL_FILE = "special_file"
    CHANGED = "changed"
    VANISHED = "vanished"
    UNAVAILABLE = "unavailable"
