"""The contract that every index keeps, and the values that cross it."""

from __future__ import annotations

import operator
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from hashmatch.errors import HashMismatchError, SettingsError
from hashmatch.model import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Codes: TypeAlias = npt.NDArray[np.uint64]
"""Hashes of one width: uint64, shape (n, words), words = bits / 64, most significant bit first."""

Ints: TypeAlias = npt.NDArray[np.int64]
Tables: TypeAlias = "Mapping[str, npt.NDArray[np.generic]]"

MAX_ENTRIES = 2**32 - 1
"""Rows are kept as unsigned 32-bit integers."""


class Hits(NamedTuple):
    """Pairs of a query and an entry near it: three arrays of one length.

    Attributes:
        query: int64, the row of the query in the batch.
        row: int64, the row of the entry in the index.
        distance: uint16, Hamming, in bits.
    """

    query: Ints
    row: Ints
    distance: npt.NDArray[np.uint16]

    @classmethod
    def join(cls, pieces: Iterable[Hits]) -> Hits:
        """One after another, in the order given."""
        columns = list(zip(*pieces, strict=True))
        if not columns:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))
        return cls(*(np.concatenate(column) for column in columns))

    def sorted(self) -> Hits:
        """The same pairs by query, then distance, then row."""
        order = np.lexsort((self.row, self.distance, self.query))
        return Hits(self.query[order], self.row[order], self.distance[order])


class Index(Protocol):
    """Finds the entries near a hash. Every index answers exactly what ``LinearIndex`` answers.

    A kind of index implements ``pieces`` and what persistence needs; the questions that callers
    ask are answered here, from the pieces. An index never changes once built, so threads may share
    it, and its arrays may be read-only and memory-mapped.

    Args:
        codes: shape (n, words), uint64.
        tables: what ``tables()`` gave for the same codes, taken up as it is; else they are built.
        reason: why this kind was chosen, for ``explain``.

    Attributes:
        kind: the name by which ``build_index`` and the command line know it.
        codes: the entries' hashes, as they were given.
        reason: why this kind was chosen.

    Raises:
        SettingsError: ``codes`` is no uint64 array of two axes, or a table does not fit it.
    """

    kind: ClassVar[str]
    codes: Codes
    reason: str

    def __init__(
        self, codes: Codes, tables: Tables | None = None, reason: str = "as asked"
    ) -> None:
        self.codes = check_codes(codes)
        self.reason = reason
        self._take_up(self._build() if tables is None else tables)

    @abstractmethod
    def _build(self) -> Tables:
        """Compute the tables from the codes."""

    @abstractmethod
    def _take_up(self, tables: Tables) -> None:
        """Keep the tables, checked against the codes; computing nothing, copying nothing."""

    @abstractmethod
    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """Every pair within the radius once, in any order, in pieces of bounded size.

        Args:
            queries: checked hashes of the index's own width.
            radius: in bits, from 0 to the width.
        """

    @abstractmethod
    def tables(self) -> Tables:
        """What the index has computed beyond the codes: arrays by name, ready to be stored."""

    @abstractmethod
    def explain(self) -> str:
        """One sentence: which kind of index this is and why it was chosen."""

    def __len__(self) -> int:
        return len(self.codes)

    def search(self, queries: Codes, radius: int) -> Hits:
        """Every entry near each query.

        Args:
            queries: shape (m, words), uint64.
            radius: in bits, inclusive: an entry is near when ``distance <= radius``.

        Returns:
            The pairs, sorted by query, distance, row.

        Raises:
            SettingsError: the queries are no uint64 array of two axes, or the radius is negative
                or no integer.
            HashMismatchError: the queries are of another width than the entries.
        """
        queries, radius = check_search(self.codes, queries, radius)
        return Hits.join(self.pieces(queries, radius)).sorted()


def check_codes(codes: Codes) -> Codes:
    """Hashes in the form that every index expects: C order, native uint64.

    Raises:
        SettingsError: they are no uint64 array of shape (n, words), or there are too many.
    """
    if getattr(codes, "dtype", None) != np.uint64 or codes.ndim != 2 or codes.shape[1] == 0:
        raise SettingsError("hashes are given as a NumPy array of uint64, shape (hashes, words)")
    if len(codes) > MAX_ENTRIES:
        raise SettingsError(f"an index holds at most {MAX_ENTRIES} hashes")
    return np.ascontiguousarray(codes)


def check_search(codes: Codes, queries: Codes, radius: int) -> tuple[Codes, int]:
    """The queries and the radius as ``pieces`` expects them; errors as in ``Index.search``."""
    queries = check_codes(queries)
    if queries.shape[1] != codes.shape[1]:
        ours, theirs = WORD_BITS * codes.shape[1], WORD_BITS * queries.shape[1]
        raise HashMismatchError(f"cannot look up {theirs}-bit hashes among {ours}-bit ones")
    try:
        radius = operator.index(radius)
    except TypeError:
        raise SettingsError("the radius is a whole number of bits") from None
    if radius < 0:
        raise SettingsError("the radius cannot be negative")
    return queries, min(radius, WORD_BITS * codes.shape[1])


Number = TypeVar("Number", bound=np.generic)


def take_table(
    tables: Tables, name: str, dtype: type[Number], shape: tuple[int, ...]
) -> npt.NDArray[Number]:
    """A table by its name, of this type and shape; -1 stands for any length.

    Raises:
        SettingsError: it is missing, or of another type or shape.
    """
    table = tables.get(name)
    if (
        table is None
        or table.dtype != dtype
        or table.ndim != len(shape)
        or any(want not in (-1, have) for want, have in zip(shape, table.shape, strict=True))
    ):
        raise SettingsError(f"the table {name!r} of the index does not fit the hashes")
    return table.view(dtype)
