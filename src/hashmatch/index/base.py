"""The contract that every index keeps, and the values that go in and out."""

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
IndexArrays: TypeAlias = "Mapping[str, npt.NDArray[np.generic]]"
"""The tables of an index, by name."""

MAX_ENTRIES = 2**32 - 1
"""Rows are stored as unsigned 32-bit integers."""

MAX_QUERIES = 2**15
"""Queries per batch. With this many, a query, a distance and a row fit in 63 bits together."""

BUNDLE = 1 << 14
"""``nearest`` collects this many hits before it keeps the nearest of them."""


class Hits(NamedTuple):
    """Pairs of a query and an entry near it, as three arrays of equal length.

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
        """Concatenate pieces in the order given."""
        found = list(pieces)
        if len(found) == 1:
            return found[0]
        if not found:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))
        return cls(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def moved(self, first: int) -> Hits:
        """The same pairs, numbered for a larger batch that this one starts in at ``first``."""
        return self._replace(query=self.query + first) if first else self

    def packed(self) -> Ints:
        """Pack each pair into one integer that sorts by query, then distance, then row."""
        return self.query << 48 | self.distance.astype(np.int64) << 32 | self.row

    @classmethod
    def unpacked(cls, packed: Ints) -> Hits:
        """The inverse of ``packed``."""
        distance = (packed >> 32 & 0xFFFF).astype(np.uint16)
        return cls(packed >> 48, packed & 0xFFFFFFFF, distance)

    def sorted(self) -> Hits:
        """Sort by query, distance and row. The batch has at most ``MAX_QUERIES`` queries."""
        if len(self.row) < 2:
            return self
        # Sorting integers takes an eighth of the time of np.lexsort, and a stable sort merges the
        # runs that are in order already
        packed = self.packed()
        packed.sort(kind="stable")
        return self.unpacked(packed)


class Nearest(NamedTuple):
    """The entries nearest to each query, and how many are near in all.

    Attributes:
        hits: at most k for each query, sorted by query, distance, row.
        counts: int64, the number of entries within the radius of each query.
    """

    hits: Hits
    counts: Ints


class Index(Protocol):
    """Finds the entries near a hash. Every index gives exactly the answers of ``LinearIndex``.

    Each kind implements ``pieces``; the methods that callers use are built on it here. An index
    never changes, so threads may share it.

    Attributes:
        kind: its name for ``build_index`` and on the command line.
        words: the width of its hashes, in 64-bit words.
    """

    kind: ClassVar[str]
    words: int

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """Yield every pair within the radius once, in any order, in pieces of bounded size.

        Args:
            queries: checked hashes of the index's width, at least one.
            radius: in bits, from 0 to the width.
        """

    @abstractmethod
    def explain(self) -> str:
        """One sentence: which kind of index this is and why it was chosen."""

    def search(self, queries: Codes, radius: int) -> Hits:
        """Find every entry near each query.

        Args:
            queries: shape (m, words), uint64.
            radius: in bits, inclusive: an entry is near when ``distance <= radius``.

        Returns:
            The pairs, sorted by query, distance, row.

        Raises:
            SettingsError: the queries are not a uint64 array with two axes, or the radius is
                negative or not an integer.
            HashMismatchError: the queries and the entries differ in width.
        """
        queries, radius = check_search(self.words, queries, radius)
        return Hits.join(
            Hits.join(self.pieces(part, radius)).sorted().moved(first)
            for first, part in _parts(queries)
        )

    def nearest(self, queries: Codes, radius: int, k: int) -> Nearest:
        """Find the k nearest entries of each query, and count all that are near.

        When a great many entries are near, this saves the memory and the time of listing them.
        Lower rows win ties, so the hits are the first k that ``search`` returns for each query.

        Args:
            queries: as for ``search``.
            radius: as for ``search``.
            k: at least 1.

        Raises:
            SettingsError: as for ``search``, or ``k`` is under 1.
            HashMismatchError: as for ``search``.
        """
        queries, radius = check_search(self.words, queries, radius)
        if k < 1:
            raise SettingsError("k must be at least 1")
        counts = np.zeros(len(queries), np.int64)
        found = []
        for first, part in _parts(queries):
            kept = np.empty(0, np.int64)
            # A pair must beat this to be among its query's k
            bar = np.full(len(part), np.iinfo(np.int64).max)
            for hits in _bundled(self.pieces(part, radius)):
                counts[first : first + len(part)] += np.bincount(hits.query, minlength=len(part))
                packed = hits.packed()
                kept = np.concatenate([kept, packed[packed < bar[hits.query]]])
                kept.sort(kind="stable")
                query = kept >> 48
                rank = np.arange(len(kept)) - np.searchsorted(query, query)
                bar[query[rank == k - 1]] = kept[rank == k - 1]
                kept = kept[rank < k]
            found.append(Hits.unpacked(kept).moved(first))
        return Nearest(Hits.join(found), counts)

    def any(self, queries: Codes, radius: int) -> npt.NDArray[np.bool_]:
        """Tell whether each query has an entry near it. Stops as soon as all do.

        Args:
            queries: as for ``search``.
            radius: as for ``search``.

        Returns:
            One bool for each query.

        Raises:
            SettingsError: as for ``search``.
            HashMismatchError: as for ``search``.
        """
        queries, radius = check_search(self.words, queries, radius)
        near = np.zeros(len(queries), np.bool_)
        for first, part in _parts(queries):
            for hits in self.pieces(part, radius):
                near[hits.query + first] = True
                if near[first : first + len(part)].all():
                    break
        return near

    def uncertain(
        self, queries: Codes, uncertain_bits: Codes, radius: int, max_bit_flips: int
    ) -> Iterator[tuple[Ints, Ints]]:
        """Find every entry that may be near a query with uncertain bits.

        Such an entry is within ``radius`` by the certain bits alone, and within ``radius +
        max_bit_flips`` by all bits. The answer may name other entries too, and an entry twice.

        Args:
            queries: as for ``pieces``.
            uncertain_bits: a mask of each query's uncertain bits, of the same shape.
            radius: as for ``pieces``.
            max_bit_flips: how many of the uncertain bits may be wrong.

        Yields:
            Pairs of arrays: rows of queries in the batch, and rows of entries in the index.
        """
        counts = np.bitwise_count(uncertain_bits).sum(axis=1, dtype=np.int64)
        for uncertain in sorted(set(counts.tolist())):
            group = (counts == uncertain).nonzero()[0]
            for asked, beyond in _readings(
                queries[group], uncertain_bits[group], uncertain, max_bit_flips
            ):
                reach = min(radius + beyond, WORD_BITS * self.words)
                for hits in self.pieces(asked, reach):
                    yield group[hits.query], hits.row


class BuiltIndex(Index, Protocol):
    """An index over an array of hashes, which can be stored and opened again.

    Its arrays may be read-only and memory-mapped.

    Args:
        codes: shape (n, words), uint64.
        tables: the ``tables()`` of an index over the same codes, used as they are. Without them,
            the index computes its own.
        reason: why this kind was chosen, for ``explain``.

    Attributes:
        codes: the entries' hashes, as given.
        reason: why this kind was chosen.

    Raises:
        SettingsError: ``codes`` is not a uint64 array with two axes, or a table does not fit it.
    """

    TABLES: ClassVar[tuple[str, ...]]
    """The names of the tables; each is kept in an attribute of that name with an underscore."""

    codes: Codes
    reason: str

    def __init__(
        self, codes: Codes, tables: IndexArrays | None = None, reason: str = "as asked"
    ) -> None:
        self.codes = check_codes(codes)
        self.words = codes.shape[1]
        self.reason = reason
        self._take_up(self._build() if tables is None else tables)

    def __len__(self) -> int:
        return len(self.codes)

    @abstractmethod
    def _build(self) -> IndexArrays:
        """Compute the tables from the codes."""

    @abstractmethod
    def _take_up(self, tables: IndexArrays) -> None:
        """Check the tables against the codes and keep them, without a copy."""

    def tables(self) -> IndexArrays:
        """What the index computed from the codes: arrays by name, ready to store."""
        return {name: getattr(self, f"_{name}") for name in self.TABLES}


def check_codes(codes: Codes) -> Codes:
    """Return hashes in the form that every index expects: C order, native uint64.

    Raises:
        SettingsError: they are not a uint64 array of shape (n, words), or there are too many.
    """
    if getattr(codes, "dtype", None) != np.uint64 or codes.ndim != 2 or codes.shape[1] == 0:
        raise SettingsError("hashes must be a NumPy array of uint64, shape (hashes, words)")
    if len(codes) > MAX_ENTRIES:
        raise SettingsError(f"an index holds at most {MAX_ENTRIES} hashes")
    return np.ascontiguousarray(codes)


def check_search(words: int, queries: Codes, radius: int) -> tuple[Codes, int]:
    """Return queries and radius as ``pieces`` expects them. Raises what ``search`` raises."""
    queries = check_codes(queries)
    if queries.shape[1] != words:
        ours, theirs = WORD_BITS * words, WORD_BITS * queries.shape[1]
        raise HashMismatchError(
            f"cannot look up {theirs}-bit hashes in an index of {ours}-bit ones"
        )
    try:
        radius = operator.index(radius)
    except TypeError:
        raise SettingsError("the radius must be a whole number of bits") from None
    if radius < 0:
        raise SettingsError("the radius cannot be negative")
    return queries, min(radius, WORD_BITS * words)


def _parts(queries: Codes) -> Iterator[tuple[int, Codes]]:
    """Split a batch into parts of at most ``MAX_QUERIES``, each with its first query's row."""
    for first in range(0, len(queries), MAX_QUERIES):
        yield first, queries[first : first + MAX_QUERIES]


