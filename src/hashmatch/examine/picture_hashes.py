"""Hash the views of one picture: from a preview if that is enough, otherwise in full."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.decode import TRIMMED, UPRIGHT, MirrorView, Picture, View
from hashmatch.examine.decode.further import QuarterView, SmallView, further_views
from hashmatch.hashing import (
    ALGORITHMS,
    QUALITY_GRID,
    Algorithm,
    Grey,
    from_codes,
    has_full_quality,
    quality,
)
from hashmatch.model import Examination, HashKind, PerceptualHash, Reason, ViewHashes
from hashmatch.options import ExamineOptions

AnyView: TypeAlias = View | MirrorView | SmallView

_TELLING = HashKind("phash", 64)
"""The hash whose grid shows that a picture has full quality, which saves measuring it."""

_TELLING_GRID = (32, 32)


def hash_picture(open_it: Callable[[], Picture | None], options: ExamineOptions) -> Examination:
    """Open a picture and hash every view of it.

    Returns:
        All that could be found; ``reason`` says why the rest could not. It never raises
        DecodeError.
    """
    try:
        picture = open_it()
    except DecodeError as error:
        return Examination.failed(error)
    if picture is None:
        return Examination()
    preview: list[ViewHashes] | None = None
    if options.fast and not _is_thorough(options) and _have_margins(options):
        preview = _preview(picture, options)
        if _tells_enough(preview, options):
            return _examination(picture, preview, preview, exact=False)
    hashed: list[ViewHashes] = []
    failure: DecodeError | None = None
    try:
        for frame in picture.views():
            hashed.extend(hash_views(frame, options))
    except DecodeError as error:
        failure = error.bare()
    except MemoryError:  # to shrink a thin picture takes many times its own memory
        failure = DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY)
    if preview is None:
        telling = tuple(kind for kind in options.kinds if kind == _TELLING)
        preview = _preview(picture, replace(options, kinds=telling))
    return _examination(picture, hashed, preview or hashed, failure)


def _is_thorough(options: ExamineOptions) -> bool:
    """Whether there are views that a preview does not show well enough."""
    return options.views == "thorough" and options.has_pair


def _preview(picture: Picture, options: ExamineOptions) -> list[ViewHashes]:
    """Hash a preview of the picture; empty if there is none, or it fails.

    Quality is always that of the preview, so that it is the same in fast and in exact scans.
    """
    try:
        found = picture.preview()
        return [] if found is None else hash_views(found, options, reduced=picture.reduces)
    except MemoryError:
        return []


def _have_margins(options: ExamineOptions) -> bool:
    """Whether it has been measured how far previews move the hashes of all these kinds."""
    return all(ALGORITHMS[kind.algorithm].max_bit_flips is not None for kind in options.kinds)


def _tells_enough(preview: Sequence[ViewHashes], options: ExamineOptions) -> bool:
    """Whether the margins hold for a preview, as they do with enough detail and certain bits."""
    return (
        bool(preview)
        and all(view.quality >= options.quality_floor for view in preview)
        and not any(
            ALGORITHMS[bits.algorithm].is_too_uncertain(bits)
            for view in preview
            for bits in view.uncertain_bits
        )
    )


def _examination(
    picture: Picture,
    hashed: Sequence[ViewHashes],
    measured: Sequence[ViewHashes],
    failure: DecodeError | None = None,
    *,
    exact: bool = True,
) -> Examination:
    quality = {view.view: view.quality for view in measured}
    if measured is not hashed:
        hashed = [replace(view, quality=quality.get(view.view, view.quality)) for view in hashed]
    return Examination(
        format=picture.format,
        width=picture.width,
        height=picture.height,
        views=tuple(hashed),
        quality=max(quality.values(), default=None) if hashed else None,
        reason=failure.reason if failure else None,
        detail=failure.message if failure else None,
        exact=exact,
    )


def hash_views(
    found: Iterable[View | MirrorView], options: ExamineOptions, *, reduced: bool | None = None
) -> list[ViewHashes]:
    """Hash the views of one frame together: a batch costs hardly more than one.

    ``reduced`` says of a preview whether it is at reduced scale; it is None for exact views.
    """
    every: list[AnyView] = []
    for plain in found:
        every += [plain, *(plain.mirrors() if options.mirrors else ())]
        if reduced is None and isinstance(plain, View):  # a preview does not show enough of these
            every += plain.crops(options.crops)
            if not _has_step(plain, TRIMMED):
                every += plain.samples(options.samples)
            if _is_thorough(options) and not _has_step(plain, TRIMMED):
                every += further_views(plain)
        # The other orientations are those of the picture as stored
        if options.with_quarters and not _has_step(plain, UPRIGHT):
            every.append(QuarterView(plain))
    hashes = [_hash_column(every, kind, reduced) for kind in options.kinds]
    qualities = _qualities(every, options)
    return [
        ViewHashes(
            view.name,
            qualities[row],
            hashes=tuple(exact[row] for exact, _ in hashes),
            uncertain_bits=tuple(
                uncertain_bits[row] for _, uncertain_bits in hashes if uncertain_bits
            ),
        )
        for row, view in enumerate(every)
    ]


def _qualities(every: Sequence[AnyView], options: ExamineOptions) -> list[int]:
    """The quality of each view; a further one shows the detail of the view that it is made of."""
    sources = [view.source if isinstance(view, QuarterView | SmallView) else view for view in every]
    rows = list({id(view): view for view in sources}.values())
    full = [False] * len(rows)
    if _TELLING in options.kinds:  # then its grids are there already
        full = has_full_quality(_stacked([view.grey(*_TELLING_GRID) for view in rows])).tolist()
    found = {id(view): 100 for view in rows}
    rest = [view for view, is_full in zip(rows, full, strict=True) if not is_full]
    if rest:
        measured = quality(np.stack([view.detail(QUALITY_GRID) for view in rest])).tolist()
        found.update(zip(map(id, rest), measured, strict=True))
    return [found[id(view)] for view in sources]


def _has_step(view: View | MirrorView, step: str) -> bool:
    return any(each.startswith(step) for each in view.name.split("+"))


def _hash_column(
    every: Sequence[AnyView], kind: HashKind, reduced: bool | None
) -> tuple[list[PerceptualHash], list[PerceptualHash]]:
    """Hash all views by one algorithm, and return the uncertain bits of previews as well."""
    algorithm = ALGORITHMS[kind.algorithm]
    hashes: list[PerceptualHash] = []
    uncertain_bits: list[PerceptualHash] = []
    for pictures in _pictures(every, algorithm, kind.bits):
        if reduced is None:
            codes = algorithm.hash(pictures, kind.bits)
        else:
            codes, uncertain = algorithm.hash_preview(pictures, kind.bits, reduced=reduced)
            uncertain_bits += from_codes(kind, uncertain)
        hashes += from_codes(kind, codes)
    return hashes, uncertain_bits


def _pictures(every: Sequence[AnyView], algorithm: Algorithm, bits: int) -> Iterator[Grey]:
    """Yield what the algorithm takes: one batch of small pictures, or whole ones one by one."""
    if algorithm.grid is not None:
        width, height = algorithm.grid(bits)
        yield _stacked([view.grey(width, height) for view in every])
        return
    for view in every:
        yield view.whole(colour=algorithm.colour)[None]


def _stacked(pictures: Sequence[Grey]) -> Grey:
    """Stack small pictures. A single one is not copied, which takes a tenth of the time."""
    if len(pictures) == 1:
        return pictures[0][None]
    return np.array(pictures)  # np.stack takes three times as long
