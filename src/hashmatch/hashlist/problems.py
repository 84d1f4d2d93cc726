"""Collects everything that is wrong with a list, to report it all at once and quote none of it."""

from __future__ import annotations

from bisect import insort

from hashmatch.errors import HashListError
from hashmatch.text import count

KEPT_PROBLEMS = 10_000
"""More would not help: a picture given as a list would have millions."""


SKIP_THEM = "use --skip-bad-entries"
"""What a message advises. Callers without that option put their own advice in its place."""


class Problems:
    """Collects problems by line. Messages say what is wrong and quote nothing of the line."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.count = 0
        self._kept: list[tuple[int, str]] = []

    def add(self, line: int, message: str) -> None:
        """Add one problem. If there are very many, those of the first lines are kept."""
        self.count += 1
        if len(self._kept) == KEPT_PROBLEMS and line >= self._kept[-1][0]:
            return
        insort(self._kept, (line, message))
        del self._kept[KEPT_PROBLEMS:]

    @property
    def kept(self) -> tuple[tuple[int, str], ...]:
        """Line and message of each problem that was kept, by line."""
        return tuple(self._kept)

    def error(
        self, total: int, *, unit: str = "line", units: str = "", skippable: bool = True
    ) -> HashListError:
        """All problems as one error, in a list of ``total`` lines.

        If it consists of something else, ``unit`` names that, and ``units`` an irregular plural.
        ``skippable`` says whether the rest could be loaded.
        """
        verb, them = ("is", "it") if self.count == 1 else ("are", "them")
        otherwise = f", or {SKIP_THEM} to load the rest" if skippable else ""
        problems = [
            HashListError(message, path=self.source, line=line) for line, message in self._kept
        ]
        return HashListError(
            f"{self.count:,} of {count(total, unit, units)} {verb} wrong; fix {them}{otherwise}",
            path=self.source,
            problems=problems,
            count=self.count,
        )
