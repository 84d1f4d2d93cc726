"""One file's bytes to the hashes of all its views.

Knows no list: it is what may run beside untrusted bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO, TypeAlias

import numpy as np

from hashmatch.errors import OUT_OF_MEMORY, DecodeError, SettingsError
from hashmatch.examine.archive import (
    ends_in_zip,
    read_archive,
    sniff_archive,
    zip_behind,
)
from hashmatch.examine.decode import (
    SNIFF_BYTES,
    MirrorView,
    Picture,
    PilImage,
    View,
    adopt_picture,
    open_picture,
    sniff,
)
from hashmatch.examine.reading import opened, read_some, read_stream, rewind, steady
from hashmatch.hashing import ALGORITHMS, QUALITY_GRID, Algorithm, Grey, from_codes, quality
from hashmatch.model import (
    MEMBER_MARK,
    Examination,
    ExamineOptions,
    HashKind,
    PerceptualHash,
    Reason,
    ViewHashes,
)

Source: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO | PilImage"
"""What may be examined: bytes, a path, a file open for reading in binary, or a ``PIL.Image``."""


_AT_HAND = frozenset({"ZIP", "TAR", None})
"""Archives whose members can be read without those before them; None: a zip behind something."""


def examine(source: Source, options: ExamineOptions) -> Examination:
    """Hash every view of a picture.

    Args:
        source: bytes, a path, a file open for reading in binary, or a ``PIL.Image``, which has
            views and no digests. A file that can seek is read from its start.
        options: what to compute, and what a picture may cost.

    Returns:
        All that could be found out; ``reason`` says what could not.

    Raises:
        SettingsError: ``source`` is none of these, or a ``PIL.Image`` where digests alone are
            asked for.
        MissingExtraError: a format asked for needs a package that is not installed.
    """
    loaded = load(source, options)
    if isinstance(loaded, Examination):
        return loaded
    if isinstance(loaded, PilImage):
        return _examine(lambda: adopt_picture(loaded, options.limits), options)
    if sniff_archive(loaded[:SNIFF_BYTES]) is not None:
        return _unopened(BytesIO(loaded), loaded[:SNIFF_BYTES], options)
    found = _examine_bytes(loaded, options)
    return _marred(found, zip_behind() if ends_in_zip(BytesIO(loaded), len(loaded)) else None)


def examine_file(
    descriptor: int, options: ExamineOptions, *, skip: int = 0
) -> Iterator[tuple[bytes | None, Examination | None]]:
    """Examine an open file, and where it is an archive, each of its members.

    Args:
        descriptor: of a file open for reading; it stays open.
        options: what to compute, and what a picture or an archive may cost.
        skip: how many members of an archive to pass over.

    Yields:
        Each member's path with None as it is begun, then with its examination; and at the end None
        with the examination of the file itself.
    """
    try:
        with steady(descriptor) as (file, size):
            head = file.read(SNIFF_BYTES)
            is_archive = sniff_archive(head) is not None or ends_in_zip(file, size)
            file.seek(0)
            if is_archive and options.members:
                found = yield from _examine_archive(file, size, options, skip)
            else:
                data = _read(file, options, size)
                if isinstance(data, Examination):
                    found = data
                else:
                    found = examine(data, options) if is_archive else _examine_bytes(data, options)
    except DecodeError as error:
        found = Examination.failed(error)
    yield None, found


def digest_file(descriptor: int, options: ExamineOptions) -> Examination:
    """Take the digests of an open file, and look no further into it.

    Args:
        descriptor: of a file open for reading; it stays open.
        options: which digests.

    Returns:
        An examination with digests and nothing else, or with the reason why there are none.
    """
    try:
        with steady(descriptor) as (file, _):
            return replace(Examination(), digests=_digest(file, options))
    except DecodeError as error:
        return Examination.failed(error)


def _examine_archive(
    file: BinaryIO, size: int, options: ExamineOptions, skip: int
) -> Generator[tuple[bytes, Examination | None], None, Examination]:
    """Yield an archive's members, and return the examination of the archive itself."""
    problem: DecodeError | None = None
    head = file.read(SNIFF_BYTES)
    # To come back for a member that a preview does not settle, all before it is unpacked again
    at_hand = sniff_archive(head) in _AT_HAND
    in_full = replace(options, fast=False)
    try:
        for member in read_archive(file, options.archives, options.limits.max_bytes, skip):
            yield member.path, None
            how = options if at_hand and MEMBER_MARK not in member.path else in_full
            found = Examination() if member.data is None else _examine_bytes(member.data, how)
            yield member.path, _marred(found, member.problem)
            del member, found  # or they stay in memory while the next one is unpacked
    except DecodeError as error:
        problem = error.bare()
    # A tar begins with a name of its maker's choice, and a zip with anything: a picture, maybe
    if sniff(head) is None or size > options.limits.max_bytes:
        found = replace(_too_large(head, options), digests=_digest(file, options))
        return _marred(found, problem)
    file.seek(0)
    data = read_stream(file, options.limits.max_bytes, size)
    return _marred(_examine_bytes(data, options), problem)


