"""Matches examinations against hash lists, and decides the verdict.

Library users build one ``Matcher`` and share it between threads. ``match`` takes bytes, a path, a
file or a ``PIL.Image``, has its parts examined in worker processes (``parts``), and returns one
``Outcome``. A scan examines files itself and calls ``screen`` and ``judge`` with batches of
examinations. ``lookup`` finds the near entries of a batch, in one ``IndexedSection`` for each list
and kind of hash; ``agreement`` finds those that two hashes agree on, mirror images too. ``cutoffs``
chooses how near is a match and not only a candidate, from the length of the lists and from how
often different pictures are near by chance (``rates``, or the operator's ``own_rates``);
``expected`` adds that up. ``verdict`` holds the one rule that turns near entries into a verdict.

Everything here runs in the process that holds the lists, and touches no untrusted bytes unless you
pass ``isolate=False``. Then the thread that calls decodes, or for small JPEGs another that is
already doing so (``turns``). A list that can match nothing raises ``HashListError``. An upload that
cannot be examined raises nothing; it is ``unscanned``.
"""

from hashmatch.match.matcher import Matcher
from hashmatch.match.thresholds import Threshold

__all__ = ["Matcher", "Threshold"]
