"""What to type, first of all: the options that make a scan use what an evaluation measured."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.match.cutoffs import (
    MILLION,
    Cutoffs,
    Group,
    MatchRule,
    chance_of,
    fit_groups,
    group_sizes,
)
from hashmatch.match.own_rates import rates_of
from hashmatch.match.rates import PHOTOGRAPHS, Rates
from hashmatch.match.thresholds import AUTO
from hashmatch.report.numbers import amount
from hashmatch.text import count, printable


def advise(
    record: Mapping[str, Any],
    settings: EvaluationSettings,
    folder: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Choose the cutoffs that ``hashmatch scan --rates`` will choose, and say them.

    Args:
        record: of the evaluation: its pictures, distances and agreement.
        settings: what was asked for.
        folder: where ``evaluation.json`` will be; None for the current folder.

    Returns:
        The ``options`` to type; the cutoffs that follow, as ``match_within``, and with how many
        views of a file each is looked up, as ``cutoffs``; the false matches to expect per million
        files, their 95% ``bound``, and whether they are ``extrapolated``; and all of it as a
        ``sentence``.
    """
    rates = rates_of(record)
    limit = min(MILLION, settings.max_false_per_day / settings.files_per_day * MILLION)
    groups, cutoffs = _fit(settings, rates, limit)
    chances = [
        (group, chance.times(group.entries * group.views * MILLION))
        for group in groups
        if min(cutoffs.within(group).values()) >= 0
        and (chance := chance_of(rates, cutoffs.within(group))) is not None
    ]
    chosen: list[dict[str, Any]] = [
        {
            "within": {str(kind): bits for kind, bits in cutoffs.within(group).items()},
            "views": group.views,
            "sort": ("usual", "turned", "further")[group.sort],
        }
        for group, _ in chances
    ]
    within = [each["within"] for each in chosen if each["sort"] == "usual"]
    expected = sum(chance.rate for _, chance in chances)
    guess = any(chance.extrapolated for _, chance in chances)
    options = _options(folder, limit, settings.views)
    sentence = _sentence(options, within, expected, settings)
    return {
        "options": options,
        "match_within": within,
        "cutoffs": chosen,
        "per_million_files": expected,
        "bound": sum(chance.bound for _, chance in chances),
        "extrapolated": guess,
        "sentence": sentence + _basis(record) + _doubt(rates, guess, settings),
    }


def _fit(settings: EvaluationSettings, rates: Rates, limit: float) -> tuple[list[Group], Cutoffs]:
    """The cutoffs of a scan whose list has as many entries as the evaluation assumes."""
    rule = MatchRule(AUTO, AUTO, limit, settings.mirrors, rates, settings.views)
    together = [tuple(sorted(kinds)) for kinds in rates.agreeing if kinds <= set(settings.kinds)]
    kinds = [*((kind,) for kind in settings.kinds), *together]
    return fit_groups(group_sizes("", dict.fromkeys(kinds, settings.entries), rule), rule)


def _options(folder: str | os.PathLike[str] | None, limit: float, views: str) -> str:
    rates_file = printable(shlex.quote(os.fspath(Path(folder or "") / "evaluation.json")))
    options = f"--rates {rates_file} --max-false-per-million {round(limit, 3):.10g}"
    return options if views == "default" else f"{options} --views {views}"


def _sentence(
    options: str,
    within: list[dict[str, int]],
    expected: float,
    settings: EvaluationSettings,
) -> str:
    entries = count(settings.entries, "entry", "entries")
    if not within:
        return (
            f"Scan with {options}: with {entries}, chance makes too many matches of these hashes"
            " at any distance, so near entries will be candidates for a human. Use longer hashes."
        )
    rules = ", or ".join(
        " and ".join(f"{kind} {bits}" for kind, bits in each.items()) for each in within
    )
    return (
        f"Scan with {options}: with {entries}, an entry within {rules} is a match; expect"
        f" {amount(expected)} false matches per million files. Other near entries"
        " are candidates for a human."
    )


def _basis(record: Mapping[str, Any]) -> str:
    pairs = record.get("samples", {"pairs": 0})["pairs"]
    if not pairs:
        return ""
    return f" This rests on {pairs:,} pairs of crops and mirror images of your pictures."


def _doubt(rates: Rates, guess: bool, settings: EvaluationSettings) -> str:
    """What these numbers rest on, if it is not the operator's own pictures."""
    borrowed = [
        str(kind)
        for kind in settings.kinds
        if kind in rates.alone and rates.alone[kind] is PHOTOGRAPHS.alone.get(kind)
    ]
    said = ""
    if borrowed:
        said += (
            f" Your pictures have too few near pairs by {' and '.join(borrowed)} to count, so the"
            " rates of photographs take their place."
        )
    if guess:
        said += " Nobody has counted pairs at these distances: the number is extrapolated."
    return said