def _marred(found: Examination, problem: DecodeError | None) -> Examination:
    """What was found, with the reason why it is not all."""
    if problem is None:
        return found
    if found.format is None:
        return replace(Examination.failed(problem), digests=found.digests)
    return replace(found, reason=problem.reason, detail=problem.message)


def _unopened(file: BinaryIO, head: bytes, options: ExamineOptions) -> Examination:
    """A file that is not opened: an archive, or one over the limit on bytes.

    Raises:
        DecodeError: its digests were asked for, and it cannot be read from its start again.
    """
    seekable = rewind(file)
    if (archive := sniff_archive(head)) is not None:
        # To call it no image would clear what it holds
        reason = DecodeError(Reason.UNSUPPORTED_FORMAT, "an archive", format=archive)
        found = Examination.failed(reason)
    else:
        found = _too_large(head, options)
        if found.reason is None and seekable and ends_in_zip(file, file.seek(0, os.SEEK_END)):
            found = Examination.failed(zip_behind())
    if options.digests and not seekable:
        # To go by its first bytes would clear the rest, and a stream may be endless
        most = options.limits.max_bytes
        raise DecodeError(Reason.TOO_LARGE, f"more than {most} bytes", format=found.format)
    return replace(found, digests=_digest(file, options))


def _too_large(head: bytes, options: ExamineOptions) -> Examination:
    """What is said of a file over the limit on bytes: nothing, unless it begins as a picture."""
    name = sniff(head)
    if name is None:
        return Examination()
    most = options.limits.max_bytes
    reason = DecodeError(Reason.TOO_LARGE, f"more than {most} bytes", format=name)
    return Examination.failed(reason)


def _examine_bytes(data: bytes, options: ExamineOptions) -> Examination:
    if options.kinds:
        found = _examine(lambda: open_picture(data, options.formats, options.limits), options)
    else:
        found = Examination(format=sniff(data[:SNIFF_BYTES]))
    return replace(found, digests=_digest(BytesIO(data), options)) if options.digests else found


def _digest(file: BinaryIO, options: ExamineOptions) -> tuple[str, ...]:
    """The digests of a whole file, however large, as hex."""
    if not options.digests:
        return ()
    digests = [hashlib.new(name, usedforsecurity=False) for name in options.digests]
    file.seek(0)
    while chunk := read_some(file):
        for digest in digests:
            digest.update(chunk)
    return tuple(digest.hexdigest() for digest in digests)


def load(source: Source, options: ExamineOptions) -> bytes | PilImage | Examination:
    """Bring a source into memory, so that it can be examined more than once.

    Returns:
        What to examine; or where there is nothing to, the examination already.

    Raises:
        SettingsError: it is nothing that can be examined, or has nothing that is asked for.
    """
    if isinstance(source, PilImage) and options.digests and not options.kinds:
        raise SettingsError(
            "nothing but exact digests is looked up, and a PIL.Image has no bytes to take them of:"
            " give the file that it was opened from"
        )
    if isinstance(source, bytes | PilImage):
        return source
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    try:
        if isinstance(source, str | os.PathLike):
            with opened(source) as (file, size):
                return _read(file, options, size)
        if callable(getattr(source, "read", None)):
            rewind(source)  # whoever sniffed it first has moved it on
            return _read(source, options)
    except DecodeError as error:
        return Examination.failed(error)
    raise SettingsError(
        f"cannot examine a {type(source).__name__}: give bytes, a path, a binary file or a"
        " PIL.Image"
    )


