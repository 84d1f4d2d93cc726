"""Tells whether you can rely on a list: its age, its version, and who can read its file."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hashmatch.errors import SettingsError
from hashmatch.files import write_atomically
from hashmatch.hashlist.hash_list import HashList
from hashmatch.text import span

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_DURATION = re.compile(r"([0-9]{1,6})([hdw])", re.ASCII)
_PART = re.compile(r"([0-9]+)|[^\W0-9_]+")
_AHEAD = timedelta(days=1)
"""How far other clocks, and dates without a time zone, may be ahead of our clock."""


def parse_duration(text: str) -> timedelta:
    """Read ``36h``, ``7d`` or ``2w``. Raises ``SettingsError`` if it is not such a duration."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise SettingsError(
            f"{text!r} is not a duration: give a number followed by h, d or w, such as 7d"
        )
    return int(found[1]) * _UNITS[found[2]]


def age_of(hash_list: HashList, now: datetime) -> timedelta | None:
    """The age of the list by its own date; None if it has none.

    Dates are ISO 8601, in UTC if they name no zone.
    """
    try:
        created = datetime.fromisoformat(hash_list.created or "")
    except ValueError:
        return None
    return now - (created if created.tzinfo else created.replace(tzinfo=UTC))


def staleness(hash_list: HashList, most: timedelta, now: datetime) -> str | None:
    """Why the list may be too old, as a predicate; None if it is recent enough."""
    age = age_of(hash_list, now)
    if age is None:
        return "does not say when it was made, so its age is unknown"
    if age < -_AHEAD:
        return f"says it was made {span(-age)} from now, so its age is unknown"
    if age <= most:
        return None
    return f"is {span(age)} old (limit {span(most)})"


def exposure(path: Path) -> str | None:
    """Who else can read or change the file, as a predicate; None if only its owner can.

    On Windows this checks nothing, because access lists replace file modes there.
    """
    if os.name != "posix":
        return None
    mode = path.stat().st_mode
    deeds = []
    for deed, group, everyone in (
        ("read", stat.S_IRGRP, stat.S_IROTH),
        ("changed", stat.S_IWGRP, stat.S_IWOTH),
    ):
        others = ["its group"] * bool(mode & group) + ["everyone"] * bool(mode & everyone)
        if others:
            deeds.append(f"{deed} by {' and '.join(others)}")
    return f"can be {', and '.join(deeds)}; run chmod 600 on it" if deeds else None


class SeenVersions:
    """A file that records the last version used of each list.

    It is created when the first version is recorded.

    Raises:
        SettingsError: the file exists but cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            versions = json.loads(path.read_bytes())
        except FileNotFoundError:
            versions = {}
        except (OSError, ValueError):
            raise SettingsError(f"cannot read the versions recorded in {path}") from None
        if not isinstance(versions, dict):
            raise SettingsError(f"cannot read the versions recorded in {path}")
        self._versions: dict[str, str] = {str(key): str(value) for key, value in versions.items()}

    def rollback(self, hash_list: HashList) -> str | None:
        """Why the list is older than the last one of its name; None if it is not."""
        last = self._versions.get(hash_list.name)
        if last is None or (
            hash_list.version is not None and _order(hash_list.version) >= _order(last)
        ):
            return None
        return f"has version {hash_list.version or 'none'}, but version {last} was used before"

    def note(self, hash_list: HashList) -> None:
        """Record the list's version, if it has one.

        Raises:
            OutputError: the file cannot be written.
        """
        if hash_list.version is None or self._versions.get(hash_list.name) == hash_list.version:
            return
        self._versions[hash_list.name] = hash_list.version
        with write_atomically(self._path) as stream:
            stream.write(json.dumps(self._versions, indent=2, sort_keys=True).encode() + b"\n")


def _order(version: str) -> list[tuple[int, int, str]]:
    """A key that sorts versions, with numbers as numbers and words as text.

    A further number makes a version higher, and a further word lower: 1.0-rc1, 1.0, 1.0.1.
    Separators are ignored.
    """
    parts = []
    for part in _PART.finditer(version):
        digits = (part[1] or "").lstrip("0")
        parts.append((2, len(digits), digits) if part[1] else (0, 0, part[0].casefold()))
    return [*parts, (1, 0, "")]
