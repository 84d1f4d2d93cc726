"""How many examples tests try: some in every run, all of them with HASHMATCH_LONG_TESTS=1."""

from __future__ import annotations

import os

from hypothesis import settings

LONG = bool(os.environ.get("HASHMATCH_LONG_TESTS"))


def examples(count: int) -> settings:
    """So many examples of a property in long runs, and a fourth of them in others."""
    return settings(max_examples=count if LONG else max(10, count // 4))
