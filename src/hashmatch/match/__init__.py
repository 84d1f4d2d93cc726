"""Hashes looked up in lists, and the one rule that turns what is near into a verdict.

``Matcher`` is the door for upload pipelines: bytes, a path, a file or a ``PIL.Image`` in, an
``Outcome`` out. ``lookup`` finds the near entries of a batch of examinations, in one
``IndexedSection`` for each list and kind of hash.
"""

from hashmatch.match.lookup import Threshold
from hashmatch.match.matcher import Matcher

__all__ = ["Matcher", "Threshold"]
