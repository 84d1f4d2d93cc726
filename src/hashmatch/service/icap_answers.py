"""What the ICAP door sends, as bytes.

``Encapsulated`` is always the last header, since ownCloud and Nextcloud stop reading there. A
reason is never empty, and that of 204 is what one client looks for.
"""

from __future__ import annotations

from collections.abc import Sequence

from hashmatch._version import __version__
from hashmatch.service.icap_protocol import IcapRequest

CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

_OPTIONS_SECONDS = 3600
_MOST_CONNECTIONS = 100
_RETRY_SECONDS = 30


def options(tag: str) -> bytes:
    """The answer to ``OPTIONS``. No preview: a file is examined as a whole or not at all."""
    fields = [
        "Methods: REQMOD, RESPMOD",
        f"Service: hashmatch {__version__}",
        f"Max-Connections: {_MOST_CONNECTIONS}",
        f"Options-TTL: {_OPTIONS_SECONDS}",
        "Allow: 204",
    ]
    return _head("200 OK", tag, fields, "null-body=0")


def unmodified(tag: str, *, close: bool) -> bytes:
    """The message may pass, and is not sent back."""
    return _head("204 No modifications", tag, _closing(close=close), "null-body=0")


def unchanged(tag: str, request: IcapRequest, *, close: bool) -> bytes:
    """The message may pass. If it has a body, that follows in chunks."""
    is_response = request.method == "RESPMOD"
    http = request.response if is_response else request.request
    prefix = "res" if is_response else "req"
    raw = b"" if http is None else http.raw
    parts = [] if http is None else [f"{prefix}-hdr=0"]
    parts.append(f"{f'{prefix}-body' if request.has_body else 'null-body'}={len(raw)}")
    return _head("200 OK", tag, _closing(close=close), ", ".join(parts)) + raw


def chunk(data: bytes) -> bytes:
    """A piece of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def found(tag: str, name: str, *, close: bool) -> bytes:
    """The message is held: a page that says so takes its place."""
    fields = [
        *_closing(close=close),
        f"X-Infection-Found: Type=0; Resolution=2; Threat={name};",
        f"X-Virus-ID: {name}",
    ]
    text = f"The file was not accepted. Reference: {name}\n"
    return _page(tag, fields, "403 Forbidden", text, [])


def busy(tag: str, *, close: bool) -> bytes:
    """The message could not be examined: a page that says so takes its place."""
    text = "The file could not be examined. Try again later.\n"
    retry = [f"Retry-After: {_RETRY_SECONDS}"]
    return _page(tag, _closing(close=close), "503 Service Unavailable", text, retry)


def error(tag: str, status: str, *, close: bool) -> bytes:
    """There is no answer to the request; the status says why, such as ``500 Server error``."""
    return _head(status, tag, _closing(close=close), "null-body=0")


def _closing(*, close: bool) -> list[str]:
    return ["Connection: close"] if close else []


def _head(status: str, tag: str, fields: Sequence[str], encapsulated: str) -> bytes:
    lines = [f"ICAP/1.0 {status}", f'ISTag: "{tag}"', *fields, f"Encapsulated: {encapsulated}"]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")


def _page(
    tag: str, fields: Sequence[str], status: str, text: str, http_fields: Sequence[str]
) -> bytes:
    """An HTTP response in place of the message, in one piece, since clients read it at once."""
    body = text.encode("ascii")
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *http_fields,
    ]
    http = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")
    head = _head("200 OK", tag, fields, f"res-hdr=0, res-body={len(http)}")
    return head + http + chunk(body) + LAST_CHUNK
