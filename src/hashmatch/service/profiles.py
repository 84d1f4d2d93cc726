"""What each door tells each known client, so that none mistakes a failure for clear.

``python -m hashmatch.service.profiles`` prints the tables in docs/doors.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hashmatch.errors import SettingsError
from hashmatch.model import Verdict
from hashmatch.service.policy import DEFAULT_ACTIONS, Action


class ClamdAnswer(StrEnum):
    """What the clamd door answers."""

    OK = "OK"  # ``stream: OK``
    FOUND = "FOUND"  # ``stream: Hashmatch.Held.CASENUMBER FOUND``
    ERROR = "ERROR"  # ``stream: MESSAGE ERROR``
    # ``stream: Heuristics.Limits.Exceeded.Hashmatch FOUND``, which rspamd reads as "could not be
    # scanned"
    LIMITS = "LIMITS"


class IcapAnswer(StrEnum):
    """What the ICAP door answers."""

    # ``204 No modifications``, or the message unchanged
    PASS = "PASS"  # noqa: S105 # no password
    FOUND = "FOUND"  # ``X-Infection-Found`` and a page with status 403 in place of the message
    BUSY = "BUSY"  # a page with status 503 in place of the message, and no ``X-Infection-Found``
    ERROR = "ERROR"  # ``ICAP/1.0 500 Server error``


@dataclass(frozen=True, slots=True)
class Profile:
    """How to answer one kind of client when there is no verdict."""

    name: str  # as ``--clamd-profile`` and ``--icap-profile`` take it
    # the answer by clamd's protocol; None if the client does not speak it
    clamd: ClamdAnswer | None
    icap: IcapAnswer | None  # the answer by ICAP; None if the client does not speak it
    note: str  # for whom it is, and why


STRICT = Profile(
    "strict",
    ClamdAnswer.FOUND,
    IcapAnswer.FOUND,
    "any client, even if it takes errors for clean",
)
PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        STRICT,
        Profile("generic", ClamdAnswer.ERROR, IcapAnswer.ERROR, "clients that refuse on an error"),
        Profile(
            "nextcloud",
            ClamdAnswer.FOUND,
            IcapAnswer.ERROR,
            "Nextcloud: may allow a file on clamd's ERROR; over ICAP, an error fails the upload",
        ),
        Profile(
            "owncloud",
            ClamdAnswer.FOUND,
            IcapAnswer.FOUND,
            "ownCloud: may allow a file on errors",
        ),
        Profile("ocis", ClamdAnswer.FOUND, IcapAnswer.FOUND, "oCIS: allows a file on errors"),
        Profile("discourse", ClamdAnswer.FOUND, None, "Discourse: allows a file on ERROR"),
        Profile(
            "rspamd",
            ClamdAnswer.LIMITS,
            IcapAnswer.ERROR,
            "rspamd: adds the symbol of a failed scan; [give it an action](guides/rspamd.md)",
        ),
        Profile("squid", None, IcapAnswer.BUSY, "Squid: allows a file on errors with `bypass=on`"),
    )
}


def find_profile(name: str, option: str) -> Profile:
    """Find the profile that an option names for its door, or raise ``SettingsError``."""
    known = {
        profile.name: profile
        for profile in PROFILES.values()
        if (profile.icap if option == "--icap-profile" else profile.clamd) is not None
    }
    if name not in known:
        raise SettingsError(f"{option} takes one of: {', '.join(known)}")
    return known[name]


def clamd_answer(action: Action) -> ClamdAnswer:
    """The answer where there is a verdict; the same for every client."""
    return ClamdAnswer.OK if action is Action.ALLOW else ClamdAnswer.FOUND


def icap_answer(action: Action) -> IcapAnswer:
    """The answer where there is a verdict; the same for every client."""
    return IcapAnswer.PASS if action is Action.ALLOW else IcapAnswer.FOUND


def profile_table(door: str) -> str:
    """Verdict by profile at ``clamd`` or ``icap``, with the default actions, as Markdown."""
    verdicts = [Verdict.MATCH, Verdict.CANDIDATE, Verdict.CLEAR, Verdict.NOT_IMAGE]
    answer = clamd_answer if door == "clamd" else icap_answer
    head = ["profile", *map(str, verdicts), "unscanned", "no verdict", "for"]
    rows = [head, ["---"] * len(head)]
    for profile in PROFILES.values():
        failure = profile.clamd if door == "clamd" else profile.icap
        if failure is not None:
            cells = [answer(DEFAULT_ACTIONS[verdict]) for verdict in verdicts]
            rows.append([profile.name, *cells, "your choice", failure, profile.note])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(profile_table("clamd"), profile_table("icap"), sep="\n", end="")  # for docs/doors.md
