"""Sizes and counts as people write them: ``10M``, ``256MiB``, ``100M`` pixels."""

from __future__ import annotations

import re
from collections.abc import Callable

import typer

_FORM = re.compile(r"([0-9]{1,24})(?:([KMGT])(i?B)?|B)?", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}

MOST = 2**63 - 1
"""The largest number that a file's size, and SQLite, can hold."""


def parse_size(text: str | int) -> int:
    """Read a number of bytes; as in coreutils, ``K`` and ``KiB`` are 1024 and ``KB`` is 1000.

    Raises ``typer.BadParameter`` for anything else, and for 0.
    """
    return _parse(text, 1024, "a number of bytes, such as 500000, 10M or 2GiB")


def parse_count(text: str | int) -> int:
    """Read a number of things, where ``K`` is 1000; raises as ``parse_size`` does."""
    return _parse(text, 1000, "a number, such as 500, 10K or 100M")


def format_size(count: int) -> str:
    """The shortest exact form of a number of bytes, which ``parse_size`` reads back."""
    return _format(count, 1024)


def format_count(count: int) -> str:
    """The shortest exact form of a number of things, which ``parse_count`` reads back."""
    return _format(count, 1000)


SHOWN: dict[object, Callable[[int], str]] = {parse_size: format_size, parse_count: format_count}
"""How ``--help`` shows a default, by the function that reads the option."""


def _parse(text: str | int, base: int, expected: str) -> int:
    found = _FORM.fullmatch(str(text).strip())
    if found is None or (base == 1000 and (found[3] or str(text)[-1:] in "bB")):
        raise typer.BadParameter(f"{str(text)!r} is not {expected}")
    number, unit, end = found.groups()
    base = 1000 if end and end.upper() == "B" else base
    value: int = int(number) * base ** (_POWERS[unit.upper()] if unit else 0)
    if not value:
        raise typer.BadParameter(f"{str(text)!r} is too small: it must be at least 1")
    if value > MOST:
        raise typer.BadParameter(f"{str(text)!r} is too large: it must be at most {MOST}")
    return value


def _format(count: int, base: int) -> str:
    for unit, power in reversed(_POWERS.items()):
        if count % base**power == 0:
            return f"{count // base**power}{unit}"
    return str(count)
