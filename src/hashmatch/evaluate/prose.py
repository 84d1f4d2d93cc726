"""What the figures say, in sentences: the same in the record, on the page and on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hashmatch.evaluate.gather import Unused
from hashmatch.evaluate.rules import label
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.report.numbers import amount, at, interval, percent, share_at, thresholds
from hashmatch.report.phrases import REASONS
from hashmatch.text import count, printable

Record = Mapping[str, Any]

SHOWN = 100
"""How many copies and unused files are named; all of them are counted."""

NEARLY_ALL = 0.99
"""A transform counts as found if this share of its variants is."""

_LEFT_OUT = {
    "low_information": ("with too little detail", "with too little detail"),
    "not_image": ("not an image", "not images"),
    "not_video": ("not a video", "not videos"),
    "same_bytes": ("copy", "copies"),
    "video": ("video", "videos"),
}
"""Why files are left out, where it is not for one of ``REASONS``: of one file, and of several."""


def pictures(counts: Record) -> str:
    """How many of the files were measured, and why the others were left out."""
    return (
        f"{count(counts['different'], 'different picture')} out of"
        f" {count(counts['files'], 'file')}{left_out(counts['copies'], counts['unusable'])}."
    )


def left_out(copies: int, unusable: Mapping[str, int]) -> str:
    """Such as `` (left out: 2 copies, 1 video)``; empty if all files were measured."""
    parts = [count(copies, "copy", "copies")] if copies else []
    for problem, number in sorted(unusable.items()):
        words = _LEFT_OUT.get(problem) or (REASONS[problem],) * 2
        parts.append(count(number, *words))
    return f" (left out: {', '.join(parts)})" if parts else ""


def problem(why: str) -> str:
    """Put into words why one file was left out."""
    code, _, detail = why.partition(": ")
    return detail if code in _LEFT_OUT else f"{REASONS[code]}: {detail}"


def unusable(files: Sequence[Unused]) -> Record:
    """How many files could not be used, by problem, and the first of them by name."""
    problems = Counter(file.why.partition(":")[0] for file in files)
    return {
        "unusable": dict(sorted(problems.items())),
        "unused_shown": [
            {"path": printable(file.name), "why": problem(file.why)} for file in files[:SHOWN]
        ],
    }


def recommendation(rule: Record, settings: EvaluationSettings) -> str:
    """What to use, what it finds, and whether the held-out half agrees."""
    chosen, level = rule["recommendation"], rule["recommendation"]["level"]
    limit, volume = amount(settings.max_false_per_day), _volume(settings)
    if level is None:
        if chosen["more_pictures"]:
            return f"Too few pictures to fix a threshold. {_unseen(rule)}"
        bound = amount(rule["choose"]["false_per_day"]["high"][0])
        return (
            f"No threshold can be recommended: even {thresholds(rule['thresholds'][0])} may"
            f" give {bound} false matches a day."
        )
    score = rule["score"]
    recall = share_at(score["recall"], level)
    outcome = {
        "held": "The half of the pictures held out confirms the limit",
        "open": "The half of the pictures held out is too small to confirm the limit",
        "broken": "On the half of the pictures held out, the limit is NOT kept",
    }[chosen["outcome"]]
    return (
        f"Use {thresholds(rule['thresholds'][level])}, the largest with at most {limit} false"
        f" matches a day for {volume}. It finds {recall} of the everyday variants. {outcome}:"
        f" {interval(at(score['false_per_day'], level), amount)} false matches a day."
    )


def too_few(rules: Sequence[Record], settings: EvaluationSettings) -> str | None:
    """How many more pictures would support a threshold; None if there is one by each rule."""
    lacking = [rule for rule in rules if rule["recommendation"]["more_pictures"]]
    if not lacking:
        return None
    nearest = min(lacking, key=lambda rule: int(rule["recommendation"]["more_pictures"]))
    bound = amount(nearest["choose"]["false_per_day"]["high"][0])
    return (
        "There are too few pictures to fix a threshold: the tightest provable bound is"
        f" {bound} false matches a day for {_volume(settings)}, and your limit is"
        f" {amount(settings.max_false_per_day)}."
        f" {more_pictures(nearest['recommendation']['more_pictures'])}"
    )


def too_alike(rules: Sequence[Record], equal: int, settings: EvaluationSettings) -> str | None:
    """Why more pictures would support no threshold, and what to do; None if they would.

    ``equal`` is how many pairs of pictures count as different and have the same hash.
    """
    chosen = [rule["recommendation"] for rule in rules]
    if not any(each["level"] is None and not each["more_pictures"] for each in chosen):
        return None
    kinds = " or ".join(map(label, settings.kinds))
    pairs = f"{count(equal, 'pair')} of pictures {'has' if equal == 1 else 'have'} the same {kinds}"
    return (
        f"Your limit is {amount(settings.max_false_per_day)} false matches a day for"
        f" {_volume(settings)}. Pictures that count as different match each other too often for"
        f" that{f': {pairs}' * bool(equal)}. More pictures like these would not change that. Look"
        ' at the nearest pairs, under "Pictures to look at" in evaluation.html. Where both show the'
        " same picture, label the pair as same in a file for --pairs."
    )


def _volume(settings: EvaluationSettings) -> str:
    return (
        f"{count(settings.files_per_day, 'file')} a day against"
        f" {count(settings.entries, 'entry', 'entries')}"
    )


def _unseen(rule: Record) -> str:
    level = rule["recommendation"]["unseen_level"]
    if level is None:
        return "There are false matches at every threshold."
    return f"No false match was seen up to {thresholds(rule['thresholds'][level])}."


def more_pictures(number: int) -> str:
    """What it would take to support a figure."""
    if not number:
        return "More pictures like these would not change that."
    return f"You need at least {count(number, 'more picture')}."


def steps(rule: Record) -> str:
    """What one level more or less than the one shown finds and costs."""
    said = []
    for step in rule["steps"]:
        if step["level"] == rule["shown_level"]:
            continue
        which = "stricter" if step["level"] < rule["shown_level"] else "laxer"
        found = interval(tuple(step["recall"].values()), percent)
        cost = interval(tuple(step["false_per_day"].values()), amount)
        said.append(
            f"One step {which}, {thresholds(step['thresholds'])} finds {found}, with {cost} false"
            " matches a day."
        )
    return " ".join(said)


def transforms(rule: Record) -> str:
    """Which everyday changes the level shown survives: wholly, in part and never."""
    level = rule["shown_level"]
    shares = {name: one["value"][level] for name, one in rule["score"]["transforms"].items()}
    partly = ", ".join(
        f"{name} {percent(share)}" for name, share in shares.items() if 0 < share < NEARLY_ALL
    )
    never = ", ".join(name for name, share in shares.items() if not share)
    whole = sum(share >= NEARLY_ALL for share in shares.values())
    found = (
        f"{thresholds(rule['thresholds'][level])} finds at least {NEARLY_ALL:.0%} of the variants"
        f" of {whole or 'none'} of {count(len(shares), 'transform')}."
    )
    return (
        found + (f" In part: {partly}." if partly else "") + (f" Never: {never}." if never else "")
    )


def against_list(kind: Record, settings: EvaluationSettings) -> str:
    """How the operator's own list does with ordinary pictures."""
    threshold, score = kind["threshold"], kind["score"]
    matched = kind["choose"]["matched"][threshold] + score["matched"][threshold]
    total = kind["choose"]["pictures"] + score["pictures"]
    limit = amount(settings.max_false_per_day)
    found = (
        f"At {kind['algorithm']} {threshold}, {matched:,} of"
        f" {count(total, 'ordinary picture')} {'matches' if matched == 1 else 'match'}"
        f" {kind['matching_entries']:,} of {count(kind['entries'], 'entry', 'entries')}."
    )
    if kind["level"] is None:
        bound = amount(kind["choose"]["files_per_day"]["high"][0])
        return (
            f"{found} The tightest provable bound is {bound} false matches a day among"
            f" {count(settings.files_per_day, 'file')}, and your limit is {limit}."
            f" {more_pictures(kind['more_pictures'])}"
        )
    daily = interval(at(score["files_per_day"], kind["level"]), amount)
    return (
        f"{found} The largest threshold at which at most {limit} files a day match falsely is"
        f" {kind['level']}; on the held-out half that gives {daily} a day."
    )
