"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli.files import READS, READS_STREAM, WRITES
from hashmatch.errors import SettingsError
from hashmatch.model import DEFAULT_FORMATS, MAX_SIDE, OPTIONAL_FORMATS, ArchiveLimits, Limits
from hashmatch.text import printable

DEFAULT_LIMITS = Limits()
DEFAULT_ARCHIVES = ArchiveLimits()
DEFAULT_MEMORY_MIB = 2048
DEFAULT_SECONDS = 20.0

MOST_MEMORY_MIB = 1 << 27
"""All that a process can address where addresses have 47 bits."""

_MOST_JOBS = 32
"""For each core. Each job is a process, and more of them only take its memory."""

# Not as Path, which takes an empty text, such as a variable that is not set, for the current folder
Paths = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Files and folders.", show_default=False), READS
]
MaybePaths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Files and folders.", show_default=False),
    READS,
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Also scan the paths that stand in FILE, one a line; - is stdin."
    ),
    READS_STREAM,
]
Null = Annotated[
    bool, typer.Option("--null", "-0", help="In --files-from, NUL stands behind each path.")
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Take only files that fit, as in .gitignore; may be given several times.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Leave out files and folders that fit, as in .gitignore; may be given several times.",
    ),
]
FollowSymlinks = Annotated[
    bool, typer.Option("--follow-symlinks", help="Take what symbolic links point to.")
]
OneFileSystem = Annotated[
    bool,
    typer.Option("--one-file-system", help="Do not enter folders of other file systems."),
]
MaxDepth = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Levels of folders to enter; 1 is PATH itself alone."),
]
MaxMemory = Annotated[
    int,
    typer.Option(
        metavar="MIB",
        min=256,
        max=MOST_MEMORY_MIB,
        help="Address space of each decoding process.",
    ),
]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", help="Time for one file, or member of an archive.")
]
MaxMembers = Annotated[int, typer.Option(metavar="N", min=1, help="Most members of an archive.")]
MaxUnpacked = Annotated[
    int, typer.Option(metavar="N", min=1, help="Most bytes that an archive may unpack to.")
]
MaxRatio = Annotated[
    int, typer.Option(metavar="N", min=1, help="Most bytes unpacked for each byte packed.")
]
MaxNesting = Annotated[
    int, typer.Option(metavar="N", min=1, help="Archives within archives; 1 opens no inner ones.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress and no notices on stderr.")
]
ListFormat = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="What lists are written in: text, csv, jsonl, compiled, ncmec, stopncii, vics, tat or"
        " threatexchange. Default: as their content tells.",
    ),
]
Algorithm = Annotated[
    str | None,
    typer.Option(metavar="ALGORITHM", help="What hashes are where the list does not say."),
]
SkipBadEntries = Annotated[
    bool, typer.Option("--skip-bad-entries", help="Use the rest of a list that has wrong lines.")
]
Audit = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Add to this audit trail; see hashmatch audit."),
    WRITES,
]
Output = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the results there, whole or not at all."),
    WRITES,
]
Jobs = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Pictures to decode at a time. Default: one for each core."
    ),
]
AllowFormat = Annotated[
    list[str] | None,
    typer.Option(
        metavar="avif|jpeg2000|heif",
        help="Also decode this format; may be given several times.",
    ),
]
MaxPixels = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help=f"Largest picture, in pixels, and {MAX_SIDE} on a side at the most.",
    ),
]
MaxBytes = Annotated[int, typer.Option(metavar="N", min=1, help="Largest file, in bytes.")]
MaxFrames = Annotated[
    int, typer.Option(metavar="N", min=1, help="Most frames or pages of a picture.")
]


def say(*lines: str) -> None:
    """Tell the operator something, on stderr, whatever names it holds.

    Where stderr is closed or full nobody can be told; what the command does and how it exits must
    not depend on that.
    """
    with suppress(OSError, ValueError):
        for line in lines if sys.stderr is not None else ():
            sys.stderr.write(f"hashmatch: {printable(line)}\n")


def parse_thresholds(texts: Sequence[str]) -> dict[str, int] | int | None:
    """Read ``8``, or ``phash=8`` and ``dhash=4``.

    Raises:
        SettingsError: it is neither.
    """
    if not texts:
        return None
    pairs = [text.rpartition("=")[::2] for text in texts]
    if not all(bits.isascii() and bits.isdigit() for _, bits in pairs):
        raise SettingsError("--threshold takes a number of bits, or ALGORITHM=BITS such as phash=8")
    if len(pairs) == 1 and not pairs[0][0]:
        return int(pairs[0][1])
    if not all(name for name, _ in pairs):
        raise SettingsError("give one --threshold for all algorithms, or one for each by name")
    return {name: int(bits) for name, bits in pairs}


def resolve_jobs(jobs: int | None) -> int:
    """How many pictures to decode at a time: as asked, or one for each core that we may use.

    Raises:
        SettingsError: there are far too few cores for so many.
    """
    cores = allowed_cores()
    if jobs is None:
        return cores
    if jobs > _MOST_JOBS * cores:
        raise SettingsError(f"--jobs must be at most {_MOST_JOBS * cores}: {_MOST_JOBS} a core")
    return jobs


def resolve_formats(names: Sequence[str]) -> frozenset[str]:
    """The formats to decode: the usual ones, and those asked for.

    Raises:
        SettingsError: a name is of no format that is decoded on request.
    """
    asked = frozenset(name.upper() for name in names)
    if not asked <= OPTIONAL_FORMATS:
        known = ", ".join(sorted(name.lower() for name in OPTIONAL_FORMATS))
        raise SettingsError(f"--allow-format takes one of: {known}")
    return DEFAULT_FORMATS | asked


def resolve_limits(max_pixels: int, max_bytes: int, max_frames: int) -> Limits:
    """The limits that were asked for.

    Raises:
        SettingsError: one is under 1.
    """
    return Limits(max_pixels=max_pixels, max_bytes=max_bytes, max_frames=max_frames)


def allowed_cores() -> int:
    """How many cores this process may use: by its affinity, and by its control group's quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, quota)) if quota else cores


def _cgroup_quota(
    root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int | None:
    """Whole cores that our control groups may use, rounded up; None where there is no limit.

    A group is held to its own limit and to those of all groups that it lies in. In a container the
    path of our group may be that outside of it, and then only the outermost is there to be read.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for controllers, path in (line.split(":", 2)[1:] for line in lines):
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "cpu" if controllers else root
        own = base / path.lstrip("/")
        for group in (own, *own.parents[: len(own.parts) - len(base.parts)]):
            quota = _quota_of(group, version=1 if controllers else 2)
            if quota is not None:
                quotas.append(quota)
    return min(quotas, default=None)


def _quota_of(group: Path, *, version: int) -> int | None:
    """Of one control group: in version 2 (cgroup-v2.rst) "MAX PERIOD", in version 1 two files."""
    files = ("cpu.max",) if version == 2 else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    try:
        most, period = " ".join((group / name).read_text() for name in files).split()
    except (OSError, ValueError):
        return None
    if not (most.isdigit() and period.isdigit() and int(period)):
        return None  # "max", or -1
    return -(-int(most) // int(period))
