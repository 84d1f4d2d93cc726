"""Options that several commands share: each is declared here once, alone or in a group.

A group is a frozen dataclass that a command's settings hold as a field; see ``takes_settings``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from hashmatch.cli.cores import resolve_jobs
from hashmatch.cli.files import READS, READS_STREAM, WRITES
from hashmatch.cli.sizes import format_size, parse_count, parse_size
from hashmatch.cli.streams import say
from hashmatch.errors import SettingsError
from hashmatch.options import FORMATS, ArchiveLimits, Limits, VideoLimits

if TYPE_CHECKING:
    from hashmatch.examine.sandbox import WorkerLimits
    from hashmatch.scan import WalkOptions

Names = list[str] | None

_LIMITS = Limits()
_ARCHIVES = ArchiveLimits()
_VIDEO = VideoLimits()

_MOST_MEMORY = 1 << 47
"""All that a process can address where addresses have 47 bits."""

_STDOUT = Path("-")


def not_stdout(path: Path) -> Path:
    """Refuse ``-`` where a command writes a file that standard output cannot replace.

    Raises:
        SettingsError: the path is ``-``.
    """
    if path == _STDOUT:
        raise SettingsError("--output needs the name of a file here, not -")
    return path


# Not as Path, which reads an empty text, such as an unset variable, as the current folder
Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATH", help="Files and folders.", show_default=False),
    READS,
]
ListFormat = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="Format of the lists: text, csv, compiled, ncmec, stopncii, vics, tat or"
        " threatexchange. Default: detected.",
    ),
]
ListAlgorithm = Annotated[
    str | None,
    typer.Option(
        "--algorithm",
        metavar="ALGORITHM",
        help="Algorithm to assume when a list names none: phash, dhash, pdq, md5, sha1 or sha256.",
    ),
]
SkipBadEntries = Annotated[
    bool, typer.Option("--skip-bad-entries", help="Skip the bad lines of a list.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to FILE, atomically; - is stdout.",
        callback=lambda path: None if path == _STDOUT else path,
    ),
    WRITES,
]
StateFile = Annotated[
    str, typer.Option("--state", metavar="FILE", help="State file that scan --state keeps."), WRITES
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object.")]
Audit = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Append to this audit trail; see hashmatch audit."),
    WRITES,
]
Mirrors = Annotated[
    bool, typer.Option("--mirrors", help="Also look up mirror images and quarter turns.")
]
QualityFloor = Annotated[
    int,
    typer.Option(
        metavar="0-100",
        help="Below this quality, near entries are candidates for a human, not matches.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """How near an entry must be to match."""

    PANEL: ClassVar[str] = "Matching"

    threshold: Annotated[
        Names,
        typer.Option(
            metavar="BITS",
            help="Largest distance that is near: 8, or by algorithm (phash=8). Repeatable."
            " Default: phash 8, dhash 4; of 256 bits: phash 32, dhash 16.",
        ),
    ] = None
    require: Annotated[
        str,
        typer.Option(
            metavar="any|all",
            help="Match if any of an entry's hashes is near, or only if all are.",
        ),
    ] = "any"
    max_matches: Annotated[
        int, typer.Option(metavar="N", help="Most entries to name for one file, nearest first.")
    ] = 10

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of ``Matcher``, which have the names of the options.

        Raises:
            SettingsError: see ``thresholds``.
        """
        return asdict(self) | {"threshold": self.thresholds()}

    def thresholds(self) -> dict[str, int] | int | None:
        """What ``--threshold`` says: ``8``, or ``phash=8`` and ``dhash=4``.

        Raises:
            SettingsError: it is neither.
        """
        if not self.threshold:
            return None
        pairs = [text.rpartition("=")[::2] for text in self.threshold]
        if not all(bits.isascii() and bits.isdigit() for _, bits in pairs):
            raise SettingsError(
                "--threshold takes a number of bits, or ALGORITHM=BITS such as phash=8"
            )
        if len(pairs) == 1 and not pairs[0][0]:
            return int(pairs[0][1])
        if not all(name for name, _ in pairs):
            raise SettingsError("give one --threshold for all algorithms, or one for each by name")
        return {name: int(bits) for name, bits in pairs}


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkSettings:
    """Which files to examine."""

    PANEL: ClassVar[str] = "What to scan"

    paths: Annotated[
        Names,
        typer.Argument(metavar="PATH", help="Files and folders.", show_default=False),
        READS,
    ] = None
    files_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Also scan the paths in FILE, one per line; - is stdin."),
        READS_STREAM,
    ] = None
    null: Annotated[
        bool, typer.Option("--null", "-0", help="Paths in --files-from are NUL-terminated.")
    ] = False
    include: Annotated[
        Names,
        typer.Option(
            metavar="PATTERN", help="Scan only files that match, as in .gitignore. Repeatable."
        ),
    ] = None
    exclude: Annotated[
        Names,
        typer.Option(
            metavar="PATTERN",
            help="Skip files and folders that match, as in .gitignore. Repeatable.",
        ),
    ] = None
    follow_symlinks: Annotated[
        bool, typer.Option("--follow-symlinks", help="Follow symbolic links.")
    ] = False
    one_file_system: Annotated[
        bool, typer.Option("--one-file-system", help="Stay on the file system of each PATH.")
    ] = False
    max_depth: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=parse_count, help="Levels of folders to enter; 1 is PATH alone."
        ),
    ] = None

    def options(self) -> WalkOptions:
        """The filters and bounds of the walk."""
        from hashmatch.scan import WalkOptions  # noqa: PLC0415 # it takes NumPy

        return WalkOptions(
            include=tuple(self.include or ()),
            exclude=tuple(self.exclude or ()),
            follow_symlinks=self.follow_symlinks,
            one_file_system=self.one_file_system,
            max_depth=self.max_depth,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSettings:
    """Which picture formats to decode, and how large a picture may be."""

    PANEL: ClassVar[str] = "Limits"

    deny_format: Annotated[
        Names,
        typer.Option(
            metavar="FORMAT", help="Do not decode this picture format, such as psd. Repeatable."
        ),
    ] = None
    max_pixels: Annotated[
        int, typer.Option(metavar="COUNT", parser=parse_count, help="Largest picture, in pixels.")
    ] = _LIMITS.max_pixels
    max_bytes: Annotated[
        int, typer.Option(metavar="SIZE", parser=parse_size, help="Largest file.")
    ] = _LIMITS.max_bytes
    max_frames: Annotated[
        int,
        typer.Option(metavar="COUNT", parser=parse_count, help="Most frames or pages of a file."),
    ] = _LIMITS.max_frames

    def formats(self) -> frozenset[str]:
        """The formats to decode: all that are not denied.

        Raises:
            SettingsError: hashmatch decodes no format of that name.
        """
        denied = frozenset(name.upper() for name in self.deny_format or ())
        if not denied <= FORMATS:
            known = ", ".join(sorted(name.lower() for name in FORMATS))
            raise SettingsError(f"--deny-format takes one of: {known}")
        return FORMATS - denied

    def limits(self) -> Limits:
        """The largest picture."""
        return Limits(self.max_pixels, self.max_bytes, self.max_frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """How far to unpack archives, and how long a video may be."""

    PANEL: ClassVar[str] = "Limits"

    max_members: Annotated[
        int, typer.Option(metavar="COUNT", parser=parse_count, help="Most members of an archive.")
    ] = _ARCHIVES.max_members
    max_unpacked: Annotated[
        int,
        typer.Option(metavar="SIZE", parser=parse_size, help="Most to unpack an archive to."),
    ] = _ARCHIVES.max_total_bytes
    max_ratio: Annotated[
        int,
        typer.Option(metavar="N", parser=parse_count, help="Most bytes unpacked per byte packed."),
    ] = _ARCHIVES.max_ratio
    max_nesting: Annotated[
        int,
        typer.Option(
            metavar="N", parser=parse_count, help="Archives within archives; 1 opens no inner ones."
        ),
    ] = _ARCHIVES.max_depth

    max_video: Annotated[
        int,
        typer.Option(metavar="SECONDS", parser=parse_count, help="Longest video to examine."),
    ] = _VIDEO.max_length

    def video(self) -> VideoLimits:
        """The longest video."""
        return VideoLimits(max_length=self.max_video)

    def limits(self) -> ArchiveLimits:
        """The same for the library."""
        return ArchiveLimits(self.max_members, self.max_unpacked, self.max_ratio, self.max_nesting)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The processes that decode."""

    PANEL: ClassVar[str] = "Limits"

    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=parse_count,
            help="Files to examine at a time. Default: one per core.",
        ),
    ] = None
    max_memory: Annotated[
        int,
        typer.Option(
            metavar="SIZE", parser=parse_size, help="Address space of each decoding process."
        ),
    ] = 2 << 30
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time for one file or archive member.")
    ] = 20.0
    sandbox: Annotated[
        str,
        typer.Option(
            metavar="strict|best|off",
            help="How far to confine decoders: wholly or fail, as far as possible, or not at all.",
        ),
    ] = "best"

    def __post_init__(self) -> None:
        from hashmatch.examine.sandbox.limits import LEAST_MEMORY  # noqa: PLC0415 # help needs none

        if not LEAST_MEMORY <= self.max_memory <= _MOST_MEMORY:
            bounds = f"{format_size(LEAST_MEMORY)} to {format_size(_MOST_MEMORY)}"
            raise SettingsError(f"--max-memory must be from {bounds}, such as 2G")

    def count(self) -> int:
        """How many processes.

        Raises:
            SettingsError: there are far too few cores for so many.
        """
        return resolve_jobs(self.jobs)

    def limits(self) -> WorkerLimits:
        """What each of them may use."""
        from hashmatch.examine.sandbox import WorkerLimits  # noqa: PLC0415 # it takes its time

        return WorkerLimits(self.max_memory, self.timeout, self.sandbox, notify=say)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSettings:
    """How to write the results of a scan, and how much to say meanwhile."""

    PANEL: ClassVar[str] = "Output"

    output_format: Annotated[
        str,
        typer.Option("--format", metavar="table|jsonl|csv", help="Format of the results."),
    ] = "table"
    output: Output = None
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Show no progress and no summary on stderr."),
    ] = False
