"""``hashmatch list``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hashmatch.cli import options as opt
from hashmatch.cli.command import argument, group, option, switch
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, READS_SIGNATURE, REPLACES, WRITES, WRITES_SIGNATURE
from hashmatch.cli.list_fetch import add_commands
from hashmatch.cli.progress import working
from hashmatch.cli.streams import say
from hashmatch.text import count, printable

if TYPE_CHECKING:
    from hashmatch import hashlist
    from hashmatch.cli import results
    from hashmatch.hashlist import formats, freshness, operations, signing
    from hashmatch.match import expected
else:
    hashlist, formats = deferred("hashmatch.hashlist"), deferred("hashmatch.hashlist.formats")
    operations = deferred("hashmatch.hashlist.operations")
    freshness = deferred("hashmatch.hashlist.freshness")
    signing, results = deferred("hashmatch.hashlist.signing"), deferred("hashmatch.cli.results")
    expected = deferred("hashmatch.match.expected")

app = group("list", "Fetch, check, convert, merge, sign and compile hash lists.")
add_commands(app)

ListPath = Annotated[Path, argument("LIST", "A hash list."), READS]
OutputFile = Annotated[
    Path,
    option("FILE", "Write to FILE, atomically.", "--output", "-o", callback=opt.not_stdout),
    WRITES,
]
To = Annotated[
    str | None,
    option(
        "text|csv|compiled",
        "Format to write. Default: by the file's suffix (.txt, .csv or .hml).",
        "--to",
    ),
]
KeepWithdrawals = Annotated[
    bool,
    switch(
        "--keep-withdrawals",
        "Also write the withdrawn ids, so that they can be applied to another list.",
    ),
]


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list given on the command line, and how to read it."""

    path: Path
    algorithm: str | None = None  # of hashes that name none
    list_format: str | None = None  # its format; None to detect it by its content
    skip_bad_entries: bool = False  # skip faulty lines and use the rest

    def load(self, policy: hashlist.Policy | None = None) -> hashlist.HashList:
        """Read it, whole unless there is a policy.

        Print its notices, and a warning if others can read or change it.
        """
        with working(f"reading {self.path}"):
            hash_list = hashlist.HashList.load(
                self.path,
                algorithm=self.algorithm,
                list_format=self.list_format,
                skip_bad_entries=self.skip_bad_entries,
                policy=policy,
            )
        say(*(f"{hash_list.name}: {notice}" for notice in hash_list.notices))
        if (exposed := freshness.exposure(self.path)) is not None:
            say(f"{hash_list.source}: the list {exposed}")
        return hash_list


@app.command("check")
def check_command(
    path: ListPath,
    algorithm: opt.ListAlgorithm = None,
    list_format: opt.ListFormat = None,
) -> int:
    """Report every error in a list by line, and count suspicious entries.

    Suspicious entries are flat hashes, duplicates, entries near another, and hubs, which are near
    at least ten others. Exit codes: 0 no errors, 65 errors.
    """
    hash_list = ListFile(path, algorithm, list_format).load(policy=hashlist.Policy())
    with working(f"examining {path}"):
        lines = [line for found in operations.facts(hash_list) for line in _check_lines(found)]
    flat = f", {hash_list.flat:,} flat skipped" if hash_list.flat else ""
    _write(
        [
            *lines,
            f"{_entries(hash_list)}{flat}: {_check_result(hash_list)}",
            *results.expectation_by_default(hash_list),
        ]
    )
    return 0


@app.command("show")
def show_command(
    path: ListPath,
    algorithm: opt.ListAlgorithm = None,
    list_format: opt.ListFormat = None,
    skip_bad_entries: opt.SkipBadEntries = False,
    as_json: opt.AsJson = False,
) -> int:
    """Show what a list holds, by algorithm, category and source, and its age; never a hash."""
    whole = ListFile(path, algorithm, list_format, skip_bad_entries).load()
    with working(f"examining {path}"):
        made, found = operations.makeup(whole), operations.facts(whole)
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
        "expected_false": expected.expect_by_default(whole).record(),
        "sections": [asdict(each) | {"kind": str(each.kind)} for each in found],
    }
    if as_json:
        _write([json.dumps(record)])
        return 0
    del record["sections"], record["expected_false"]
    _write(
        f"{name.replace('_', ' '):<12} {printable(_shown(value))}" for name, value in record.items()
    )
    for each in found:
        _write(_section_lines(each))
    _write(results.expectation_by_default(whole))
    return 0


