"""Pairs of pictures that a human has labelled the same or different."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from hashmatch.errors import InputError, SettingsError
from hashmatch.evaluate.gather import Measurements

SAME, DIFFERENT = "same", "different"
HEADER = ["first", "second", "label"]


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """One line of a file of pairs."""

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
