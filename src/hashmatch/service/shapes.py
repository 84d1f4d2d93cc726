"""Paths and answers of other services, so their clients need only a new address.

Clients of these services read whatever lists no match as clear. So an upload that was not wholly
examined, or that a human must look at first, is a status of 4xx or 5xx here.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hashmatch.errors import SettingsError
from hashmatch.match.hits import BYTES
from hashmatch.model import Match, Verdict
from hashmatch.service.core import VerdictCore
from hashmatch.service.policy import Action
from hashmatch.service.requests import STATUS, problem, read_hash, unanswered_problem, upload_of
from hashmatch.service.ruling import Asked, Ruling
from hashmatch.service.unanswered import UnansweredError

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_UNDECIDED = 422


class Shape(StrEnum):
    """A service whose clients are answered."""

    SHIELD = "shield"  # Arachnid Shield, by its SDK: ``POST /v1/media/``
    PICTRS = "pictrs"  # external validation of pict-rs: ``POST /pictrs``
    # the lookups of Hasher-Matcher-Actioner: ``/m/lookup``, ``/m/raw_lookup``, ``/status``
    HMA = "hma"


def read_shapes(names: Iterable[str]) -> frozenset[Shape]:
    """Read the names of services, or raise ``SettingsError`` for one that is not known."""
    try:
        return frozenset(map(Shape, names))
    except ValueError:
        raise SettingsError(f"--shape takes one of: {', '.join(Shape)}") from None


def endpoints(shape: Shape, core: VerdictCore) -> list[tuple[str, str, Endpoint]]:
    """Method, path and endpoint of each request that clients of a service make."""
    every: dict[Shape, list[tuple[str, str, Endpoint]]] = {
        Shape.SHIELD: [("POST", "/v1/media/", partial(_shield, core))],
        Shape.PICTRS: [("POST", "/pictrs", partial(_pictrs, core))],
        Shape.HMA: [
            ("POST", "/m/lookup", partial(_hma_upload, core)),
            ("GET", "/m/lookup", partial(_hma_lookup, core)),
            ("GET", "/m/raw_lookup", partial(_hma_raw_lookup, core)),
            ("GET", "/status", partial(_hma_status, core)),
        ],
    }
    return every[shape]


def _asked(shape: Shape, request: Request) -> Asked:
    return Asked("http", request.state.id, request.state.client or shape.value)


class _Digests:
    """Size and digests of an upload, taken while it passes. They are the client's to know."""

    def __init__(self) -> None:
        self.size = 0
        self.sha1 = hashlib.sha1(usedforsecurity=False)
        self.sha256 = hashlib.sha256()

    async def of(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self.size += len(chunk)
            self.sha1.update(chunk)
            self.sha256.update(chunk)
            yield chunk


async def _shield(core: VerdictCore, request: Request) -> Response:
    digests = _Digests()
    try:
        content = digests.of(upload_of(request))
        ruling = await core.examine(content, _asked(Shape.SHIELD, request))
    except UnansweredError as error:
        return JSONResponse({"detail": error.message}, STATUS.get(error.why, 503))
    if (undecided := _undecided(ruling)) is not None:
        return JSONResponse({"detail": undecided}, _UNDECIDED)
    matched = ruling.outcome.verdict is Verdict.MATCH
    exact = any(match.view == BYTES for match in ruling.outcome.matches)
    return JSONResponse(
        {
            "size_bytes": digests.size,
            "sha1_base32": base64.b32encode(digests.sha1.digest()).decode("ascii"),
            "sha256_hex": digests.sha256.hexdigest(),
            "classification": "csam" if matched else "no-known-match",
            "match_type": ("exact" if exact else "near") if matched else None,
            "near_match_details": [],  # there, each would have the hashes of an entry
        }
    )


async def _pictrs(core: VerdictCore, request: Request) -> Response:
    try:
        ruling = await core.examine(upload_of(request), _asked(Shape.PICTRS, request))
    except UnansweredError as error:
        return unanswered_problem(error)
    if ruling.action is Action.ALLOW:
        return Response(status_code=204)
    return problem(403, "refused", f"the upload is refused: case {ruling.case}")


async def _hma_upload(core: VerdictCore, request: Request) -> Response:
    try:
        ruling = await core.examine(upload_of(request), _asked(Shape.HMA, request))
    except UnansweredError as error:
        return _hma_error(STATUS.get(error.why, 503), error.message)
    if (undecided := _undecided(ruling)) is not None:
        return _hma_error(_UNDECIDED, undecided)
    kinds = {kind for each in core.hash_lists for kind in each.sections}
    matches = [match for match in ruling.outcome.matches if match.cause is None]
    return JSONResponse(
        {
            name: _by_bank(match for match in matches if match.algorithm == name)
            for name in sorted({kind.algorithm for kind in kinds})
        }
    )


async def _hma_lookup(core: VerdictCore, request: Request) -> Response:
    if "url" in request.query_params:
        return _hma_error(403, "this service fetches no URLs: send the file")
    found = await _hma_find(core, request)
    return found if isinstance(found, Response) else JSONResponse(_by_bank(found))


async def _hma_raw_lookup(core: VerdictCore, request: Request) -> Response:
    found = await _hma_find(core, request)
    if isinstance(found, Response):
        return found
    if request.query_params.get("include_distance", "").lower() == "true":
        return JSONResponse({"matches": [_with_distance(match) for match in found]})
    return JSONResponse({"matches": [match.entry.id for match in found]})


async def _hma_find(core: VerdictCore, request: Request) -> list[Match] | Response:
    """The entries near the hash of a query, which speaks of this one kind of hash alone."""
    query = request.query_params
    told = {"algorithm": query.get("signal_type"), "value": query.get("signal")}
    try:
        signal = read_hash(told)
        if not any(signal.kind in each.sections for each in core.hash_lists):
            return _hma_error(400, "the lists have no hashes of this type")
        asked = _asked(Shape.HMA, request)
        ruling = await core.look_up([signal], 100, asked, allow_missing=True)
    except UnansweredError as error:
        return _hma_error(STATUS.get(error.why, 503), error.message)
    return list(ruling.outcome.matches)


async def _hma_status(core: VerdictCore, _request: Request) -> Response:
    troubles = core.troubles()
    return PlainTextResponse("NOT-READY" if troubles else "I-AM-ALIVE", 503 if troubles else 200)


def _hma_error(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)


def _by_bank(matches: Iterable[Match]) -> dict[str, list[dict[str, str]]]:
    banks: dict[str, list[dict[str, str]]] = defaultdict(list)
    for match in matches:
        banks[match.list].append(_with_distance(match))
    return banks


def _with_distance(match: Match) -> dict[str, str]:
    return {"bank_content_id": match.entry.id, "distance": str(match.distance)}


def _undecided(ruling: Ruling) -> str | None:
    """Why a ruling is neither a match nor no match, the only answers there are; else None."""
    verdict = ruling.outcome.verdict
    if verdict is Verdict.UNSCANNED:
        return f"not wholly examined ({ruling.outcome.reason}): case {ruling.case}"
    if verdict is Verdict.CANDIDATE and ruling.action is not Action.ALLOW:
        return f"a human must look at it: case {ruling.case}"
    return None
