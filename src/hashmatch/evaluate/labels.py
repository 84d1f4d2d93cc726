"""Pairs of pictures that a human has called the same or different."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.errors import InputError, SettingsError
from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import connected
from hashmatch.evaluate.intervals import Estimate, wilson
from hashmatch.evaluate.rules import Rule
from hashmatch.hashing.distance import distances

Ints: TypeAlias = npt.NDArray[np.int64]

SAME, DIFFERENT = "same", "different"
HEADER = ["first", "second", "label"]


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """One line of a file of pairs.

    Attributes:
        first: the path of a picture.
        second: the path of another.
        same: they are the same picture.
    """

    first: bytes
    second: bytes
    same: bool


def read_pairs(path: str | os.PathLike[str]) -> list[LabelledPair]:
    """Read a CSV file of two paths and ``same`` or ``different`` a line.

    The first line may be the header ``first,second,label``. Paths are relative to the file's own
    folder.

    Raises:
        InputError: the file cannot be read.
        SettingsError: a line is no such pair; it is named by its number.
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
                        f"a header, on line 1 alone, is {','.join(HEADER)}",
                        path=str(path),
                        line=number,
                    )
    except (OSError, csv.Error) as error:
        raise InputError(f"cannot read the pairs: {error}", path=str(path)) from error
    if not pairs:
        raise SettingsError("there is no pair in it", path=str(path))
    return pairs


def numbered(pairs: list[LabelledPair], pictures: Measurements) -> list[tuple[int, int, bool]]:
    """The pairs of which both pictures were measured, by their numbers, the lower one first."""
    numbers = {os.path.realpath(name): number for number, name in enumerate(pictures.names)}
    found = []
    for pair in pairs:
        both = [numbers.get(os.path.realpath(name)) for name in (pair.first, pair.second)]
        first, second = both
        if first is not None and second is not None and first != second:
            found.append((min(first, second), max(first, second), pair.same))
    return found


@dataclass(frozen=True, slots=True, repr=False)
class LabelFigures:
    """What a rule says of labelled pairs, by level.

    Attributes:
        same: how many pairs are called the same, and can be compared.
        different: how many are called different.
        found: shape (levels,), how many of the same ones are near.
        false: shape (levels,), how many of the different ones are.
        groups: how many groups without a picture in common the pairs of either kind fall in.
    """

    same: int
    different: int
    found: Ints
    false: Ints
    groups: tuple[int, int]

    @property
    def recall(self) -> Estimate:
        """The share of the same ones that are found; pairs with a picture in common count once."""
        return wilson(self.found / max(1, self.same), max(1, self.groups[0]))

    @property
    def false_rate(self) -> Estimate:
        """The share of the different ones that match."""
        return wilson(self.false / max(1, self.different), max(1, self.groups[1]))


def weigh_labels(
    pairs: list[tuple[int, int, bool]], pictures: Measurements, rule: Rule
) -> LabelFigures:
    """Compare each pair both ways, by the nearest views."""
    levels = np.array([_pair_level(pictures, rule, *pair[:2]) for pair in pairs], dtype=np.int64)
    same = np.array([pair[2] for pair in pairs], dtype=np.bool_)
    found, false = (
        np.bincount(levels[chosen], minlength=rule.levels + 1)[: rule.levels].cumsum()
        for chosen in (same, ~same)
    )
    groups = tuple(
        _groups([pair[:2] for pair in pairs if pair[2] is wanted], len(pictures))
        for wanted in (True, False)
    )
    return LabelFigures(int(same.sum()), int((~same).sum()), found, false, (groups[0], groups[1]))


def _pair_level(pictures: Measurements, rule: Rule, first: int, second: int) -> int:
    rows = []
    for query, entry in ((first, second), (second, first)):
        views = np.flatnonzero(pictures.owner == query)
        rows.append(
            np.stack(
                [
                    distances(pictures.queries[kind][views], pictures.entries[kind][entry])
                    for kind in pictures.kinds
                ],
                axis=1,
            )
        )
    return int(rule.level(np.concatenate(rows)).min())


def _groups(edges: list[tuple[int, int]], count: int) -> int:
    """How many groups of pictures the pairs fall in, with no pair between two groups."""
    group = connected(edges, count)
    return len(np.unique(group[[first for first, _ in edges]]))
