"""Runs the ``hashmatch list`` commands once their options are parsed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hashmatch.cli.progress import working
from hashmatch.cli.streams import say
from hashmatch.hashlist import HashList, Policy
from hashmatch.hashlist.formats import COMPILED, format_of
from hashmatch.hashlist.operations import (
    SectionFacts,
    apply_deltas,
    compile_list,
    difference,
    facts,
    makeup,
    overrides,
    save,
    without_withdrawals,
)
from hashmatch.hashlist.operations import merge as merge_lists
from hashmatch.hashlist.policy import DEFAULT_POLICY
from hashmatch.hashlist.signing import SUFFIX, make_keys, sign_list, verify_list
from hashmatch.text import count, printable


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list on the command line, and how to read it.

    Attributes:
        path: the file.
        algorithm: of hashes that name none.
        list_format: its format; None to recognise it by the content.
        skip_bad_entries: use the rest of a list with faulty lines.
    """

    path: Path
    algorithm: str | None = None
    list_format: str | None = None
    skip_bad_entries: bool = False

    def load(self, policy: Policy | None = None) -> HashList:
        """Read it, whole unless there is a policy, and print its notices."""
        with working(f"reading {self.path}"):
            hash_list = HashList.load(
                self.path,
                algorithm=self.algorithm,
                list_format=self.list_format,
                skip_bad_entries=self.skip_bad_entries,
                policy=policy,
            )
        say(*(f"{hash_list.name}: {notice}" for notice in hash_list.notices))
        return hash_list


@dataclass(frozen=True, slots=True)
class Output:
    """Where to write a list made of several, and in which format.

    Attributes:
        path: the file.
        list_format: its format; None to choose it by the file name's ending.
        keep_withdrawals: also write the ids that the lists rule out.
    """

    path: Path
    list_format: str | None = None
    keep_withdrawals: bool = False

    def format(self) -> str:
        """The format, checked before lists are read for minutes."""
        return self.list_format or format_of(self.path)

    def write(self, hash_list: HashList, chosen: str) -> HashList:
        """Write the list, report what was dropped, and return what was written."""
        withdrawals = len(hash_list.contents.withdrawn)
        if not self.keep_withdrawals:
            hash_list = without_withdrawals(hash_list)
        with working(f"writing {self.path}"):
            save(hash_list, self.path, chosen)
        if withdrawals and not self.keep_withdrawals:
            them = "it" if withdrawals == 1 else "them"
            say(f"dropped {count(withdrawals, 'withdrawal')}; --keep-withdrawals keeps {them}")
        return hash_list


def check(asked: ListFile) -> int:
    """Read a list and count its entries; reading raises the errors."""
    hash_list = asked.load(policy=DEFAULT_POLICY)
    with working(f"looking into {asked.path}"):
        lines = [line for found in facts(hash_list) for line in _check_lines(found)]
    _write(
        [
            *lines,
            f"{_entries(hash_list)}, {hash_list.flat:,} flat skipped: {_check_result(hash_list)}",
        ]
    )
    return 0


def show(asked: ListFile, *, as_json: bool) -> int:
    """Show what a list holds."""
    whole = asked.load()
    with working(f"looking into {asked.path}"):
        made, found = makeup(whole), facts(whole)
    record: dict[str, Any] = {
        "name": whole.name,
        "version": whole.version,
        "created": whole.created,
        "age_days": made.age_days,
        "digest": f"sha256:{whole.digest}",
        "entries": len(whole),
        "flat": whole.flat,
        "skipped": whole.skipped,
        "withdrawals": len(whole.contents.withdrawn),
        "unsupported": dict(whole.unsupported),
        "left_out": made.left_out,
        "categories": made.categories,
        "sources": made.sources,
        "sections": [asdict(each) | {"kind": str(each.kind)} for each in found],
    }
    if as_json:
        _write([json.dumps(record)])
        return 0
    del record["sections"]
    _write(f"{name:<12} {printable(_shown(value))}" for name, value in record.items())
    for each in found:
        _write(_section_lines(each))
    return 0


