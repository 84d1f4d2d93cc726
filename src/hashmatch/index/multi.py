"""Multi-index hashing: looks only at entries that share, or nearly share, 16 bits with a query."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from hashmatch.errors import SettingsError
from hashmatch.index.base import MAX_ENTRIES, BuiltIndex, Codes, Hits, IndexArrays, Ints, take_table
from hashmatch.index.chunks import CHUNK_BITS, Cutter, Fields, arrange
from hashmatch.index.linear import LinearIndex
from hashmatch.index.ranges import (
    BLOCK,
    Distances,
    Measure,
    aligned,
    compare_runs,
    equal_in_runs,
    padded_length,
    split_by_load,
    sum_words,
)
from hashmatch.index.uncertain import Buckets, buckets, reach
from hashmatch.model import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

VALUES = 1 << CHUNK_BITS

MOST_BUCKETS = VALUES >> 3
"""The most buckets a query may ask for. More would hold more entries than are worth checking."""

BUCKETS = 1 << 16
"""Buckets to look at in one go, over all queries. It bounds the memory."""

CANDIDATES = 1 << 21
"""Entries of those buckets to look at in one go; more only if a single query has more."""

FINDS = 1 << 16
"""Entries to compare in full in one go."""

FRAGMENT_BITS = 32
FOLLOWING = np.array([[1, 2], [2, 3], [3, 0], [0, 1]])
"""The chunks that make up the fragments of each of the four tables."""

CALL_NS, BUCKET_NS = 65_000, 25
"""The cost of a call, twice that for wider hashes, and of looking at a bucket; nanoseconds."""

EVEN = 0.75
"""The share of a scan's cost from which a query scans at once: buckets are never filled evenly, and
looking at them first would be wasted."""

UNSURE_CALL_NS, UNSURE_NS, UNSURE_BUCKET_NS = 100_000, 20_000, 40
"""The same for queries with uncertain bits: of a call, of each query and of a bucket."""

FRAGMENT_NS, CODE_NS, FIND_NS = 5, 40, 20
"""The cost per entry of a bucket by fragment, by hash, and to compare in full; nanoseconds."""


class Probe(NamedTuple):
    """Which buckets a radius asks for, and at what cost.

    Attributes:
        radii: for each chunk, in how many of its bits a bucket may differ; -1 skips the chunk.
        sign: one bit for each chunk, with those of earlier chunks below it.
        chunk: the chunk of each bucket, int64, ascending.
        bucket: the number of each bucket, counted over all tables, for a query of zeros; shape
            (buckets, 1).
        flipped: in how many bits each bucket differs from the query's chunk: one byte for each
            entry of a block, packed into a uint64.
        cost: the expected cost per entry of each bucket, in nanoseconds.
        most: the largest of these costs.
    """

    radii: npt.NDArray[np.int16]
    sign: npt.NDArray[np.uint16]
    chunk: Ints
    bucket: Ints
    flipped: npt.NDArray[np.uint64]
    cost: npt.NDArray[np.float64]
    most: float


class MultiIndex(BuiltIndex):
    """Finds the entries that share, or nearly share, a chunk of 16 bits with the query.

    After Norouzi, Punjani & Fleet, "Fast exact search in Hamming space with multi-index hashing",
    IEEE TPAMI 36(6), 2014. The invariant: cut both hashes into m chunks and write
    ``radius = m * a + b`` with b < m. An entry within the radius differs from the query in at most
    ``a`` bits in one of the first b + 1 chunks, or in at most ``a - 1`` bits in one of the rest.
    Otherwise its distance would be at least (b + 1)(a + 1) + (m - b - 1) a = radius + 1.

    For each chunk there is a table of the entries' rows, sorted by the value of that chunk, and
    ``starts`` says where the bucket of each value begins. The tables lie one after another, so a
    bucket is a run of positions. If several chunks find an entry, only the first reports it.

    The list decides which bits make up a chunk. Bits that agree go to different chunks (see
    ``chunks.arrange``); together they would fill a few buckets and leave the rest empty.

    In a 64-bit list each row has a fragment of its hash beside it: the two chunks that follow the
    table's own. The fragment rules out nearly every candidate without touching the hash itself,
    which is elsewhere in memory and would take longer to fetch than everything else together.

    The index knows how many entries its buckets hold before it looks at any. So it cuts batches to
    bound the memory, and scans for a query if that costs less. No list and no radius makes it much
    slower than a scan.
    """

    kind: ClassVar[str] = "multi"
    TABLES = ("bits", "rows", "starts", "fragments")

    def _build(self) -> IndexArrays:
        if len(self) * WORD_BITS * self.words // CHUNK_BITS > MAX_ENTRIES - BLOCK:
            raise SettingsError("the list is too long for a multi-index of this width")
        bits = arrange(self.codes)
        fields = Cutter(bits)(self.codes)
        count = fields.shape[1]
        rows = aligned(padded_length(fields.size), np.uint32)
        fragments = aligned(len(rows) if self.words == 1 else 0, np.uint32)
        starts = np.zeros(count * VALUES + 1, np.uint32)
        for table, field in enumerate(fields.T):
            # NumPy sorts 16-bit values stably by radix
            order = np.argsort(field, kind="stable")
            part = slice(table * len(order), (table + 1) * len(order))
            rows[part] = order
            if len(fragments):
                fragments[part] = _fragments(fields, FOLLOWING[table : table + 1])[order, 0]
            held = np.bincount(field, minlength=VALUES)
            starts[table * VALUES + 1 : (table + 1) * VALUES + 1] = held.cumsum() + part.start
        return {"bits": bits, "rows": rows, "starts": starts, "fragments": fragments}

    def _take_up(self, tables: IndexArrays) -> None:
        bits = WORD_BITS * self.words
        count = bits // CHUNK_BITS
        rows = padded_length(len(self) * count)
        self._bits = take_table(tables, "bits", np.uint16, (bits,))
        self._rows = take_table(tables, "rows", np.uint32, (rows,))
        self._starts: npt.NDArray[Any] = take_table(
            tables, "starts", np.uint32, (count * VALUES + 1,)
        )
        fragments = rows if self.words == 1 else 0
        self._fragments = take_table(tables, "fragments", np.uint32, (fragments,))
        self._cut = Cutter(self._bits)
        self._scan = LinearIndex(self.codes)
        self._scan_cost = self._scan.expected_cost()
        self._call_cost = CALL_NS if self.words == 1 else 2 * CALL_NS

    def explain(self) -> str:
        """See ``Index.explain``."""
        tables = len(self._cut.masks)
        return f"multi-index of {len(self):,} entries in {tables} tables, {self.reason}"

    def expected_cost(self, queries: Codes, radius: int) -> npt.NDArray[np.float64]:
        """The expected cost of each query's buckets, as a multiple of the cost of a scan.

        Args:
            queries: as for ``pieces``, answered in one batch.
            radius: as for ``pieces``.

        Returns:
            One ratio for each query; under 1, its buckets are cheaper.
        """
        if bucket_count(radius, self.words) > MOST_BUCKETS:
            return np.full(len(queries), np.inf)
        probe = probe_for(radius, self.words)
        start, stop = self._runs(self._cut(queries), probe)
        return self._cost(stop - start, probe) / self._scan_cost

    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """See ``Index.pieces``."""
        if not radius:
            yield from self._equal(queries)
            return
        count = bucket_count(radius, self.words)
        # Buckets hold at least as much as they would if the list filled them all evenly
        entry = FRAGMENT_NS if len(self._fragments) else CODE_NS
        least = self._call_cost / len(queries) + count * (BUCKET_NS + entry * len(self) / VALUES)
        if count > MOST_BUCKETS or least > EVEN * self._scan_cost:
            yield from self._scan.pieces(queries, radius)
            return
        probe = probe_for(radius, self.words)
        step = max(1, BUCKETS // count)
        for first in range(0, len(queries), step):
            for hits in self._batch(queries[first : first + step], radius, probe):
                yield hits.moved(first)

    def _equal(self, queries: Codes) -> Iterator[Hits]:
        """Find the entries equal to each query: they are in its bucket of the first chunk."""
        bucket = self._cut(queries)[:, 0]
        start, stop = self._starts[bucket], self._starts[1:][bucket]
        yield from equal_in_runs(self.codes, queries, self._rows, start, stop)

    def uncertain(
        self, queries: Codes, uncertain_bits: Codes, radius: int, max_bit_flips: int
    ) -> Iterator[tuple[Ints, Ints]]:
        """See ``Index.uncertain``. 64-bit lists answer from the buckets of the sure bits."""
        least = UNSURE_CALL_NS / max(1, len(queries)) + UNSURE_NS
        if not len(self._fragments) or 2 * self._scan_cost < least:  # two readings of a query
            yield from super().uncertain(queries, uncertain_bits, radius, max_bit_flips)
            return
        fields, unsure = self._cut(queries), self._cut(uncertain_bits)
        radii, count = reach(unsure, radius)
        dear = (count > MOST_BUCKETS) | (UNSURE_BUCKET_NS * count > self._scan_cost)
        cheap = (~dear).nonzero()[0]
        for part in split_by_load(count[cheap], BUCKETS) if len(cheap) else ():
            some = cheap[part]
            found = buckets(fields[some], unsure[some], radii[some])
            start, stop = self._starts[found.number], self._starts[1:][found.number]
            asker = found.owner // len(self._cut.masks)
            held = np.bincount(asker, stop - start, len(some))
            cost = FRAGMENT_NS * held + UNSURE_BUCKET_NS * count[some]
            crowded = cost > self._scan_cost
            dear[some[crowded]] = True
            stop = np.where(crowded[asker], start, stop)
            measure = self._measure_sure(fields[some], unsure[some], found)
            for run, position, _ in compare_runs(measure, start, stop, radius):
                yield some[asker[run]], self._rows[position].astype(np.int64)
        rest = dear.nonzero()[0]
        if len(rest):
            for query, row in super().uncertain(
                queries[rest], uncertain_bits[rest], radius, max_bit_flips
            ):
                yield rest[query], row

    def _cost(self, held: Ints, probe: Probe) -> npt.NDArray[np.float64]:
        """The cost of looking at buckets with these counts, for each query, in nanoseconds."""
        cost: npt.NDArray[np.float64] = probe.cost @ held
        cost += self._call_cost / held.shape[1] + BUCKET_NS * len(held)
        return cost

    def _runs(self, fields: Fields, probe: Probe) -> tuple[Ints, Ints]:
        """Where the buckets of each query begin and end; shape (buckets, queries)."""
        bucket = fields.T[probe.chunk] ^ probe.bucket
        return self._starts[bucket], self._starts[1:][bucket]

    def _batch(self, queries: Codes, radius: int, probe: Probe) -> Iterator[Hits]:
        """Answer a batch small enough to list all its buckets, by buckets or by scanning."""
        fields = self._cut(queries)
        start, stop = self._runs(fields, probe)
        held = stop - start
        candidates = held.sum(axis=0, dtype=np.int64)
        scanned = np.zeros(len(queries), np.bool_)
        # Most batches have no such query, and this bound is the cheaper way to tell
        if (
            self._call_cost + BUCKET_NS * len(held) + probe.most * candidates.max()
            > self._scan_cost
        ):
            scanned = self._cost(held, probe) > self._scan_cost
            held *= ~scanned
            candidates *= ~scanned
        for part in split_by_load(candidates, CANDIDATES):
            width = part.stop - part.start
            measure = self._measure(queries[part], fields[part], probe)
            begin = start[:, part].reshape(-1)
            found = list(compare_runs(measure, begin, begin + held[:, part].reshape(-1), radius))
            if not found:
                continue
            run, position, _ = (
                found[0] if len(found) == 1 else map(np.concatenate, zip(*found, strict=True))
            )
            bucket, query = np.divmod(run, width)
            if FIND_NS * len(run) > self._scan_cost:
                # Only now is it known how many of the entries in these buckets are near
                scanned[part] |= FIND_NS * np.bincount(query, minlength=width) > self._scan_cost
                looked = (~scanned[part][query]).nonzero()[0]
                bucket, query, position = bucket[looked], query[looked], position[looked]
            for top in range(0, len(query), FINDS):
                some = slice(top, top + FINDS)
                row = self._rows[position[some]].astype(np.int64)
                pairs = query[some] + part.start, row, probe.chunk[bucket[some]]
                yield from self._first_finds(queries, *pairs, radius, probe)
        if scanned.any():
            rest = scanned.nonzero()[0]
            for hits in self._scan.pieces(queries[rest], radius):
                yield hits._replace(query=rest[hits.query])

    def _measure(self, queries: Codes, fields: Fields, probe: Probe) -> Measure:
        """How to compare the entries of a block: by fragments if there are any, else whole."""
        if not len(self._fragments):
            rows = self._rows.reshape(-1, BLOCK)

            def by_code(block: Ints, run: Ints) -> Distances:
                found = self.codes.take(rows.take(block, axis=0), axis=0)
                found ^= queries.take(run % len(queries), axis=0)[:, None]
                return sum_words(np.bitwise_count(found)).reshape(-1)

            return by_code

        fragments = self._fragments.reshape(-1, BLOCK)
        asked = _fragments(fields, FOLLOWING).reshape(-1, 1).repeat(BLOCK, axis=1)
        asker = (np.arange(0, asked.shape[0], 4) + probe.chunk[:, None]).reshape(-1)
        flipped = probe.flipped.repeat(len(queries))

        def by_fragment(block: Ints, run: Ints) -> Distances:
            found = fragments.take(block, axis=0)
            found ^= asked.take(asker[run], axis=0)
            counts = np.bitwise_count(found).reshape(-1)
            counts.view(np.uint64)[:] += flipped[run]
            return counts

        return by_fragment

    def _measure_sure(self, fields: Fields, unsure: Fields, found: Buckets) -> Measure:
        """How to compare the entries of a block by the sure bits of their fragments."""
        fragments = self._fragments.reshape(-1, BLOCK)
        asked = _fragments(fields, FOLLOWING).reshape(-1, 1).repeat(BLOCK, axis=1)
        sure = _fragments(~unsure, FOLLOWING).reshape(-1, 1).repeat(BLOCK, axis=1)
        flipped = found.flipped * np.uint64(0x0101010101010101)

        def by_fragment(block: Ints, run: Ints) -> Distances:
            differing = fragments.take(block, axis=0)
            asker = found.owner[run]
            differing ^= asked.take(asker, axis=0)
            differing &= sure.take(asker, axis=0)
            counts = np.bitwise_count(differing).reshape(-1)
            counts.view(np.uint64)[:] += flipped[run]
            return counts

        return by_fragment

    def _first_finds(
        self, queries: Codes, query: Ints, row: Ints, chunk: Ints, radius: int, probe: Probe
    ) -> Iterator[Hits]:
        """Of the pairs that these chunks found, keep the near ones no earlier chunk has found."""
        differing = self.codes.take(row, axis=0)
        differing ^= queries.take(query, axis=0)
        distance = sum_words(np.bitwise_count(differing))
        near = (distance <= radius).nonzero()[0]
        if not len(near):
            return
        inside = sum_words(np.bitwise_count(differing[near] & self._cut.masks[:, None]))
        found_by = (inside <= probe.radii[:, None]) * probe.sign[:, None]
        earlier = np.bitwise_or.reduce(found_by) & probe.sign[chunk[near]] - np.uint16(1)
        first = near[earlier == 0]
        yield Hits(query[first], row[first], distance[first].astype(np.uint16))


def _fragments(fields: Fields, following: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """Join two chunks of each hash into one value, for each pair of chunks: shape (n, pairs)."""
    return fields.take(following, axis=1).view(np.uint32)[..., 0]


def chunk_radii(radius: int, words: int) -> list[int]:
    """In how many bits each chunk may differ: see the invariant of ``MultiIndex``."""
    count = WORD_BITS * words // CHUNK_BITS
    most, rest = divmod(radius, count)
    return [most if chunk <= rest else most - 1 for chunk in range(count)]


@lru_cache
def bucket_count(radius: int, words: int) -> int:
    """How many buckets a hash of this width looks at."""
    reaches = chunk_radii(radius, words)
    return sum(math.comb(CHUNK_BITS, bits) for reach in reaches for bits in range(reach + 1))


@lru_cache
def probe_for(radius: int, words: int) -> Probe:
    """The buckets to look at for a hash of this width."""
    radii = np.array(chunk_radii(radius, words), np.int16)
    values = np.arange(VALUES)
    flips = [values[np.bitwise_count(values) < reach + 1] for reach in radii.tolist()]
    chunk = np.arange(len(radii)).repeat([len(flip) for flip in flips])
    flip = np.concatenate(flips)
    flipped = np.bitwise_count(flip)
    passing = np.array([_chance(radius - done) for done in range(CHUNK_BITS + 1)])
    by_fragment = FRAGMENT_NS + FIND_NS * passing[flipped]
    cost = by_fragment if words == 1 else np.full(len(flip), float(CODE_NS))
    sign = np.uint16(1) << np.arange(len(radii), dtype=np.uint16)
    bucket = (chunk << CHUNK_BITS | flip)[:, None]
    in_block = flipped * np.uint64(0x0101010101010101)
    return Probe(radii, sign, chunk, bucket, in_block, cost, float(cost.max()))


def _chance(radius: int) -> float:
    """The chance that two unrelated fragments are within the radius."""
    ways = sum(math.comb(FRAGMENT_BITS, bits) for bits in range(max(0, radius + 1)))
    return float(ways / 2**FRAGMENT_BITS)
