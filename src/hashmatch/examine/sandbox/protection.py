"""Describes the sandbox to operators, in words.

Nothing here touches the system, so every command can import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from hashmatch.errors import SettingsError

WALLS = {
    "landlock": "Landlock",
    "privileges": "a user without privileges",
    "seccomp": "the system call filter",
}
"""The three walls in words, by the name that a worker reports."""


class Sandbox(StrEnum):
    """How strictly decoders are confined.

    Attributes:
        STRICT: behind all three walls, or not started at all.
        BEST: the walls that the system offers.
        OFF: worker processes with limits on memory and time, and no walls.
    """

    STRICT = "strict"
    BEST = "best"
    OFF = "off"


def walls_of(sandbox: str) -> tuple[str, ...]:
    """The walls that workers should put up."""
    return () if sandbox == Sandbox.OFF else tuple(WALLS)


def missing_walls(protection: Mapping[str, Any]) -> list[str]:
    """The walls that do not hold, in words.

    Args:
        protection: what a pool reports once it is configured.
    """
    return [words for name, words in WALLS.items() if not protection.get(name)]


def require_walls(protection: Mapping[str, Any]) -> None:
    """Refuse to continue unless all three walls hold.

    Raises:
        SettingsError: one is missing.
    """
    if missing := missing_walls(protection):
        raise SettingsError(
            f"the sandbox is strict, and this system lacks {_listed(missing)}: run on Linux 5.13 or"
            " later (x86-64 or aarch64) where these are permitted, or choose --sandbox best"
        )


def sandbox_notice(sandbox: str, protection: Mapping[str, Any]) -> str | None:
    """One line about what the sandbox lacks; None if it lacks nothing."""
    if not protection.get("separate_processes"):
        return (
            "decoders run in this process, without a sandbox: a file that takes one over can do"
            " whatever you can, and one that crashes it ends the scan"
        )
    if sandbox == Sandbox.OFF:
        return (
            "the sandbox is off: a file that takes a decoder over can read and change whatever you"
            " can, the hash list included"
        )
    if missing := missing_walls(protection):
        return (
            f"the sandbox lacks {_listed(missing)} on this system: see 'hashmatch doctor' for what"
            " protects you"
        )
    return None


def protection_in_words(protection: Mapping[str, Any]) -> dict[str, str]:
    """What holds on this machine, in a sentence for each wall; empty without processes."""
    if not protection.get("separate_processes"):
        return {}
    holds = {
        "landlock": f"Landlock, ABI {protection.get('landlock')}: no path can be opened",
        "privileges": "no capabilities, and not root",
        "seccomp": "a filter allows only the system calls that decoding needs",
    }
    lacks = {
        "landlock": "not in force: needs Linux 5.13 with Landlock",
        "privileges": "not in force: needs Linux on x86-64 or aarch64, and a user that is not root",
        "seccomp": "not in force: needs Linux with seccomp, on x86-64 or aarch64",
    }
    return {name: (holds if protection.get(name) else lacks)[name] for name in WALLS}


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
