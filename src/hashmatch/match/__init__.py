"""Matches examinations against hash lists, and decides the verdict.

Library users build one ``Matcher`` and share it between threads. ``match`` takes bytes, a path, a
file or a ``PIL.Image``, has its parts examined in worker processes (``parts``), and returns one
``Outcome``. A scan examines files itself and calls ``screen`` and ``judge`` with batches of
examinations. ``lookup`` finds the near entries of a batch, in one ``IndexedSection`` for each list
and kind of hash. ``verdict`` holds the one rule that turns them into a verdict.
``rates`` says how often different pictures are near by chance, and ``expected`` adds that up.

Everything here runs in the process that holds the lists, and touches no untrusted bytes unless you
pass ``isolate=False``. A list that can match nothing raises ``HashListError``. An upload that
cannot be examined raises nothing; it is ``unscanned``.
"""

from hashmatch.match.matcher import Matcher
from hashmatch.match.thresholds import Threshold

__all__ = ["Matcher", "Threshold"]
