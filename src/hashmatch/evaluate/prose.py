"""What figures say, in plain sentences: the same in the record, on the page and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.report.numbers import amount, at, interval, percent, thresholds

Record = Mapping[str, Any]

NEARLY_ALL = 0.99
"""A transform of which this share is found is not named among those that are found in part."""


def recommendation(rule: Record, settings: EvaluationSettings) -> str:
    """What to use, what it buys, and whether the held-out half agrees."""
    chosen, level = rule["recommendation"], rule["recommendation"]["level"]
    volume = f"{settings.files_per_day:,} files a day against {settings.entries:,} entries"
    limit = amount(settings.max_false_per_day)
    if level is None:
        bound = rule["choose"]["false_per_day"]["high"][0]
        return (
            f"No threshold can be recommended. For {volume}, these pictures cannot show less than"
            f" {amount(bound)} false matches a day at any threshold, and {limit} are acceptable."
            f" {more_pictures(chosen['more_pictures'])}{_unseen(rule)}"
        )
    score = rule["score"]
    recall = interval(at(score["recall"], level), percent)
    outcome = {
        "held": "On the half of the pictures that had no say in it, the limit is kept too",
        "open": "The half of the pictures that had no say in it is too small to confirm the limit",
        "broken": "On the half of the pictures that had no say in it, the limit is NOT kept",
    }[chosen["outcome"]]
    return (
        f"Use {thresholds(rule['thresholds'][level])}: the largest with at most {limit} false"
        f" matches a day for {volume}. It finds {recall} of the everyday variants. {outcome}:"
        f" {interval(at(score['false_per_day'], level), amount)} false matches a day."
    )


def _unseen(rule: Record) -> str:
    """How far the pictures that thresholds are chosen on had no false match at all."""
    level = rule["recommendation"]["unseen_level"]
    if level is None:
        return " There are false matches at every threshold."
    return f" No false match was seen up to {thresholds(rule['thresholds'][level])}, among so few."


def more_pictures(count: int) -> str:
    """What it would take to support a figure."""
    if not count:
        return "More pictures like these would not change that."
    return f"At least {count:,} more pictures are needed."


def steps(rule: Record) -> str:
    """What a level more or less than the one that is spoken of finds, and what it costs."""
    said = []
    for step in rule["steps"]:
        if step["level"] == rule["shown_level"]:
            continue
        which = "stricter" if step["level"] < rule["shown_level"] else "laxer"
        found = interval(tuple(step["recall"].values()), percent)
        cost = interval(tuple(step["false_per_day"].values()), amount)
        said.append(
            f"One step {which}, {thresholds(step['thresholds'])}, finds {found}, with {cost} false"
            " matches a day."
        )
    return " ".join(said)


def transforms(rule: Record) -> str:
    """Which everyday changes the level that is spoken of survives wholly, in part and never."""
    level = rule["shown_level"]
    shares = {name: one["value"][level] for name, one in rule["score"]["transforms"].items()}
    partly = ", ".join(
        f"{name} {percent(share)}" for name, share in shares.items() if 0 < share < NEARLY_ALL
    )
    never = ", ".join(name for name, share in shares.items() if not share)
    whole = sum(share >= NEARLY_ALL for share in shares.values())
    found = (
        f"At {thresholds(rule['thresholds'][level])}, {NEARLY_ALL:.0%} or more of the variants of"
        f" {whole} of {len(shares)} transforms are found."
    )
    return (
        found + (f" In part: {partly}." if partly else "") + (f" Never: {never}." if never else "")
    )


def comparison(rule: Record) -> str:
    """Whether two algorithms together have a tenth of the false matches of one."""
    compared = rule["comparison"]
    first = next(iter(rule["thresholds"][0]))
    at_level = thresholds(rule["thresholds"][compared["level"]])
    where = f"At {at_level}, which finds {percent(compared['recall'])} of the variants,"
    if compared["false_alone"] is None:
        return f"{where} {first} alone finds as much at no threshold looked at: no comparison."
    counts = (
        f"{where} {rule['name']} has {compared['false_together']:,} false matches on the held-out"
        f" half, and {first} alone at {compared['alone_level']} bits, which finds as much, has"
        f" {compared['false_alone']:,}"
    )
    return {
        "a_tenth": f"{counts}: at most a tenth.",
        "more": f"{counts}: that is NOT a tenth.",
        "cannot_tell": f"{counts}: too few to say whether that is a tenth.",
    }[compared["verdict"]]


def against_list(kind: Record, settings: EvaluationSettings) -> str:
    """How the operator's own list does with ordinary pictures."""
    threshold, score = kind["threshold"], kind["score"]
    matched = kind["choose"]["matched"][threshold] + score["matched"][threshold]
    total = kind["choose"]["pictures"] + score["pictures"]
    limit = amount(settings.max_false_per_day)
    found = (
        f"At {kind['algorithm']} {threshold}, {matched:,} of {total:,} ordinary pictures match"
        f" {kind['matching_entries']:,} of {kind['entries']:,} entries."
    )
    if kind["level"] is None:
        return (
            f"{found} {total:,} pictures cannot show that at most {limit} of"
            f" {settings.files_per_day:,} files a day match falsely, at any threshold."
            f" {more_pictures(kind['more_pictures'])}"
        )
    daily = interval(at(score["files_per_day"], kind["level"]), amount)
    return (
        f"{found} The largest threshold with at most {limit} files a day that match falsely is"
        f" {kind['level']}; on the held-out half that gives {daily} a day."
    )
