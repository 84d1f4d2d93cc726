"""Take one file out of a multipart body as it arrives, without writing it anywhere.

Starlette's own form parser writes parts over 1 MiB to a file in the folder for temporary files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from hashmatch.service.unanswered import UnansweredError, Why


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that a ``multipart/form-data`` type names; None if the type is not multipart.

    Raises:
        UnansweredError: it names none, or the type is another multipart one.
    """
    kind, options = parse_options_header(content_type)
    if not kind.startswith(b"multipart/"):
        return None
    if kind != b"multipart/form-data":
        raise UnansweredError(Why.MALFORMED)
    boundary = options.get(b"boundary")
    if not boundary:
        raise UnansweredError(Why.MALFORMED)
    return boundary


async def only_part(chunks: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """The bytes of the one part of a body.

    A second part is refused: if it were overlooked, a picture in it would pass for examined.

    Raises:
        UnansweredError: the body is not multipart, has not exactly one part, or ends before its
            last boundary.
    """
    taken: list[bytes] = []
    parts = 0
    ended = False

    def begin() -> None:
        nonlocal parts
        parts += 1

    def data(chunk: bytes, start: int, end: int) -> None:
        taken.append(chunk[start:end])

    def finish() -> None:
        nonlocal ended
        ended = True

    callbacks = {"on_part_begin": begin, "on_part_data": data, "on_end": finish}
    try:
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type] # its own TypedDict
        async for chunk in chunks:
            parser.write(chunk)
            if parts > 1:
                raise UnansweredError(Why.MALFORMED)
            for piece in taken:
                yield piece
            taken.clear()
        parser.finalize()
    except FormParserError as error:
        raise UnansweredError(Why.MALFORMED) from error
    if not ended:
        raise UnansweredError(Why.CUT)
    if not parts:
        raise UnansweredError(Why.MALFORMED)
