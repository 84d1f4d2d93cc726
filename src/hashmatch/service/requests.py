"""What requests over HTTP hold, and how they are refused."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from hashmatch.errors import HashError
from hashmatch.hashing import ALGORITHMS
from hashmatch.model import DIGEST_BITS, PerceptualHash
from hashmatch.service.multipart import boundary_of, only_part
from hashmatch.service.unanswered import UnansweredError, Why

STATUS = {
    Why.TOO_LARGE: 413,
    Why.EMPTY: 400,
    Why.CUT: 400,
    Why.MALFORMED: 400,
    Why.ENCODED: 415,
    Why.PARTIAL: 400,
    Why.HASHES_MISSING: 422,
    Why.INTERNAL: 500,
}
"""Of answers without a verdict; 503 for all others."""

_MOST_JSON = 64 * 1024


def token_of(request: Request) -> str | None:
    """The key that a client presents, as a bearer token or as the password of Basic."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    if kind.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(token.strip(), validate=True).decode("utf-8", "surrogateescape")
    except binascii.Error:
        return None
    return pair.partition(":")[2]


async def upload_of(request: Request) -> AsyncIterator[bytes]:
    """The file in the body of a request: the raw body, or the one part of a form.

    Raises ``UnansweredError`` if there is none, or it is cut, encoded, or not the only one.
    """
    if _header(request, "content-encoding").lower() not in {"", "identity"}:
        raise UnansweredError(Why.ENCODED)
    boundary = boundary_of(_header(request, "content-type"))
    chunks = _body(request)
    async for chunk in _not_empty(chunks if boundary is None else only_part(chunks, boundary)):
        yield chunk


def _header(request: Request, name: str) -> str:
    """A header; one that is repeated is joined by commas, so that none of its values is missed."""
    return ", ".join(request.headers.getlist(name))


async def small_body(request: Request, seconds: float = 30.0) -> bytes:
    """A body that is not a file.

    Raises ``UnansweredError`` if it is cut, over 64 KiB, or takes longer than these seconds.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in _body(request):
                body += chunk
                if len(body) > _MOST_JSON:
                    raise UnansweredError(Why.TOO_LARGE)
    except TimeoutError:
        raise UnansweredError(Why.TIMEOUT) from None
    return bytes(body)


def read_hashes(body: bytes) -> tuple[list[PerceptualHash], int]:
    """Read ``{"hashes": [{"algorithm": "sha256", "value": "hex"}], "quality": 100}``.

    Return the hashes, and the quality, which is 100 where it is not given. Raises
    ``UnansweredError``, which repeats no hash, for anything else.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnansweredError(Why.MALFORMED, "send JSON") from error
    listed = told.get("hashes") if isinstance(told, dict) else None
    if not isinstance(listed, list) or not listed or set(told) - {"hashes", "quality"}:
        raise UnansweredError(Why.MALFORMED, "send hashes, a list, and optionally the quality")
    quality = told.get("quality", 100)
    if isinstance(quality, bool) or not isinstance(quality, int) or not 0 <= quality <= 100:
        raise UnansweredError(Why.MALFORMED, "quality is a whole number from 0 to 100")
    hashes = [read_hash(each) for each in listed]
    if len({each.kind for each in hashes}) < len(hashes):
        raise UnansweredError(Why.MALFORMED, "give one hash of each kind")
    return hashes, quality


def read_hash(told: object) -> PerceptualHash:
    """Read one hash, or raise ``UnansweredError`` if no known algorithm makes it."""
    if not isinstance(told, Mapping) or set(told) != {"algorithm", "value"}:
        raise UnansweredError(Why.MALFORMED, "a hash has an algorithm and a value")
    algorithm, value = told["algorithm"], told["value"]
    if not isinstance(algorithm, str) or algorithm not in {*ALGORITHMS, *DIGEST_BITS}:
        raise UnansweredError(Why.MALFORMED, "there is no such algorithm")
    try:
        return PerceptualHash.from_hex(value if isinstance(value, str) else "", algorithm)
    except HashError as error:
        raise UnansweredError(Why.MALFORMED, error.message) from error


def unanswered_problem(error: UnansweredError) -> Response:
    """The answer to an upload without a verdict."""
    response = problem(STATUS.get(error.why, 503), error.why.value, error.message)
    if response.status_code == 503:
        response.headers["Retry-After"] = "1"
    return response


def problem(status: int, reason: str, detail: str) -> Response:
    """An error as RFC 9457 has it, with the reason as a word of its own."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "reason": reason,
        "detail": detail,
    }
    response = JSONResponse(content, status, media_type="application/problem+json")
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise UnansweredError(Why.CUT) from None


async def _not_empty(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Refuse an empty body: more often than not, a client forgot the file."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        yield chunk
    if not size:
        raise UnansweredError(Why.EMPTY)
