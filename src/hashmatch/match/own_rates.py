"""Reads the chance rates that ``hashmatch evaluate`` counted on the operator's own pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hashmatch.errors import InputError
from hashmatch.match.rates import PHOTOGRAPHS, Curve, Rates, Seen
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
            each["different"], pairs
        )
        for each in record["distances"]
    }
    agreeing = {
        frozenset(map(_kind, each["kinds"])): _curve(each["different"], pairs)
        for each in record["agreeing"]
    }
    # Crops and mirror images reach far lower rates than the pictures themselves
    samples = record.get("samples", {"near": ()})
    for each in samples["near"]:
        kinds, steps = tuple(map(_kind, each["kinds"])), _sampled(each, int(samples["pairs"]))
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


def _kind(name: Any) -> HashKind:
    algorithm, _, bits = str(name).partition("-")
    return HashKind(algorithm, int(bits))


def _curve(different: Sequence[Any], pairs: int) -> Curve:
    """The curve of ordered pairs at each distance; empty if too few are near."""
    return tuple(_steps(different, pairs))


def _steps(different: Sequence[Any], pairs: int) -> Iterator[Seen]:
    total, least = 0, _FEWEST
    for distance, number in enumerate(different):
        if not isinstance(number, int) or number < 0:
            raise ValueError("not a count")
        total += number
        near = total // 2  # each pair counts once in either order
        if near > _USELESS * pairs:
            return
        if near >= least:
            yield Seen(distance, near, pairs)
            least = _STEP * near


def _sampled(counts: Mapping[str, Any], pairs: int) -> Curve:
    """The curve of near pairs of crops; empty if too few are near."""
    found, least = [], _FEWEST
    for distance, (near, independent) in enumerate(
        zip(counts["within"], counts["independent"], strict=True)
    ):
        if not isinstance(near, int) or near < 0:
            raise ValueError("not a count")
        if independent >= _INDEPENDENT and least <= near <= _USELESS * pairs:
            found.append(Seen(distance, near, pairs, float(independent)))
            least = _STEP * near
    return tuple(found)
