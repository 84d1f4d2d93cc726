"""Reads the chance rates that ``hashmatch evaluate`` counted on the operator's own pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

from hashmatch.errors import InputError
from hashmatch.match.rates import PHOTOGRAPHS, Curve, Rates, Seen, kind_of
from hashmatch.model import HashKind
from hashmatch.text import count

SCHEMA = 1
"""Of the evaluations that can be read."""

_FEWEST = 10
"""Near pairs that a curve starts at; from fewer, what lies below could not be extrapolated."""

_INDEPENDENT = 3
"""Independent ones among them: many near crops of the same few pictures say little."""

_STEP = 3
"""How many times as many near pairs the next distance of a curve has."""

_USELESS = 0.01
"""Rates above this are of no use to anyone, so curves end there."""


def load_rates(path: str | os.PathLike[str]) -> Rates:
    """Read ``evaluation.json``. Kinds that it did not evaluate keep the rates of photographs.

    Raises:
        InputError: the file cannot be read, or is not an evaluation's record with distances.
    """
    try:
        return rates_of(json.loads(Path(path).read_bytes()))
    except OSError as error:
        raise InputError(f"cannot read it: {error.strerror}", path=str(path)) from error
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise InputError(
            "not the record of an evaluation: give its evaluation.json", path=str(path)
        ) from error


def rates_of(record: Mapping[str, Any]) -> Rates:
    """The rates that the record of an evaluation holds.

    Raises:
        ValueError, KeyError, TypeError: it is not such a record.
    """
    if record["type"] != "evaluation" or record["schema"] != SCHEMA:
        raise ValueError("another record")
    pictures = int(record["pictures"]["different"])
    pairs = pictures * (pictures - 1) // 2
    alone = {
        HashKind(str(each["algorithm"]).partition("-")[0], int(each["bits"])): _curve(
            _pairs_within(each["different"]), pairs
        )
        for each in record["distances"]
    }
    agreeing = {
        frozenset(_kinds(each)): _curve(_pairs_within(each["different"]), pairs)
        for each in record["agreeing"]
    }
    # Crops and mirror images reach far lower rates than the pictures themselves
    samples = record.get("samples", {"near": ()})
    for each in samples["near"]:
        kinds = _kinds(each)
        counts = zip(map(_count, each["within"]), map(float, each["independent"]), strict=True)
        steps = _curve(counts, int(samples["pairs"]))
        if steps and len(kinds) == 1:
            alone[kinds[0]] = steps
        elif steps:
            agreeing[frozenset(kinds)] = steps
    return Rates(
        name=f"evaluation of {count(pictures, 'picture')}",
        alone={**PHOTOGRAPHS.alone, **{kind: curve for kind, curve in alone.items() if curve}},
        agreeing={
            **PHOTOGRAPHS.agreeing,
            **{kinds: curve for kinds, curve in agreeing.items() if curve},
        },
    )


def _kinds(each: Any) -> tuple[HashKind, ...]:
    return tuple(kind_of(str(name)) for name in each["kinds"])


def _pairs_within(different: Iterable[Any]) -> Iterator[tuple[int, None]]:
    """How many pairs are within each distance; each pair was counted once in either order."""
    return ((total // 2, None) for total in accumulate(map(_count, different)))


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("not a count")
    return value


def _curve(within: Iterable[tuple[int, float | None]], pairs: int) -> Curve:
    """The curve of near pairs, and how many are independent, by distance; empty if too few are."""
    found, least = [], _FEWEST
    for distance, (near, independent) in enumerate(within):
        if near > _USELESS * pairs:
            break
        if near >= least and (independent is None or independent >= _INDEPENDENT):
            found.append(Seen(distance, near, pairs, independent))
            least = _STEP * near
    return tuple(found)
