"""Matchers that decode in this process, for tests that match often and are about other things."""

from __future__ import annotations

from functools import partial

from hashmatch import Matcher

in_process = partial(Matcher, isolate=False)
