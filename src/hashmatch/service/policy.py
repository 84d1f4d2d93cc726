"""What a client should do with an upload, by its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from hashmatch.errors import SettingsError
from hashmatch.model import Verdict


class Action(StrEnum):
    """What a client should do with an upload.

    Attributes:
        ALLOW: publish it.
        HOLD: keep it, and show it to nobody until a human has decided.
        REJECT: refuse it.
    """

    ALLOW = "allow"
    HOLD = "hold"
    REJECT = "reject"


DEFAULT_ACTIONS: Mapping[Verdict, Action] = {
    Verdict.MATCH: Action.REJECT,
    Verdict.LOW_INFORMATION: Action.HOLD,
    Verdict.UNSCANNED: Action.HOLD,
    Verdict.CLEAR: Action.ALLOW,
    Verdict.NOT_IMAGE: Action.ALLOW,
}
"""The safe side: only what was wholly examined, and is near to no entry, is allowed."""


def read_actions(texts: Iterable[str]) -> dict[Verdict, Action]:
    """Read a policy table: the defaults, and what texts such as ``unscanned=reject`` change.

    Raises:
        SettingsError: a text names no verdict or no action, or repeats a verdict.
    """
    changes: dict[Verdict, Action] = {}
    for text in texts:
        verdict, _, action = text.partition("=")
        try:
            known, chosen = Verdict(verdict), Action(action)
        except ValueError:
            raise SettingsError(
                f"--action takes VERDICT=ACTION; verdicts: {', '.join(Verdict)};"
                f" actions: {', '.join(Action)}"
            ) from None
        if known in changes:
            raise SettingsError(f"--action says twice what to do about {known}")
        changes[known] = chosen
    return {**DEFAULT_ACTIONS, **changes}
