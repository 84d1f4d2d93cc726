"""What a client should do with an upload, by its verdict and the door it came by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hashmatch.errors import SettingsError
from hashmatch.model import Verdict


class Action(StrEnum):
    """What a client should do with an upload."""

    ALLOW = "allow"  # publish it
    HOLD = "hold"  # keep it, and show it to nobody until a human has decided
    REJECT = "reject"  # refuse it


DEFAULT_ACTIONS: Mapping[Verdict, Action] = {
    Verdict.MATCH: Action.REJECT,
    Verdict.CANDIDATE: Action.HOLD,
    Verdict.UNSCANNED: Action.HOLD,
    Verdict.CLEAR: Action.ALLOW,
    Verdict.NOT_IMAGE: Action.ALLOW,
}
"""The safe side: only what was wholly examined, and is near to no entry, is allowed."""

DOORS = ("http", "clamd", "icap")


@dataclass(frozen=True, slots=True)
class ActionPolicy:
    """The operator's table of actions."""

    # what the operator set, by door and verdict; the door None is every door
    chosen: Mapping[tuple[str | None, Verdict], Action] = field(default_factory=dict)

    def action(self, door: str, verdict: Verdict) -> Action:
        """The action for uploads by this door: as set for it, as set for all, or the default."""
        chosen = self.chosen.get((door, verdict)) or self.chosen.get((None, verdict))
        return chosen or DEFAULT_ACTIONS[verdict]

    def decides(self, door: str, verdict: Verdict) -> bool:
        """Whether the operator said what to do with this verdict at this door."""
        return (door, verdict) in self.chosen or (None, verdict) in self.chosen

    def record(self) -> dict[str, Action]:
        """The table, for the audit trail: ``icap.unscanned`` for one door, ``match`` for all."""
        table = {str(verdict): action for verdict, action in DEFAULT_ACTIONS.items()}
        for (door, verdict), action in self.chosen.items():
            table[str(verdict) if door is None else f"{door}.{verdict}"] = action
        return table


def read_policy(texts: Iterable[str]) -> ActionPolicy:
    """Read changes to the default table, such as ``unscanned=reject`` or ``icap.unscanned=allow``.

    Raises ``SettingsError`` for an unknown door, verdict or action, and for one set twice.
    """
    chosen: dict[tuple[str | None, Verdict], Action] = {}
    for text in texts:
        name, _, action = text.partition("=")
        door, dot, verdict = name.rpartition(".")
        try:
            key = (door if dot else None, Verdict(verdict))
            value = Action(action)
        except ValueError:
            key = None
        if key is None or key[0] not in {None, *DOORS}:
            raise SettingsError(
                "--action takes VERDICT=ACTION or DOOR.VERDICT=ACTION;"
                f" doors: {', '.join(DOORS)}; verdicts: {', '.join(Verdict)};"
                f" actions: {', '.join(Action)}"
            )
        if key in chosen:
            raise SettingsError(f"--action gives two actions for {name}")
        chosen[key] = value
    return ActionPolicy(chosen)
