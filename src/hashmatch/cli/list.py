"""``hashmatch list``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import group
from hashmatch.cli.files import READS, READS_SIGNATURE, REPLACES, WRITES, WRITES_SIGNATURE
from hashmatch.cli.progress import working
from hashmatch.cli.results import expectation_by_default
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
    merge,
    overrides,
    save,
    without_withdrawals,
)
from hashmatch.hashlist.policy import DEFAULT_POLICY
from hashmatch.hashlist.signing import SUFFIX, make_keys, sign_list, verify_list
from hashmatch.match.expected import expect_by_default
from hashmatch.text import count, printable

app = group("list", "Check, convert, merge, sign and compile hash lists.")

ListPath = Annotated[Path, typer.Argument(metavar="LIST", help="A hash list."), READS]
OutputFile = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to FILE, atomically.",
        callback=opt.not_stdout,
    ),
    WRITES,
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="text|csv|compiled",
        help="Format to write. Default: by the file's suffix, .txt, .csv or .hml.",
    ),
]
KeepWithdrawals = Annotated[
    bool,
    typer.Option(
        "--keep-withdrawals",
        help="Also write which ids are withdrawn, for a list to apply to another.",
    ),
]


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


@app.command("check")
def check_command(
    path: ListPath,
    algorithm: opt.ListAlgorithm = None,
    list_format: opt.ListFormat = None,
) -> int:
    """Report every error in a list by line, and count suspicious entries.

    Suspicious are flat hashes, duplicates, entries near another, and hubs, which have at least ten
    near entries. Exit codes: 0 no error, 65 errors.
    """
    hash_list = ListFile(path, algorithm, list_format).load(policy=DEFAULT_POLICY)
    with working(f"looking into {path}"):
        lines = [line for found in facts(hash_list) for line in _check_lines(found)]
    flat = f", {hash_list.flat:,} flat skipped" if hash_list.flat else ""
    _write(
        [
            *lines,
            f"{_entries(hash_list)}{flat}: {_check_result(hash_list)}",
            *expectation_by_default(hash_list),
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
    with working(f"looking into {path}"):
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
        "expected_false": expect_by_default(whole).record(),
        "sections": [asdict(each) | {"kind": str(each.kind)} for each in found],
    }
    if as_json:
        _write([json.dumps(record)])
        return 0
    del record["sections"], record["expected_false"]
    _write(f"{name:<12} {printable(_shown(value))}" for name, value in record.items())
    for each in found:
        _write(_section_lines(each))
    _write(expectation_by_default(whole))
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

    ``--list`` takes it like any other list.
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

    Entries that may not match are kept. What the new format cannot hold is an error, and nothing
    is written.
    """
    asked = ListFile(path, algorithm, list_format, skip_bad_entries)
    chosen = to or format_of(output)
    if chosen == COMPILED:
        return _compile(asked, output)
    hash_list = asked.load()
    with working(f"writing {output}"):
        save(hash_list, output, chosen)
    withdrawals = count(len(overrides(hash_list)), "withdrawal")
    _write([f"wrote {_entries(hash_list)} and {withdrawals} as {chosen}"])
    return 0


@app.command("apply")
def apply_command(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="List to update."), REPLACES],
    deltas: Annotated[
        list[Path],
        typer.Argument(metavar="DELTA...", help="Updates, oldest first."),
        READS,
    ],
    output: OutputFile,
    to: To = None,
    keep_withdrawals: KeepWithdrawals = False,
    algorithm: opt.ListAlgorithm = None,
) -> int:
    """Apply updates to a list: later pages or deltas, in any format.

    An entry of a later list replaces every entry with its id; a withdrawn entry is removed.
    """
    target = Output(output, to, keep_withdrawals)
    chosen = target.format()
    old = ListFile(base, algorithm).load()
    new = target.write(
        apply_deltas(old, (ListFile(path, algorithm).load() for path in deltas)), chosen
    )
    _write([f"{_entries(old)} before, {len(new):,} now"])
    return 0


@app.command("merge")
def merge_command(
    paths: Annotated[list[Path], typer.Argument(metavar="LIST...", help="Hash lists."), READS],
    output: OutputFile,
    to: To = None,
    prefix: Annotated[
        bool, typer.Option("--prefix", help="Prefix ids with their list's name and a slash.")
    ] = False,
    keep_withdrawals: KeepWithdrawals = False,
    algorithm: opt.ListAlgorithm = None,
) -> int:
    """Merge independent lists into one.

    An id that means different things in two lists, or that one of them withdraws, is an error: no
    entry is lost.
    """
    target = Output(output, to, keep_withdrawals)
    chosen = target.format()
    merged = merge([ListFile(path, algorithm).load() for path in paths], prefix=prefix)
    target.write(merged, chosen)
    _write([f"{_entries(merged)} from {count(len(paths), 'list')}"])
    return 0


@app.command("diff")
def diff_command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The older list."), READS],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The newer list."), READS],
    algorithm: opt.ListAlgorithm = None,
    as_json: opt.AsJson = False,
) -> int:
    """Show by id which entries were added, withdrawn and changed between two lists."""
    found = asdict(difference(ListFile(old, algorithm).load(), ListFile(new, algorithm).load()))
    if as_json:
        _write([json.dumps(found)])
        return 0
    for what, names in found.items():
        _write(f"{what:<9} {printable(name)}" for name in names)
    _write([", ".join(f"{len(names)} {what}" for what, names in found.items())])
    return 0


@app.command("keygen")
def keygen_command(
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="File to write the private key to."), WRITES
    ],
    public_key: Annotated[
        Path, typer.Option(metavar="FILE", help="File to write the public key to."), WRITES
    ],
) -> int:
    """Create a pair of Ed25519 keys, in PEM, to sign lists with."""
    make_keys(key, public_key)
    _write(["keep the private key off your servers; give the public key to whoever verifies"])
    return 0


@app.command("sign")
def sign_command(
    path: Annotated[ListPath, WRITES_SIGNATURE],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="The private key, Ed25519 in PEM."), READS
    ],
) -> int:
    """Sign a list: its bytes, name, version and date, in LIST.sig beside it."""
    _write([f"signed: {printable(os.fsencode(sign_list(path, key)))}"])
    return 0


@app.command("verify")
def verify_command(
    path: Annotated[ListPath, READS_SIGNATURE],
    public_key: Annotated[
        Path, typer.Option(metavar="FILE", help="The public key, Ed25519 in PEM."), READS
    ],
) -> int:
    """Check a list's signature.

    Exit codes: 0 this key signed the list as it is, 65 it did not.
    """
    statement = verify_list(HashList.load(path), path.with_name(path.name + SUFFIX), public_key)
    version = f", version {statement.version}" if statement.version else ""
    _write([f"{printable(statement.name)}{version}: signed by this key, and unchanged"])
    return 0


def _compile(asked: ListFile, output: Path) -> int:
    """Write a list as a compiled file."""
    hash_list = asked.load()
    with working(f"writing {output}"):
        chosen = compile_list(hash_list, output)
    if lost := len(overrides(hash_list)):
        say(f"{hash_list.name}: dropped {count(lost, 'withdrawal')}, including flat hashes")
    _write([f"{_entries(hash_list)}, {count(output.stat().st_size, 'byte')}", *chosen])
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
