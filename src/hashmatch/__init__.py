"""hashmatch finds pictures that match a hash list, by perceptual hash.

::

    from hashmatch import HashList, Matcher, Verdict

    matcher = Matcher(HashList.load("hashes.txt"))
    outcome = matcher.match(upload)  # bytes, a path, a binary file or a PIL.Image
    if outcome.verdict is Verdict.MATCH:
        hold(outcome.matches[0].entry.id, outcome.matches[0].distance)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hashmatch._version import __version__

if TYPE_CHECKING:
    from hashmatch.errors import HashListError, HashmatchError, SettingsError
    from hashmatch.hashing.distance import hamming_distance
    from hashmatch.hashlist import HashList
    from hashmatch.index import build_index
    from hashmatch.match.matcher import Matcher
    from hashmatch.model import (
        Entry,
        HashKind,
        Limits,
        Match,
        Outcome,
        PerceptualHash,
        Reason,
        Verdict,
    )

_HOMES = {
    "Entry": "model",
    "HashKind": "model",
    "HashList": "hashlist",
    "HashListError": "errors",
    "HashmatchError": "errors",
    "Limits": "model",
    "Match": "model",
    "Matcher": "match",
    "Outcome": "model",
    "PerceptualHash": "model",
    "Reason": "model",
    "SettingsError": "errors",
    "Verdict": "model",
    "build_index": "index",
    "hamming_distance": "hashing",
}

__all__ = [
    "Entry",
    "HashKind",
    "HashList",
    "HashListError",
    "HashmatchError",
    "Limits",
    "Match",
    "Matcher",
    "Outcome",
    "PerceptualHash",
    "Reason",
    "SettingsError",
    "Verdict",
    "__version__",
    "build_index",
    "hamming_distance",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: NumPy and Pillow take their time (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hashmatch' has no attribute {name!r}")
    return getattr(import_module(f"hashmatch.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
