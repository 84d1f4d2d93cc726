"""Files that a client of clamd names: opened only in folders that the operator allows."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from hashmatch.service.unanswered import UnansweredError, Why

_CHUNK = 1 << 20


async def allowed_files(
    path: bytes, roots: Sequence[Path]
) -> AsyncIterator[tuple[bytes, int | Why]]:
    """The file that a client names, or all files in the folder that it names.

    Yields:
        The path, beginning as the client sent it; and a descriptor, which the caller closes, or
        why the file is not opened. Links in a folder are passed over.
    """
    names = _named(path, roots)
    while (name := await asyncio.to_thread(next, names, None)) is not None:
        yield name, await asyncio.to_thread(_open, name, roots)


async def file_chunks(descriptor: int) -> AsyncIterator[bytes]:
    """The bytes of an open file; raises ``UnansweredError`` unless it is regular and readable."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise UnansweredError(Why.NOT_A_FILE)
    offset = 0
    while True:
        try:
            chunk = await asyncio.to_thread(os.pread, descriptor, _CHUNK, offset)
        except OSError as error:
            raise UnansweredError(Why.NOT_A_FILE) from error
        if not chunk:
            return
        offset += len(chunk)
        yield chunk


def _named(path: bytes, roots: Sequence[Path]) -> Iterator[bytes]:
    if b"\0" in path or not path.startswith(b"/") or not _is_allowed(os.path.realpath(path), roots):
        yield path
        return
    if not os.path.isdir(path):
        yield path
        return
    unreadable: list[bytes] = []

    def note(error: OSError) -> None:
        unreadable.append(os.fsencode(error.filename))

    for folder, folders, names in os.walk(path, onerror=note):
        folders.sort()
        for name in sorted(names):
            file = os.path.join(folder, name)
            if not os.path.islink(file):
                yield file
        yield from unreadable  # a folder, which _open refuses
        unreadable.clear()


def _open(path: bytes, roots: Sequence[Path]) -> int | Why:
    """Open a regular file. What was really opened is checked: a link may have changed meanwhile."""
    if not roots or b"\0" in path or not path.startswith(b"/"):
        return Why.OUTSIDE_CLAMD_ROOT
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        allowed = _is_allowed(os.path.realpath(path), roots)
        return Why.NOT_A_FILE if allowed else Why.OUTSIDE_CLAMD_ROOT
    why = _why_refused(descriptor, roots)
    if why is None:
        return descriptor
    os.close(descriptor)
    return why


def _why_refused(descriptor: int, roots: Sequence[Path]) -> Why | None:
    try:
        opened = os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}"))
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:  # no /proc here: nothing can be checked
        return Why.NOT_A_FILE
    if not _is_allowed(opened, roots):
        return Why.OUTSIDE_CLAMD_ROOT
    return None if regular else Why.NOT_A_FILE


def _is_allowed(path: bytes, roots: Sequence[Path]) -> bool:
    return any(f"{os.fsdecode(path)}/".startswith(f"{str(root).rstrip('/')}/") for root in roots)
