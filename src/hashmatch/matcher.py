"""The door for upload pipelines: a source in, an outcome out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NoReturn, Self

from hashmatch.archive import sniff_archive
from hashmatch.decode import PilImage
from hashmatch.distance import distances
from hashmatch.errors import DecodeError, HashListError, SettingsError
from hashmatch.examine import Source, examine, failed, load
from hashmatch.hashing import ALGORITHMS, default_threshold, to_codes
from hashmatch.hashlist import HashList, Section
from hashmatch.index import Index, build_index
from hashmatch.model import (
    DEFAULT_FORMATS,
    QUALITY_FLOOR,
    ArchiveLimits,
    Examination,
    ExamineOptions,
    HashKind,
    Limits,
    Match,
    Outcome,
    Verdict,
)
from hashmatch.workers import SharedPool

Threshold = int | Mapping[str, int] | None

MAX_MATCHES = 10
DECODE_MODES = ("fast", "exact")


@dataclass(frozen=True, slots=True)
class _Table:
    """The entries of one list and one kind of hash, ready to be looked up."""

    list_name: str
    section: Section
    threshold: int
    index: Index


@dataclass(frozen=True, slots=True, order=True)
class _Hit:
    """A near entry. Hits sort best first: detail before distance, then the lists' own order."""

    low_information: bool
    distance: int
    table: int
    row: int
    view: int


