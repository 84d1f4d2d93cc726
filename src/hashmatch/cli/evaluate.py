"""``hashmatch evaluate``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from hashmatch.cli import options as opt
from hashmatch.cli import suggestions
from hashmatch.cli.command import argument, number, option, single, switch, takes_settings
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, WRITES, is_stream
from hashmatch.cli.list_options import NO_LISTS, ListSettings
from hashmatch.cli.progress import Progress
from hashmatch.cli.streams import say
from hashmatch.errors import HashListError, OutputError, SettingsError

if TYPE_CHECKING:
    from hashmatch import evaluate as evaluating
    from hashmatch import hashing
    from hashmatch.cli import load_lists as loading
else:
    evaluating, hashing = deferred("hashmatch.evaluate"), deferred("hashmatch.hashing")
    loading = deferred("hashmatch.cli.load_lists")


_ALIKE = (
    *("seed", "list_size", "files_per_day", "max_false_per_day"),
    *("quality_floor", "mirrors", "views"),
)
"""The options that the library calls the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """The options of an evaluation."""

    PANEL: ClassVar[str] = "Evaluation"

    paths: Annotated[
        list[Path] | None,
        argument("PATH", "Files and folders of ordinary pictures that are on no list."),
        READS,
    ] = None
    algorithm: Annotated[
        opt.Names,
        option(
            "ALGORITHM",
            "phash, dhash, phash-256 or dhash-256. Repeatable. Default: phash and dhash.",
            completes=suggestions.picture_hashes,
        ),
    ] = None
    list_size: Annotated[
        int | None,
        number(
            "COUNT",
            "Entries of the list to plan for. Default: the size of --list, else 100K.",
        ),
    ] = None
    files_per_day: Annotated[int, number("COUNT", "Files that you look up per day.")] = 10_000
    max_false_per_day: Annotated[float, option("N", "False matches per day that you accept.")] = (
        10.0
    )
    transforms: Annotated[
        opt.Names,
        option(
            "NAME",
            "Everyday change to imitate, by name or group. Repeatable. Default: all.",
            completes=suggestions.transforms,
        ),
    ] = None
    list_transforms: Annotated[
        bool, switch("--list-transforms", "List the everyday changes and exit.")
    ] = False
    pairs: Annotated[
        Path | None,
        option("FILE.csv", "Use pairs that you have judged: two paths, and 'same' or 'different'."),
        READS,
    ] = None
    videos: Annotated[
        list[Path] | None,
        option(
            "PATH",
            "Also measure the ordinary videos in this file or folder. Repeatable.",
        ),
        READS,
    ] = None
    baseline: Annotated[
        Path | None, option("FILE", "Compare with an earlier evaluation.json."), READS
    ] = None
    cache: Annotated[
        Path | None,
        option(
            "FILE",
            "Keep measurements in FILE, to resume a stopped run. It holds hashes of your pictures.",
        ),
        WRITES,
    ] = None
    seed: Annotated[int, option("N", "Random seed.")] = 1
    quality_floor: opt.QualityFloor = 50
    mirrors: opt.Mirrors = False
    views: opt.Views = "default"
    output: Annotated[
        Path | None,
        option(
            "FOLDER",
            "Write evaluation.json, evaluation.csv and evaluation.html to FOLDER.",
            "--output",
            "-o",
        ),
        WRITES,
    ] = None
    lists: ListSettings = NO_LISTS
    pictures: opt.PictureSettings
    workers: opt.WorkerSettings


@takes_settings
def evaluate_command(asked: EvaluateSettings) -> int:
    """Find the thresholds that suit your pictures, your list and your volume.

    Takes ordinary pictures, imitates what everyday use does to them, and counts which thresholds
    still find them and which match different pictures. Exit codes: 0 evaluated, 64 wrong usage, 65
    bad list, 66 input not found or too few pictures, 70 internal error, 130 interrupted, 128 + N
    stopped by signal N.
    """
    if asked.list_transforms:
        return _show_transforms()
    if not asked.paths:
        raise SettingsError("give files or folders of ordinary pictures")
    if asked.output is not None:
        _check_folder(asked.output)
    # Report mistakes in the other files before spending hours; the lists are read only once all
    # pictures are decoded
    _check_lists(asked.lists)
    pairs = evaluating.read_pairs(asked.pairs) if asked.pairs is not None else []
    earlier = evaluating.load_record(asked.baseline) if asked.baseline is not None else None
    with Progress() as progress:
        evaluation = evaluating.evaluate(
            [str(path) for path in asked.paths],
            _settings(asked),
            videos=[str(path) for path in asked.videos or ()],
            load_lists=partial(loading.load_lists, asked.lists, may_be_empty=True),
            pairs=pairs,
            jobs=asked.workers.count(),
            workers=asked.workers.limits(),
            cache=asked.cache,
            progress=progress.advance,
        )
    result = evaluating.record(evaluation, asked.output)
    if earlier is not None:
        result = evaluating.with_baseline(result, earlier)
    _print(result)
    if asked.output is None:
        say("wrote no files: give -o FOLDER to get evaluation.json and evaluation.html")
        return 0
    for path in evaluating.write(result, asked.output):
        say(f"wrote {path}")
    return 0


def _show_transforms() -> int:
    for transform in evaluating.TRANSFORMS.values():
        values = ", ".join(f"{name} {value}" for name, value in transform.parameters.items())
        print(
            f"{transform.name:<16} {transform.group:<9} {transform.source:<11}"
            f" {transform.imitates:<42} {values}".rstrip()
        )
    print("\nSources:")
    for name, source in evaluating.SOURCES.items():
        print(f"{name:<11} {source}")
    return 0


def _check_lists(lists: ListSettings) -> None:
    """Refuse lists that cannot be opened, and list options without a list."""
    if not lists.files:
        loading.load_lists(lists)
    for path in lists.files:
        if not is_stream(path) and not os.access(path, os.R_OK):
            raise HashListError("cannot read the hash list", path=path)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that clearly cannot be created or written to."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise OutputError("cannot write to this folder", path=str(folder))


def _settings(asked: EvaluateSettings) -> evaluating.EvaluationSettings:
    return evaluating.EvaluationSettings(
        kinds=tuple(
            dict.fromkeys(
                hashing.parse_kind(name) for name in asked.algorithm or ("phash", "dhash")
            )
        ),
        transforms=evaluating.choose_transforms(asked.transforms or ()),
        **{name: getattr(asked, name) for name in _ALIKE},
        **asked.pictures.arguments(),
    )


def _print(result: dict[str, Any]) -> None:
    print(f"{result['advice']['sentence']}\n")
    print(result["pictures"]["sentence"])
    for problem in filter(None, (result["too_few"], result["too_alike"])):
        print(f"\n{problem}")
    for sentence in (result["baseline"] or {"sentences": []})["sentences"]:
        print(f"\nSince the last evaluation: {sentence}")
    if result["videos"]:
        print("\nVideos: " + " ".join(result["videos"]["sentences"]))
    for hash_list in result["lists"]:
        for kind in hash_list["kinds"]:
            print(f"\n{hash_list['name']}: {kind['sentence']}")
    for rule in result["rules"]:
        chosen = rule["recommendation"]
        print(f"\n{rule['name']}: {chosen['sentence']}")
        print(f"{chosen['transform_sentence']} {chosen['step_sentence']}")


app = single("evaluate", evaluate_command)
