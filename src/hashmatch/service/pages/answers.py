"""Answers that are the same on many pages: where to go on, and what is wrong."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hashmatch.errors import HashmatchError
from hashmatch.service.pages.render import ROOT, page, secured, static_file
from hashmatch.service.pages.visits import PageVisit


def go_to(visit: PageVisit, where: str) -> Response:
    """Redirect to a page below the root or, if it is empty, to the queue as it was filtered."""
    filters = "" if where else urlencode(visit.session.filters)
    return secured(RedirectResponse(f"{ROOT}/{where}" + (f"?{filters}" if filters else ""), 303))


def problem_page(status: int, heading: str, detail: str) -> Response:
    """Say what is wrong, to anybody."""
    return page("problem.html.j2", status=status, heading=heading, detail=detail)


def sentence(error: HashmatchError) -> str:
    """A message as a sentence."""
    return error.message[:1].upper() + error.message[1:] + "."


async def to_queue(_request: Request) -> Response:
    """Redirect from an address that is nearly right."""
    return secured(RedirectResponse(f"{ROOT}/", 303))


async def absent(_request: Request, error: Exception) -> Response:
    """There is no such page, or it takes no such request."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problem_page(status, HTTPStatus(status).phrase, "There is nothing here.")


async def static(request: Request) -> Response:
    """The style sheet or the script."""
    found = static_file(request.path_params["name"], request.path_params["digest"])
    return found or problem_page(404, "Not found", "There is no such file.")
