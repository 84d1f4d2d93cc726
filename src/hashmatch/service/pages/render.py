"""Renders the pages, and says how values read on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment
from starlette.responses import HTMLResponse, Response

from hashmatch.cases import CaseMatch, Place, SeenPlace
from hashmatch.model import HashKind
from hashmatch.report.numbers import one_in
from hashmatch.report.pages import make_environment
from hashmatch.text import count, printable

ROOT = "/review"

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_STATIC = {"review.css": "text/css", "review.js": "text/javascript"}
_WORDS = {"open": "waiting", "false_positive": "false positive"}
_CAUSES = {
    "chance": "this is often due to chance",
    "lone_frame": "it is near a single frame of a video",
    "low_information": "the view has too little detail",
}
_LONGEST_NAME = 60

SHOWN = {
    "blurred": "small, blurred and grey",
    "grey": "small and grey",
    "colour": "small, in colour",
}
"""The ways to show a thumbnail, and what a caption says of each."""


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Render a page, which neither browsers nor proxies may keep."""
    text = _environment().get_template(template).render(root=ROOT, **values)
    return secured(HTMLResponse(text, status))


def secured(response: Response, *, keep: bool = False) -> Response:
    """Add the headers that every answer has; with ``keep``, let browsers keep it."""
    kept = "public, max-age=31536000, immutable" if keep else "no-store"
    response.headers.update({**_HEADERS, "Cache-Control": kept})
    return response


def static_file(name: str, digest: str) -> Response | None:
    """The style sheet or the script; None if there is no such file in this version."""
    if name not in _STATIC or digest != _digest(name):
        return None
    return secured(Response(_source(name), media_type=_STATIC[name]), keep=True)


def words(word: str) -> str:
    """A status or a decision as people write it."""
    return _WORDS.get(word, word)


@cache
def _environment() -> Environment:
    filters: dict[str, Callable[..., object]] = {
        "ago": _ago,
        "bits": lambda match: count(match.distance, "bit"),
        "came_by": _came_by,
        "cause": lambda cause: _CAUSES.get(cause, cause),
        "chance": _chance,
        "clock": lambda at: f"{at.astimezone(UTC):%H:%M:%S} UTC",
        "counted": count,
        "kind": lambda match: HashKind(match.algorithm, match.bits),
        "moment": lambda at: f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "name_of": name_of,
        "printable": printable,
        "shown": lambda text: None if text is None else printable(text),
        "size": lambda size: None if size is None else _size(size),
        "words": words,
    }
    environment = make_environment("hashmatch.service.pages", filters)
    environment.globals["static"] = lambda name: f"{ROOT}/static/{_digest(name)}/{name}"
    return environment


def caption(how: str, shown: str, matched: str) -> str:
    """What a thumbnail shows, and whether it is the view that matched."""
    if matched in {shown, "bytes"}:
        return f"Shown {SHOWN[how]}."
    return f"Shown {SHOWN[how]}: {shown}, since {matched} itself cannot be drawn."


def name_of(place: Place, *, whole: bool = False) -> str:
    """What to call a place: its path, or the end of it; of a nameless upload its case number."""
    if place.path is None:
        return f"upload {place.number}" if place.number else "an upload"
    name = printable(place.path)
    return name if whole or len(name) <= _LONGEST_NAME else "…" + name[-_LONGEST_NAME:]


def _came_by(seen: SeenPlace) -> str:
    place = seen.place
    parts = [place.door]
    if place.client:
        parts.append(f"client {printable(place.client)}")
    if place.address:
        parts.append(f"from {printable(place.address)}")
    if place.item is not None:
        parts.append(f"held as item {place.item}")
    return f"{', '.join(parts)}; {seen.last_seen.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _chance(match: CaseMatch) -> str | None:
    if match.expected_false is None:
        return None
    odds = one_in(match.expected_false)
    return f"{odds} files that are on no list" if " in " in odds else odds


def _ago(then: datetime, now: datetime) -> str:
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 60:
        return f"{count(minutes, 'minute')} ago"
    if minutes < 48 * 60:
        return f"{count(minutes // 60, 'hour')} ago"
    return f"{count(minutes // (24 * 60), 'day')} ago"


def _size(size: int) -> str:
    for unit, bytes_each in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= bytes_each:
            return f"{size / bytes_each:,.1f} {unit}"
    return count(size, "byte")


@cache
def _source(name: str) -> bytes:
    return resources.files("hashmatch.service.pages").joinpath("templates", name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_source(name)).hexdigest()[:16]
