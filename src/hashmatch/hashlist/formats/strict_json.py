"""JSON whose objects have each key once: of a key that stands twice, one value would be lost."""

from __future__ import annotations

import json
from typing import Any

from hashmatch.hashlist.text.grammar import LineError


def _with_keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any] | LineError:
    found = dict(pairs)
    if len(found) < len(pairs):
        return LineError("a key of the object stands twice")
    return found


decoder = json.JSONDecoder(object_pairs_hook=_with_keys_once)
"""Gives a ``LineError`` in place of an object that has a key twice."""