def _read(file: BinaryIO, options: ExamineOptions, size: int | None = None) -> bytes | Examination:
    """All bytes of a file; or of one over the limit, what can be told without opening it.

    Raises:
        DecodeError: as ``_unopened`` does.
    """
    most = options.limits.max_bytes
    is_large = size is not None and size > most
    data = read_stream(file, SNIFF_BYTES if is_large else most, size)
    if is_large or len(data) > most:
        return _unopened(file, data[:SNIFF_BYTES], options)
    return data


def _examine(open_it: Callable[[], Picture | None], options: ExamineOptions) -> Examination:
    try:
        picture = open_it()
    except DecodeError as error:
        return Examination.failed(error)
    if picture is None:
        return Examination()
    preview = _preview(picture, options)
    if options.fast and _tells_enough(preview, options):
        return _examination(picture, preview, preview, exact=False)
    hashed: list[ViewHashes] = []
    failure: DecodeError | None = None
    try:
        for frame in picture.views():
            hashed.extend(_hash_views(frame, options))
    except DecodeError as error:
        failure = error.bare()
    except MemoryError:  # a thin picture takes many times its pixels to be made small
        failure = DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY)
    return _examination(picture, hashed, preview or hashed, failure)


def _preview(picture: Picture, options: ExamineOptions) -> list[ViewHashes]:
    """The views of the picture at reduced scale; none where it has no preview, or that fails.

    Quality is always theirs, so that it is the same whether hashes are exact or not.
    """
    found = picture.preview()
    if found is None:
        return []
    if not options.fast:
        options = replace(options, kinds=())
    try:
        return _hash_views(found, options, reduced=picture.reduces)
    except MemoryError:
        return []


def _tells_enough(preview: Sequence[ViewHashes], options: ExamineOptions) -> bool:
    """Whether a preview's hashes are as near to the exact ones as was measured.

    With little detail they are not, and of some algorithms it was not measured.
    """
    return (
        bool(preview)
        and all(ALGORITHMS[kind.algorithm].max_bit_flips is not None for kind in options.kinds)
        and all(view.quality >= options.quality_floor for view in preview)
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
    return Examination(
        format=picture.format,
        width=picture.width,
        height=picture.height,
        views=tuple(replace(view, quality=quality.get(view.view, view.quality)) for view in hashed),
        quality=max(quality.values(), default=None) if hashed else None,
        reason=failure.reason if failure else None,
        detail=failure.message if failure else None,
        exact=exact,
    )


def _hash_views(
    found: Iterable[View], options: ExamineOptions, *, reduced: bool | None = None
) -> list[ViewHashes]:
    """Hash the views of one frame together: a batch costs hardly more than one.

    Args:
        found: the views.
        options: which hashes.
        reduced: for those of a preview, whether it is at reduced scale.
    """
    every: list[View | MirrorView] = []
    for plain in found:
        every += [plain, *plain.mirrors()] if options.mirrors else [plain]
    qualities = quality(np.stack([view.detail(QUALITY_GRID) for view in every])).tolist()
    hashes = [_hash_column(every, kind, reduced) for kind in options.kinds]
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


def _hash_column(
    every: Sequence[View | MirrorView], kind: HashKind, reduced: bool | None
) -> tuple[list[PerceptualHash], list[PerceptualHash]]:
    """Hash all views by one algorithm; of previews, tell the uncertain bits too."""
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


def _pictures(
    every: Sequence[View | MirrorView], algorithm: Algorithm, bits: int
) -> Iterator[Grey]:
    """What the algorithm wants to see: a batch of small pictures, or one after another whole."""
    if algorithm.grid is not None:
        width, height = algorithm.grid(bits)
        yield np.stack([view.grey(width, height) for view in every])
        return
    for view in every:
        yield view.whole(colour=algorithm.colour)[None]
