"""Which files a command reads and which it writes, so that none destroys what it reads.

The mark stands beside an option, in its annotation; ``Command`` looks at the marks before the
command begins.
"""

from __future__ import annotations

import inspect
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand

from hashmatch.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Use:
    """What a command does with the file that an option names.

    Attributes:
        writes: it writes it, or may; it reads it otherwise.
        suffix: what stands behind the name that is given, where another file beside it is meant.
        streams: - is standard input, and fd:3 an open descriptor.
        replaced: what the command writes may take its place, which it does whole or not at all.
    """

    writes: bool = False
    suffix: str = ""
    streams: bool = False
    replaced: bool = False


READS = Use()
WRITES = Use(writes=True)
REPLACES = Use(replaced=True)
READS_STREAM = Use(streams=True)
READS_SIGNATURE = Use(suffix=".sig")
WRITES_SIGNATURE = Use(writes=True, suffix=".sig")


class Command(TyperCommand):
    """A command that refuses to begin where it would write what it also reads or writes."""

    def invoke(self, ctx: Any) -> Any:
        """Run it, if its files are apart."""
        _check_apart(self._used(ctx.params))
        return super().invoke(ctx)

    def _used(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str, Use]]:
        """Each option that names a file, the name that it gives, and the use that is made of it."""
        marked = inspect.signature(self.callback or self.invoke, eval_str=True).parameters
        for parameter in self.params:
            name = str(parameter.name)
            value = values.get(name)
            if value is None or name not in marked:
                continue
            option = parameter.opts[0]
            said = option if option.startswith("-") else str(parameter.metavar)
            for use in uses_of(marked[name].annotation):
                for each in value if isinstance(value, (list, tuple)) else [value]:
                    yield said, os.fspath(each), use


def uses_of(annotation: Any) -> list[Use]:
    """The marks in an option's annotation."""
    return [mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Use)]


def group(told: str, **settings: Any) -> typer.Typer:
    """A group of commands, each of which keeps its files apart, that ``--help`` tells of so."""
    return _Group(help=told, rich_markup_mode=None, **settings)


class _Group(typer.Typer):
    def command(self, name: str | None = None, **settings: Any) -> Any:
        return super().command(name, cls=Command, **settings)


def _check_apart(used: Iterator[tuple[str, str, Use]]) -> None:
    """Refuse files that are the same, by whatever names, unless they are only read.

    Raises:
        SettingsError: two are the same file, and one is written; or a stream is to be read twice.
    """
    seen: dict[object, dict[tuple[str, Use, bool], None]] = {}
    for option, name, use in used:
        file, once = _identify(name, use)
        if file is None:
            continue
        known = seen.setdefault(file, {})
        for other, before, read_once in known:
            if (use.writes or before.writes) and not (use.replaced or before.replaced):
                raise SettingsError(f"{other} and {option} are the same file", path=name)
            if once and read_once:
                raise SettingsError(
                    f"{other} and {option} read the same stream, which can be read once", path=name
                )
        known[option, use, once] = None


def _identify(name: str, use: Use) -> tuple[object, bool]:
    """What tells a file from others, and whether it can be read only once; None for a folder."""
    try:
        descriptor = _descriptor(name) if use.streams else None
        found = os.stat(name + use.suffix if descriptor is None else descriptor)  # noqa: PTH116 # or a descriptor
    except OSError:  # it is not there yet
        return os.path.realpath(name + use.suffix), False
    if stat.S_ISDIR(found.st_mode):
        return None, False
    return (found.st_dev, found.st_ino), descriptor is not None or stat.S_ISFIFO(found.st_mode)


def _descriptor(name: str) -> int | None:
    if name == "-":
        return 0
    number = name.removeprefix("fd:")
    return int(number) if number != name and number.isdecimal() else None
