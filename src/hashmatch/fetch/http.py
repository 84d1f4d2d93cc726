"""Asks over HTTPS, and only the source's own host, or runs the operator's command."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, TypeAlias
from urllib.parse import urlsplit

from hashmatch._version import __version__
from hashmatch.errors import MissingExtraError, SettingsError
from hashmatch.fetch.dialect import Request
from hashmatch.fetch.faults import PageError
from hashmatch.fetch.secret import Secret, read_secret
from hashmatch.fetch.settings import FetchSource
from hashmatch.files import Closing

if TYPE_CHECKING:
    import httpx

_MOST_ERROR_BYTES = 1 << 20
_GONE = (400, 404, 410)
_REFUSED = (401, 403)
_BUSY = 429


@dataclass(frozen=True, slots=True)
class FetchReply:
    """What came back, besides the body."""

    headers: Mapping[str, str]  # names in lower case
    unchanged: bool = False  # the server says that we have it already
    date: float | None = None  # the server's clock, in seconds since 1970; None if it does not say


Ask: TypeAlias = Callable[[Request, BinaryIO], FetchReply]
"""Asks, and writes the answer to a stream, or raises ``PageError`` if there is no whole answer."""


@contextmanager
def asking(source: FetchSource) -> Iterator[Ask]:
    """Read a source's secrets, and yield what asks it.

    Raises:
        MissingExtraError: the package that asks over HTTPS is not installed.
        SettingsError: a secret or a certificate cannot be read.
    """
    if source.command:
        yield partial(_run_command, source)
    else:
        with _HttpsClient(source) as client:
            yield client.get


def _run_command(source: FetchSource, _request: Request, stream: BinaryIO) -> FetchReply:
    """Run a command that writes a list. Its standard error is dropped: it may quote anything."""
    try:
        done = subprocess.run(  # noqa: S603 # the operator's own command, without a shell
            source.command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.DEVNULL,
            timeout=source.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PageError(f"the command took over {source.timeout} s") from None
    except OSError as error:
        raise PageError(f"cannot run the command: {error.strerror}") from None
    if done.returncode:
        raise PageError(f"the command failed with exit code {done.returncode}: run it by hand")
    return FetchReply({})


class _HttpsClient(Closing):
    """An HTTPS client for one source. It follows no redirect, and asks no other host."""

    def __init__(self, source: FetchSource) -> None:
        try:
            import httpx  # noqa: PLC0415 # an extra
        except ImportError:
            raise MissingExtraError("fetching lists", "fetch") from None
        self._httpx = httpx
        self._source = source
        self._secrets = {
            name: read_secret(name, reference) for name, reference in source.secrets.items()
        }
        try:
            trust = ssl.create_default_context(cafile=source.ca)
        except OSError as error:
            raise SettingsError("cannot read the certificates", path=str(source.ca)) from error
        self._client = httpx.Client(
            verify=trust,
            timeout=source.timeout,
            follow_redirects=False,
            headers={"User-Agent": f"hashmatch/{__version__}"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, request: Request, stream: BinaryIO) -> FetchReply:
        """Ask, with a new token if the server no longer takes the old one."""
        login = self._source.dialect.login
        if login is not None and "token" not in self._secrets:
            self._log_in()
        try:
            return self._get(request, stream)
        except _RefusedError:
            if login is None:
                raise
        self._log_in()
        return self._get(request, stream)

    def _get(self, request: Request, stream: BinaryIO) -> FetchReply:
        secret = self._source.dialect.headers(self._secrets)
        if not all(value.isascii() and value.isprintable() for value in secret.values()):
            raise SettingsError("a secret has a line break, or a character that is not ASCII")
        headers = {**request.headers, **secret}
        try:
            sent = self._client.build_request(
                "GET", self._pinned(request.url), params=request.params or None, headers=headers
            )
        except (ValueError, self._httpx.InvalidURL):
            raise PageError("it links to something that is not a URL", spoilt=True) from None
        return self._send(sent, stream, self._source.dialect.most_bytes)

    def _log_in(self) -> None:
        login = self._source.dialect.login
        if login is None:
            return
        form = {field: self._secrets[name].reveal() for field, name in login.form.items()}
        answer = BytesIO()  # it must not be written to a file
        sent = self._client.build_request("POST", self._source.url + login.path, data=form)
        self._send(sent, answer, _MOST_ERROR_BYTES)
        try:
            token = json.loads(answer.getvalue())[login.token]
        except (ValueError, LookupError, TypeError):
            token = None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise PageError("the server's answer to the login has no token", again=True)
        self._secrets["token"] = Secret(token)

    def _send(self, sent: httpx.Request, stream: BinaryIO, most: int) -> FetchReply:
        httpx = self._httpx
        left = most
        try:
            answer = self._client.send(sent, stream=True)
            try:
                date = _seconds(answer.headers.get("date"))
                wait = _wait(answer.headers.get("retry-after"), date)
                unchanged = answer.status_code == 304 and "if-none-match" in sent.headers
                if not unchanged:
                    _check_status(answer.status_code, wait)
                for block in answer.iter_bytes():
                    left -= len(block)
                    if left < 0:
                        raise PageError(f"the answer is longer than {most:,} bytes", spoilt=True)
                    stream.write(block)
            finally:
                answer.close()
        except httpx.TimeoutException:
            raise PageError("the server did not answer in time", again=True) from None
        except httpx.DecodingError:
            raise PageError("the compression of the answer is not valid", again=True) from None
        except httpx.TransportError as error:
            # The message is the library's own; it quotes neither headers nor bodies
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            what = "its certificate is not trusted" if untrusted else "the connection failed"
            raise PageError(what, again=not untrusted) from None
        return FetchReply(dict(answer.headers), unchanged, date)

    def _pinned(self, url: str) -> str:
        """The URL, if it is on the source's host; else raises ``PageError``."""
        ours, theirs = urlsplit(self._source.url), urlsplit(url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise PageError("it links to a host other than the source's", spoilt=True)
        return url


class _RefusedError(PageError):
    """The server refuses the secrets."""


def _check_status(status: int, wait: float | None) -> None:
    """Raise ``PageError`` for an answer that is not what was asked for."""
    if status == 200:
        return
    if status in _REFUSED:
        raise _RefusedError(f"the server refused the secrets ({status})")
    if status in _GONE:
        raise PageError(f"the server does not know what was asked for ({status})", expired=True)
    if 300 <= status < 400:
        raise PageError(f"the server redirects ({status}): give the new URL in the sources file")
    asks = "" if wait is None else f", and asks to wait {wait:.0f} s"
    busy = status == _BUSY or status >= 500
    raise PageError(f"the server answered {status}{asks}", again=busy, wait=wait)


def _wait(retry_after: str | None, now: float | None) -> float | None:
    """The seconds in ``Retry-After``: a number of them, or a date by the server's clock."""
    if retry_after is None:
        return None
    if retry_after.isdecimal():
        return float(retry_after)
    until = _seconds(retry_after)
    return None if until is None or now is None else max(0.0, until - now)


def _seconds(date: str | None) -> float | None:
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
