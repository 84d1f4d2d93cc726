"""Measure an operator's own videos: their stills, and those of the same videos encoded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hashmatch.evaluate.gather import Progress, Unused, examine_files
from hashmatch.evaluate.pictures import examine_options
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.examine.decode import UPRIGHT
from hashmatch.examine.sandbox import WorkerLimits, make_pool
from hashmatch.model import Examination, HashKind, Kind, ViewHashes
from hashmatch.options import TransformOptions
from hashmatch.sources import WalkCounts, walk
from hashmatch.sources.file_item import FileItem


@dataclass(frozen=True, slots=True)
class MeasuredVideo:
    """A video that can be used.

    Attributes:
        found: its examination; the hashes of its views are those of ``hashed_kinds``.
        again: for each way to encode it again, the examination of its first seconds, by
            ``EvaluationSettings.kinds``.
    """

    name: bytes
    found: Examination = field(repr=False)
    again: Mapping[str, Examination] = field(repr=False)

    @property
    def stills(self) -> list[tuple[float, ViewHashes]]:
        """What a list would hold of it: the second of each still, and its hashes as it is shown."""
        shown: dict[str, ViewHashes] = {}
        for view in self.found.views:
            still, _, step = view.view.partition("+")
            if step == UPRIGHT or still not in shown:
                shown[still] = view
        return [(_seconds(still), view) for still, view in shown.items()]


@dataclass(frozen=True, slots=True)
class MeasuredVideos:
    """The videos of an evaluation: those used, the others and why, and the number of files."""

    used: tuple[MeasuredVideo, ...]
    unused: tuple[Unused, ...]
    files: int


def gather_videos(
    paths: Sequence[bytes],
    settings: EvaluationSettings,
    *,
    jobs: int = 1,
    workers: WorkerLimits | None = None,
    progress: Progress | None = None,
) -> MeasuredVideos | None:
    """Measure every video at or below the paths, in worker processes; see ``gather``.

    Returns:
        What was measured; None if no paths are given.

    Raises:
        HashmatchError: the workers cannot be started, or have all died.
    """
    if not paths:
        return None
    files = [FileItem(item.path, item.problem) for item in walk(paths, WalkCounts())]
    options = replace(
        examine_options(settings),
        video=settings.video,
        samples=0,
        transforms=TransformOptions((), settings.seed, settings.kinds, settings.encodings),
    )
    used: list[MeasuredVideo] = []
    unused: list[Unused] = []
    known: set[str] = set()
    with make_pool(jobs, workers) as pool:
        measured = examine_files(files, options, pool)
        for number, (file, (found, again)) in enumerate(zip(files, measured, strict=True), 1):
            problem = _problem(found, again, settings, known)
            if problem is None:
                used.append(MeasuredVideo(file.path, found, dict(again)))
                known.update(found.digests)
            else:
                unused.append(Unused(file.path, problem))
            if progress is not None:
                progress(number, len(files))
    return MeasuredVideos(tuple(used), tuple(unused), len(files))


def of_kinds(found: Examination, kinds: Sequence[HashKind]) -> Examination:
    """The examination with the hashes of these kinds alone, in this order, and no digests."""
    if not found.views:
        return replace(found, digests=())
    columns = {value.kind: column for column, value in enumerate(found.views[0].hashes)}
    views = tuple(
        replace(view, hashes=tuple(view.hashes[columns[kind]] for kind in kinds))
        for view in found.views
    )
    return replace(found, views=views, digests=())


def _problem(
    found: Examination,
    again: Sequence[tuple[str, Examination]],
    settings: EvaluationSettings,
    known: set[str],
) -> str | None:
    """Why a file is left out, in words; None if it can be used."""
    if found.reason is not None:
        return f"{found.reason}: {found.detail}"
    if found.kind is not Kind.VIDEO:
        return "not_video: not a video"
    if not known.isdisjoint(found.digests):
        return "same_bytes: the same bytes as another video"
    if (found.quality or 0) < settings.quality_floor:
        return "low_information: too little detail"
    for name, variant in again:
        if variant.reason is not None:
            return f"{variant.reason}: as {name}: {variant.detail}"
    return None


def _seconds(view: str) -> float:
    """The time of a still in the name of its view, ``frame:00:01:23.400``."""
    hours, minutes, seconds = view.removeprefix("frame:").partition("#")[0].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
