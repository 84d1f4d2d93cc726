"""What a caller gives, as content to examine: bytes in memory, or an open file."""

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
from hashmatch.model import Examination, Reason
from hashmatch.options import ExamineOptions

FileInput: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO"
"""A file as a caller gives it: bytes, a path, or a file open for reading in binary."""

PictureInput: TypeAlias = "FileInput | PilImage"
"""What a caller may give: a ``FileInput``, or the pixels of a ``PIL.Image``."""

Content: TypeAlias = "bytes | int"
"""All bytes of a file, or the descriptor of a regular file that is open for reading."""

_NO_FILE = "no such file"


@contextmanager
def held(source: FileInput, options: ExamineOptions) -> Iterator[Content | Examination]:
    """Hold what a caller gives, so that it can be examined more than once.

    Args:
        source: a file that can seek is read from its start, wherever it stands; a stream is read
            from where it is.
        options: what a file may cost.

    Yields:
        The content; or the examination already, of what cannot be read or is too large.

    Raises:
        SettingsError: ``source`` is no file, is open as text, or does not wait for its bytes.
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
        rewind(source)  # whoever sniffed it first has moved it on
        yield _read(source, options)
    else:
        name = type(source).__name__
        article = "an" if name[0] in "aeiouAEIOU" else "a"
        raise SettingsError(
            f"cannot examine {article} {name}: give bytes, a path, a binary file or a PIL.Image"
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
    """The descriptor of a regular file, where reading that is the same as reading ``source``."""
    # Exactly these: any other may pass on the descriptor of what it unpacks
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
    """Read all bytes of a file; or, if it is over the limit, say what is known without them.

    Raises:
        DecodeError: the file is over the limit, its digests are asked for, and it cannot be read
            from its start again.
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
        # To go by its first bytes would clear the rest, and a stream may be endless
        raise _too_large(found.format, options)
    return replace(found, digests=digest(file, options))


def too_large(head: bytes, options: ExamineOptions) -> Examination:
    """Say of a file over the limit whether it was to be examined, by its first bytes."""
    name = sniff(head) or sniff_container(head)
    # To call an archive no image would clear what it holds
    if name is None:
        return Examination(kind=kind_of(head))
    return Examination.failed(_too_large(name, options))


def _too_large(name: str | None, options: ExamineOptions) -> DecodeError:
    most = options.limits.max_bytes
    return DecodeError(Reason.TOO_LARGE, f"more than {most} bytes", format=name)


def digest(file: BinaryIO, options: ExamineOptions) -> tuple[str, ...]:
    """The digests of a whole file, however large, as hex."""
    if not options.digests:
        return ()
    digests = [hashlib.new(name, usedforsecurity=False) for name in options.digests]
    file.seek(0)
    while chunk := read_some(file):
        for each in digests:
            each.update(chunk)
    return tuple(each.hexdigest() for each in digests)
