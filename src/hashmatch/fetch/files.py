"""Sources without paging: files on an HTTPS server, and a command that writes a list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from hashmatch.fetch.bodies import basic, bearer
from hashmatch.fetch.dialect import Dialect, Page, Position, Request, Turn
from hashmatch.fetch.faults import wrong_page
from hashmatch.hashlist.signing import SUFFIX

if TYPE_CHECKING:
    from hashmatch.fetch.secret import Secret
    from hashmatch.fetch.settings import FetchSource

_MOST_FILES = 1_000


def _headers(secrets: Mapping[str, Secret]) -> Mapping[str, str]:
    if "token" in secrets:
        return bearer(secrets)
    return basic(secrets) if "user" in secrets else {}


def _ask_https(source: FetchSource, at: Position) -> Request:
    """Ask for the file or the index, and then for what the cursor holds: URLs, one per line."""
    if not at.cursor:
        return (
            _file(source, at, source.url)
            if not source.index
            else Request(source.url, file=".index", holds_list=False)
        )
    return _file(source, at, at.cursor.partition("\n")[0])


def _file(source: FetchSource, at: Position, url: str) -> Request:
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    if not name or name.startswith(".") or not name.isprintable() or "\\" in name:
        raise wrong_page("the URL of a list must end in a file name")
    if source.public_key is not None and name.endswith(SUFFIX):
        return Request(url, file=name, holds_list=False)
    known = _tags(at.since).get(url)
    return Request(url, headers={"If-None-Match": known} if known else {}, file=name)


def _read_https(source: FetchSource, at: Position, page: Page) -> Turn:
    """The checkpoint is the entity tag of each file."""
    if not at.cursor and source.index:
        urls = _listed(source, page.body)
        return Turn("\n".join(urls), "{}")
    url, _, rest = (at.cursor or source.url).partition("\n")
    tags = _tags(at.checkpoint)
    tag = _tags(at.since).get(url) if page.unchanged else page.headers.get("etag")
    signature = url + SUFFIX
    if source.public_key is not None and not url.endswith(SUFFIX) and not page.unchanged:
        rest = f"{signature}\n{rest}" if rest else signature
    return Turn(rest, json.dumps(tags | ({url: tag} if tag else {})))


def _listed(source: FetchSource, body: bytes) -> list[str]:
    """The URLs in an index: one name or URL per line; blank lines and comments are left out."""
    try:
        lines = [line.strip() for line in body.decode().splitlines()]
    except UnicodeDecodeError:
        raise wrong_page("the index is not UTF-8") from None
    urls = [urljoin(source.url, line) for line in lines if line and not line.startswith("#")]
    names = {urlsplit(url).path.rpartition("/")[2] for url in urls}
    if not urls or len(urls) > _MOST_FILES or len(names) < len(urls):
        raise wrong_page("the index must name files, at most 1,000, no two of one name")
    return urls


def _tags(checkpoint: str) -> dict[str, str]:
    return json.loads(checkpoint) if checkpoint else {}


FILES: Mapping[str, Dialect] = {
    "https": Dialect(
        _ask_https,
        _read_https,
        _headers,
        optional=("user", "password", "token"),
        most_bytes=16 << 30,
    ),
    "exec": Dialect(
        lambda _source, _at: Request("", file="list"),
        lambda _source, _at, _page: Turn(),
        most_bytes=16 << 30,
    ),
}
