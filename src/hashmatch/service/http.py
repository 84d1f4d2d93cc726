"""The HTTP door: ``POST /v1/match`` and ``/v1/lookup``, and what operators ask."""

from __future__ import annotations

import json
from http import HTTPStatus
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hashmatch._version import __version__
from hashmatch.hashing import ALGORITHMS
from hashmatch.model import DIGEST_BITS
from hashmatch.report import list_record
from hashmatch.service.core import VerdictCore
from hashmatch.service.keys import Key, Scope, find_key
from hashmatch.service.log import log_event
from hashmatch.service.requests import (
    problem,
    read_hashes,
    small_body,
    token_of,
    unanswered_problem,
    upload_of,
)
from hashmatch.service.ruling import Asked, Ruling, address_of, new_request
from hashmatch.service.shapes import Endpoint, Shape, endpoints
from hashmatch.service.unanswered import UnansweredError

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LIST_FIELDS = ("name", "version", "created", "entries", "age_days", "warnings")


class HttpDoor:
    """Answers HTTP requests by the verdict core.

    Args:
        core: rules on uploads.
        keys: those that clients may present; None to serve anyone who can connect.
        shapes: other services whose paths it answers as well.
    """

    def __init__(
        self,
        core: VerdictCore,
        keys: tuple[Key, ...] | None,
        shapes: frozenset[Shape] = frozenset(),
    ) -> None:
        self._core = core
        self._keys = keys
        self._shapes = shapes

    def app(self) -> Starlette:
        """The ASGI application."""
        shaped = [
            Route(path, self._for(Scope.MATCH, endpoint), methods=[method])
            for shape in sorted(self._shapes)
            for method, path, endpoint in endpoints(shape, self._core)
        ]
        return Starlette(
            routes=[
                Route("/v1/match", self._for(Scope.MATCH, self._match), methods=["POST"]),
                Route("/v1/lookup", self._for(Scope.MATCH, self._look_up), methods=["POST"]),
                Route("/v1/lists", self._for(Scope.ADMIN, self._lists)),
                Route("/metrics", self._for(Scope.ADMIN, self._metrics)),
                Route("/live", self._live),
                Route("/ready", self._ready),
                Route("/openapi.json", self._openapi),
                *shaped,
            ],
            exception_handlers={HTTPException: _http_problem, Exception: _internal_problem},
        )

    def _for(self, scope: Scope, endpoint: Endpoint) -> Endpoint:
        """An endpoint for keys with this scope alone."""

        async def guarded(request: Request) -> Response:
            request.state.id = new_request()
            request.state.client = None
            if self._keys is not None:
                token = token_of(request)
                key = None if token is None else find_key(self._keys, token)
                if key is None:
                    return problem(401, "unauthorized", "present a key: Authorization: Bearer KEY")
                if scope not in key.scopes:
                    return problem(403, "forbidden", f"the key lacks the scope {scope}")
                request.state.client = key.name
            response = await endpoint(request)
            response.headers["X-Request-ID"] = request.state.id
            return response

        return guarded

    async def _match(self, request: Request) -> Response:
        address = address_of(request.headers.get("x-client-ip"))
        asked = Asked("http", request.state.id, request.state.client, address)
        try:
            ruling = await self._core.examine(upload_of(request), asked)
        except UnansweredError as error:
            return unanswered_problem(error)
        return JSONResponse(ruling_record(ruling, asked.request))

    async def _look_up(self, request: Request) -> Response:
        asked = Asked("http", request.state.id, request.state.client)
        try:
            hashes, quality = read_hashes(await small_body(request))
            ruling = await self._core.look_up(hashes, quality, asked)
        except UnansweredError as error:
            return unanswered_problem(error)
        return JSONResponse(ruling_record(ruling, asked.request))

    async def _lists(self, _request: Request) -> Response:
        records = [list_record(each) for each in self._core.hash_lists]
        return JSONResponse(
            {"lists": [{name: each[name] for name in _LIST_FIELDS} for each in records]}
        )

    async def _metrics(self, _request: Request) -> Response:
        return Response(self._core.metrics.text(), media_type=_METRICS_TYPE)

    async def _live(self, _request: Request) -> Response:
        live = not self._core.is_stuck
        return JSONResponse({"live": live}, status_code=200 if live else 503)

    async def _ready(self, _request: Request) -> Response:
        troubles = self._core.troubles()
        reload = "refused" if self._core.reload_refused else "ok"
        state = {"ready": not troubles, "troubles": troubles, "reload": reload}
        return JSONResponse(state, status_code=503 if troubles else 200)

    async def _openapi(self, _request: Request) -> Response:
        return JSONResponse(openapi())


def openapi() -> dict[str, Any]:
    """The OpenAPI document of this door."""
    text = resources.files("hashmatch.service").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    document["info"]["version"] = __version__
    hashes = document["components"]["schemas"]["Hashes"]["properties"]["hashes"]
    hashes["items"]["oneOf"] = [
        *(_hash_schema([name], f"{{{bits // 4}}}") for name, bits in DIGEST_BITS.items()),
        _hash_schema(sorted(ALGORITHMS), "{16}){1,64}"),
    ]
    return document


def _hash_schema(algorithms: list[str], digits: str) -> dict[str, Any]:
    """A hash of these algorithms, as hex, the most significant bit first."""
    opening = "(" * digits.count(")")
    return {
        "type": "object",
        "required": ["algorithm", "value"],
        "additionalProperties": False,
        "properties": {
            "algorithm": {"enum": algorithms},
            "value": {"type": "string", "pattern": f"^{opening}[0-9a-fA-F]{digits}$"},
        },
    }


def ruling_record(ruling: Ruling, request: str) -> dict[str, Any]:
    """A ruling as clients get it."""
    outcome = ruling.outcome
    return {
        "request": request,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "case": ruling.case,
        "recommended_action": ruling.action,
        "held": ruling.held,
        "matches": [
            {
                "list": match.list,
                "entry": match.entry.id,
                "category": match.entry.category,
                "algorithm": match.algorithm,
                "distance": match.distance,
                "threshold": match.threshold,
                "view": match.view,
            }
            for match in outcome.matches
        ],
        "match_count": outcome.match_count,
    }


async def _http_problem(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    response = problem(status, HTTPStatus(status).name.lower(), HTTPStatus(status).description)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _internal_problem(_request: Request, error: Exception) -> Response:
    log_event("failed", level=40, error=error)
    return problem(500, "internal", "an internal error; the log of the service says where")
