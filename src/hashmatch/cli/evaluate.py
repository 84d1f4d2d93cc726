"""``hashmatch evaluate``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import single, takes_settings
from hashmatch.cli.files import READS, WRITES, is_stream
from hashmatch.cli.list_options import NO_LISTS, ListSettings
from hashmatch.cli.load_lists import load_lists
from hashmatch.cli.progress import Progress
from hashmatch.cli.sizes import parse_count
from hashmatch.cli.streams import say
from hashmatch.errors import HashListError, OutputError, SettingsError
from hashmatch.evaluate import (
    SOURCES,
    TRANSFORMS,
    EvaluationSettings,
    choose_transforms,
    evaluate,
    load_record,
    read_pairs,
    record,
    with_baseline,
    write,
)
from hashmatch.hashing import parse_kind
from hashmatch.text import count


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """The options of an evaluation."""

    PANEL: ClassVar[str] = "Evaluation"

    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Files and folders of ordinary pictures that are on no list.",
            show_default=False,
        ),
        READS,
    ] = None
    algorithm: Annotated[
        opt.Names,
        typer.Option(
            metavar="ALGORITHM",
            help="phash, dhash, phash-256 or dhash-256. Repeatable. Default: phash and dhash.",
        ),
    ] = None
    list_size: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            parser=parse_count,
            help="Entries to count false matches for. Default: those of --list, else 100K.",
        ),
    ] = None
    files_per_day: Annotated[
        int, typer.Option(metavar="COUNT", parser=parse_count, help="Files you look up a day.")
    ] = 10_000
    max_false_per_day: Annotated[
        float, typer.Option(metavar="N", help="False matches a day that you accept.")
    ] = 10.0
    transforms: Annotated[
        opt.Names,
        typer.Option(
            metavar="NAME",
            help="Everyday change to imitate, by name or group. Repeatable. Default: all.",
        ),
    ] = None
    list_transforms: Annotated[
        bool, typer.Option("--list-transforms", help="Show the everyday changes and exit.")
    ] = False
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Use pairs that you have looked at: two paths, and 'same' or 'different'.",
        ),
        READS,
    ] = None
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with an earlier evaluation.json."),
        READS,
    ] = None
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep measurements in FILE, to resume a stopped run. It holds hashes of your"
            " pictures.",
        ),
        WRITES,
    ] = None
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random numbers.")] = 1
    quality_floor: opt.QualityFloor = 50
    mirrors: opt.Mirrors = False
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write evaluation.json, evaluation.csv and evaluation.html to FOLDER.",
        ),
        WRITES,
    ] = None
    lists: ListSettings = NO_LISTS
    pictures: opt.PictureSettings
    workers: opt.WorkerSettings


@takes_settings
def evaluate_command(asked: EvaluateSettings) -> int:
    """Find the thresholds that suit your pictures, your list and your volume.

    Take ordinary pictures, imitate what everyday use does to them, and count which thresholds still
    find them and which match different pictures. Exit codes: 0 evaluated, 64 wrong usage, 65 bad
    list, 66 no such input or too few pictures, 70 internal error, 130 interrupted, 128 + N stopped
    by signal N.
    """
    if asked.list_transforms:
        return _show_transforms()
    if not asked.paths:
        raise SettingsError("give files or folders of ordinary pictures")
    if asked.output is not None:
        _check_folder(asked.output)
    # Mistakes in the other files are reported before hours are spent. The lists are read only once
    # all pictures are decoded
    _check_lists(asked.lists)
    pairs = read_pairs(asked.pairs) if asked.pairs is not None else []
    earlier = load_record(asked.baseline) if asked.baseline is not None else None
    with Progress() as progress:
        evaluation = evaluate(
            [str(path) for path in asked.paths],
            _settings(asked),
            load_lists=partial(load_lists, asked.lists),
            pairs=pairs,
            jobs=asked.workers.count(),
            workers=asked.workers.limits(),
            cache=asked.cache,
            progress=progress.advance,
        )
    result = record(evaluation)
    if earlier is not None:
        result = with_baseline(result, earlier)
    _print(result)
    if asked.output is not None:
        for path in write(result, asked.output):
            say(f"wrote {path}")
    return 0


def _show_transforms() -> int:
    """Print the register of transforms, and return the exit code."""
    for transform in TRANSFORMS.values():
        values = ", ".join(f"{name} {value}" for name, value in transform.parameters.items())
        print(
            f"{transform.name:<16} {transform.group:<9} {transform.source:<11}"
            f" {transform.imitates:<42} {values}".rstrip()
        )
    print("\nSources:")
    for name, source in SOURCES.items():
        print(f"{name:<11} {source}")
    return 0


def _check_lists(lists: ListSettings) -> None:
    """Refuse lists that cannot be opened, and options about lists that are not given."""
    if not lists.files:
        load_lists(lists)
    for path in lists.files:
        if not is_stream(path) and not os.access(path, os.R_OK):
            raise HashListError("cannot read the hash list", path=path)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to, as far as can be told beforehand."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise OutputError("cannot write there", path=str(folder))


def _settings(asked: EvaluateSettings) -> EvaluationSettings:
    return EvaluationSettings(
        kinds=tuple(
            dict.fromkeys(parse_kind(name) for name in asked.algorithm or ("phash", "dhash"))
        ),
        transforms=choose_transforms(asked.transforms or ()),
        seed=asked.seed,
        list_size=asked.list_size,
        files_per_day=asked.files_per_day,
        max_false_per_day=asked.max_false_per_day,
        quality_floor=asked.quality_floor,
        mirrors=asked.mirrors,
        formats=asked.pictures.formats(),
        limits=asked.pictures.limits(),
    )


def _print(result: dict[str, Any]) -> None:
    pictures = result["pictures"]
    print(
        f"{count(pictures['different'], 'different picture')} out of"
        f" {count(pictures['files'], 'file')} (left out:"
        f" {count(pictures['copies'], 'copy', 'copies')},"
        f" {count(sum(pictures['unusable'].values()), 'unusable file')})"
    )
    for sentence in (result["baseline"] or {"sentences": []})["sentences"]:
        print(f"\nSince the last evaluation: {sentence}")
    for hash_list in result["lists"]:
        for kind in hash_list["kinds"]:
            print(f"\n{hash_list['name']}: {kind['sentence']}")
    for rule in result["rules"]:
        chosen = rule["recommendation"]
        print(f"\n{rule['name']}: {chosen['sentence']}")
        print(f"{chosen['transform_sentence']} {chosen['step_sentence']}")
        if rule["comparison"]:
            print(rule["comparison"]["sentence"])


app = single("evaluate", evaluate_command)
