"""Reads JSON piece by piece: a document of gigabytes takes the memory of its largest record."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from hashmatch.errors import HashListError
from hashmatch.hashlist.list_stream import Tap
from hashmatch.hashlist.text.grammar import LineError

MAX_VALUE = 1 << 24
"""The most characters in a record: far more than any has, and far fewer than fill the memory."""

LOOK_AHEAD = 1 << 16

UNEXPECTED = "the line is not JSON as this format has it"

_BLANKS = re.compile(r"[ \t\r\n]*")
_IN_NUMBERS = frozenset("+-.0123456789Ee")


def _with_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any] | LineError:
    found = dict(pairs)
    if len(found) < len(pairs):
        # One of the two values would be lost
        return LineError("the object has a key twice")
    return found


_strict = json.JSONDecoder(object_pairs_hook=_with_unique_keys)


class JsonPull:
    """Walks through JSON, one document or several in a row, from beginning to end.

    ``members`` and ``elements`` enter an object or an array. For each key or element that they
    yield, the caller takes its value before going on, either by ``value`` or by entering it.
    """

    def __init__(self, tap: Tap, source: str) -> None:
        self._blocks = tap.blocks()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._source = source
        self._text = ""
        self._place = 0
        self._lines = 0
        self._ended = False

    def peek(self) -> str:
        """Peek at the next character that is not blank; empty at the end."""
        while True:
            found = _BLANKS.match(self._text, self._place)
            self._place = found.end() if found else self._place
            if self._place < len(self._text) or self._ended:
                return self._text[self._place : self._place + 1]
            self._fill()

    def documents(self) -> Iterator[None]:
        """Go through the documents: those in a row, and the elements of arrays of documents."""
        while character := self.peek():
            if character == "[":
                yield from self.elements()
            else:
                yield

    def members(self) -> Iterator[str]:
        """Go through the keys of an object."""
        for _ in self._parts("{", "}"):
            key = self.value()
            if not isinstance(key, str):
                raise self.error()
            self._take(":")
            yield key

    def elements(self) -> Iterator[None]:
        """Go through the elements of an array."""
        return self._parts("[", "]")

    def values(self) -> Iterator[Any]:
        """Go through the elements of an array, each as a whole value."""
        for _ in self.elements():
            yield self.value()

    def value(self) -> Any:
        """Read the next value as a whole. An object with a key twice becomes a ``LineError``.

        Raises:
            HashListError: this is not JSON.
        """
        self.peek()
        if len(self._text) - self._place < LOOK_AHEAD:
            self._fill()
        while True:
            try:
                found, end = _strict.raw_decode(self._text, self._place)
            except RecursionError:
                raise self.error() from None
            except ValueError:
                # It is faulty, or it goes on in the next block
                if self._ended or len(self._text) - self._place > MAX_VALUE:
                    raise self.error() from None
            else:
                # A number may go on in the next block, too
                after = self._text[end : end + 1]
                if self._ended or (after and after not in _IN_NUMBERS):
                    self._place = end
                    return found
            self._fill()

    def error(self, message: str = UNEXPECTED, place: int | None = None) -> HashListError:
        """Make an error about the current line, or about the line of a place in the text."""
        line = 1 + self._lines + self._text.count("\n", 0, self._place if place is None else place)
        return HashListError(message, path=self._source, line=line)

    def _parts(self, opening: str, closing: str) -> Iterator[None]:
        self._take(opening)
        if self.peek() == closing:
            self._take(closing)
            return
        while True:
            yield
            if self.peek() == closing:
                self._take(closing)
                return
            self._take(",")

    def _take(self, character: str) -> None:
        if self.peek() != character:
            raise self.error()
        self._place += 1

    def _fill(self) -> None:
        """Take in another block and forget what has been read."""
        block = next(self._blocks, b"")
        self._ended = not block
        try:
            text = self._decoder.decode(block, final=self._ended)
        except UnicodeDecodeError:
            raise self.error("the line is not UTF-8", len(self._text)) from None
        self._lines += self._text.count("\n", 0, self._place)
        self._text = self._text[self._place :] + text
        self._place = 0
