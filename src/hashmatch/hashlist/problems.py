"""What is wrong with a list: collected while reading, told all at once, never quoted."""

from __future__ import annotations

from bisect import insort

from hashmatch.errors import HashListError

KEPT_PROBLEMS = 10_000
"""More than this helps nobody, and a picture given as a list would have millions."""


class Problems:
    """Collects problems by line. Messages name what is wrong, and quote nothing of the line."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.count = 0
        self._kept: list[tuple[int, str]] = []

    def add(self, line: int, message: str) -> None:
        """Note one problem. Of very many, those of the first lines are kept."""
        self.count += 1
        if len(self._kept) == KEPT_PROBLEMS and line >= self._kept[-1][0]:
            return
        insort(self._kept, (line, message))
        del self._kept[KEPT_PROBLEMS:]

    @property
    def kept(self) -> tuple[tuple[int, str], ...]:
        """Line and message of each that was kept, by line."""
        return tuple(self._kept)

    def error(self, total: int, *, unit: str = "lines", skippable: bool = True) -> HashListError:
        """All of it as one error.

        Args:
            total: how many lines the list has.
            unit: what the list has instead, where it is not of lines.
            skippable: the rest could be loaded without what is wrong.
        """
        verb, them = ("is", "it") if self.count == 1 else ("are", "them")
        otherwise = ", or use --skip-bad-entries to load the rest" if skippable else ""
        problems = [
            HashListError(message, path=self.source, line=line) for line, message in self._kept
        ]
        return HashListError(
            f"{self.count:,} of {total:,} {unit} {verb} wrong; fix {them}{otherwise}",
            path=self.source,
            problems=problems,
            count=self.count,
        )
