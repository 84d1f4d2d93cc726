"""Finds out who asks, and whether a form comes from a page of ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import SettingsError
from hashmatch.service.keys import Key, Scope, find_key
from hashmatch.service.pages.limits import RateLimit
from hashmatch.service.pages.sessions import LONGEST_SECONDS, Session, Sessions

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOGINS = 10
_LOGIN_SECONDS = 60.0
_LONGEST_NAME = 64
_MOST_FIELDS = 20
_OURS = frozenset({None, "same-origin", "none"})


@dataclass(slots=True)
class PageVisit:
    """A request of a reviewer who is logged in."""

    request: Request
    session: Session  # theirs
    # the fields of the form that they sent; empty for a page that they read
    form: Mapping[str, str] = field(default_factory=dict)
    cookie: str | None = None  # to set, if the session has just begun

    @property
    def reviewer(self) -> str:
        """Who it is."""
        return self.session.reviewer


class Reception:
    """Lets reviewers in."""

    def __init__(
        self,
        keys: tuple[Key, ...] | None,
        proxies: Sequence[Network],
        header: str,
        clock: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._proxies = proxies
        self._header = header
        self._sessions = Sessions(clock)
        self._logins = RateLimit(_LOGINS, _LOGIN_SECONDS, clock)

    @property
    def takes_keys(self) -> bool:
        """Whether reviewers may log in with a key."""
        return self._keys is not None

    def visit(self, request: Request) -> PageVisit | None:
        """The visit of a reviewer who is logged in; None if nobody is."""
        cookie = request.cookies.get(self._cookie_name(request))
        session = None if cookie is None else self._sessions.find(cookie)
        named = self._named(request)
        if named is not None and (session is None or session.reviewer != named):
            fresh, session = self._sessions.begin(named)
            return PageVisit(request, session, cookie=fresh)
        if session is None or (named is None and not self.takes_keys):
            return None
        return PageVisit(request, session)

    def may_log_in(self, request: Request) -> bool:
        """Whether this address has not tried too often."""
        return self._logins.allows(request.client.host if request.client else "")

    def log_in(self, request: Request, token: str) -> PageVisit | None:
        """Begin a session with a key; None if the key does not permit it."""
        key = find_key(self._keys or (), token)
        if key is None or Scope.REVIEW not in key.scopes:
            return None
        cookie, session = self._sessions.begin(key.name)
        return PageVisit(request, session, cookie=cookie)

    def log_out(self, request: Request) -> None:
        """End a session."""
        self._sessions.end(request.cookies.get(self._cookie_name(request), ""))

    def keep(self, response: Response, request: Request, cookie: str | None) -> None:
        """Have the browser keep a session's cookie, or with None forget it."""
        secure = self._is_secure(request)
        response.set_cookie(
            self._cookie_name(request),
            cookie or "",
            max_age=int(LONGEST_SECONDS) if cookie else 0,
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    def is_named(self, request: Request) -> bool:
        """Whether a proxy says who it is, so that logging out is the proxy's matter."""
        return self._named(request) is not None

    def _named(self, request: Request) -> str | None:
        if not self._is_proxied(request):
            return None
        named = request.headers.getlist(self._header)
        if len(named) != 1:  # two headers would mean that a client could add one
            return None
        name = named[0].strip()
        return name if 0 < len(name) <= _LONGEST_NAME and name.isprintable() else None

    def _is_proxied(self, request: Request) -> bool:
        if request.client is None:
            return False
        try:
            address = ipaddress.ip_address(request.client.host)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)

    def _is_secure(self, request: Request) -> bool:
        told = request.headers.get("x-forwarded-proto") if self._is_proxied(request) else None
        return (told or request.url.scheme) == "https"

    def _cookie_name(self, request: Request) -> str:
        # The prefix keeps browsers from taking the cookie of another host or without TLS
        return "__Host-hashmatch-review" if self._is_secure(request) else "hashmatch-review"


def is_ours(request: Request) -> bool:
    """Whether the browser says that one of our pages sent the form, or says nothing."""
    return request.headers.get("sec-fetch-site") in _OURS


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form; empty if the request has no form."""
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def read_network(text: str) -> Network:
    """Read an address, or a network such as ``10.0.0.0/8``, or raise ``SettingsError``."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingsError(
            "--proxy takes an IP address or a network, such as 127.0.0.1 or 10.0.0.0/8"
        ) from error