class Matcher:
    """Looks pictures up in hash lists.

    A matcher is built once and shared: it never changes, so any number of threads may use it.

    Args:
        hash_lists: one list, or several.
        threshold: the largest distance, in bits, that counts as near; a number for all algorithms,
            or one for each by name (``phash``), or by name and width (``phash-256``). What is not
            named has its default: phash 8 and dhash 4 of 64 bits, phash 32 and dhash 16 of 256.
        index: ``auto``, or one of the kinds that ``build_index`` takes.
        quality_floor: 0 to 100; near entries of a view below it are candidates for a human, with
            the verdict ``low_information``, and no match.
        limits: what a picture may cost.
        archives: what an archive may cost, where one is scanned.
        formats: names of the picture formats to decode.
        mirrors: also look up the flips and quarter turns of every view.
        decode: ``fast`` looks at a preview first, and decodes in full only what may be near to an
            entry; ``exact`` decodes everything in full. The outcomes are the same.
        isolate: decode in worker processes that hold no list, with limits on memory and time, so
            that bytes which crash or take over a decoder harm nothing else. Close the matcher, or
            use it in a ``with`` statement, to end them. A ``PIL.Image`` is decoded already.
        workers: how many processes, with ``isolate``.
        max_matches: how many of the nearest entries an outcome names.

    Raises:
        HashListError: the lists hold nothing that could match.
        SettingsError: an argument makes no sense.
    """

    def __init__(
        self,
        hash_lists: HashList | Sequence[HashList],
        *,
        threshold: Threshold = None,
        index: str = "auto",
        quality_floor: int = QUALITY_FLOOR,
        limits: Limits = Limits(),
        archives: ArchiveLimits = ArchiveLimits(),
        formats: Iterable[str] = DEFAULT_FORMATS,
        mirrors: bool = False,
        decode: str = "fast",
        isolate: bool = False,
        workers: int = 1,
        max_matches: int = MAX_MATCHES,
    ) -> None:
        self.hash_lists = (hash_lists,) if isinstance(hash_lists, HashList) else tuple(hash_lists)
        for hash_list in self.hash_lists:
            if not hash_list.sections:
                raise HashListError("the list holds no entry that can match", path=hash_list.name)
        kinds = sorted({kind for hash_list in self.hash_lists for kind in hash_list.sections})
        if not kinds:
            raise HashListError("no hash list was given")
        if not 0 <= quality_floor <= 100:
            raise SettingsError("the quality floor is a number from 0 to 100")
        if decode not in DECODE_MODES:
            raise SettingsError(f"unknown way to decode {decode!r}; choose from fast, exact")
        if max_matches < 1:
            raise SettingsError("the number of matches to name must be at least 1")
        self.quality_floor = quality_floor
        self.max_matches = max_matches
        _check_names(threshold)
        self.thresholds = {kind: _resolve_threshold(kind, threshold) for kind in kinds}
        self.exact_options = ExamineOptions(
            kinds=tuple(kinds),
            limits=limits,
            archives=archives,
            formats=frozenset(formats),
            mirrors=mirrors,
            quality_floor=quality_floor,
        )
        self.options = replace(self.exact_options, fast=decode == "fast")
        self._tables = [
            _Table(hash_list.name, section, self.thresholds[kind], self._index(section, index))
            for hash_list in self.hash_lists
            for kind, section in hash_list.sections.items()
        ]
        self._pool = SharedPool(self.options, workers) if isolate else None

    def match(self, source: Source) -> Outcome:
        """Examine one picture and look it up.

        Args:
            source: bytes, a path, a file open for reading in binary, or a ``PIL.Image``.

        Raises:
            SettingsError: ``source`` is none of these.
        """
        try:
            loaded = load(source, self.options.limits.max_bytes)
        except DecodeError as error:
            return self.judge([failed(error)])[0]
        (outcome,) = self.screen([self._examine(loaded, exact=False)])
        if outcome is None:
            (outcome,) = self.judge([self._examine(loaded, exact=True)])
        return outcome

    def match_many(self, sources: Iterable[Source]) -> Iterator[Outcome]:
        """Examine one picture after another; outcomes come in the sources' order.

        Sources are taken as they are needed, so a stream of any length does.
        """
        return map(self.match, sources)

    def screen(self, examinations: Sequence[Examination]) -> list[Outcome | None]:
        """Judge what can be judged, all in one batch.

        A preview that could be near to an entry, were its doubtful bits others, cannot.

        Returns:
            None for each picture that must be examined again, with ``exact_options``.
        """
        suspects = self._suspects(examinations)
        sure = [number for number in range(len(examinations)) if number not in suspects]
        outcomes = self.judge([examinations[number] for number in sure])
        decided = dict(zip(sure, outcomes, strict=True))
        return [decided.get(number) for number in range(len(examinations))]

    def judge(self, examinations: Sequence[Examination]) -> list[Outcome]:
        """Give each examination its outcome, all in one batch.

        Args:
            examinations: exact ones, and previews that ``screen`` found far from every entry.
        """
        hits = self._look_up(examinations)
        return [
            self._outcome(examination, hits.get(number, []))
            for number, examination in enumerate(examinations)
        ]

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settings(self) -> dict[str, Any]:
        """Whatever of this matcher could change a verdict, apart from the lists."""
        return {
            "thresholds": {str(kind): bits for kind, bits in self.thresholds.items()},
            "quality_floor": self.quality_floor,
            "max_matches": self.max_matches,
            "mirrors": self.options.mirrors,
            "formats": sorted(self.options.formats),
            "limits": asdict(self.options.limits),
            "archives": asdict(self.options.archives),
        }

    def explain(self) -> list[str]:
        """Say for each list and kind of hash which index was chosen, and why."""
        return [
            f"{table.list_name}, {table.section.kind}: {table.index.explain()}"
            for table in self._tables
        ]

    def _index(self, section: Section, kind: str) -> Index:
        return build_index(section.codes, kind, radius=self.thresholds[section.kind])

    def _examine(self, loaded: bytes | PilImage, *, exact: bool) -> Examination:
        if self._pool is not None and isinstance(loaded, bytes) and not sniff_archive(loaded):
            return self._pool.examine(loaded, exact=exact)
        return examine(loaded, self.exact_options if exact else self.options)

    def _suspects(self, examinations: Sequence[Examination]) -> set[int]:
        """The previews, by number, whose exact hashes may be near to an entry.

        The exact hash differs from the preview's in doubtful bits alone, and in a few of them: so
        it is near only where the preview is within the threshold and those few, and within the
        threshold by the bits that are not in doubt.
        """
        places = _places(examinations, exact=False)
        found: set[int] = set()
        for column, tables in self._by_column() if places else ():
            kind = self.options.kinds[column]
            views = [examinations[number].views[view] for number, view in places]
            queries = to_codes([view.hashes[column] for view in views])
            certain = ~to_codes([view.doubts[column] for view in views])
            reach = ALGORITHMS[kind.algorithm].flips[kind.bits]
            for _, table in tables:
                hits = table.index.search(queries, table.threshold + reach)
                entries = table.section.codes[hits.row]
                mask = certain[hits.query]
                near = distances(queries[hits.query] & mask, entries & mask) <= table.threshold
                found.update(places[query][0] for query in hits.query[near].tolist())
        return found

    def _look_up(self, examinations: Sequence[Examination]) -> dict[int, list[_Hit]]:
        """Find the near entries of each exact examination, by its number, through all its views."""
        places = _places(examinations, exact=True)
        found: dict[int, list[_Hit]] = defaultdict(list)
        for column, tables in self._by_column() if places else ():
            queries = to_codes(
                [examinations[number].views[view].hashes[column] for number, view in places]
            )
            for position, table in tables:
                hits = table.index.search(queries, table.threshold)
                for query, row, bits in zip(*(array.tolist() for array in hits), strict=True):
                    number, view = places[query]
                    low = examinations[number].views[view].quality < self.quality_floor
                    found[number].append(_Hit(low, bits, position, row, view))
        return found

    def _by_column(self) -> Iterator[tuple[int, list[tuple[int, _Table]]]]:
        """The tables, with their positions, for each kind of hash, in the order of the options."""
        for column, kind in enumerate(self.options.kinds):
            yield (
                column,
                [
                    (position, table)
                    for position, table in enumerate(self._tables)
                    if table.section.kind == kind
                ],
            )

    def _outcome(self, examination: Examination, hits: list[_Hit]) -> Outcome:
        # The best view of each entry is the one that counts
        best: dict[tuple[int, int], _Hit] = {}
        for hit in sorted(hits):
            best.setdefault((hit.table, hit.row), hit)
        nearest = list(best.values())
        return Outcome(
            verdict=_verdict(examination, nearest),
            reason=examination.reason,
            detail=examination.detail,
            matches=tuple(self._match(examination, hit) for hit in nearest[: self.max_matches]),
            match_count=len(nearest),
            quality=examination.quality,
            width=examination.width,
            height=examination.height,
            format=examination.format,
        )

    def _match(self, examination: Examination, hit: _Hit) -> Match:
        table = self._tables[hit.table]
        view = examination.views[hit.view]
        return Match(
            list=table.list_name,
            entry=table.section.entry(hit.row),
            algorithm=table.section.kind.algorithm,
            bits=table.section.kind.bits,
            distance=hit.distance,
            threshold=table.threshold,
            view=view.view,
            quality=view.quality,
            low_information=hit.low_information,
        )

    def __repr__(self) -> str:
        return f"<Matcher of {', '.join(hash_list.name for hash_list in self.hash_lists)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a matcher holds a hash list, and is not pickled: build one where it is used"
        )