def _readings(
    queries: Codes, uncertain_bits: Codes, uncertain: int, max_bit_flips: int
) -> Iterator[tuple[Codes, int]]:
    """Which queries to look up to cover their uncertain bits, and at how many more bits of radius.

    An entry differs from the query in some of the uncertain bits, and from the query with all of
    them flipped in the others. So it differs from one of the two in at most half. Two lookups at a
    smaller radius soon pay off: two more bits of radius cost an index more than twice the time.
    """
    reach = min(uncertain, max_bit_flips)
    if uncertain // 2 > reach - 2:
        yield queries, reach
    else:
        yield queries, uncertain // 2
        yield queries ^ uncertain_bits, uncertain // 2


def _bundled(pieces: Iterable[Hits]) -> Iterator[Hits]:
    """Join hits into pieces of at least ``BUNDLE`` each; the last may be smaller."""
    waiting: list[Hits] = []
    count = 0
    for hits in pieces:
        waiting.append(hits)
        count += len(hits.row)
        if count >= BUNDLE:
            yield Hits.join(waiting)
            waiting, count = [], 0
    if waiting:
        yield Hits.join(waiting)


Number = TypeVar("Number", bound=np.generic)


def take_table(
    tables: IndexArrays, name: str, dtype: type[Number], shape: tuple[int, ...]
) -> npt.NDArray[Number]:
    """Get a table by name and check its type and shape; -1 allows any length.

    Raises:
        SettingsError: it is missing, or has another type or shape.
    """
    table = tables.get(name)
    if (
        table is None
        or table.dtype != dtype
        or table.ndim != len(shape)
        or any(want not in (-1, have) for want, have in zip(shape, table.shape, strict=True))
    ):
        raise SettingsError(f"the table {name!r} of the index does not fit the hashes")
    # As a plain array: np.memmap runs Python code each time it is indexed
    return np.asarray(table).view(dtype)
