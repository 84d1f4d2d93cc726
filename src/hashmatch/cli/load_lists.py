"""Loads the lists that a command matches against, and refuses those you cannot rely on."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hashmatch.cli.files import READS_STREAM, identify, is_stream
from hashmatch.cli.list_options import NO_LISTS, ListSettings
from hashmatch.cli.progress import working
from hashmatch.cli.streams import say
from hashmatch.errors import HashListError, SettingsError
from hashmatch.files import descriptor_of, raising
from hashmatch.hashlist import HashList, Suppressions, read_suppressions
from hashmatch.hashlist.freshness import SeenVersions, exposure, parse_duration, staleness
from hashmatch.hashlist.hash_list import EMPTY
from hashmatch.hashlist.signing import SUFFIX, verify_list
from hashmatch.text import count

_OPTIONS = {
    "categories": "--category",
    "exclude_categories": "--exclude-category",
    "sources": "--source",
}
"""The options that set each part of a policy."""

_NONE: frozenset[str] = frozenset()

_LIKE_A_HASH = re.compile("[0-9A-Fa-f]{12,}")

_SOME = 10
"""How many lines of a table to name."""


def load_lists(
    settings: ListSettings, *, quiet: bool = False, may_be_empty: bool = False
) -> list[HashList]:
    """Load all lists, in order, and report on stderr what the operator should know.

    Warnings appear even if quiet: an assumed algorithm may clear every file.

    Args:
        settings: which lists, and what to demand of them.
        quiet: do not say which list is being read.
        may_be_empty: only warn of a list that cannot match anything.

    Raises:
        HashListError: a list cannot be used, or is not what the settings demand.
        SettingsError: a setting is invalid.
    """
    if not settings.files:
        if settings != NO_LISTS:
            raise SettingsError("list options need --list")
        return []
    seen = SeenVersions(settings.seen_versions) if settings.seen_versions else None
    table = read_suppressions(settings.suppress) if settings.suppress is not None else None
    rows = table.rows if table else ()
    policy = settings.policy(frozenset((row.entry, row.list) for row in rows))
    hash_lists, unknown = [], []
    files = list(_distinct(settings.files))
    for path in files:
        with working(f"reading {path}", quiet=quiet):
            whole = _load(path, settings)
            unknown.append(policy.unknown(whole.contents))
            hash_lists.append(whole.select(policy))
    for path, hash_list in zip(files, hash_lists, strict=True):
        # Said once, if it is the error that ends the command
        said = [each for each in hash_list.notices if may_be_empty or each != EMPTY]
        say(*(f"{hash_list.name}: {notice}" for notice in said))
        _check(path, hash_list, settings, seen)
    say(*_names_of_nothing(unknown), *_suppressed_nothing(table, hash_lists))
    for hash_list in () if may_be_empty else hash_lists:
        if not len(hash_list):
            raise HashListError(EMPTY, path=hash_list.source)
    for hash_list in hash_lists:
        if seen is not None:
            seen.note(hash_list)
    return hash_lists


def _distinct(paths: Sequence[str]) -> Iterator[str]:
    """Each file once, in order, under its first name: an entry that is there twice counts twice."""
    names: dict[object, str] = {}
    for path in paths:
        file, _ = identify(path, READS_STREAM)
        if file not in names:
            names[file] = path
            yield path
        elif names[file] == path:
            say(f"--list {path} is given twice: it is used once")
        else:
            say(f"--list {path} is the same file as --list {names[file]}: it is used once")


def _names_of_nothing(unknown: Sequence[Mapping[str, frozenset[str]]]) -> Iterator[str]:
    """Name the requested categories and sources that no list has: each may be a typo."""
    for setting, option in _OPTIONS.items():
        noun = "source" if setting == "sources" else "category"
        for name in sorted(
            frozenset.intersection(*(names.get(setting, _NONE) for names in unknown))
        ):
            # It may be a hash given by mistake, which must not be repeated
            shown = "that was given" if _LIKE_A_HASH.fullmatch(name) else repr(name)
            yield f"{option}: no list has the {noun} {shown}"


def _suppressed_nothing(
    table: Suppressions | None, hash_lists: Sequence[HashList]
) -> Iterator[str]:
    """Name the lines of the table whose entries are on no list."""
    if table is not None and (lines := table.unknown(hash_lists)):
        some = ", ".join(map(str, lines[:_SOME])) + (", ..." if len(lines) > _SOME else "")
        lines_of = "line" if len(lines) == 1 else "lines"
        unknown_entries = count(len(lines), "entry is", "entries are")
        yield f"{table.source}: {unknown_entries} not on any list: {lines_of} {some}"


def skipped_lines(hash_list: HashList) -> Iterator[str]:
    """The line of each faulty entry that was skipped, and what is wrong with it."""
    for line, fault in hash_list.contents.faults:
        yield f"{hash_list.source}:{line}: skipped: {fault}"


def _load(path: str, settings: ListSettings) -> HashList:
    how: dict[str, Any] = {
        name: getattr(settings, name) for name in ("algorithm", "skip_bad_entries", "list_format")
    }
    if not is_stream(path):
        return HashList.load(path, policy=None, **how)
    name = "stdin" if path == "-" else path
    with raising(HashListError, "cannot read the hash list", name):
        data = sys.stdin.buffer.read() if path == "-" else _read_descriptor(path)
    return HashList.loads(data, name=name, policy=None, **how)


def _read_descriptor(path: str) -> bytes:
    number = descriptor_of(path)
    if number is None:
        raise SettingsError("--list fd: takes the number of an open descriptor, such as fd:3")
    with io.FileIO(number, "rb") as file:
        return file.readall()


def _check(
    path: str,
    hash_list: HashList,
    settings: ListSettings,
    seen: SeenVersions | None,
) -> None:
    if settings.require_signature is not None:
        verify_list(hash_list, Path(path + SUFFIX), settings.require_signature)
    for complaint, refused in _complaints(path, hash_list, settings, seen):
        if refused:
            raise HashListError(f"the list {complaint}", path=hash_list.source)
        say(f"{hash_list.source}: the list {complaint}")


def _complaints(
    path: str, hash_list: HashList, settings: ListSettings, seen: SeenVersions | None
) -> Iterator[tuple[str, bool]]:
    """What is wrong with a list as a whole, and whether to refuse it."""
    if settings.max_list_age is not None:
        stale = staleness(hash_list, parse_duration(settings.max_list_age), datetime.now(UTC))
        if stale is not None:
            yield stale, settings.stale == "fail"
    if seen is not None and not settings.allow_rollback:
        older = seen.rollback(hash_list)
        if older is not None:
            yield f"{older}; --allow-rollback uses it anyway", True
    if not is_stream(path):
        exposed = exposure(Path(path))
        if exposed is not None:
            yield exposed, settings.permissions == "fail"
