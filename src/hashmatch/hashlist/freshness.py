"""Whether to rely on a list: young enough, not older than the last, not open to everybody."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hashmatch.errors import SettingsError
from hashmatch.files import write_atomically
from hashmatch.hashlist.lists import HashList

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_DURATION = re.compile(r"([0-9]{1,6})([hdw])", re.ASCII)
_PART = re.compile(r"([0-9]+)|[^\W0-9_]+")
_AHEAD = timedelta(days=1)
"""Clocks, and dates that name no time zone, may be ahead of ours by so much."""


def parse_duration(text: str) -> timedelta:
    """Read ``36h``, ``7d`` or ``2w``.

    Raises:
        SettingsError: it is no such duration.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise SettingsError("a duration is a number with h, d or w behind it, such as 7d")
    return int(found[1]) * _UNITS[found[2]]


def age_of(hash_list: HashList, now: datetime) -> timedelta | None:
    """How long ago the list was made, by its own word; None where it does not say when.

    Dates are read as ISO 8601 has them, and as UTC where they name no zone.
    """
    try:
        created = datetime.fromisoformat(hash_list.created or "")
    except ValueError:
        return None
    return now - (created if created.tzinfo else created.replace(tzinfo=UTC))


def staleness(hash_list: HashList, most: timedelta, now: datetime) -> str | None:
    """Why the list is too old, or None where it is young enough."""
    age = age_of(hash_list, now)
    if age is None:
        return "does not say when it was made, so nobody knows how old it is"
    if age < -_AHEAD:
        return f"says it was made {_told(-age)} from now, so nobody knows how old it is"
    if age <= most:
        return None
    return f"was made {_told(age)} ago, which is more than {_told(most)}"


def exposure(path: Path) -> str | None:
    """Who but its owner can read or change the file, or None where nobody can.

    Windows keeps access in lists of its own, which this does not read.
    """
    if os.name != "posix":
        return None
    mode = path.stat().st_mode
    others = [
        name
        for name, bits in (
            ("its group", stat.S_IRGRP | stat.S_IWGRP),
            ("everybody", stat.S_IROTH | stat.S_IWOTH),
        )
        if mode & bits
    ]
    return f"is open to {' and '.join(others)}: chmod 600 it" if others else None


class SeenVersions:
    """The last version of each list that was used here, in a file of the operator's.

    Args:
        path: the file; it is made when the first version is noted.

    Raises:
        SettingsError: the file is there and cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            versions = json.loads(path.read_bytes())
        except FileNotFoundError:
            versions = {}
        except (OSError, ValueError):
            raise SettingsError(f"cannot read the versions seen so far in {path}") from None
        if not isinstance(versions, dict):
            raise SettingsError(f"cannot read the versions seen so far in {path}")
        self._versions: dict[str, str] = {str(key): str(value) for key, value in versions.items()}

    def rollback(self, hash_list: HashList) -> str | None:
        """Why the list is older than the last of its name, or None where it is not."""
        last = self._versions.get(hash_list.name)
        if last is None or (
            hash_list.version is not None and _order(hash_list.version) >= _order(last)
        ):
            return None
        return f"has version {hash_list.version or 'none'}, but version {last} was used before"

    def note(self, hash_list: HashList) -> None:
        """Remember the list's version, if it has one.

        Raises:
            OutputError: the file cannot be written.
        """
        if hash_list.version is None or self._versions.get(hash_list.name) == hash_list.version:
            return
        self._versions[hash_list.name] = hash_list.version
        with write_atomically(self._path) as stream:
            stream.write(json.dumps(self._versions, indent=2, sort_keys=True).encode() + b"\n")


def _order(version: str) -> list[tuple[int, int, str]]:
    """A key that puts versions in order: their numbers as numbers, and their words as text.

    A version with a further number is above the same without it, and one with a further word is
    below: 1.0-rc1, 1.0, 1.0.1. What stands between numbers and words counts for nothing.
    """
    parts = []
    for part in _PART.finditer(version):
        digits = (part[1] or "").lstrip("0")
        parts.append((2, len(digits), digits) if part[1] else (0, 0, part[0].casefold()))
    return [*parts, (1, 0, "")]


def _told(duration: timedelta) -> str:
    days, hours = duration.days, duration.seconds // 3600
    return f"{days} days" if days else f"{hours} hours"
