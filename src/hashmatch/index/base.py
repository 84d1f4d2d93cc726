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

MAX_QUERIES = 2**15
"""Queries looked up together, so that one of them, a distance and a row fit 63 bits."""

BUNDLE = 1 << 14
"""Hits that are worth going through at once where only the nearest are kept."""


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
        found = list(pieces)
        if len(found) == 1:
            return found[0]
        if not found:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))
        return cls(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def moved(self, first: int) -> Hits:
        """The same pairs, where the batch is a part of a larger one from ``first`` on."""
        return self._replace(query=self.query + first) if first else self

    def packed(self) -> Ints:
        """Each pair as one integer that sorts by query, then distance, then row."""
        return self.query << 48 | self.distance.astype(np.int64) << 32 | self.row

    @classmethod
    def unpacked(cls, packed: Ints) -> Hits:
        """What ``packed`` was made from."""
        distance = (packed >> 32 & 0xFFFF).astype(np.uint16)
        return cls(packed >> 48, packed & 0xFFFFFFFF, distance)

    def sorted(self) -> Hits:
        """The same pairs by query, then distance, then row; of at most ``MAX_QUERIES`` queries."""
        if len(self.row) < 2:
            return self
        # One sort of integers takes an eighth of the time of np.lexsort; and of the kinds of sort
        # the stable one merges what the pieces have in order already
        packed = self.packed()
        packed.sort(kind="stable")
        return self.unpacked(packed)


class Nearest(NamedTuple):
    """The entries nearest to each query, and how many more there are.

    Attributes:
        hits: at most k of each query, sorted by query, distance, row.
        counts: int64, for each query how many entries lie within the radius.
    """

    hits: Hits
    counts: Ints


class Index(Protocol):
    """Finds the entries near a hash. Every index answers exactly what ``LinearIndex`` answers.

    A kind of index implements ``pieces``; the questions that callers ask are answered here, from
    the pieces. An index never changes, so threads may share it.

    Attributes:
        kind: the name by which ``build_index`` and the command line know it.
        words: the width of its hashes, in words of 64 bits.
    """

    kind: ClassVar[str]
    words: int

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """Every pair within the radius once, in any order, in pieces of bounded size.

        Args:
            queries: checked hashes of the index's own width, at least one.
            radius: in bits, from 0 to the width.
        """

    @abstractmethod
    def explain(self) -> str:
        """One sentence: which kind of index this is and why it was chosen."""

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
        queries, radius = check_search(self.words, queries, radius)
        return Hits.join(
            Hits.join(self.pieces(part, radius)).sorted().moved(first)
            for first, part in _parts(queries)
        )

    def nearest(self, queries: Codes, radius: int, k: int) -> Nearest:
        """The k nearest entries of each query, and the count of all that are near.

        Where very many entries are near, this takes neither the memory nor the time of listing
        them all. Of entries at the same distance those of the lowest rows are taken, so the hits
        are the first k of each query of what ``search`` returns.

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
            raise SettingsError("at least the 1 nearest entry is asked for")
        counts = np.zeros(len(queries), np.int64)
        found = []
        for first, part in _parts(queries):
            kept = np.empty(0, np.int64)
            # What a pair must beat to be among the k of its query
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
        """Whether each query has an entry near it; stops looking once all have.

        Args:
            queries: as for ``search``.
            radius: as for ``search``.

        Returns:
            bool, one for each query.

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
        """Every entry that may be near a query of which some bits are uncertain.

        That is one within the radius by the bits that are not uncertain, and within
        ``max_bit_flips`` bits more by all. Others may be among them, and any of
        them more than once.

        Args:
            queries: as for ``pieces``.
            uncertain_bits: the uncertain bits of each, of the same shape.
            radius: as for ``pieces``.
            max_bit_flips: how many of the uncertain bits may be wrong.

        Yields:
            Pairs: the row of the query in the batch, and the row of the entry in the index.
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
        tables: what ``tables()`` gave for the same codes, taken up as it is; else they are built.
        reason: why this kind was chosen, for ``explain``.

    Attributes:
        codes: the entries' hashes, as they were given.
        reason: why this kind was chosen.

    Raises:
        SettingsError: ``codes`` is no uint64 array of two axes, or a table does not fit it.
    """

    codes: Codes
    reason: str

    def __init__(
        self, codes: Codes, tables: Tables | None = None, reason: str = "as asked"
    ) -> None:
        self.codes = check_codes(codes)
        self.words = codes.shape[1]
        self.reason = reason
        self._take_up(self._build() if tables is None else tables)

    def __len__(self) -> int:
        return len(self.codes)

    @abstractmethod
    def _build(self) -> Tables:
        """Compute the tables from the codes."""

    @abstractmethod
    def _take_up(self, tables: Tables) -> None:
        """Keep the tables, checked against the codes, without copying them."""

    @abstractmethod
    def tables(self) -> Tables:
        """What the index has computed beyond the codes: arrays by name, ready to be stored."""


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


def check_search(words: int, queries: Codes, radius: int) -> tuple[Codes, int]:
    """The queries and the radius as ``pieces`` expects them; errors as in ``Index.search``."""
    queries = check_codes(queries)
    if queries.shape[1] != words:
        ours, theirs = WORD_BITS * words, WORD_BITS * queries.shape[1]
        raise HashMismatchError(f"cannot look up {theirs}-bit hashes among {ours}-bit ones")
    try:
        radius = operator.index(radius)
    except TypeError:
        raise SettingsError("the radius is a whole number of bits") from None
    if radius < 0:
        raise SettingsError("the radius cannot be negative")
    return queries, min(radius, WORD_BITS * words)


def _parts(queries: Codes) -> Iterator[tuple[int, Codes]]:
    """The batch in parts of at most ``MAX_QUERIES``, each with the row of its first query."""
    for first in range(0, len(queries), MAX_QUERIES):
        yield first, queries[first : first + MAX_QUERIES]


def _readings(
    queries: Codes, uncertain_bits: Codes, uncertain: int, max_bit_flips: int
) -> Iterator[tuple[Codes, int]]:
    """What to look up of queries with so many uncertain bits, and how far beyond the radius.

    An entry differs from the query in some of the uncertain bits, and from the query with all of
    them flipped in the others, so from one of the two in no more than half. Looking up twice at a
    smaller radius soon pays: two bits of radius cost an index more than twice the time.
    """
    reach = min(uncertain, max_bit_flips)
    if uncertain // 2 > reach - 2:
        yield queries, reach
    else:
        yield queries, uncertain // 2
        yield queries ^ uncertain_bits, uncertain // 2


def _bundled(pieces: Iterable[Hits]) -> Iterator[Hits]:
    """The same hits in fewer pieces, each but the last of at least ``BUNDLE``."""
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
    # A plain view: np.memmap runs Python code at every indexing
    return np.asarray(table).view(dtype)
