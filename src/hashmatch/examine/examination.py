"""Examine one file: hash the file itself and, if it is a container, each of its members."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO, NamedTuple, TypeAlias, TypeGuard

from hashmatch.errors import DecodeError, SettingsError
from hashmatch.examine.archive import ends_in_zip, sniff_archive
from hashmatch.examine.container import hidden_behind, read_members, sniff_container
from hashmatch.examine.decode import (
    SNIFF_BYTES,
    PilImage,
    PlainJpeg,
    adopt_picture,
    open_picture,
    plain_jpeg,
    sniff,
)
from hashmatch.examine.decode.boxes import own_boxes
from hashmatch.examine.decode.jpeg import JPEG_SCAN, JPEG_START, jpeg_pixels
from hashmatch.examine.document.appended import appended
from hashmatch.examine.inputs import Content, PictureInput, digest, held, read_content, too_large
from hashmatch.examine.kinds import HEAD_BYTES, kind_of
from hashmatch.examine.picture_hashes import hash_picture
from hashmatch.examine.reading import read_stream, steady
from hashmatch.examine.video.shots import examine_video
from hashmatch.examine.video.sniffing import video_format
from hashmatch.model import Examination, Kind, Reason
from hashmatch.options import ExamineOptions

_Examining: TypeAlias = "Generator[tuple[bytes | None, Examination | None], None, Examination]"
"""Yields what ``examine_parts`` does, and returns the examination of one part."""

_QUICK_BYTES, _QUICK_PIXELS = 1 << 16, 1 << 16
"""The largest file, and the largest picture, that ``seems_quick``."""

_QUICK_SCANS = 32
"""The most scans of such a picture: each goes through all of it, and could be a few bytes long."""

_ARCHIVE = Examination(kind=Kind.ARCHIVE)


class _Skipped(NamedTuple):
    """How many members to skip, and whether the caller comes back for one that was at hand."""

    skip: int
    again: bool


def examine(source: PictureInput, options: ExamineOptions) -> Examination:
    """Hash every view of one picture. An archive is not opened; its examination says so.

    Args:
        source: bytes, a path, a file open for reading in binary, or a ``PIL.Image``, which has no
            digests. A seekable file is read from its start.
        options: what to compute, and what a picture may cost.

    Returns:
        All that could be found; ``reason`` says why the rest could not.

    Raises:
        SettingsError: ``source`` is none of these, or it is a ``PIL.Image`` and only digests are
            wanted.
        MissingExtraError: a format needs a package that is not installed.
    """
    if isinstance(source, PilImage):
        return _examine_pixels(source, options)
    with held(source, options) as content:
        if isinstance(content, Examination):
            return content
        if isinstance(content, bytes):
            return _examine_unopened(content, options)
        try:
            with steady(content) as (file, size):
                data = read_content(file, options, size)
                return data if isinstance(data, Examination) else _examine_unopened(data, options)
        except DecodeError as error:
            return Examination.failed(error)


def examine_parts(
    content: Content, options: ExamineOptions, *, skip: int = 0, count: int = 0
) -> Iterator[tuple[bytes | None, Examination | None]]:
    """Examine a file and, if it is an archive, each of its members.

    Args:
        content: the file's bytes, or the descriptor of a file open for reading, which stays open.
        options: what to compute, and what a picture or an archive may cost.
        skip: how many members of an archive to skip.
        count: how many members the caller takes; 0 for all. A caller that takes one comes back for
            a member that its preview did not settle.

    Yields:
        Each member's path with None as it begins, then with its examination; at the end, None with
        the examination of the file itself. While one takes long, now and then None and None.
    """
    skipped = _Skipped(skip, again=count > 0)
    try:
        if isinstance(content, bytes):
            found = yield from _examine_open(BytesIO(content), len(content), options, skipped)
        else:
            with steady(content) as (file, size):
                found = yield from _examine_open(file, size, options, skipped)
    except DecodeError as error:
        found = Examination.failed(error)
    yield None, found


def seems_quick(source: PictureInput) -> TypeGuard[bytes]:
    """Tell by its header whether this is a small JPEG, which takes a millisecond or two.

    It may hold more than its header says: ``is_plain`` looks at all of it.
    """
    if not isinstance(source, bytes) or len(source) > _QUICK_BYTES:
        return False
    pixels = jpeg_pixels(source)
    return pixels is not None and pixels <= _QUICK_PIXELS


def is_plain(source: bytes) -> bool:
    """Tell whether a JPEG is whole, with nothing in or behind it that takes time."""
    plain = plain_jpeg(source)
    return plain is not None and (plain.is_sequential or source.count(JPEG_SCAN) <= _QUICK_SCANS)


def digest_file(descriptor: int, options: ExamineOptions) -> Examination:
    """Take the digests of an open file, and examine no more of it.

    Returns:
        An examination with digests alone, or with the reason why there are none.
    """
    try:
        with steady(descriptor) as (file, _):
            return replace(Examination(), digests=digest(file, options))
    except DecodeError as error:
        return Examination.failed(error)


def _examine_pixels(picture: PilImage, options: ExamineOptions) -> Examination:
    if options.digests and not options.kinds:
        raise SettingsError(
            "the lists hold only digests, and a PIL.Image has no bytes to take a digest of: pass"
            " the file that it was opened from"
        )
    return hash_picture(lambda: adopt_picture(picture, options.limits), options)


def _examine_unopened(data: bytes, options: ExamineOptions) -> Examination:
    """Examine the bytes of one picture, and nothing that is inside or behind it."""
    container = sniff_container(data[:SNIFF_BYTES])
    if container is not None:
        # To call it not an image would clear what is inside
        problem = DecodeError(Reason.UNSUPPORTED_FORMAT, "an archive", format=container)
        return replace(Examination.failed(problem), digests=digest(BytesIO(data), options))
    plain = plain_jpeg(data)
    found = _drained(_examine_bytes(data, options, plain))
    return _marred(found, hidden_behind(data, plain))


def _examine_open(
    file: BinaryIO, size: int, options: ExamineOptions, skipped: _Skipped
) -> _Examining:
    """Yield the members of a file, if it has any, and return the examination of the file itself."""
    head = file.read(SNIFF_BYTES)
    is_whole = len(head) == size <= options.limits.max_bytes
    if is_whole:
        file = BytesIO(head)
    is_container = sniff_container(head) is not None or ends_in_zip(file, size)
    file.seek(0)
    if is_container:
        return (yield from _examine_container(file, size, options, skipped))
    if (name := _video(head)) is not None:
        return (yield from _examine_video(file, name, options))
    data = head if is_whole else read_content(file, options, size)
    if isinstance(data, Examination):
        return data
    plain = plain_jpeg(data)
    if plain is None and appended(data, zip_at_end=False):
        return (yield from _examine_container(BytesIO(data), size, options, skipped))
    return (yield from _examine_bytes(data, options, plain))


def _examine_container(
    file: BinaryIO, size: int, options: ExamineOptions, skipped: _Skipped
) -> _Examining:
    """Yield a container's members, and return the examination of the container itself."""
    problem: DecodeError | None = None
    head = file.read(SNIFF_BYTES)
    in_full = replace(options, fast=False)
    archives, most, (skip, again) = options.archives, options.limits.max_bytes, skipped
    try:
        for member in read_members(file, archives, most, skip, again=again):
            yield member.path, None
            how = options if member.at_hand else in_full
            found = _ARCHIVE
            if member.data is not None:
                found = yield from _examine_bytes(member.data, how)
            yield member.path, _marred(found, member.problem)
            del member, found  # or they stay in memory while the next one is unpacked
    except DecodeError as error:
        problem = error.bare()
    # A zip may begin with anything, and a tar with any name: both can be pictures
    if (name := _video(head)) is not None:
        return _marred((yield from _examine_video(file, name, options)), problem)
    if sniff(head) is None:
        kind = kind_of(head) if sniff_archive(head) is None else Kind.ARCHIVE
        return _marred(Examination(kind=kind, digests=digest(file, options)), problem)
    if size > options.limits.max_bytes:
        found = replace(too_large(head, options), digests=digest(file, options))
        return _marred(found, problem)
    file.seek(0)
    data = read_stream(file, options.limits.max_bytes, size)
    return _marred((yield from _examine_bytes(data, in_full)), problem)


