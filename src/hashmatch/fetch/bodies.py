"""The four APIs that page, each as a ``Dialect``. docs/fetch.md says what was assumed of each."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from hashmatch.fetch.dialect import DAY, HOUR, Dialect, Login, Page, Position, Request, Turn
from hashmatch.fetch.faults import wrong_page
from hashmatch.hashlist.formats.feed import rank_of

if TYPE_CHECKING:
    from hashmatch.fetch.secret import Secret
    from hashmatch.fetch.settings import FetchSource

_XML, _JSON = "pages.xml", "pages.json"
_SECOND = 1_000_000
"""What ``rank_of`` counts in."""


def bearer(secrets: Mapping[str, Secret]) -> dict[str, str]:
    """The header for a token."""
    return {"Authorization": f"Bearer {secrets['token'].reveal()}"}


def basic(secrets: Mapping[str, Secret]) -> dict[str, str]:
    """The header for a user and a password."""
    pair = f"{secrets['user'].reveal()}:{secrets['password'].reveal()}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _ask_ncmec(source: FetchSource, at: Position) -> Request:
    if at.cursor:
        return Request(_below(source.url, at.cursor), file=_XML)
    span = {"from": _iso(_begin(at)), "to": _iso(at.until)}
    return Request(f"{source.url}/v2/entries", span, file=_XML)


def _read_ncmec(_source: FetchSource, at: Position, page: Page) -> Turn:
    said = page.paging.said
    # Some answers escape the link twice
    following = html.unescape(said.get("next", ""))
    span = parse_qs(urlsplit(following).query)
    for name, meant in (("from", _begin(at)), ("to", at.until)):
        if any(rank_of(given) != meant * _SECOND for given in span.get(name, ())):
            raise wrong_page("its link to the next page is for another time range")
    counts = [count for name, count in said.items() if name.startswith("count of") and count]
    if not all(count.isdecimal() for count in counts):
        raise wrong_page("its count of entries is not a number")
    announced = frozenset([sum(map(int, counts))] if counts else ())
    return Turn(following, str(at.until), announced=announced)


def _begin(at: Position) -> int:
    """Where NCMEC's time range begins. An entry may show up later than its timestamp says."""
    return max(0, int(at.since or 0) - HOUR)


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _below(base: str, link: str) -> str:
    """A link of NCMEC's, which leaves out the beginning of the base URL's path, or has it."""
    parts = urlsplit(base)
    if "://" in link or link.startswith("//") or not link.startswith("/"):
        return link  # the client refuses another host
    path = parts.path.rstrip("/")
    whole = link if path and link.startswith(f"{path}/") else path + link
    return f"{parts.scheme}://{parts.netloc}{whole}"


def _ask_stopncii(source: FetchSource, at: Position) -> Request:
    params = {"startTimestamp": at.since or "10", "pageSize": source.options["page_size"]}
    token = {"nextPageToken": at.cursor} if at.cursor else {}
    return Request(f"{source.url}/FetchHashes", params | token, file=_JSON)


def _read_stopncii(_source: FetchSource, _at: Position, page: Page) -> Turn:
    said = page.paging.said
    token, moment = said.get("nextPageToken"), said.get("nextSetTimestamp")
    if type(moment) is not int or moment < 0:
        raise wrong_page("it has no nextSetTimestamp")
    if page.paging.more_follow and not (isinstance(token, str) and token):
        raise wrong_page("it says that more follow, and has no nextPageToken")
    cursor = token if page.paging.more_follow and isinstance(token, str) else ""
    return Turn(cursor, str(moment), moment, _announced(said, page.paging.records))


def _ask_threatexchange(source: FetchSource, at: Position) -> Request:
    params = {
        "start_time": at.since or "0",
        "limit": source.options["page_size"],
        "fields": "id,indicator,type,creation_time,last_updated,should_delete,tags,status",
    }
    after = {"after": at.cursor} if at.cursor else {}
    url = f"{source.url}/{source.options['group']}/threat_updates/"
    return Request(url, params | after, file=_JSON)


def _read_threatexchange(_source: FetchSource, at: Position, page: Page) -> Turn:
    cursor = ""
    if page.paging.more_follow:
        # The link has the secret token in it, so only its cursor is taken
        link = urlsplit(str(page.paging.said["paging"]["next"]))
        cursor = "".join(parse_qs(link.query).get("after", ()))
        if not cursor:
            raise wrong_page("it says that more follow, and has no cursor")
    # The latest change seen, not the time of asking: changes show up with a delay
    moment = max(int(at.checkpoint or at.since or 0), page.paging.latest // _SECOND)
    return Turn(cursor, str(moment), moment)


def _ask_tat(source: FetchSource, at: Position) -> Request:
    params = {"order": "asc", "after": at.cursor or at.since}
    return Request(f"{source.url}/api/hash-list/v2/all", params, file=_JSON)


def _read_tat(_source: FetchSource, at: Position, page: Page) -> Turn:
    given = page.paging.said.get("checkpoint")
    if given is not None and not isinstance(given, str):
        raise wrong_page("its checkpoint is not text")
    if page.paging.more_follow:
        if not given:
            raise wrong_page("it says that more follow, and has no checkpoint")
        return Turn(given, given, _tat_moment(given))
    # If there is nothing new the checkpoint is empty, and the old one is still good
    checkpoint = given or at.checkpoint or at.since
    # Whether a count is of this page or of all pages is not documented
    own = page.paging.records
    announced = _announced(page.paging.said, own, at.records + own)
    return Turn("", checkpoint, _tat_moment(checkpoint), announced)


def _tat_moment(checkpoint: str) -> int | None:
    """The time in ``time,id``."""
    try:
        return int(float(checkpoint.partition(",")[0]))
    except (ValueError, OverflowError):
        return None


def _announced(said: Mapping[str, Any], own: int, total: int | None = None) -> frozenset[int]:
    """How many records a page may have, by its ``count``, which is its own number or the total."""
    count = said.get("count")
    if count is None:
        return frozenset()
    if type(count) is not int:
        raise wrong_page("its count of records is not a number")
    return frozenset([own if count == total else count])


BODIES: Mapping[str, Dialect] = {
    "ncmec": Dialect(
        _ask_ncmec,
        _read_ncmec,
        basic,
        secrets=("user", "password"),
        list_format="ncmec",
        cursor_life=11 * HOUR,  # NCMEC's links are good for 12
    ),
    "stopncii": Dialect(
        _ask_stopncii,
        _read_stopncii,
        lambda secrets: {
            "x-functions-key": secrets["function_key"].reveal(),
            "Ocp-Apim-Subscription-Key": secrets["subscription_key"].reveal(),
        },
        secrets=("function_key", "subscription_key"),
        options=("page_size",),
        list_format="stopncii",
        cursor_life=HOUR,
        checkpoint_life=29 * DAY,  # StopNCII's are good for 30
    ),
    "threatexchange": Dialect(
        _ask_threatexchange,
        _read_threatexchange,
        bearer,
        secrets=("token",),
        options=("group", "page_size"),
        list_format="threat-updates",
        cursor_life=HOUR,
        checkpoint_life=85 * DAY,  # deletions are kept for 90
    ),
    "tat": Dialect(
        _ask_tat,
        _read_tat,
        bearer,
        secrets=("user", "password"),
        login=Login("/token-auth/tcap/", {"username": "user", "password": "password"}, "token"),
        list_format="tat",
    ),
}
