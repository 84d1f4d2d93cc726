"""What each door answers to each known client, so that none takes a failure for clear.

``python -m hashmatch.service.profiles`` prints the table in docs/doors.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hashmatch.errors import SettingsError
from hashmatch.model import Verdict
from hashmatch.service.policy import DEFAULT_ACTIONS, Action


class ClamdAnswer(StrEnum):
    """What the clamd door answers.

    Attributes:
        OK: ``stream: OK``.
        FOUND: ``stream: Hashmatch.Held.CASENUMBER FOUND``.
        ERROR: ``stream: MESSAGE ERROR``.
        LIMITS: ``stream: Heuristics.Limits.Exceeded.Hashmatch FOUND``, which rspamd reads as "could
            not be scanned".
    """

    OK = "OK"
    FOUND = "FOUND"
    ERROR = "ERROR"
    LIMITS = "LIMITS"


@dataclass(frozen=True, slots=True)
class ClamdProfile:
    """What one kind of client must be told.

    Attributes:
        name: as ``--clamd-profile`` has it.
        failure: the answer where there is no verdict.
        note: for whom it is.
    """

    name: str
    failure: ClamdAnswer
    note: str


STRICT = ClamdProfile("strict", ClamdAnswer.FOUND, "any client: it may take ERROR for clean")
CLAMD_PROFILES: Mapping[str, ClamdProfile] = {
    profile.name: profile
    for profile in (
        STRICT,
        ClamdProfile("generic", ClamdAnswer.ERROR, "clients that refuse a file on ERROR"),
        ClamdProfile(
            "nextcloud",
            ClamdAnswer.ERROR,
            "Nextcloud with `av_block_unreachable` on, its default: it refuses the file, and"
            " deletes it only on FOUND",
        ),
        ClamdProfile("rspamd", ClamdAnswer.LIMITS, "rspamd, whose Lua fails on ERROR"),
    )
}


def find_profile(name: str) -> ClamdProfile:
    """The profile of this name.

    Raises:
        SettingsError: there is none.
    """
    if name not in CLAMD_PROFILES:
        raise SettingsError(f"--clamd-profile takes one of: {', '.join(CLAMD_PROFILES)}")
    return CLAMD_PROFILES[name]


def answer_to(action: Action) -> ClamdAnswer:
    """The answer where there is a verdict; the same for every client."""
    return ClamdAnswer.OK if action is Action.ALLOW else ClamdAnswer.FOUND


def profile_table() -> str:
    """Verdict by profile, with the default actions, as Markdown."""
    verdicts = [Verdict.MATCH, Verdict.LOW_INFORMATION, Verdict.CLEAR, Verdict.NOT_IMAGE]
    head = ["profile", *map(str, verdicts), "unscanned", "no verdict", "for"]
    rows = [head, ["---"] * len(head)]
    for profile in CLAMD_PROFILES.values():
        cells = [answer_to(DEFAULT_ACTIONS[verdict]) for verdict in verdicts]
        rows.append([profile.name, *cells, "you say", profile.failure, profile.note])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(profile_table(), end="")  # for docs/doors.md