def _marred(found: Examination, problem: DecodeError | None) -> Examination:
    """Add to what was found the reason why it is not everything."""
    if problem is None:
        return found
    if found.format is None:
        return replace(Examination.failed(problem), digests=found.digests, kind=found.kind)
    return replace(found, reason=problem.reason, detail=problem.message)


def _examine_bytes(
    data: bytes, options: ExamineOptions, plain: PlainJpeg | None = None
) -> _Examining:
    if plain is None and (name := _video(data[:SNIFF_BYTES])) is not None:
        return (yield from _examine_video(BytesIO(data), name, options))
    if options.kinds:
        found = yield from _examine_picture(data, options, plain)
    else:
        found = Examination(format=sniff(data[:SNIFF_BYTES]))
    if found.format is None and found.reason is None:
        found = replace(found, kind=kind_of(data[:HEAD_BYTES]))
    return replace(found, digests=digest(BytesIO(data), options)) if options.digests else found


def _examine_picture(data: bytes, options: ExamineOptions, plain: PlainJpeg | None) -> _Examining:
    """Examine a picture; and of a HEIF file, also its sequence, such as a burst."""
    can_move = plain is None and sniff(data[:SNIFF_BYTES]) == "HEIF" and "HEIF" in options.formats
    boxes = own_boxes(data) if can_move else frozenset[bytes]()
    moves = b"moov" in boxes
    if moves:
        options = replace(options, fast=False)
    found = Examination(format="HEIF")
    if not moves or b"meta" in boxes:
        found = hash_picture(
            lambda: open_picture(data, options.formats, options.limits, plain), options
        )
    if not moves or found.reason is Reason.UNSUPPORTED_FORMAT:
        return found
    sequence = yield from examine_video(BytesIO(data), "MP4", options)
    if sequence.kind is Kind.AUDIO:
        return found
    failure = found if found.reason is not None else sequence
    return replace(
        found,
        kind=Kind.VIDEO,
        width=found.width or sequence.width,
        height=found.height or sequence.height,
        views=(*found.views, *sequence.views),
        quality=max(found.quality or 0, sequence.quality or 0) if sequence.views else found.quality,
        reason=failure.reason,
        detail=failure.detail,
    )


def _video(head: bytes) -> str | None:
    """Name the video format of a file; None for a picture. HEIC, AVIF and CR3 begin as MP4 does."""
    if head.startswith(JPEG_START) or sniff(head) is not None:  # most files are JPEGs
        return None
    return video_format(head)


def _examine_video(file: BinaryIO, name: str, options: ExamineOptions) -> _Examining:
    found = Examination(format=name, kind=Kind.VIDEO)
    if options.kinds:
        found = yield from examine_video(file, name, options)
    return replace(found, digests=digest(file, options)) if options.digests else found


def _drained(examining: _Examining) -> Examination:
    """Examine to the end, and leave out the signs of life in between."""
    while True:
        try:
            next(examining)
        except StopIteration as end:
            found: Examination = end.value
            return found
