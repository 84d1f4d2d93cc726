"""Run ``hashmatch evaluate`` once its options are parsed."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from hashmatch.cli.evaluate import EvaluateSettings
from hashmatch.cli.list_options import ListSettings
from hashmatch.cli.load_lists import load_lists
from hashmatch.cli.progress import Progress
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


def show_transforms() -> int:
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


def run_evaluate(asked: EvaluateSettings) -> int:
    """Evaluate, write the results, print a summary, and return the exit code."""
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


def _check_lists(lists: ListSettings) -> None:
    """Refuse lists that cannot be opened, and options about lists that are not given."""
    if not lists.files:
        load_lists(lists)
    for path in lists.files:
        if path != "-" and not path.startswith("fd:") and not os.access(path, os.R_OK):
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
