"""Turns the records of any format into a list, and checks whole columns at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hashmatch.hashing import Codes
from hashmatch.hashlist.assemble import assemble
from hashmatch.hashlist.characters import flaw, is_clean
from hashmatch.hashlist.columns import Rows, TextColumn
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.supersede import Mask, Superseder
from hashmatch.hashlist.formats.values import kind_of, to_codes
from hashmatch.hashlist.kinds import (
    ASSUMED,
    ASSUMPTION,
    BINARY,
    is_binary,
    unknown_algorithm,
    unnamed,
    widths,
    wrong_length,
)
from hashmatch.hashlist.list_stream import Options
from hashmatch.hashlist.policy import NO_DATE, end_of_life
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.section import ListSection
from hashmatch.hashlist.text.grammar import BINARY_DIGITS, NOT_NAMED
from hashmatch.model import HashKind

CHUNK_RECORDS = 1 << 10
"""Few enough that their objects are freed before the garbage collector looks at them."""

FOREIGN = frozenset(
    (
        *("photodna", "netclean", "videntifier", "ssvh_pdna", "ssvh_safer_hash"),
        *("tmk", "tmk_pdqf", "vpdq", "ssdeep", "tlsh", "sha384", "sha512", "crc32"),
    )
)
"""Algorithms that lists use and hashmatch does not compute."""

_ALIASES = {"pdna": "photodna", "sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
_NAME = re.compile(r"[a-z][a-z0-9_.+-]{0,31}")
_LIKE_A_HASH = re.compile(r"[0-9a-f]{8,}")


@dataclass(slots=True)
class Chunk:
    """Some records, column by column. Columns have one item per record, or per hash if they say so.

    Attributes:
        numbers: the line of each record, or its number if the format has no lines.
        fields: texts by field of ``Entry``; empty for records without one.
        algorithms: per hash, as the list spells it; empty for the default.
        values: per hash, hex or base64.
        owners: int64, per hash, the place of its record in the chunk; None if each has one hash.
        withdrawn: whether the record withdraws its id; None if none does.
        ranks: among records with one id, the highest rank counts; None for the order of the list.
        faults: what the reader found wrong, by the place of the record.
    """

    numbers: Sequence[int]
    fields: Mapping[str, Sequence[str]]
    algorithms: Sequence[str]
    values: Sequence[str]
    owners: Rows | None = None
    withdrawn: Sequence[bool] | None = None
    ranks: Sequence[int] | None = None
    faults: Sequence[tuple[int, str]] = ()


@dataclass(slots=True)
class Collector:
    """Takes the records of a list and makes the list from them.

    Attributes:
        options: how the list is read.
        default: of hashes that name no algorithm, as in ``ListHeader.default_algorithm``.
        latest: later records supersede earlier ones with the same id; otherwise ids are unique.
        foreign: any algorithm may occur; otherwise an unknown one is a mistake.
        assumed: how many hashes were taken for ``ASSUMED`` because nothing names their algorithm.
    """

    options: Options
    default: str | None = None
    latest: bool = False
    foreign: bool = False
    problems: Problems = field(init=False)
    assumed: int = 0
    _superseder: Superseder = field(init=False)
    _parts: list[ListSection] = field(default_factory=list)
    _unsupported: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.problems = Problems(self.options.source)
        self._superseder = Superseder(self.latest, self.options.revisions)

    def add(self, chunk: Chunk) -> None:
        """Take some records."""
        count = len(chunk.numbers)
        sound = np.ones(count, dtype=np.bool_)
        for place, message in self._faults(chunk):
            if sound[place]:
                self.problems.add(chunk.numbers[place], message)
                sound[place] = False
        columns = {name: _encoded(texts, sound) for name, texts in chunk.fields.items()}
        numbers = np.array(chunk.numbers, dtype=np.uint32)
        withdrawn = np.array(chunk.withdrawn or [False] * count, dtype=np.bool_) & sound
        ranks = np.array(chunk.ranks or [0] * count, dtype=np.int64)
        ids = columns.get("id") or TextColumn.empty(count)
        self._superseder.add(ids, numbers, ranks, withdrawn)
        for kind, owners, codes in _each_once(self._codes(chunk, sound & ~withdrawn)):
            taken = {name: column.take(owners) for name, column in columns.items()}
            self._parts.append(
                ListSection(kind, codes, taken, numbers[owners], self.options.origin)
            )

    def finish(
        self, known: Contents, *, total: int | None = None, skippable: bool = True
    ) -> Contents:
        """Make the list.

        Args:
            known: the list without its records.
            total: how many lines the list has; None if it consists of records.
            skippable: whether the rest could be loaded without the faulty records.

        Raises:
            HashListError: something is wrong with it; the error has all problems.
        """
        parts, withdrawn = self._superseder.settle(self._parts, self.problems)
        sections, dropped = assemble(parts, self.problems)
        if self.problems.count and not (skippable and self.options.skip_bad_entries):
            records = self._superseder.count
            lines, unit = (records, "record") if total is None else (total, "line")
            raise self.problems.error(lines, unit=unit, skippable=skippable)
        return replace(
            known,
            sections=sections,
            flat=len(dropped),
            skipped=self.problems.count,
            faults=self.problems.kept,
            unsupported=dict(self._unsupported),
            left_out={"withdrawn": len(withdrawn)} if len(withdrawn) else {},
            withdrawn=withdrawn,
            dropped=dropped,
            notices=(*known.notices, *self._superseder.notices()),
            warnings=(*known.warnings, *((ASSUMPTION,) if self.assumed else ())),
        )

    def _faults(self, chunk: Chunk) -> Iterator[tuple[int, str]]:
        """What is wrong with records, by place. It checks whole columns first."""
        yield from chunk.faults
        for name, texts in chunk.fields.items():
            if not is_clean("".join(texts)):
                for place, text in enumerate(texts):
                    if not is_clean(text):
                        yield place, flaw(name, text)
        expiries = chunk.fields.get("expires", ())
        wrong = {text for text in set(expiries) if text and end_of_life(text) is None}
        for place, text in enumerate(expiries if wrong else ()):
            if text in wrong:
                yield place, NO_DATE
        if chunk.withdrawn is not None and any(chunk.withdrawn):
            ids = chunk.fields.get("id") or [""] * len(chunk.numbers)
            for place, (entry_id, gone) in enumerate(zip(ids, chunk.withdrawn, strict=True)):
                if gone and not entry_id:
                    yield place, "the withdrawn entry has no id"

    def _codes(self, chunk: Chunk, usable: Mask) -> Iterator[tuple[HashKind, Rows, Codes]]:
        """The hashes of usable records, with the places of their records, kind by kind."""
        owners = np.arange(len(usable)) if chunk.owners is None else chunk.owners
        for (spelt, length), members in _grouped(chunk.algorithms, chunk.values):
            places = members[usable[owners[members]]]
            algorithm = _canonical(spelt) or self.default
            if algorithm is None or not places.size:
                continue
            kind = kind_of(algorithm, length)
            if algorithm == NOT_NAMED and 4 * length == ASSUMED.bits:
                kind, self.assumed = ASSUMED, self.assumed + len(places)
            if kind is None:
                message = self._unusable(algorithm, length, len(places))
                wrong = places.tolist() if message else []
            else:
                codes, good = to_codes(kind, [chunk.values[place] for place in places.tolist()])
                good &= ~is_binary(kind, codes)
                if good.any():
                    yield kind, owners[places[good]], codes[good]
                message, wrong = "the hash is neither hex nor base64", places[~good].tolist()
            for place in wrong:
                binary = length >= BINARY_DIGITS and not chunk.values[place].strip("01")
                self.problems.add(chunk.numbers[owners[place]], BINARY if binary else message)

    def _unusable(self, algorithm: str, length: int, count: int) -> str:
        """What is wrong with hashes of this algorithm and length; empty if they are foreign."""
        if not length and (widths(algorithm) or algorithm == NOT_NAMED):
            return "the entry has no hash"
        if algorithm == NOT_NAMED:
            return unnamed(length)
        if widths(algorithm):
            return wrong_length(algorithm, length)
        if self.foreign or algorithm in FOREIGN:
            self._unsupported[_told(algorithm)] += count
            return ""
        return unknown_algorithm()


def _each_once(
    found: Iterable[tuple[HashKind, Rows, Codes]],
) -> Iterator[tuple[HashKind, Rows, Codes]]:
    """Join hashes of one kind. Drop those that a record repeats in another spelling."""
    kinds: dict[HashKind, list[tuple[Rows, Codes]]] = {}
    for kind, owners, codes in found:
        kinds.setdefault(kind, []).append((owners, codes))
    for kind, parts in kinds.items():
        owners, codes = (np.concatenate(column) for column in zip(*parts, strict=True))
        if np.bincount(owners).max() > 1:
            whole = np.column_stack((owners.astype(np.uint64), codes))
            first = np.sort(np.unique(whole, axis=0, return_index=True)[1])
            owners, codes = owners[first], codes[first]
        yield kind, owners, codes


def _grouped(
    algorithms: Sequence[str], values: Sequence[str]
) -> Iterator[tuple[tuple[str, int], Rows]]:
    """The places of hashes by algorithm and length, in order of first appearance."""
    keys = list(zip(algorithms, map(len, values), strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    group = np.fromiter(map(numbers.__getitem__, keys), dtype=np.int64, count=len(keys))
    bounds = np.bincount(group, minlength=1).cumsum()[:-1]
    return zip(numbers, np.split(np.argsort(group, kind="stable"), bounds), strict=bool(keys))


def is_algorithm(name: str) -> bool:
    """Whether this is the name of an algorithm that lists use, even if hashmatch lacks it."""
    return bool(widths(_canonical(name))) or _canonical(name) in FOREIGN


def _canonical(name: str) -> str:
    lower = name.strip().lower()
    return _ALIASES.get(lower, lower)


def _told(algorithm: str) -> str:
    """The name of an algorithm, unless it may be a hash that got into the wrong column."""
    fit = _NAME.fullmatch(algorithm) and not _LIKE_A_HASH.fullmatch(algorithm)
    return algorithm if fit else "an algorithm without a proper name"


def _encoded(texts: Sequence[str], sound: Mask) -> TextColumn:
    """A column of these texts, without those of faulty records."""
    if not any(texts):
        return TextColumn.empty(len(texts))
    if not sound.all():
        texts = [text if good else "" for text, good in zip(texts, sound.tolist(), strict=True)]
    return TextColumn.from_texts(texts)
