"""Find known pictures among others, by perceptual hash.

Hash a picture, and compare two hashes::

    import hashmatch

    distance = hashmatch.phash("a.jpg") - hashmatch.phash("b.jpg")  # in bits; 0 is the same

Match an upload against a hash list::

    from hashmatch import HashList, Matcher, Verdict

    with Matcher(HashList.load("hashes.txt")) as matcher:
        outcome = matcher.match(upload)  # bytes, a path, a binary file or a PIL.Image
        if outcome.verdict is Verdict.MATCH:
            hold(outcome.matches[0].entry.id, outcome.matches[0].distance)

Evaluate thresholds on pictures of your own::

    from hashmatch.evaluate import EvaluationSettings, evaluate

    evaluation = evaluate(["pictures/"], EvaluationSettings())

``hashmatch.scan`` scans whole folders. Every error is a ``HashmatchError``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hashmatch._version import __version__

if TYPE_CHECKING:
    from hashmatch.errors import DecodeError, HashListError, HashmatchError, SettingsError
    from hashmatch.examine.stored_hash import dhash, hash, phash  # noqa: A004 # as it is called
    from hashmatch.hashing.distance import hamming_distance
    from hashmatch.hashlist import HashList
    from hashmatch.index import build_index
    from hashmatch.match.matcher import Matcher
    from hashmatch.model import (
        Cause,
        Entry,
        HashKind,
        Match,
        Outcome,
        Part,
        PerceptualHash,
        Reason,
        Verdict,
    )
    from hashmatch.options import Limits

_HOMES = {
    "Cause": "model",
    "DecodeError": "errors",
    "Entry": "model",
    "HashKind": "model",
    "HashList": "hashlist",
    "HashListError": "errors",
    "HashmatchError": "errors",
    "Limits": "options",
    "Match": "model",
    "Matcher": "match",
    "Outcome": "model",
    "Part": "model",
    "PerceptualHash": "model",
    "Reason": "model",
    "SettingsError": "errors",
    "Verdict": "model",
    "build_index": "index",
    "dhash": "examine.stored_hash",
    "hamming_distance": "hashing",
    "hash": "examine.stored_hash",
    "phash": "examine.stored_hash",
}

__all__ = [
    "Cause",
    "DecodeError",
    "Entry",
    "HashKind",
    "HashList",
    "HashListError",
    "HashmatchError",
    "Limits",
    "Match",
    "Matcher",
    "Outcome",
    "Part",
    "PerceptualHash",
    "Reason",
    "SettingsError",
    "Verdict",
    "__version__",
    "build_index",
    "dhash",
    "hamming_distance",
    "hash",
    "phash",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, since NumPy and Pillow take their time (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hashmatch' has no attribute {name!r}")
    return getattr(import_module(f"hashmatch.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
