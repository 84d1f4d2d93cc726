"""What ``hashmatch list`` does, once its options are understood."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from hashmatch.cli.cores import resolve_jobs
from hashmatch.cli.progress import working
from hashmatch.cli.streams import say
from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox import WorkerLimits
from hashmatch.hashing import default_threshold, parse_kind
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
from hashmatch.hashlist.synth import Planted, plant, synthesize
from hashmatch.model import QUALITY_FLOOR, Entry, ExamineOptions, HashKind, PerceptualHash
from hashmatch.report import open_output
from hashmatch.scan import below, check_paths, examine_all, make_pool
from hashmatch.text import printable


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list on the command line, and how to read it.

    Attributes:
        path: the file.
        algorithm: what hashes are where the list does not say.
        list_format: what it is written in; None to tell it by the content.
        skip_bad_entries: take the rest where something is wrong.
    """

    path: Path
    algorithm: str | None = None
    list_format: str | None = None
    skip_bad_entries: bool = False

    def load(self, policy: Policy | None = None) -> HashList:
        """Read it, all of it unless there is a policy, and say what there is to say."""
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
    """Where a list made of several goes, and as what.

    Attributes:
        path: the file.
        list_format: what it is written in; None for what the end of its name tells.
        keep_withdrawals: with the ids of which the lists say that they must not match.
    """

    path: Path
    list_format: str | None = None
    keep_withdrawals: bool = False

    def format(self) -> str:
        """What it is written in, asked for before lists are read for minutes."""
        return self.list_format or format_of(self.path)

    def write(self, hash_list: HashList, chosen: str) -> HashList:
        """Write it, say what is left out, and return what was written."""
        withdrawals = len(hash_list.contents.withdrawn)
        if not self.keep_withdrawals:
            hash_list = without_withdrawals(hash_list)
        with working(f"writing {self.path}"):
            save(hash_list, self.path, chosen)
        if withdrawals and not self.keep_withdrawals:
            say(f"{withdrawals} withdrawals are not kept; --keep-withdrawals keeps them")
        return hash_list


def check(asked: ListFile) -> int:
    """Read a list and say what was read; what is wrong with it is an error by itself."""
    hash_list = asked.load(policy=DEFAULT_POLICY)
    with working(f"looking into {asked.path}"):
        lines = [line for found in facts(hash_list) for line in _check_lines(found)]
    flat = f"{hash_list.flat} flat ones left out"
    _write([*lines, f"{len(hash_list)} entries, {flat}; {_verdict_on(hash_list)}"])
    return 0


def show(asked: ListFile, *, as_json: bool) -> int:
    """Tell what a list holds."""
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
    _write(f"{name:<12} {printable(_told(value))}" for name, value in record.items())
    for each in found:
        _write(_section_lines(each))
    return 0


def compile_(asked: ListFile, output: Path) -> int:
    """Write a list as a compiled file."""
    hash_list = asked.load()
    with working(f"writing {output}"):
        chosen = compile_list(hash_list, output)
    if lost := len(overrides(hash_list)):
        say(
            f"{hash_list.name}: {lost} withdrawals of entries that it does not have are not kept,"
            " those by flat hashes included"
        )
    _write([f"{len(hash_list)} entries, {output.stat().st_size} bytes", *chosen])
    return 0


def convert(asked: ListFile, output: Path, list_format: str | None) -> int:
    """Write a list in another format."""
    chosen = list_format or format_of(output)
    if chosen == COMPILED:
        return compile_(asked, output)
    hash_list = asked.load()
    with working(f"writing {output}"):
        save(hash_list, output, chosen)
    _write([f"{len(hash_list)} entries, {len(overrides(hash_list))} withdrawals, as {chosen}"])
    return 0


def apply(base: ListFile, deltas: Sequence[ListFile], output: Output) -> int:
    """Bring a list up to date by others."""
    chosen = output.format()
    old = base.load()
    new = output.write(apply_deltas(old, (delta.load() for delta in deltas)), chosen)
    _write([f"{len(old)} entries before, {len(new)} now"])
    return 0


