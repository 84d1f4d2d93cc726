"""Options that several commands share: each is declared here once, alone or in a group.

A group is a frozen dataclass that a command's settings hold as a field; see ``takes_settings``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from hashmatch.cli import suggestions
from hashmatch.cli.command import argument, number, option, size, switch
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.sizes import format_size
from hashmatch.cli.streams import say
from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox.cores import resolve_jobs
from hashmatch.options import FORMATS, ArchiveLimits, Limits, VideoLimits

if TYPE_CHECKING:
    from hashmatch import sources
    from hashmatch.examine.sandbox import limits as worker_limits
    from hashmatch.match import Threshold, own_rates
else:
    own_rates = deferred("hashmatch.match.own_rates")
    sources = deferred("hashmatch.sources")
    worker_limits = deferred("hashmatch.examine.sandbox.limits")

Names = list[str] | None

_LIMITS = Limits()
_ARCHIVES = ArchiveLimits()
_VIDEO = VideoLimits()

_MOST_MEMORY = 1 << 47
"""All that a process can address with 47-bit addresses."""

_STDOUT = Path("-")


def not_stdout(path: Path) -> Path:
    """Return the path, or raise ``SettingsError`` for ``-``: only a file will do here."""
    if path == _STDOUT:
        raise SettingsError("--output needs the name of a file here, not -")
    return path


# Not as Path, which reads an empty text, such as an unset variable, as the current folder
Paths = Annotated[list[str], argument("PATH", "Files and folders."), READS]
ListFormat = Annotated[
    str | None,
    option(
        "FORMAT",
        "Format of the lists: text, csv, compiled, ncmec, stopncii, vics, tat, threatexchange,"
        " threat-updates or vpdq. Default: detected.",
        completes=suggestions.list_formats,
    ),
]
ListAlgorithm = Annotated[
    str | None,
    option(
        "ALGORITHM",
        "Algorithm to assume when a list names none: phash, dhash, pdq, md5, sha1 or sha256.",
        "--algorithm",
        completes=suggestions.list_algorithms,
    ),
]
SkipBadEntries = Annotated[bool, switch("--skip-bad-entries", "Skip bad lines of a list.")]
Output = Annotated[
    Path | None,
    option(
        "FILE",
        "Write to FILE, atomically; - is stdout.",
        "--output",
        "-o",
        callback=lambda path: None if path == _STDOUT else path,
    ),
    WRITES,
]
StateFile = Annotated[str, option("FILE", "State file kept by scan --state.", "--state"), WRITES]
StateOfCases = Annotated[
    str | None, option("FILE", "State whose scans found the matches.", "--state"), READS
]
CasesPlace = Annotated[
    str | None,
    option(
        "PLACE",
        "Case store: a file, or postgresql+psycopg://USER@HOST/DATABASE. Default: the one beside"
        " the state.",
        "--cases",
    ),
]
AsJson = Annotated[bool, switch("--json", "Write one JSON object.")]
Audit = Annotated[
    Path | None, option("FILE", "Append to this audit trail; see hashmatch audit."), WRITES
]
Profile = Annotated[
    str | None, option("NAME", "AWS profile to use. Default: as the AWS command line chooses.")
]
RequesterPays = Annotated[
    bool, switch("--requester-pays", "Pay for requests to buckets whose owners ask for it.")
]
Decode = Annotated[
    str,
    option(
        "fast|exact",
        "Decode in full only what may match (fast), or everything (exact); the results are the"
        " same.",
    ),
]
Mirrors = Annotated[
    bool, switch("--mirrors", "Also look up mirror images and quarter turns by one hash.")
]
Views = Annotated[
    str,
    option(
        "plain|default|thorough",
        "Readings of each picture to look up. plain leaves out quarter turns; thorough adds"
        " pictures inside it (a screenshot, a chat, a collage), small turns and what a crop lost,"
        " and decodes everything in full. default and thorough need a phash and a dhash of each"
        " entry.",
    ),
]
QualityFloor = Annotated[
    int,
    option("0-100", "Below this quality, near entries are candidates for a human, not matches."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """How near an entry must be to match."""

    PANEL: ClassVar[str] = "Matching"

    threshold: Annotated[
        Names,
        option(
            "BITS",
            "Largest distance of a match: 8, or per algorithm, phash=8. Repeatable. Default: auto,"
            " which depends on the length of the lists; see --max-false-per-million.",
            completes=suggestions.thresholds,
        ),
    ] = None
    require: Annotated[
        str,
        option(
            "auto|any|all",
            "Match if any of an entry's hashes is near, or only if all are. auto: if any is, or if"
            " two agree further out.",
        ),
    ] = "auto"
    max_false_per_million: Annotated[
        float,
        option(
            "N",
            "False matches to accept per million files. Near entries that would make more are"
            " candidates for a human, unless --threshold is given.",
        ),
    ] = 1000
    max_matches: Annotated[
        int, option("N", "Maximum entries to report per file, nearest first.")
    ] = 10

    rates: Annotated[
        Path | None,
        option(
            "FILE",
            "Chance rates of your own pictures: the evaluation.json of hashmatch evaluate. Default:"
            " those of photographs.",
        ),
        READS,
    ] = None

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of ``Matcher``, under the same names.

        Raises as ``thresholds`` does, and ``InputError`` if ``--rates`` names no evaluation.
        """
        arguments = asdict(self) | {"threshold": self.thresholds()}
        if self.rates is None:
            del arguments["rates"]
        else:
            arguments["rates"] = own_rates.load_rates(self.rates)
        return arguments

    def thresholds(self) -> Threshold:
        """What ``--threshold`` says: ``auto``, ``8``, or ``phash=8`` and ``dhash=4``.

        Raises ``SettingsError`` if it is none of these.
        """
        if self.threshold in (None, ["auto"]):
            return "auto"
        # A bare number has no name
        pairs = [
            text.partition("=")[::2] if "=" in text else ("", text) for text in self.threshold or ()
        ]
        if not all(bits.isascii() and bits.isdigit() for _, bits in pairs):
            raise SettingsError(
                "--threshold takes auto, a number of bits, or ALGORITHM=BITS such as phash=8, once"
                " for each algorithm"
            )
        if len(pairs) == 1 and not pairs[0][0]:
            return int(pairs[0][1])
        if not all(name for name, _ in pairs):
            raise SettingsError("give one --threshold for all algorithms, or one for each by name")
        return {name: int(bits) for name, bits in pairs}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """How to reach object storage."""

    PANEL: ClassVar[str] = "Object storage"

    profile: Profile = None
    requester_pays: RequesterPays = False

    def options(self) -> sources.S3Options:
        """How to reach S3."""
        return sources.S3Options(self.profile, self.requester_pays)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSettings(StoreSettings):
    """How to read object storage."""

    max_fetched: Annotated[
        int, size("Maximum memory for objects being read; no larger object is examined.")
    ] = 1 << 30

    def stores(self) -> sources.OpenStores:
        """What connects to buckets when they are needed."""
        return sources.OpenStores(self.options(), self.max_fetched)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSettings:
    """Which picture formats to decode, and how large a picture may be."""

    PANEL: ClassVar[str] = "Limits"

    deny_format: Annotated[
        Names,
        option(
            "FORMAT",
            "Do not decode this picture format, such as psd. Repeatable.",
            completes=suggestions.picture_formats,
        ),
    ] = None
    max_pixels: Annotated[int, number("COUNT", "Maximum pixels per picture.")] = _LIMITS.max_pixels
    max_bytes: Annotated[int, size("Maximum bytes per file.")] = _LIMITS.max_bytes
    max_frames: Annotated[int, number("COUNT", "Maximum frames or pages per file.")] = (
        _LIMITS.max_frames
    )

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of the library, under its names.

        Raises ``SettingsError`` if hashmatch decodes no format of that name.
        """
        denied = frozenset(name.upper() for name in self.deny_format or ())
        if not denied <= FORMATS:
            known = ", ".join(sorted(name.lower() for name in FORMATS))
            raise SettingsError(f"--deny-format takes one of: {known}")
        limits = Limits(self.max_pixels, self.max_bytes, self.max_frames)
        return {"limits": limits, "formats": FORMATS - denied}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """How far to unpack archives, and how long a video may be."""

    PANEL: ClassVar[str] = "Limits"

    max_members: Annotated[int, number("COUNT", "Maximum members per archive.")] = (
        _ARCHIVES.max_members
    )
    max_unpacked: Annotated[int, size("Maximum bytes to unpack from an archive.")] = (
        _ARCHIVES.max_total_bytes
    )
    max_ratio: Annotated[int, number("N", "Maximum bytes unpacked per packed byte.")] = (
        _ARCHIVES.max_ratio
    )
    max_nesting: Annotated[
        int, number("N", "Maximum levels of nested archives; 1 opens no inner ones.")
    ] = _ARCHIVES.max_depth

    max_video: Annotated[int, number("SECONDS", "Maximum length of a video, in seconds.")] = (
        _VIDEO.max_length
    )

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of the library, under its names."""
        return {
            "archives": ArchiveLimits(
                self.max_members, self.max_unpacked, self.max_ratio, self.max_nesting
            ),
            "video": VideoLimits(max_length=self.max_video),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The processes that decode."""

    PANEL: ClassVar[str] = "Limits"

    jobs: Annotated[
        int | None, number("N", "Files to examine in parallel. Default: one per core.")
    ] = None
    max_memory: Annotated[int, size("Maximum address space of a worker process.")] = 2 << 30
    timeout: Annotated[float, option("SECONDS", "Time limit for one file or archive member.")] = (
        20.0
    )
    sandbox: Annotated[
        str,
        option(
            "strict|best|off",
            "Confine decoders fully, or fail (strict); as far as possible (best); or not at all.",
        ),
    ] = "best"

    def __post_init__(self) -> None:
        least = worker_limits.LEAST_MEMORY
        if not least <= self.max_memory <= _MOST_MEMORY:
            bounds = f"{format_size(least)} to {format_size(_MOST_MEMORY)}"
            raise SettingsError(f"--max-memory must be from {bounds}, such as 2G")

    def count(self) -> int:
        """How many processes; raises ``SettingsError`` if that is far too many for the cores."""
        return resolve_jobs(self.jobs)

    def limits(self) -> worker_limits.WorkerLimits:
        """What each of them may use."""
        return worker_limits.WorkerLimits(self.max_memory, self.timeout, self.sandbox, notify=say)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSettings:
    """How to write results, and what else to print."""

    PANEL: ClassVar[str] = "Output"

    output_format: Annotated[str, option("table|jsonl|csv", "Output format.", "--format")] = "table"
    output: Output = None
    quiet: Annotated[
        bool, switch("--quiet", "Show no progress and no summary on stderr.", "-q")
    ] = False
