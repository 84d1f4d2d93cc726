"""``hashmatch list``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import group
from hashmatch.cli.files import READS, READS_SIGNATURE, REPLACES, WRITES, WRITES_SIGNATURE

list_app = group("Check, convert, merge, sign and compile hash lists.")

ListPath = Annotated[Path, typer.Argument(metavar="LIST", help="A hash list."), READS]
OutputFile = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, atomically."),
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


@list_app.command("check")
def check_command(
    path: ListPath,
    algorithm: opt.ListAlgorithm = None,
    list_format: opt.ListFormat = None,
) -> int:
    """Report every error in a list by line, and count suspicious entries.

    Suspicious are flat hashes, duplicates, entries near another, and hubs, which have at least ten
    near entries. Exit codes: 0 no error, 65 errors.
    """
    from hashmatch.cli.run_lists import ListFile, check  # noqa: PLC0415 # it takes NumPy

    return check(ListFile(path, algorithm, list_format))


@list_app.command("show")
def show_command(
    path: ListPath,
    algorithm: opt.ListAlgorithm = None,
    list_format: opt.ListFormat = None,
    skip_bad_entries: opt.SkipBadEntries = False,
    as_json: opt.AsJson = False,
) -> int:
    """Show what a list holds, by algorithm, category and source, and its age; never a hash."""
    from hashmatch.cli.run_lists import ListFile, show  # noqa: PLC0415

    return show(ListFile(path, algorithm, list_format, skip_bad_entries), as_json=as_json)


@list_app.command("compile")
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
    from hashmatch.cli.run_lists import ListFile, compile_  # noqa: PLC0415

    return compile_(ListFile(path, algorithm, list_format, skip_bad_entries), output)


@list_app.command("convert")
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
    from hashmatch.cli.run_lists import ListFile, convert  # noqa: PLC0415

    return convert(ListFile(path, algorithm, list_format, skip_bad_entries), output, to)


@list_app.command("apply")
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
    from hashmatch.cli.run_lists import ListFile, Output, apply  # noqa: PLC0415

    return apply(
        ListFile(base, algorithm),
        [ListFile(path, algorithm) for path in deltas],
        Output(output, to, keep_withdrawals),
    )


@list_app.command("merge")
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
    from hashmatch.cli.run_lists import ListFile, Output, merge  # noqa: PLC0415

    return merge(
        [ListFile(path, algorithm) for path in paths],
        Output(output, to, keep_withdrawals),
        prefix=prefix,
    )


@list_app.command("diff")
def diff_command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The older list."), READS],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The newer list."), READS],
    algorithm: opt.ListAlgorithm = None,
    as_json: opt.AsJson = False,
) -> int:
    """Show by id which entries were added, withdrawn and changed between two lists."""
    from hashmatch.cli.run_lists import ListFile, diff  # noqa: PLC0415

    return diff(ListFile(old, algorithm), ListFile(new, algorithm), as_json=as_json)


@list_app.command("keygen")
def keygen_command(
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="File to write the private key to."), WRITES
    ],
    public_key: Annotated[
        Path, typer.Option(metavar="FILE", help="File to write the public key to."), WRITES
    ],
) -> int:
    """Create a pair of Ed25519 keys, in PEM, to sign lists with."""
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.keygen(key, public_key)


@list_app.command("sign")
def sign_command(
    path: Annotated[ListPath, WRITES_SIGNATURE],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="The private key, Ed25519 in PEM."), READS
    ],
) -> int:
    """Sign a list: its bytes, name, version and date, in LIST.sig beside it."""
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.sign(path, key)


@list_app.command("verify")
def verify_command(
    path: Annotated[ListPath, READS_SIGNATURE],
    public_key: Annotated[
        Path, typer.Option(metavar="FILE", help="The public key, Ed25519 in PEM."), READS
    ],
) -> int:
    """Check a list's signature.

    Exit codes: 0 this key signed the list as it is, 65 it did not.
    """
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.verify(path, public_key)
