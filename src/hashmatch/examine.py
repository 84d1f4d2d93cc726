"""One file's bytes to the hashes of all its views.

Knows no list: it is what may run beside untrusted bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO, TypeAlias

import numpy as np

from hashmatch.decode import MirrorView, Picture, PilImage, View, adopt_picture, open_picture
from hashmatch.errors import DecodeError, SettingsError
from hashmatch.hashing import ALGORITHMS, QUALITY_GRID, from_code, quality
from hashmatch.model import Examination, ExamineOptions, PerceptualHash, ViewHashes
from hashmatch.reading import read_file

Source: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO | PilImage"
"""What may be examined: bytes, a path, a file open for reading in binary, or a ``PIL.Image``."""


def examine(source: Source, options: ExamineOptions) -> Examination:
    """Hash every view of a picture.

    Args:
        source: bytes, a path, a file open for reading in binary, or a ``PIL.Image``.
        options: what to compute, and what a picture may cost.

    Returns:
        All that could be found out; ``reason`` says what could not.

    Raises:
        SettingsError: ``source`` is none of these.
        MissingExtraError: a format asked for needs a package that is not installed.
    """
    if isinstance(source, PilImage):
        return _examine(lambda: adopt_picture(source, options.limits), options)
    try:
        data = _read(source, options.limits.max_bytes)
    except DecodeError as error:
        return _failed(error)
    digests = tuple(hashlib.new(name, data).hexdigest() for name in options.digests)
    found = _examine(lambda: open_picture(data, options.formats, options.limits), options)
    return replace(found, digests=digests) if digests else found


def _failed(error: DecodeError) -> Examination:
    return Examination(
        format=error.format,
        width=error.width,
        height=error.height,
        reason=error.reason,
        detail=error.message,
    )


def _examine(opened: Callable[[], Picture | None], options: ExamineOptions) -> Examination:
    try:
        picture = opened()
    except DecodeError as error:
        return _failed(error)
    if picture is None:
        return Examination()
    hashed: list[ViewHashes] = []
    failure: DecodeError | None = None
    try:
        for frame in picture.views():
            hashed.extend(_hash_views(frame, options))
    except DecodeError as error:
        failure = error
    return Examination(
        format=picture.format,
        width=picture.width,
        height=picture.height,
        views=tuple(hashed),
        reason=failure.reason if failure else None,
        detail=failure.message if failure else None,
    )


def _read(source: Source, max_bytes: int) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return read_file(source, max_bytes)
    if isinstance(source, PilImage) or not callable(getattr(source, "read", None)):
        raise SettingsError(
            f"cannot examine a {type(source).__name__}: give bytes, a path, a binary file or a"
            " PIL.Image"
        )
    return _read_stream(source, max_bytes)


def _read_stream(file: BinaryIO, max_bytes: int) -> bytes:
    """Read to the end, or one byte past what is allowed: sockets and pipes give what they have."""
    data = bytearray()
    while len(data) <= max_bytes and (more := file.read(max_bytes + 1 - len(data))):
        if not isinstance(more, bytes):
            raise SettingsError("the file is open as text: open it in binary, mode 'rb'")
        data += more
    return bytes(data)


def _hash_views(found: Iterable[View], options: ExamineOptions) -> Iterator[ViewHashes]:
    """Hash the views of one frame together: a batch costs hardly more than one."""
    every: list[View | MirrorView] = []
    for plain in found:
        every += [plain, *plain.mirrors()] if options.mirrors else [plain]
    qualities = quality(np.stack([view.detail(QUALITY_GRID) for view in every]))
    columns: list[list[PerceptualHash]] = []
    for kind in options.kinds:
        algorithm = ALGORITHMS[kind.algorithm]
        width, height = algorithm.grid(kind.bits)
        grey = np.stack([view.grey(width, height) for view in every])
        columns.append([from_code(kind, code) for code in algorithm.compute(grey, kind.bits)])
    for row, view in enumerate(every):
        hashes = tuple(column[row] for column in columns)
        yield ViewHashes(view.name, int(qualities[row]), hashes)
