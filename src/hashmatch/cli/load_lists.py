"""Loading the lists that a command looks up in, and refusing those not to be relied on."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hashmatch.cli.options import say
from hashmatch.errors import HashListError, SettingsError
from hashmatch.hashlist import HashList
from hashmatch.hashlist.freshness import SeenVersions, exposure, parse_duration, staleness
from hashmatch.hashlist.signing import SUFFIX, verify_list


@dataclass(frozen=True, slots=True)
class ListSettings:
    """Which lists, and what they must be, as plain values.

    Attributes:
        paths: files; ``-`` is stdin, and ``fd:3`` an open file descriptor.
        algorithm: what hashes are where a list does not say.
        skip_bad_entries: use the rest of a list that has wrong lines.
        max_age: how old a list may be, such as ``7d``; None for any age.
        stale: ``warn`` or ``fail`` where it is older.
        seen_versions: the file that keeps the last version used of each list; None for none.
        allow_rollback: use a list whose version is below the last one used.
        public_key: the key that must have signed each list; None for no signatures.
        permissions: ``warn`` or ``fail`` where others can read a list.
        quiet: say nothing but errors.
    """

    paths: tuple[str, ...]
    algorithm: str | None = None
    skip_bad_entries: bool = False
    max_age: str | None = None
    stale: str = "warn"
    seen_versions: Path | None = None
    allow_rollback: bool = False
    public_key: Path | None = None
    permissions: str = "warn"
    quiet: bool = False

    def __post_init__(self) -> None:
        for name, value in (("--stale", self.stale), ("--permissions", self.permissions)):
            if value not in ("warn", "fail"):
                raise SettingsError(f"{name} takes warn or fail")


def load_lists(settings: ListSettings) -> list[HashList]:
    """Load all lists, in order.

    Raises:
        HashListError: one cannot be used, or is not what it must be.
        SettingsError: a setting makes no sense.
    """
    seen = SeenVersions(settings.seen_versions) if settings.seen_versions else None
    hash_lists = [_load(path, settings) for path in settings.paths]
    for path, hash_list in zip(settings.paths, hash_lists, strict=True):
        _check(path, hash_list, settings, seen)
    for hash_list in hash_lists:
        if seen is not None:
            seen.note(hash_list)
    return hash_lists


def _load(path: str, settings: ListSettings) -> HashList:
    if path != "-" and not path.startswith("fd:"):
        return HashList.load(
            path, algorithm=settings.algorithm, skip_bad_entries=settings.skip_bad_entries
        )
    name = "stdin" if path == "-" else path
    try:
        data = sys.stdin.buffer.read() if path == "-" else _read_descriptor(path)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise HashListError(f"cannot read the hash list: {why}", path=name) from error
    return HashList.loads(
        data,
        name=name,
        algorithm=settings.algorithm,
        skip_bad_entries=settings.skip_bad_entries,
    )


def _read_descriptor(path: str) -> bytes:
    number = path.removeprefix("fd:")
    if not number.isdecimal():
        raise SettingsError("--list fd: takes the number of an open descriptor, such as fd:3")
    with io.FileIO(int(number), "rb") as file:
        return file.readall()


def _check(
    path: str, hash_list: HashList, settings: ListSettings, seen: SeenVersions | None
) -> None:
    for notice in () if settings.quiet else hash_list.notices:
        say(f"{hash_list.name}: {notice}")
    if settings.public_key is not None:
        verify_list(hash_list, Path(path + SUFFIX), settings.public_key)
    for complaint, refused in _complaints(path, hash_list, settings, seen):
        if refused:
            raise HashListError(f"the list {complaint}", path=hash_list.source)
        if not settings.quiet:
            say(f"{hash_list.name}: the list {complaint}")


def _complaints(
    path: str, hash_list: HashList, settings: ListSettings, seen: SeenVersions | None
) -> Iterator[tuple[str, bool]]:
    """What speaks against a list, and whether it is refused for that."""
    if settings.max_age is not None:
        stale = staleness(hash_list, parse_duration(settings.max_age), datetime.now(UTC))
        if stale is not None:
            yield stale, settings.stale == "fail"
    if seen is not None and not settings.allow_rollback:
        older = seen.rollback(hash_list)
        if older is not None:
            yield f"{older}; --allow-rollback uses it all the same", True
    if path != "-" and not path.startswith("fd:"):
        exposed = exposure(Path(path))
        if exposed is not None:
            yield exposed, settings.permissions == "fail"
