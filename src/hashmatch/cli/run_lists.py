"""What ``hashmatch list`` does, once its options are understood."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from hashmatch.cli.options import resolve_jobs, say
from hashmatch.curate import compile_list, difference, facts
from hashmatch.errors import SettingsError
from hashmatch.hashing import default_threshold, parse_kind
from hashmatch.hashlist import HashList
from hashmatch.hashlist.signing import SUFFIX, make_keys, sign_list, verify_list
from hashmatch.hashlist.synth import Planted, plant, synthesize
from hashmatch.model import QUALITY_FLOOR, Entry, ExamineOptions, HashKind, PerceptualHash
from hashmatch.printable import printable
from hashmatch.report import open_output
from hashmatch.scan import below, check_paths, examine_all, make_pool


def check(path: Path, algorithm: str | None) -> int:
    """Read a list and say what was read; what is wrong with it is an error by itself."""
    hash_list = HashList.load(path, algorithm=algorithm)
    _notices(hash_list)
    _write([f"{len(hash_list)} entries, {hash_list.flat} flat ones left out; nothing is wrong"])
    return 0


def show(path: Path, algorithm: str | None, *, skip_bad_entries: bool, as_json: bool) -> int:
    """Tell what a list holds."""
    hash_list = HashList.load(path, algorithm=algorithm, skip_bad_entries=skip_bad_entries)
    _notices(hash_list)
    record: dict[str, Any] = {
        "name": hash_list.name,
        "version": hash_list.version,
        "created": hash_list.created,
        "digest": f"sha256:{hash_list.digest}",
        "entries": len(hash_list),
        "flat": hash_list.flat,
        "skipped": hash_list.skipped,
        "sections": [asdict(found) | {"kind": str(found.kind)} for found in facts(hash_list)],
    }
    if as_json:
        _write([json.dumps(record)])
        return 0
    sections = record.pop("sections")
    _write(f"{name:<12} {printable(str(value))}" for name, value in record.items())
    for section in sections:
        _write(_section_lines(section))
    return 0


def compile_(path: Path, output: Path, algorithm: str | None, *, skip_bad_entries: bool) -> int:
    """Write a list as a compiled file."""
    hash_list = HashList.load(path, algorithm=algorithm, skip_bad_entries=skip_bad_entries)
    _notices(hash_list)
    chosen = compile_list(hash_list, output)
    _write([f"{len(hash_list)} entries, {output.stat().st_size} bytes", *chosen])
    return 0


def merge(paths: Sequence[Path], output: Path) -> int:
    """Write one list of several."""
    first, *others = [HashList.load(path) for path in paths]
    merged = first
    for other in others:
        _notices(other)
        merged = merged.apply(other)
    merged.save(output)
    _write([f"{len(merged)} entries of {len(paths)} lists"])
    return 0


def diff(old: Path, new: Path, *, as_json: bool) -> int:
    """Tell what changed between two lists, by id."""
    found = asdict(difference(HashList.load(old), HashList.load(new)))
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
    pool = make_pool(resolve_jobs(None))
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


def _section_lines(section: dict[str, Any]) -> list[str]:
    lines = [
        f"{section['kind']}: {section['entries']} entries, {section['duplicates']} duplicates",
        f"  near another: {section['near']} of {section['sampled']} looked at",
        f"  index: {section['index']}",
    ]
    lines += [f"  hub: {printable(name)}, {count} neighbours" for name, count in section["hubs"]]
    return lines


def _notices(hash_list: HashList) -> None:
    for notice in hash_list.notices:
        say(f"{hash_list.name}: {notice}")


def _write(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