@app.command("compile")
def compile_command(
    path: ListPath,
    output: OutputFile,
    algorithm: opt.ListAlgorithm = None,
    list_format: opt.ListFormat = None,
    skip_bad_entries: opt.SkipBadEntries = False,
) -> int:
    """Write a list and its indexes as one file that opens at once.

    Use it with --list like any other list.
    """
    return _compile(ListFile(path, algorithm, list_format, skip_bad_entries), output)


@app.command("convert")
def convert_command(
    path: ListPath,
    output: OutputFile,
    to: To = None,
    algorithm: opt.ListAlgorithm = None,
    list_format: opt.ListFormat = None,
    skip_bad_entries: opt.SkipBadEntries = False,
) -> int:
    """Write a list of any format as text, CSV or compiled.

    Keeps entries that may not match. If the new format cannot hold something, that is an error, and
    nothing is written.
    """
    asked = ListFile(path, algorithm, list_format, skip_bad_entries)
    chosen = to or formats.format_of(output)
    if chosen == formats.COMPILED:
        return _compile(asked, output)
    hash_list = asked.load()
    with working(f"writing {output}"):
        operations.save(hash_list, output, chosen)
    withdrawals = count(len(operations.overrides(hash_list)), "withdrawal")
    _write([f"wrote {_entries(hash_list)} and {withdrawals} as {chosen}"])
    return 0


@app.command("apply")
def apply_command(
    base: Annotated[Path, argument("BASE", "List to update."), REPLACES],
    deltas: Annotated[list[Path], argument("DELTA...", "Updates, oldest first."), READS],
    output: OutputFile,
    to: To = None,
    keep_withdrawals: KeepWithdrawals = False,
    algorithm: opt.ListAlgorithm = None,
) -> int:
    """Apply updates to a list: later pages or deltas, in any format.

    An entry of a later list replaces every entry with the same id; a withdrawn entry is removed.
    """
    chosen = to or formats.format_of(output)  # fails before minutes are spent reading lists
    old = ListFile(base, algorithm).load()
    new = operations.apply_deltas(old, (ListFile(path, algorithm).load() for path in deltas))
    new = _save(new, output, chosen, keep_withdrawals=keep_withdrawals)
    _write([f"{_entries(old)} before, {len(new):,} now"])
    return 0


@app.command("merge")
def merge_command(
    paths: Annotated[list[Path], argument("LIST...", "Hash lists."), READS],
    output: OutputFile,
    to: To = None,
    prefix: Annotated[
        bool, switch("--prefix", "Prefix ids with their list's name and a slash.")
    ] = False,
    keep_withdrawals: KeepWithdrawals = False,
    algorithm: opt.ListAlgorithm = None,
) -> int:
    """Merge independent lists into one.

    If an id means different things in two lists, or one of them withdraws it, that is an error: no
    entry is lost.
    """
    chosen = to or formats.format_of(output)  # fails before minutes are spent reading lists
    merged = operations.merge([ListFile(path, algorithm).load() for path in paths], prefix=prefix)
    _save(merged, output, chosen, keep_withdrawals=keep_withdrawals)
    _write([f"{_entries(merged)} from {count(len(paths), 'list')}"])
    return 0


@app.command("diff")
def diff_command(
    old: Annotated[Path, argument("OLD", "The older list."), READS],
    new: Annotated[Path, argument("NEW", "The newer list."), READS],
    algorithm: opt.ListAlgorithm = None,
    as_json: opt.AsJson = False,
) -> int:
    """Show by id which entries were added, withdrawn and changed between two lists."""
    found = asdict(
        operations.difference(ListFile(old, algorithm).load(), ListFile(new, algorithm).load())
    )
    if as_json:
        _write([json.dumps(found)])
    else:
        for what, names in found.items():
            _write(f"{what:<9} {printable(name)}" for name in names)
        _write([", ".join(f"{len(names)} {what}" for what, names in found.items())])
    return 0


