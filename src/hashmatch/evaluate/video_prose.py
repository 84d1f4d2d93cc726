"""What the figures of videos say, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hashmatch.evaluate.prose import left_out
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.report.numbers import amount, estimate, share_of
from hashmatch.text import count

Record = Mapping[str, Any]


def sentences(found: Record, settings: EvaluationSettings) -> list[str]:
    """What was measured, what chance makes of it, and what is found again."""
    said = [_measured(found)]
    if not found["usable"]:
        return said
    said.append(_rule(found["rule"], settings))
    said.append(_chance(found["chance"], settings))
    if found["encodings"]:
        said.append(_recall(found))
    for hash_list in found["lists"]:
        matches, near = hash_list.get("match", 0), hash_list.get("candidate", 0)
        said.append(
            f"{hash_list['name']}: {count(matches, 'video is a match', 'videos are matches')} and"
            f" {count(near, 'is a candidate', 'are candidates')}. If none of your videos is"
            " listed, all are false."
        )
    return said


def _measured(found: Record) -> str:
    shared = found["usable"] - found["families"]
    return (
        f"{count(found['usable'], 'video')} out of {count(found['files'], 'file')}"
        f"{left_out(0, found['unusable'])}, with"
        f" {count(found['stills'], 'different still')}."
        + (
            f" {count(shared, 'video shares', 'videos share')} a still with another, and both count"
            " as one family."
            if shared
            else ""
        )
    )


def _rule(rule: Record, settings: EvaluationSettings) -> str:
    within = ", or ".join(
        " and ".join(f"{kind} {bits}" for kind, bits in each.items())
        for each in rule["match_within"]
    )
    near = " or ".join(f"{kind} {bits}" for kind, bits in rule["near"].items())
    alone = f"one still is within {within}, or if " if within else ""
    return (
        f"With {count(settings.entries, 'entry', 'entries')}, a video with"
        f" {count(rule['stills'], 'still')} matches if {alone}{rule['shots']} different"
        f" shots are within {near}."
    )


def _chance(chance: Record | None, settings: EvaluationSettings) -> str:
    if chance is None:
        return (
            "False matches cannot be counted, because all videos share stills. Add unrelated"
            " videos."
        )
    videos, stills = chance["videos"], chance["pictures"]
    pairs = " ".join(
        f"{each['near']:,} of {each['pairs']:,} pairs of their stills are within {each['kind']}"
        f" {each['threshold']}; the rates of this evaluation expect"
        f" {amount(each['expected'] or 0)}."
        for each in chance["pairs"]
    )
    return (
        f"Looked up in {count(videos['entries'], 'still')} of other videos, with the cutoffs for"
        f" {count(settings.entries, 'entry', 'entries')}, {videos['match']:,} of"
        f" {count(videos['looked_up'], 'video')} match falsely:"
        f" {estimate(videos['rate'], shares=True)}. Of {count(stills['looked_up'], 'still')} looked"
        f" up as pictures, {stills['match']:,} do: {estimate(stills['rate'], shares=True)}."
        f" {count(videos['candidate'], 'video is a candidate', 'videos are candidates')}. {pairs}"
    )


def _recall(found: Record) -> str:
    ways = [way for way in found["encodings"] if way["stills"]]
    if not ways:
        return "Recall was not measured: no video has a still in the part that was encoded again."

    def share(key: str) -> str:
        measured = [way[key] for way in ways if way[key]]
        part, whole = (sum(each[end] for each in measured) for end in ("found", "of"))
        return share_of(part, whole) if measured else "none"

    worst = min(ways, key=lambda way: float(way["stills"]["value"]))
    return (
        f"Encoded again in {count(len(ways), 'everyday way')}, {share('stills')} of the stills are"
        f" near, and {share('held')} of those shown for 2 seconds or more. The worst is"
        f" {worst['name']}, with {estimate(worst['stills'], shares=True)}."
        f" {share('as_pictures')} of the videos match if their stills are listed as pictures, and"
        f" {share('as_video')} if they are listed as videos."
    )
