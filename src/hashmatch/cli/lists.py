"""``hashmatch list``: looking after hash lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli import options as opt

list_app = typer.Typer(help="Look after hash lists.", no_args_is_help=True)

ListFile = Annotated[Path, typer.Argument(metavar="LIST", help="A hash list.")]
OutputFile = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write, whole or not at all."),
]


@list_app.command("check")
def check_command(
    path: ListFile,
    algorithm: opt.Algorithm = None,
) -> int:
    """Name everything that is wrong with a list, by line.

    Exit codes: 0 nothing is wrong, 65 something is.
    """
    from hashmatch.cli import run_lists  # noqa: PLC0415 # it takes NumPy

    return run_lists.check(path, algorithm)


@list_app.command("show")
def show_command(
    path: ListFile,
    algorithm: opt.Algorithm = None,
    skip_bad_entries: opt.SkipBadEntries = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> int:
    """Tell what a list holds: counts, duplicates, neighbours, the index chosen; never a hash."""
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.show(path, algorithm, skip_bad_entries=skip_bad_entries, as_json=as_json)


@list_app.command("compile")
def compile_command(
    path: ListFile,
    output: OutputFile,
    algorithm: opt.Algorithm = None,
    skip_bad_entries: opt.SkipBadEntries = False,
) -> int:
    """Write a list with its indexes as one file that opens at once.

    ``--list`` takes it wherever it takes text.
    """
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.compile_(path, output, algorithm, skip_bad_entries=skip_bad_entries)


@list_app.command("merge")
def merge_command(
    paths: Annotated[list[Path], typer.Argument(metavar="LIST...", help="Hash lists.")],
    output: OutputFile,
) -> int:
    """Write one list of several; of entries with the same id and algorithm, the last one stays."""
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.merge(paths, output)


@list_app.command("diff")
def diff_command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The older list.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The newer list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> int:
    """Tell by id which entries were added, withdrawn and changed between two lists."""
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.diff(old, new, as_json=as_json)


@list_app.command("keygen")
def keygen_command(
    key: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the private key.")],
    public_key: Annotated[Path, typer.Option(metavar="FILE", help="And the public one.")],
) -> int:
    """Make a pair of Ed25519 keys, in PEM, to sign lists with."""
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.keygen(key, public_key)


@list_app.command("sign")
def sign_command(
    path: ListFile,
    key: Annotated[Path, typer.Option(metavar="FILE", help="The private key, Ed25519 in PEM.")],
) -> int:
    """Sign a list: its bytes, name, version and date, in a file beside it with .sig behind."""
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.sign(path, key)


@list_app.command("verify")
def verify_command(
    path: ListFile,
    public_key: Annotated[
        Path, typer.Option(metavar="FILE", help="The public key, Ed25519 in PEM.")
    ],
) -> int:
    """Check that a list is what the owner of a key has signed.

    Exit codes: 0 it is, 65 it is not.
    """
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.verify(path, public_key)


@list_app.command("synth")
def synth_command(
    output: OutputFile,
    count: Annotated[int, typer.Option(metavar="N", help="How many random entries.")] = 1000,
    algorithm: Annotated[
        str, typer.Option(metavar="ALGORITHM", help="phash or dhash, or with width: phash-256.")
    ] = "phash",
    seed: Annotated[int, typer.Option(metavar="N", help="Of the random numbers.")] = 0,
    clustered: Annotated[
        bool, typer.Option("--clustered", help="In groups of near entries, as real lists have.")
    ] = False,
    near: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Also plant entries near these pictures, at known distances; may be given several"
            " times.",
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --near: write which entry lies where, as CSV."),
    ] = None,
) -> int:
    """Make a synthetic list, for load tests and demonstrations."""
    from hashmatch.cli import run_lists  # noqa: PLC0415

    return run_lists.synth(
        output,
        count=count,
        algorithm=algorithm,
        seed=seed,
        clustered=clustered,
        near=near or [],
        key_file=key_file,
    )
