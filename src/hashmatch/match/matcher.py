"""``Matcher``, the way in for upload pipelines: a file in, an outcome out."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NoReturn

from hashmatch.errors import HashListError, SettingsError
from hashmatch.examine.sandbox import SharedPool, WorkerLimits
from hashmatch.files import Closing
from hashmatch.hashing import Codes
from hashmatch.hashlist import HashList
from hashmatch.match.agreement import Flags
from hashmatch.match.cutoffs import MAX_FALSE_PER_MILLION, MatchRule
from hashmatch.match.expected import ExpectedFalse, describe
from hashmatch.match.hashed import check_complete, examination_of
from hashmatch.match.in_force import ListsInForce
from hashmatch.match.lookup import Lookup
from hashmatch.match.parts import examiner, match_parts
from hashmatch.match.rates import PHOTOGRAPHS, Rates
from hashmatch.match.reviews import SHA256, Reviews
from hashmatch.match.thresholds import AUTO, Threshold
from hashmatch.match.turns import Turns
from hashmatch.model import Examination, HashKind, Outcome, PerceptualHash, Verdict
from hashmatch.options import (
    FORMATS,
    QUALITY_FLOOR,
    ArchiveLimits,
    ExamineOptions,
    Limits,
    VideoLimits,
)

if TYPE_CHECKING:
    from hashmatch.examine.inputs import PictureInput

MAX_MATCHES = 10
DECODE_MODES = ("fast", "exact")


class Matcher(Closing):
    """Looks pictures up in hash lists.

    Build one matcher and share it: any number of threads may use it, also while ``replace`` or
    ``reload`` puts other lists in force.

    Args:
        hash_lists: one list, or several.
        threshold: the largest distance, in bits, that counts as near. Give one number for all
            algorithms, or one for each by name (``phash``) or by name and width (``phash-256``);
            whatever is within it is a match. With ``auto``, and for algorithms you leave out, the
            usual distances are near (phash 8 and dhash 4 at 64 bits, phash 32 and dhash 16 at 256),
            and a near entry is a match if ``max_false_per_million`` allows that, or else a
            candidate.
        index: ``auto``, or one of the kinds that ``build_index`` takes.
        quality_floor: 0 to 100. Entries near a view of lower quality are candidates for a human,
            not matches.
        limits: what a picture may cost.
        archives: what an archive may cost.
        video: what a video may cost.
        formats: names of the picture formats to decode.
        mirrors: also look up the flips and quarter turns of every view by one hash.
        views: ``default``, or ``thorough`` to decode every picture in full and also look up the
            pictures inside it, the picture turned a little, and continued beyond its edges as if it
            had been cropped. These views count only where two hashes of an entry agree. ``plain``
            leaves out the quarter turns that ``default`` finds by agreement.
        require: with ``auto``, one near hash of an entry makes a match; two that agree do so
            further out: phash within 12 bits and dhash within 13, or what
            ``max_false_per_million`` allows. With ``any``, agreement counts for nothing. With
            ``all``, every hash that the list has for the entry (the same id under several
            algorithms) must be near to the same view of the picture, as ``evaluate`` measures it.
            An exact digest is of the bytes, not of a view; it makes a match by itself in either
            case.
        decode: ``fast`` looks at a preview first, and decodes in full only what may be near an
            entry. ``exact`` decodes everything in full. The outcomes are the same.
        isolate: decode in worker processes that hold no list and have limits on memory and time,
            so bytes that crash or take over a decoder harm nothing else. The processes start with
            the first upload and end with ``close``, with the matcher or with the program. False
            decodes in this process. If several threads match small JPEGs there, one of them does it
            for all. A ``PIL.Image`` is pixels already, and stays here.
        workers: how many processes to use with ``isolate``.
        sandbox: what these processes may do. ``strict`` confines them completely, or fails on the
            first file; ``best`` does what the system can; ``off`` keeps only the limits on memory
            and time. See docs/threat-model.md.
        worker_limits: what each process may use. They replace ``sandbox``.
        max_matches: how many of the nearest entries an outcome names.
        max_false_per_million: how many files of a million that are on no list may be matches by
            chance. It sets how near is a match where no threshold is given.
        rates: how often different pictures are near by chance.
        reviews: what people decided, such as a ``hashmatch.cases.Cases``. What is a false positive
            on a content is ``suppressed`` there, and outcomes have every near entry, for the queue.

    Raises:
        HashListError: a list has no entry that can match.
        SettingsError: an argument is invalid, or this system cannot isolate; in that case pass
            ``isolate=False``.
    """

    def __init__(
        self,
        hash_lists: HashList | Sequence[HashList],
        *,
        threshold: Threshold = AUTO,
        index: str = "auto",
        quality_floor: int = QUALITY_FLOOR,
        limits: Limits = Limits(),
        archives: ArchiveLimits = ArchiveLimits(),
        video: VideoLimits = VideoLimits(),
        formats: Iterable[str] = FORMATS,
        mirrors: bool = False,
        views: str = "default",
        require: str = AUTO,
        decode: str = "fast",
        isolate: bool = True,
        workers: int = 1,
        sandbox: str = "best",
        worker_limits: WorkerLimits | None = None,
        max_matches: int = MAX_MATCHES,
        max_false_per_million: float = MAX_FALSE_PER_MILLION,
        rates: Rates = PHOTOGRAPHS,
        reviews: Reviews | None = None,
    ) -> None:
        _check(quality_floor, decode, max_matches)
        self.quality_floor = quality_floor
        self.max_matches = max_matches
        self._rule = MatchRule(threshold, require, max_false_per_million, mirrors, rates, views)
        self._index = index
        self._reviews = reviews
        self._base = ExamineOptions(
            kinds=(),
            limits=limits,
            archives=archives,
            video=video,
            formats=frozenset(formats),
            mirrors=mirrors,
            views=views,
            fast=decode == "fast",
            quality_floor=quality_floor,
        )
        self._replacing = threading.Lock()
        each = worker_limits or WorkerLimits(sandbox=sandbox)
        self._pool = SharedPool(workers, each) if isolate else None
        self._turns = Turns()
        self._lists = self._prepare(hash_lists)

    @property
    def hash_lists(self) -> tuple[HashList, ...]:
        """The lists in force."""
        return self._lists.hash_lists

    @property
    def options(self) -> ExamineOptions:
        """How to examine a picture for ``screen``."""
        return self._lists.options

    @property
    def listed_digests(self) -> tuple[str, ...]:
        """The names of the digests that the lists hold; ``options`` may ask for more."""
        return self._lists.lookup.digests

    @property
    def exact_options(self) -> ExamineOptions:
        """How to examine a picture for ``judge``."""
        return self._lists.exact_options

    @property
    def pool_restarts(self) -> int:
        """How often the worker processes had died and others were started."""
        return 0 if self._pool is None else self._pool.restarts

    def replace(self, hash_lists: HashList | Sequence[HashList]) -> None:
        """Put other lists in force, from the next call on.

        Threads that are matching meanwhile see the old lists or the new ones, never a mixture.

        Raises:
            HashListError: a list has no entry that can match. The old lists stay in force.
        """
        with self._replacing:
            self._lists = self._prepare(hash_lists, self._lists.lookup)

    def reload(self, *paths: str | os.PathLike[str], algorithm: str | None = None) -> None:
        """Load lists from files and put them in force, in place of all others.

        Threads that are matching meanwhile see the old lists or the new ones, never a mixture. If
        any file cannot be used, the old lists stay in force.

        Args:
            paths: the files, each as ``HashList.load`` takes it.
            algorithm: the algorithm to assume when a list names none.

        Raises:
            HashListError: a file cannot be read, something in it is wrong, or it has no entry that
                can match.
        """
        try:
            self.replace([HashList.load(path, algorithm=algorithm) for path in paths])
        except HashListError as error:
            error.add_note("the lists in force are still the old ones")
            raise

    def _prepare(
        self, hash_lists: HashList | Sequence[HashList], previous: Lookup | None = None
    ) -> ListsInForce:
        chosen = (hash_lists,) if isinstance(hash_lists, HashList) else tuple(hash_lists)
        if not all(isinstance(each, HashList) for each in chosen):
            raise SettingsError("a matcher takes hash lists: load one with HashList.load(PATH)")
        lookup = Lookup(
            chosen,
            rule=self._rule,
            index=self._index,
            quality_floor=self.quality_floor,
            previous=previous,
        )
        also = () if self._reviews is None else (SHA256,)  # by which contents are known
        digests = tuple(dict.fromkeys((*lookup.digests, *also)))
        options = replace(self._base, kinds=lookup.kinds, digests=digests)
        return ListsInForce(
            chosen,
            lookup,
            options,
            replace(options, fast=False),
            self._reviews,
            self.max_matches,
        )

    def match(self, source: PictureInput) -> Outcome:
        """Examine one file and look it up; for an archive, also every member.

        Args:
            source: bytes, a path, a file open for reading in binary, or a ``PIL.Image``. A seekable
                file is read from its start, whatever its position. A ``PIL.Image`` no longer has
                its bytes, so it is compared only with the lists' perceptual hashes, not with their
                digests.

        Raises:
            SettingsError: ``source`` is none of these; or it is a ``PIL.Image`` and the lists hold
                only digests; or it is a non-blocking file that has no bytes yet.
            HashmatchError: the matcher is closed, or its workers died or cannot be started.
        """
        if self._pool is None and self._lists.options.views != "thorough":
            from hashmatch.examine.examination import is_plain, seems_quick  # noqa: PLC0415 # as below

            if seems_quick(source):
                data = source
                outcome = self._turns.take(lambda: self._match(data) if is_plain(data) else None)
                if outcome is not None:
                    return outcome
        return self._match(source)

    def _match(self, source: PictureInput) -> Outcome:
        # A scan's own process decodes nothing, so it need not load this
        from hashmatch.examine.decode import PilImage  # noqa: PLC0415
        from hashmatch.examine.examination import examine  # noqa: PLC0415
        from hashmatch.examine.inputs import held  # noqa: PLC0415

        lists = self._lists
        if isinstance(source, PilImage):
            return lists.judge([examine(source, lists.exact_options)])[0]
        with held(source, lists.options) as content:
            if isinstance(content, Examination):
                return lists.judge([content])[0]
            with examiner(content, lists.options, self._pool) as examined:
                return match_parts(
                    examined(), examined, lists.screen, lists.judge, self.max_matches
                )

    def match_many(self, sources: Iterable[PictureInput]) -> Iterator[Outcome]:
        """Examine one file after another. Outcomes come in the order of the sources.

        It takes sources as it needs them, so there may be any number. With ``isolate``, it takes
        some ahead, so that all workers are busy and get small files by the handful. A file that
        changes meanwhile is not scanned; one that was written in the last two seconds gets its
        outcome before the next one is taken. Each outcome is by the lists in force when you get it.
        """
        if self._pool is None:
            return map(self.match, sources)
        from hashmatch.match.ahead import match_ahead  # noqa: PLC0415 # as above

        return match_ahead(sources, self._pool, lambda: self._lists)

    def look_up(
        self, hashes: Sequence[PerceptualHash], *, quality: int = 100, allow_missing: bool = False
    ) -> Outcome:
        """Look up a picture that was hashed elsewhere.

        Args:
            hashes: at most one of each kind, of one view of the picture; and digests of its bytes.
            quality: 0 to 100, the amount of detail in that view.
            allow_missing: if nothing matches, do not ask for hashes of all kinds in the lists.

        Raises:
            HashMismatchError: two hashes are of one kind; or nothing matched, and the lists also
                have kinds that are not among the hashes, unless ``allow_missing``.
        """
        lists = self._lists
        lookup, examination = examination_of(hashes, quality, lists.lookup)
        [outcome] = replace(lists, lookup=lookup).judge([examination])
        if outcome.verdict is not Verdict.MATCH and not allow_missing:
            check_complete(hashes, lists.lookup)
        return outcome

    def screen(self, examinations: Sequence[Examination]) -> list[Outcome | None]:
        """Judge what can be judged, in one batch.

        A preview cannot be judged if other values of its uncertain bits could bring it near an
        entry.

        Returns:
            An outcome for each; None for a picture to be examined again, with ``exact_options``.

        Raises:
            HashMismatchError: one was not made with ``options`` or ``exact_options``, so its hashes
                are not of the kinds in the lists.
        """
        lists = self._lists
        lists.lookup.check(examinations)
        return lists.screen(examinations)

    def judge(self, examinations: Sequence[Examination]) -> list[Outcome]:
        """Give each examination its outcome, in one batch.

        Args:
            examinations: exact ones, and previews that ``screen`` found far from every entry.

        Raises:
            HashMismatchError: as in ``screen``.
        """
        lists = self._lists
        lists.lookup.check(examinations)
        return lists.judge(examinations)

    def near(
        self,
        codes: Mapping[HashKind, Codes],
        uncertain_bits: Mapping[HashKind, Codes] | None = None,
    ) -> Flags:
        """Tell which views, or digests, of a batch may be near an entry; see ``Lookup.near``.

        One for which this is False has no match, so only the others need to be screened.
        """
        return self._lists.lookup.near(codes, uncertain_bits)

    def close(self) -> None:
        """End the worker processes, if any run."""
        if self._pool is not None:
            self._pool.close()

    def settings(self) -> dict[str, Any]:
        """All settings that can change a verdict, apart from the lists."""
        cutoffs = self._lists.lookup.expected.cutoffs
        return {
            "thresholds": {str(kind): bits for kind, bits in self._lists.lookup.thresholds.items()},
            "match_within": describe(cutoffs.matching),
            "turned_within": describe(cutoffs.turned),
            "further_within": describe(cutoffs.further),
            "max_false_per_million": self._rule.max_false_per_million,
            "rates": self._rule.rates.name,
            "quality_floor": self.quality_floor,
            "require": self._rule.require,
            "max_matches": self.max_matches,
            "mirrors": self.options.mirrors,
            "views": self.options.views,
            "formats": sorted(self.options.formats),
            "limits": asdict(self.options.limits),
            "archives": asdict(self.options.archives),
            "video": asdict(self.options.video),
        }

    def expected_false(self) -> ExpectedFalse:
        """How many false matches to expect of one file with these lists, thresholds and rule."""
        return self._lists.lookup.expected

    def explain(self) -> list[str]:
        """Say for each list and kind of hash which index was chosen, and why."""
        return self._lists.lookup.explain()

    def __repr__(self) -> str:
        return f"<Matcher of {', '.join(hash_list.name for hash_list in self.hash_lists)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a matcher holds a hash list and cannot be pickled: build one where it is used"
        )


def _check(quality_floor: int, decode: str, max_matches: int) -> None:
    if not 0 <= quality_floor <= 100:
        raise SettingsError("the quality floor must be from 0 to 100")
    if decode not in DECODE_MODES:
        raise SettingsError(f"unknown decode mode {decode!r}; choose fast or exact")
    if max_matches < 1:
        raise SettingsError("max_matches must be at least 1")
