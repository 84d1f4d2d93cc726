"""Which files a command reads and which it writes, so that it never destroys what it reads.

Each option's annotation carries a mark, a ``Use``. ``PanelCommand`` checks the marks before the
command begins.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from hashmatch.errors import InputError, SettingsError
from hashmatch.files import descriptor_of, is_object


@dataclass(frozen=True, slots=True)
class Use:
    """What a command does with the file that an option names."""

    writes: bool = False  # it may write the file; otherwise it only reads it
    suffix: str = ""  # the file meant is the one whose name has this suffix added
    streams: bool = False  # - is standard input, and fd:3 an open descriptor
    replaced: bool = False  # the command may write its result in place of this file, atomically
    objects: bool = False  # it may also be in object storage


READS = Use()
READS_OBJECTS = Use(objects=True)
WRITES = Use(writes=True)
REPLACES = Use(replaced=True)
READS_STREAM = Use(streams=True)
READS_SIGNATURE = Use(suffix=".sig")
WRITES_SIGNATURE = Use(writes=True, suffix=".sig")

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def check_local(used: Iterable[tuple[str, str | os.PathLike[str], Use]]) -> None:
    """Refuse URLs, since "no such file" would be a puzzling error.

    Raises ``InputError`` for one that is not of object storage that may be used.
    """
    for name, use in ((os.fspath(each), use) for _, each, use in used):
        if use.objects and is_object(name):
            continue
        if (url := _URL.match(name)) and not os.path.lexists(name):
            # A path object has only one of the slashes left
            shown = f"{url[0]}/{name[url.end() :].lstrip('/')}"
            raise InputError("hashmatch reads local files, not URLs: download it first", path=shown)


def check_apart(used: Iterable[tuple[str, str | os.PathLike[str], Use]]) -> None:
    """Refuse options that name the same file, under any name, unless they only read it.

    Raises ``SettingsError`` if one of them writes it, or both read one stream.
    """
    seen: dict[object, dict[tuple[str, Use, bool], None]] = {}
    for option, given, use in used:
        name = os.fspath(given)
        file, once = identify(name, use)
        if file is None:
            continue
        known = seen.setdefault(file, {})
        for other, before, read_once in known:
            if (use.writes or before.writes) and not (use.replaced or before.replaced):
                raise SettingsError(f"{other} and {option} are the same file", path=name)
            if once and read_once:
                raise SettingsError(
                    f"{other} and {option} read the same stream, which can be read only once",
                    path=name,
                )
        known[option, use, once] = None


def is_stream(name: str) -> bool:
    """Whether the name of a list means standard input, or an open descriptor."""
    return name == "-" or name.startswith("fd:")


def identify(name: str, use: Use) -> tuple[object, bool]:
    """A file's identity, and whether it can be read only once; (None, False) for a folder."""
    try:
        descriptor = descriptor_of(name) if use.streams else None
        found = os.stat(name + use.suffix if descriptor is None else descriptor)  # noqa: PTH116 # or a descriptor
    except OSError:  # it does not exist yet
        return os.path.realpath(name + use.suffix), False
    if stat.S_ISDIR(found.st_mode):
        return None, False
    return (found.st_dev, found.st_ino), descriptor is not None or stat.S_ISFIFO(found.st_mode)
