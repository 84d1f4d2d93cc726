"""A scan as files: a folder of manifests, and a page that says what they amount to.

``plan.json`` is written last, so a folder without it is not a whole plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hashmatch.cluster.shard import MAX_ITEMS, SCHEMA, Shard, Work, cut, id_of, read_shard
from hashmatch.errors import InputError
from hashmatch.files import path_fields, path_of, raising, write_atomically
from hashmatch.sources import Item, WalkCounts, WalkOptions

_PAGE = "plan.json"


@dataclass(slots=True)
class Plan:
    """What a folder of manifests amounts to."""

    shards: list[str] = field(default_factory=list)  # the id of each, in order
    items: int = 0  # how many files, and folders that could not be entered
    paths: list[str] = field(default_factory=list)  # what the operator named
    files_from: str | None = None  # the file that names more
    walk: WalkOptions = field(default_factory=WalkOptions)  # which files were taken
    counts: WalkCounts = field(default_factory=WalkCounts)  # what the walk met apart from them

    def encode(self) -> dict[str, Any]:
        """As ``plan.json`` has it."""
        links = [path_fields(path) for path in self.counts.skipped_links]
        return {
            "type": "plan",
            "schema": SCHEMA,
            **asdict(self),
            "counts": asdict(self.counts) | {"skipped_links": links},
        }


def manifest_name(number: int) -> str:
    """The name of the manifest of that number."""
    return f"shard-{number:07}.jsonl"


def write_plan(
    items: Iterable[Item], work: Work, plan: Plan, folder: Path, most: int = MAX_ITEMS
) -> None:
    """Write the manifests of a scan into an empty folder, and then the plan, which counts them.

    Raises:
        OutputError: something cannot be written.
        InputError: the folder is not empty, so another plan may be in it.
    """
    with raising(InputError, "cannot be used", folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError("the folder of a plan must be empty", path=str(folder))
    for shard in cut(items, work, most):
        manifest = shard.encode()
        with write_atomically(folder / manifest_name(shard.number)) as file:
            file.write(manifest)
        plan.shards.append(id_of(manifest))
        plan.items += len(shard.items)
    with write_atomically(folder / _PAGE) as file:
        file.write(json.dumps(plan.encode(), indent=2).encode() + b"\n")


def read_plan(folder: Path) -> Plan:
    """Read the page of a plan of this version, or raise ``InputError``."""
    path = folder / _PAGE
    try:
        with raising(InputError, "cannot be read, so this is not a whole plan", path):
            page = json.loads(path.read_bytes())
        counts, walk = page["counts"], page["walk"]
        links = [path_of(each) for each in counts["skipped_links"]]
        chosen = {name: tuple(walk[name]) for name in ("include", "exclude")}
        if (page["type"], page["schema"]) != ("plan", SCHEMA):
            raise InputError("was made by another version of hashmatch", path=str(path))
        return Plan(
            list(map(str, page["shards"])),
            page["items"],
            page["paths"],
            page["files_from"],
            WalkOptions(**{**walk, **chosen}),
            WalkCounts(**{**counts, "skipped_links": links}),
        )
    except (AttributeError, LookupError, TypeError, ValueError):
        raise InputError("not a valid plan.json", path=str(path)) from None


def read_manifest(path: Path) -> tuple[str, Shard]:
    """Read a manifest, and return its id and what it says, or raise ``InputError``."""
    with raising(InputError, "cannot be read", path):
        data = path.read_bytes()
    return id_of(data), read_shard(data, str(path))


def shards_of(plan: Plan, folder: Path) -> Iterator[tuple[str, Shard]]:
    """Yield each shard of a plan with its id, in order.

    Raises ``InputError`` if one is missing, or is not of this plan.
    """
    for number, expected in enumerate(plan.shards, 1):
        path = folder / manifest_name(number)
        name, shard = read_manifest(path)
        if name != expected:
            raise InputError("has changed since the plan was made", path=str(path))
        yield name, shard
