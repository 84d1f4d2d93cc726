"""A shard: some items, and all that decides how they are examined. As a file, it is a manifest.

A manifest is JSON lines: a header, then one line for each item. The digest of its bytes is its id,
so the same items with the same settings have the same id, on any machine and in any run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hashmatch.cluster.items import ShardItem, decode_item, encode_item, shard_item
from hashmatch.errors import InputError
from hashmatch.examine.sandbox import Job, WorkerLimits
from hashmatch.examine.sandbox.protocol import decode_options, encode_options
from hashmatch.files import path_fields, path_of
from hashmatch.options import ExamineOptions
from hashmatch.sources import Item
from hashmatch.state.settings import Settings

SCHEMA = 1

MAX_ITEMS = 500
"""Items in a shard. Handing one over costs about a millisecond, whatever is in it."""

BYTES_PER_ITEM = 1024 * 1024
"""Bytes of the files in a shard, for each item there may be. 500 MiB of photographs take two cores
about 30 seconds."""


@dataclass(frozen=True, slots=True)
class Work:
    """How the shards of one scan are examined."""

    options: ExamineOptions  # what to compute, and what a file may cost
    limits: WorkerLimits  # what each worker may use
    base: bytes = b""  # the folder that relative paths are relative to; empty for the current one
    follow: bool = False
    requester_pays: bool = False  # accept that we pay for requests to others' buckets

    def rules(self) -> str:
        """All that could change a hash on this machine: versions, decoders, limits."""
        return Settings.of(self.options).base


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard."""

    work: Work
    rules: str  # what ``Work.rules`` is on the machine that made it
    items: tuple[ShardItem, ...]
    number: int = 0  # 1, 2, ... in a plan
    exact: bool = False  # decode in full, whatever the options say
    digest_only: bool = False  # take digests, and look no further

    def job(self, number: int) -> Job:
        """What is asked about the item of that number, which is not open yet."""
        item = self.items[number]
        return Job(-1, self.exact, self.digest_only, item.skip, item.count)

    def encode(self) -> bytes:
        """The manifest."""
        work, limits = self.work, self.work.limits
        roots = [each.root for each in self.items if each.root is not None]
        numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
        header = {
            "type": "shard",
            "schema": SCHEMA,
            "number": self.number,
            "items": len(self.items),
            "exact": self.exact,
            "digest_only": self.digest_only,
            "options": encode_options(work.options),
            "limits": [limits.max_memory, limits.max_seconds, limits.sandbox],
            "rules": self.rules,
            "base": path_fields(work.base),
            "follow": work.follow,
            "requester_pays": work.requester_pays,
            "roots": [path_fields(root) for root in numbers],
        }
        lines = [header, *(encode_item(each, numbers) for each in self.items)]
        return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def id_of(manifest: bytes) -> str:
    """The id of a shard: the SHA-256 of its manifest, in hex."""
    return hashlib.sha256(manifest).hexdigest()


def read_shard(manifest: bytes, path: str | None = None) -> Shard:
    """Read a manifest of this version, or raise ``InputError``."""
    try:
        header, *lines = map(json.loads, manifest.splitlines())
        return _decode(header, lines)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
        message = "not a shard manifest of this version of hashmatch"
        raise InputError(message, path=path) from None


def _decode(header: dict[str, Any], lines: list[dict[str, Any]]) -> Shard:
    if (header["type"], header["schema"], header["items"]) != ("shard", SCHEMA, len(lines)):
        raise ValueError
    memory, seconds, sandbox = header["limits"]
    base, follow = path_of(header["base"]), header["follow"] is True
    roots = [path_of(fields) for fields in header["roots"]]
    work = Work(
        decode_options(header["options"]),
        WorkerLimits(memory, seconds, sandbox),
        base,
        follow,
        header["requester_pays"] is True,
    )
    return Shard(
        work,
        str(header["rules"]),
        tuple(decode_item(line, roots, base, follow=follow) for line in lines),
        number=int(header["number"]),
        exact=header["exact"] is True,
        digest_only=header["digest_only"] is True,
    )


def cut(items: Iterable[Item], work: Work, most: int = MAX_ITEMS) -> Iterator[Shard]:
    """Cut the items of a scan into shards, in order. Large files make a shard smaller."""
    rules, number = work.rules(), 0
    taken: list[ShardItem] = []
    size = 0
    for item in items:
        identity = item.identity()
        length = 0 if identity is None else identity.size
        if taken and (len(taken) >= most or size + length > most * BYTES_PER_ITEM):
            number += 1
            yield Shard(work, rules, tuple(taken), number)
            taken, size = [], 0
        taken.append(shard_item(item, work.base, follow=work.follow, skip=0, count=0))
        size += length
    if taken:
        yield Shard(work, rules, tuple(taken), number + 1)
