"""Folders of pictures, and scans of them with and without a state."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hashmatch import HashList, Matcher
from hashmatch.examine.examination import examine
from hashmatch.examine.sandbox import ThreadPool
from hashmatch.model import HashKind
from hashmatch.options import ExamineOptions
from hashmatch.report import file_record
from hashmatch.scan import Counts, History, Replay, State, WalkOptions, rematch, scan
from pictures import photo

EVERYTHING = WalkOptions()
LONG_AGO = time.time() - 3600

Records = list[dict[str, Any]]


def picture(seed: int, size: tuple[int, int] = (96, 80), quality: int = 85) -> bytes:
    """A JPEG made from a seed; too small for a preview unless both sides are over 512."""
    stream = io.BytesIO()
    photo(seed, *size).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def put(path: Path, data: bytes, when: float = LONG_AGO) -> Path:
    """Write a file that looks as if it had not changed for an hour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (when, when))
    return path


def tree(root: Path, count: int, size: tuple[int, int] = (96, 80)) -> Path:
    """A folder of different pictures, some of them in folders whose names sort awkwardly."""
    folders = ["", "a", "a-b", "a!", "a/b", "z"]
    for seed in range(count):
        put(root / folders[seed % len(folders)] / f"{seed:04d}.jpg", picture(seed, size))
    return root


def list_of(*pictures: bytes, name: str = "synthetic", text: str = "") -> HashList:
    """A list with the hash of each picture's stored view."""
    options = ExamineOptions(kinds=(HashKind("phash", 64),))
    hashes = [examine(data, options).views[0].hashes[0] for data in pictures]
    lines = [f"{value} entry-{number}" for number, value in enumerate(hashes)]
    head = f"# algorithm: phash\n# name: {name}\n"
    return HashList.loads(head + "\n".join([*lines, text]) + "\n")


def far_list(name: str = "synthetic") -> HashList:
    """A list that none of our pictures is near to."""
    return HashList.loads(f"# algorithm: phash\n# name: {name}\n0123456789abcdef far-away\n")


def records(results: Any) -> Records:
    """The records of results."""
    return [file_record(result) for result in results]


def plain_scan(root: Path, matcher: Matcher) -> Records:
    """What a scan without a state finds."""
    with ThreadPool(1) as pool:
        return records(scan([os.fsencode(root)], matcher, pool))


def state_scan(
    root: Path | list[Path],
    path: Path,
    matcher: Matcher,
    *,
    rehash: bool = False,
    walk: WalkOptions = EVERYTHING,
    jobs: int = 2,
) -> tuple[Records, Counts]:
    """What a scan with a state finds, and where its results came from."""
    roots = [root] if isinstance(root, Path) else root
    with State(path) as state, ThreadPool(jobs) as pool:
        memory = History(state, matcher.options, rehash=rehash)
        found = scan(map(os.fsencode, roots), matcher, pool, None, walk, memory)
        return records(found), memory.counts


def state_rematch(path: Path, matcher: Matcher, **options: Any) -> tuple[Records, Counts]:
    """What a re-match finds, and how many files it had to open."""
    with State(path, create=False) as state, ThreadPool(1) as pool:
        replay = Replay(state, matcher.options, **options)
        return records(rematch(matcher, pool, replay)), replay.counts


_watchers: list[list[str]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and not isinstance(arguments[0], int):
        for watcher in _watchers:
            watcher.append(os.fsdecode(arguments[0]))


sys.addaudithook(_hook)


@contextmanager
def watching_opens() -> Iterator[list[str]]:
    """The names of all files that this process opens meanwhile, as Python's audit events tell."""
    found: list[str] = []
    _watchers.append(found)
    try:
        yield found
    finally:
        _watchers.remove(found)
