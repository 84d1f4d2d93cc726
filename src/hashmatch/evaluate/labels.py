"""Pairs of pictures that a human has labelled the same or different."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hashmatch.errors import InputError, SettingsError
from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import connected
from hashmatch.evaluate.intervals import wilson
from hashmatch.evaluate.rules import Rule
from hashmatch.hashing.distance import distances

SAME, DIFFERENT = "same", "different"
HEADER = ["first", "second", "label"]


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """One line of a file of pairs.

    Attributes:
        first: the path of a picture.
        second: the path of another.
        same: whether they show the same picture.
    """

    first: bytes
    second: bytes
    same: bool


def read_pairs(path: str | os.PathLike[str]) -> list[LabelledPair]:
    """Read a CSV file with two paths and ``same`` or ``different`` on each line.

    The first line may be the header ``first,second,label``. Paths are relative to the file's own
    folder.

    Raises:
        InputError: the file cannot be read.
        SettingsError: a line is not such a pair; the error has its number.
    """
    folder = Path(path).resolve().parent
    pairs = []
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            for number, row in enumerate(csv.reader(stream), start=1):
                word = row[2].strip().lower() if len(row) == 3 else ""
                if word in (SAME, DIFFERENT):
                    first, second = (os.fsencode(folder / name) for name in row[:2])
                    pairs.append(LabelledPair(first, second, word == SAME))
                elif row and (number > 1 or [name.strip().lower() for name in row] != HEADER):
                    raise SettingsError(
                        "a pair is two paths and 'same' or 'different'; "
                        f"a header, only on line 1, is {','.join(HEADER)}",
                        path=str(path),
                        line=number,
                    )
    except (OSError, csv.Error) as error:
        raise InputError(f"cannot read the pairs: {error}", path=str(path)) from error
    if not pairs:
        raise SettingsError("the file has no pairs", path=str(path))
    return pairs


def numbered(pairs: list[LabelledPair], pictures: Measurements) -> list[tuple[int, int, bool]]:
    """The pairs whose pictures were both measured, by number, the lower one first."""
    numbers = {os.path.realpath(name): number for number, name in enumerate(pictures.names)}
    found = []
    for pair in pairs:
        both = [numbers.get(os.path.realpath(name)) for name in (pair.first, pair.second)]
        first, second = both
        if first is not None and second is not None and first != second:
            found.append((min(first, second), max(first, second), pair.same))
    return found


def weigh_labels(
    pairs: list[tuple[int, int, bool]], pictures: Measurements, rule: Rule
) -> dict[str, Any]:
    """Compare each pair both ways, by the nearest views.

    Returns:
        What the evaluation's record says about a rule and the pairs, by level.
    """
    levels = np.array([_pair_level(pictures, rule, *pair[:2]) for pair in pairs], dtype=np.int64)
    found: dict[str, Any] = {}
    for wanted, many, near, share in (
        (True, "same", "found", "recall"),
        (False, "different", "false", "false_rate"),
    ):
        chosen = np.array([pair[2] is wanted for pair in pairs], dtype=np.bool_)
        count = int(chosen.sum())
        matches = np.bincount(levels[chosen], minlength=rule.levels + 1)[: rule.levels].cumsum()
        # Pairs with a picture in common count once
        groups = _groups([pair[:2] for pair in pairs if pair[2] is wanted], len(pictures))
        estimate = wilson(matches / count, groups).record() if count else None
        found |= {many: count, near: matches.tolist(), share: estimate}
    return found


def _pair_level(pictures: Measurements, rule: Rule, first: int, second: int) -> int:
    levels = []
    for query, entry in ((first, second), (second, first)):
        views = np.flatnonzero(pictures.owner == query)
        apart = [
            distances(pictures.queries[kind][views], pictures.entries[kind][entry])
            for kind in pictures.kinds
        ]
        levels.append(rule.level(np.stack(apart, axis=1), pictures.further[views]).min())
    return int(min(levels))


def _groups(edges: list[tuple[int, int]], count: int) -> int:
    """How many groups of pictures the pairs form, with no pair between two groups."""
    group = connected(edges, count)
    return len(np.unique(group[[first for first, _ in edges]]))