@app.command("keygen")
def keygen_command(
    key: Annotated[Path, option("FILE", "File to write the private key to."), WRITES],
    public_key: Annotated[Path, option("FILE", "File to write the public key to."), WRITES],
) -> int:
    """Create an Ed25519 key pair, in PEM, for signing lists."""
    signing.make_keys(key, public_key)
    _write(["keep the private key off your servers; give the public key to those who verify lists"])
    return 0


@app.command("sign")
def sign_command(
    path: Annotated[ListPath, WRITES_SIGNATURE],
    key: Annotated[Path, option("FILE", "The private key, Ed25519 in PEM."), READS],
) -> int:
    """Sign a list (its bytes, name, version and date), in LIST.sig beside it."""
    _write([f"signed: {printable(os.fsencode(signing.sign_list(path, key)))}"])
    return 0


@app.command("verify")
def verify_command(
    path: Annotated[ListPath, READS_SIGNATURE],
    public_key: Annotated[Path, option("FILE", "The public key, Ed25519 in PEM."), READS],
) -> int:
    """Check a list's signature.

    Exit codes: 0 signed by this key and unchanged, 65 not.
    """
    statement = signing.verify_list(
        hashlist.HashList.load(path), path.with_name(path.name + signing.SUFFIX), public_key
    )
    version = f", version {statement.version}" if statement.version else ""
    _write([f"{printable(statement.name)}{version}: signed by this key, and unchanged"])
    return 0


def _save(
    hash_list: hashlist.HashList, path: Path, list_format: str, *, keep_withdrawals: bool
) -> hashlist.HashList:
    """Write a list made of several, report what was dropped, and return what was written."""
    withdrawals = len(hash_list.contents.withdrawn)
    if not keep_withdrawals:
        hash_list = operations.without_withdrawals(hash_list)
    with working(f"writing {path}"):
        operations.save(hash_list, path, list_format)
    if withdrawals and not keep_withdrawals:
        them = "it" if withdrawals == 1 else "them"
        say(f"dropped {count(withdrawals, 'withdrawal')}; --keep-withdrawals keeps {them}")
    return hash_list


def _compile(asked: ListFile, output: Path) -> int:
    hash_list = asked.load()
    with working(f"writing {output}"):
        chosen = operations.compile_list(hash_list, output)
    if lost := len(operations.overrides(hash_list)):
        say(f"{hash_list.name}: dropped {count(lost, 'withdrawal')}, including flat hashes")
    _write([f"{_entries(hash_list)}, {count(output.stat().st_size, 'byte')}", *chosen])
    return 0


def _check_lines(found: operations.SectionFacts) -> Iterator[str]:
    entries = count(found.entries, "entry", "entries")
    duplicates = count(found.duplicates, "duplicate")
    yield (
        f"{found.kind}: {entries}, {duplicates};"
        f" of {found.sampled:,} examined, {found.near:,} near another, {count(found.hubs, 'hub')}"
    )


def _section_lines(found: operations.SectionFacts) -> Iterator[str]:
    yield from _check_lines(found)
    yield f"  index: {found.index}"
    for name, neighbours in found.named_hubs:
        yield f"  hub: {printable(name)}, {count(neighbours, 'neighbour')}"


def _check_result(hash_list: hashlist.HashList) -> str:
    if hash_list.skipped:
        return f"{count(hash_list.skipped, 'faulty entry', 'faulty entries')} skipped"
    return "no errors" if len(hash_list) else "no entry can match"


def _entries(hash_list: hashlist.HashList) -> str:
    return count(len(hash_list), "entry", "entries")


def _shown(value: Any) -> str:
    """A value for people; counts become names with numbers."""
    if not isinstance(value, dict):
        return "-" if value is None else str(value)
    return ", ".join(f"{name or 'none'} {number}" for name, number in value.items()) or "-"


def _write(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