def merge(asked: Sequence[ListFile], output: Output, *, prefix: bool) -> int:
    """Write one list of several."""
    chosen = output.format()
    merged = merge_lists([each.load() for each in asked], prefix=prefix)
    output.write(merged, chosen)
    _write([f"{len(merged)} entries of {len(asked)} lists"])
    return 0


def diff(old: ListFile, new: ListFile, *, as_json: bool) -> int:
    """Tell what changed between two lists, by id."""
    found = asdict(difference(old.load(), new.load()))
    if as_json:
        _write([json.dumps(found)])
        return 0
    for what, names in found.items():
        _write(f"{what:<9} {printable(name)}" for name in names)
    _write([", ".join(f"{len(names)} {what}" for what, names in found.items())])
    return 0


def keygen(key: Path, public_key: Path) -> int:
    """Make a pair of keys."""
    make_keys(key, public_key)
    _write(["keep the private key where no server is; give the public one to whoever verifies"])
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


def synth(
    output: Path,
    *,
    count: int,
    algorithm: str,
    seed: int,
    clustered: bool,
    near: Sequence[Path],
    key_file: Path | None,
) -> int:
    """Make a synthetic list."""
    if bool(near) != bool(key_file):
        raise SettingsError(
            "--near and --key-file go together: the key tells what is planted where"
        )
    kind = parse_kind(algorithm)
    paths = check_paths(near)
    pictures = _hash_pictures(paths, kind) if near else []
    reach = 2 * default_threshold(kind)
    planted = list(plant([value for _, value in pictures], range(reach + 1), seed=seed))
    with open_output(output) as stream:
        stream.write(f"# algorithm: {kind.algorithm}\n# name: synthetic\n")
        random = synthesize(count, kind, seed=seed, clustered=clustered)
        for entry in chain((entry for entry, _ in planted), random):
            stream.write(f"{entry.hash} {entry.id} {entry.label}\n")
    if key_file is not None:
        _write_key(key_file, planted, [path for path, _ in pictures])
    _write([f"{count} random entries, {len(planted)} planted near {len(pictures)} pictures"])
    return 0


def _hash_pictures(paths: Sequence[bytes], kind: HashKind) -> list[tuple[bytes, PerceptualHash]]:
    """The stored views' hashes of all pictures with detail at or below the paths."""
    options = ExamineOptions(kinds=(kind,))
    pool = make_pool(resolve_jobs(None), WorkerLimits(notify=say))
    try:
        return [
            (below(path, paths), found.views[0].hashes[0])
            for path, found in examine_all(paths, options, pool)
            if found.views and found.views[0].quality >= QUALITY_FLOOR
        ]
    finally:
        pool.close()


def _write_key(
    path: Path, planted: Sequence[tuple[Entry, Planted]], pictures: Sequence[bytes]
) -> None:
    with open_output(path) as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "entry", "distance"])
        for _, place in planted:
            writer.writerow([printable(pictures[place.picture]), place.entry, place.distance])


def _check_lines(found: SectionFacts) -> Iterator[str]:
    yield (
        f"{found.kind}: {found.entries} entries, {found.duplicates} duplicates;"
        f" of {found.sampled} looked at, {found.near} are near another, {found.hubs} are hubs"
    )


def _section_lines(found: SectionFacts) -> Iterator[str]:
    yield from _check_lines(found)
    yield f"  index: {found.index}"
    for name, count in found.named_hubs:
        yield f"  hub: {printable(name)}, {count} neighbours"


def _verdict_on(hash_list: HashList) -> str:
    """What a check comes to, where nothing is wrong by line."""
    if hash_list.skipped:
        return f"{hash_list.skipped} wrong ones skipped"
    return "nothing is wrong" if len(hash_list) else "nothing can match"


def _told(value: Any) -> str:
    """A value for people: counts as name and number."""
    if not isinstance(value, dict):
        return "-" if value is None else str(value)
    return ", ".join(f"{name or 'none'} {count}" for name, count in value.items()) or "-"


def _write(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