def compile_(asked: ListFile, output: Path) -> int:
    """Write a list as a compiled file."""
    hash_list = asked.load()
    with working(f"writing {output}"):
        chosen = compile_list(hash_list, output)
    if lost := len(overrides(hash_list)):
        say(f"{hash_list.name}: dropped {count(lost, 'withdrawal')}, including flat hashes")
    _write([f"{_entries(hash_list)}, {count(output.stat().st_size, 'byte')}", *chosen])
    return 0


def convert(asked: ListFile, output: Path, list_format: str | None) -> int:
    """Write a list in another format."""
    chosen = list_format or format_of(output)
    if chosen == COMPILED:
        return compile_(asked, output)
    hash_list = asked.load()
    with working(f"writing {output}"):
        save(hash_list, output, chosen)
    withdrawals = count(len(overrides(hash_list)), "withdrawal")
    _write([f"wrote {_entries(hash_list)} and {withdrawals} as {chosen}"])
    return 0


def apply(base: ListFile, deltas: Sequence[ListFile], output: Output) -> int:
    """Apply updates to a list."""
    chosen = output.format()
    old = base.load()
    new = output.write(apply_deltas(old, (delta.load() for delta in deltas)), chosen)
    _write([f"{_entries(old)} before, {len(new):,} now"])
    return 0


def merge(asked: Sequence[ListFile], output: Output, *, prefix: bool) -> int:
    """Merge several lists into one."""
    chosen = output.format()
    merged = merge_lists([each.load() for each in asked], prefix=prefix)
    output.write(merged, chosen)
    _write([f"{_entries(merged)} from {count(len(asked), 'list')}"])
    return 0


def diff(old: ListFile, new: ListFile, *, as_json: bool) -> int:
    """Show what changed between two lists, by id."""
    found = asdict(difference(old.load(), new.load()))
    if as_json:
        _write([json.dumps(found)])
        return 0
    for what, names in found.items():
        _write(f"{what:<9} {printable(name)}" for name in names)
    _write([", ".join(f"{len(names)} {what}" for what, names in found.items())])
    return 0


def keygen(key: Path, public_key: Path) -> int:
    """Generate a pair of keys."""
    make_keys(key, public_key)
    _write(["keep the private key off your servers; give the public key to whoever verifies"])
    return 0


def sign(path: Path, key: Path) -> int:
    """Sign a list."""
    _write([f"signed: {printable(os.fsencode(sign_list(path, key)))}"])
    return 0


def verify(path: Path, public_key: Path) -> int:
    """Check a list's signature."""
    statement = verify_list(HashList.load(path), path.with_name(path.name + SUFFIX), public_key)
    version = f", version {statement.version}" if statement.version else ""
    _write([f"{printable(statement.name)}{version}: signed by this key, and unchanged"])
    return 0


def _check_lines(found: SectionFacts) -> Iterator[str]:
    entries, duplicates = (
        count(found.entries, "entry", "entries"),
        count(found.duplicates, "duplicate"),
    )
    yield (
        f"{found.kind}: {entries}, {duplicates};"
        f" of {found.sampled:,} examined, {found.near:,} near another, {count(found.hubs, 'hub')}"
    )


def _section_lines(found: SectionFacts) -> Iterator[str]:
    yield from _check_lines(found)
    yield f"  index: {found.index}"
    for name, neighbours in found.named_hubs:
        yield f"  hub: {printable(name)}, {count(neighbours, 'neighbour')}"


def _check_result(hash_list: HashList) -> str:
    """The result of a check without errors by line."""
    if hash_list.skipped:
        return f"{count(hash_list.skipped, 'faulty entry', 'faulty entries')} skipped"
    return "no errors" if len(hash_list) else "nothing can match"


def _entries(hash_list: HashList) -> str:
    return count(len(hash_list), "entry", "entries")


def _shown(value: Any) -> str:
    """A value for people; counts become names with numbers."""
    if not isinstance(value, dict):
        return "-" if value is None else str(value)
    return ", ".join(f"{name or 'none'} {number}" for name, number in value.items()) or "-"


def _write(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