def _places(examinations: Sequence[Examination], *, exact: bool) -> list[tuple[int, int]]:
    """Every view, as the number of its examination and its own, of the exact ones or the others."""
    return [
        (number, view)
        for number, examination in enumerate(examinations)
        if examination.exact is exact
        for view in range(len(examination.views))
    ]


def _verdict(examination: Examination, nearest: Sequence[_Hit]) -> Verdict:
    """Decide. A match counts even where the rest of the file could not be examined."""
    if nearest and not nearest[0].low_information:
        return Verdict.MATCH
    if examination.reason is not None:
        return Verdict.UNSCANNED
    if nearest:
        return Verdict.LOW_INFORMATION
    return Verdict.NOT_IMAGE if examination.format is None else Verdict.CLEAR


def _check_names(threshold: Threshold) -> None:
    """Refuse a threshold for something that does not exist: it would quietly do nothing."""
    for name in threshold if isinstance(threshold, Mapping) else ():
        if name not in ALGORITHMS and not any(
            name == str(HashKind(algorithm.name, bits))
            for algorithm in ALGORITHMS.values()
            for bits in algorithm.thresholds
        ):
            raise SettingsError(
                f"a threshold is given for {name!r}; choose from {', '.join(ALGORITHMS)}, or a name"
                " and width such as phash-256"
            )


def _resolve_threshold(kind: HashKind, threshold: Threshold) -> int:
    if isinstance(threshold, Mapping):
        chosen = threshold.get(str(kind), threshold.get(kind.algorithm))
    else:
        chosen = threshold
    if chosen is None:
        return default_threshold(kind)
    # Unrelated pictures lie about half the bits apart, so from there on everything would match
    if not 0 <= chosen < kind.bits // 2:
        raise SettingsError(
            f"a threshold for {kind} is a number of bits from 0 to {kind.bits // 2 - 1}"
        )
    return chosen
