"""Turn what a caller passes into content to examine: bytes in memory, or an open file."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, TypeAlias

from hashmatch.errors import DecodeError, SettingsError
from hashmatch.examine.archive import ends_in_zip
from hashmatch.examine.container import appended_problem, sniff_container
from hashmatch.examine.decode import SNIFF_BYTES, PilImage, sniff
from hashmatch.examine.kinds import kind_of
from hashmatch.examine.reading import NOT_REGULAR, open_file, read_some, read_stream, rewind
from hashmatch.examine.video.sniffing import video_format
from hashmatch.model import Examination, Reason
from hashmatch.options import ExamineOptions

FileInput: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO"
"""A file as a caller passes it: bytes, a path, or a file open for reading in binary."""

PictureInput: TypeAlias = "FileInput | PilImage"
"""What a caller may pass: a ``FileInput``, or the pixels of a ``PIL.Image``."""

Content: TypeAlias = "bytes | int"
"""All bytes of a file, or the descriptor of a regular file that is open for reading."""

_NO_FILE = "no such file"


@contextmanager
def held(source: FileInput, options: ExamineOptions) -> Iterator[Content | Examination]:
    """Hold what a caller passes, so that it can be examined more than once.

    A seekable file is read from its start; a stream from where it is.

    Yields:
        The content; or an examination, if it cannot be read or is too large.

    Raises:
        SettingsError: ``source`` is not a file, is open as text, or is non-blocking and has no
            bytes yet.
    """
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, bytearray | memoryview):
        yield bytes(source)
    elif isinstance(source, str | os.PathLike):
        with _opened(source) as found:
            yield found
    elif (descriptor := _descriptor(source)) is not None:
        yield descriptor
    elif callable(getattr(source, "read", None)):
        rewind(source)  # the caller may have read its first bytes
        yield _read(source, options)
    else:
        name = type(source).__name__
        article = "an" if name[0] in "aeiouAEIOU" else "a"
        raise SettingsError(
            f"cannot examine {article} {name}: pass bytes, a path, a binary file or a PIL.Image"
        )


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[int | Examination]:
    try:
        descriptor = open_file(path)
    except DecodeError as error:
        never = isinstance(error.__cause__, FileNotFoundError)
        yield Examination.failed(DecodeError(error.reason, _NO_FILE) if never else error)
        return
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            yield descriptor
        else:
            yield Examination.failed(DecodeError(Reason.SPECIAL_FILE, NOT_REGULAR))
    finally:
        os.close(descriptor)


def _descriptor(source: object) -> int | None:
    """The descriptor of a regular file, if reading it is the same as reading ``source``."""
    # Exactly these types: another may have the descriptor of a file that it unpacks
    raw = source
    if type(source) is io.BufferedReader or type(source) is io.BufferedRandom:
        if source.writable():
            source.flush()
        raw = source.raw
    if type(raw) is not io.FileIO or not raw.readable():
        return None
    descriptor = raw.fileno()
    return descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _read(file: BinaryIO, options: ExamineOptions) -> bytes | Examination:
    try:
        return read_content(file, options)
    except DecodeError as error:
        return Examination.failed(error)


def read_content(
    file: BinaryIO, options: ExamineOptions, size: int | None = None
) -> bytes | Examination:
    """Read a file whole; of one over the limit, return what is known without reading on.

    Raises:
        DecodeError: the file is over the limit, its digests are wanted, and it cannot be read from
            its start again.
    """
    most = options.limits.max_bytes
    is_large = size is not None and size > most
    data = read_stream(file, SNIFF_BYTES if is_large else most, size)
    if is_large or len(data) > most:
        return _over_limit(file, data[:SNIFF_BYTES], options)
    return data


def _over_limit(file: BinaryIO, head: bytes, options: ExamineOptions) -> Examination:
    seekable = rewind(file)
    found = too_large(head, options)
    if found.reason is None and seekable and ends_in_zip(file, file.seek(0, os.SEEK_END)):
        found = Examination.failed(appended_problem("ZIP"))
    if options.digests and not seekable:
        # Its first bytes say nothing about the rest, and a stream may be endless
        raise _too_large(found.format, options)
    return replace(found, digests=digest(file, options))


def too_large(head: bytes, options: ExamineOptions) -> Examination:
    """Tell by its first bytes whether a file over the limit should have been examined."""
    name = sniff(head) or sniff_container(head) or video_format(head)
    # To call an archive not an image would clear what is inside
    if name is None:
        return Examination(kind=kind_of(head))
    return Examination.failed(_too_large(name, options))


def _too_large(name: str | None, options: ExamineOptions) -> DecodeError:
    most = options.limits.max_bytes
    return DecodeError(Reason.TOO_LARGE, f"more than {most} bytes", format=name)


def digest(file: BinaryIO, options: ExamineOptions) -> tuple[str, ...]:
    """Take the digests of a whole file, however large, as hex."""
    if not options.digests:
        return ()
    digests = [hashlib.new(name, usedforsecurity=False) for name in options.digests]
    file.seek(0)
    while chunk := read_some(file):
        for each in digests:
            each.update(chunk)
    return tuple(each.hexdigest() for each in digests)
