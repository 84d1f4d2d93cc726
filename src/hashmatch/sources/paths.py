"""Paths as an operator gives them: as arguments, or one by one in a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from hashmatch.errors import InputError


def check_paths(paths: Iterable[str | bytes | os.PathLike[str]]) -> list[bytes]:
    """Return the paths as bytes, or raise ``InputError`` if one does not exist."""
    checked = [os.fsencode(path) for path in paths]
    for path in checked:
        try:
            os.stat(path)
        except OSError as error:
            name, why = os.fsdecode(path), os.strerror(error.errno or 0)
            gone = isinstance(error, FileNotFoundError | NotADirectoryError)
            message = "no such file or directory" if gone else f"cannot be scanned: {why}"
            raise InputError(message, path=name) from error
    return checked


def read_paths(file: BinaryIO, separator: bytes = b"\n") -> Iterator[bytes]:
    """Read paths from a binary file or pipe, one by one, as they arrive.

    Each ends with the separator: a newline, or NUL, which no path contains.
    """
    rest = b""
    while chunk := file.read1(1 << 16) if hasattr(file, "read1") else file.read(1 << 16):
        *whole, rest = (rest + chunk).split(separator)
        yield from filter(None, whole)
    if rest:
        yield rest


def below(path: bytes, roots: Sequence[bytes]) -> bytes:
    """The part of a path below the root it was found in."""
    for root in roots:
        if path == root:
            return os.path.basename(path)
        folder = os.path.join(root, b"")
        if path.startswith(folder):
            return path[len(folder) :]
    return path
