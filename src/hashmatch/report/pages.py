"""Render pages from templates, each as one HTML file that needs nothing else.

Jinja2 escapes every value. The Content-Security-Policy (W3C, CSP Level 3) allows the page's own
style sheet and script, by their digests, and nothing else: even a name that slipped through
unescaped could neither run nor load anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from hashmatch.report import numbers
from hashmatch.text import count, printable

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, *, script: str = "", **values: Any) -> str:
    """Render a page from a template in ``templates/``, with a script from there if it runs one.

    Text is escaped unless it is ``Markup``.
    """
    style, code = _source("style.css"), _source(script) if script else ""
    policy = [
        "default-src 'none'",
        f"style-src '{_digest(style)}'",
        *([f"script-src '{_digest(code)}'"] if code else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return (
        _environment()
        .get_template(template)
        .render(
            policy="; ".join(policy),
            style=Markup(style),  # noqa: S704 # a file of this package, which holds no values
            script=Markup(code),  # noqa: S704 # another such file
            **values,
        )
    )


def make_environment(
    package: str,
    filters: Mapping[str, Callable[..., object]],
    *,
    keep_trailing_newline: bool = False,
) -> Environment:
    """Make what renders the templates of a package, and escapes every value."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 # it is slow

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
    )
    environment.filters |= filters
    return environment


@cache
def _environment() -> Environment:
    filters: dict[str, Callable[..., object]] = {
        "amount": numbers.amount,
        "counted": count,
        "estimate": numbers.estimate,
        "number": "{:,}".format,
        "one_in": numbers.one_in,
        "parameters": numbers.parameters,
        "printable": printable,
        "share_at": numbers.share_at,
        "share_of": numbers.share_of,
        "thresholds": numbers.thresholds,
    }
    return make_environment("hashmatch.report", filters, keep_trailing_newline=True)


def _source(name: str) -> str:
    return resources.files("hashmatch.report").joinpath("templates", name).read_text("utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
