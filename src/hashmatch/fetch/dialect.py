"""What the engine knows of an API: a ``Dialect``, and what they exchange. All of it is pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashmatch.hashlist.contents import Paging

if TYPE_CHECKING:
    from hashmatch.fetch.secret import Secret
    from hashmatch.fetch.settings import FetchSource

HOUR, DAY = 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Position:
    """Where a fetch is when it asks for a page."""

    since: str = ""  # the checkpoint of the last fetch; empty to fetch everything
    until: int = 0  # where the time range ends, in seconds since 1970. It is the same for all pages
    cursor: str = ""  # what the last page said comes next; empty for the first page
    checkpoint: str = ""  # the last page's; empty for the first page
    records: int = 0  # how many there are on the pages so far


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for."""

    url: str  # absolute. The host must be the source's
    # of the query; none if the URL has a query
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # besides those that carry secrets
    file: str = "pages"  # the name of the file to stage the answer in
    holds_list: bool = True  # whether that file is part of the list


@dataclass(frozen=True, slots=True)
class Page:
    """What came back."""

    headers: Mapping[str, str]  # of the answer, names in lower case
    unchanged: bool = False  # the server says that we have it already
    # what the page says besides its records, where the dialect has pages of records
    paging: Paging = field(default_factory=Paging)
    body: bytes = field(default=b"", repr=False)  # the answer, where the dialect asks for it


@dataclass(frozen=True, slots=True)
class Turn:
    """What a page means for the fetch."""

    cursor: str = ""  # of the next page; empty after the last
    checkpoint: str = ""  # where the next fetch begins, if this page is the last
    # the checkpoint as seconds since 1970, if it is a time of the server's
    moment: int | None = None
    # how many records the page may have; empty if it does not say
    announced: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Login:
    """How to trade secrets for a token that expires."""

    path: str  # below the source's URL
    form: Mapping[str, str]  # the fields of the form, with the name of the secret for each
    token: str  # the key of the token in the JSON that comes back


@dataclass(frozen=True, slots=True)
class Dialect:
    """An API."""

    ask: Callable[[FetchSource, Position], Request]  # the request for the page at a position
    # what a page means, or raises ``PageError``
    read: Callable[[FetchSource, Position, Page], Turn]
    # makes the headers that carry secrets
    headers: Callable[[Mapping[str, Secret]], Mapping[str, str]] = lambda _: {}
    secrets: tuple[str, ...] = ()  # the names of the secrets it needs
    optional: tuple[str, ...] = ()  # the names of further secrets
    options: tuple[str, ...] = ()  # the settings it needs
    login: Login | None = None  # how to get the secret ``token``, if it is not given
    # of the records; None where an answer is a whole file in any format
    list_format: str | None = None
    cursor_life: int = 12 * HOUR  # seconds for which a cursor is good
    checkpoint_life: int | None = None  # seconds for which a checkpoint is good; None for ever
    most_bytes: int = 64 << 20  # of an answer

    @property
    def whole(self) -> bool:
        """Whether answers are whole lists, which replace the old list instead of changing it."""
        return self.list_format is None
