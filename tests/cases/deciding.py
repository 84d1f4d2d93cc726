"""Decides one case after another until it is killed, and says each decision once it counts.

Usage: deciding.py PLACE TRAIL
"""

from __future__ import annotations

import sys

from hashmatch.cases import Cases, Decision
from hashmatch.custody.audit import AuditLog


def main(place: str, trail: str) -> None:
    """Decide forever."""
    words = list(Decision)
    with AuditLog.open(trail, wait=5) as log:
        cases = Cases(place, create=False, chain=lambda event: log.add(event, sync=True))
        for number in range(1_000_000):
            case, word = number % 3 + 1, words[number % 2]
            made = cases.decide(case, "ann", word)
            sys.stdout.write(f"{made.id} {case} {word}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
