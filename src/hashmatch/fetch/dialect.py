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
    """Where a fetch is when it asks for a page.

    Attributes:
        since: the checkpoint of the last fetch; empty to fetch everything.
        until: where the time range ends, in seconds since 1970. It is the same for all pages.
        cursor: what the last page said comes next; empty for the first page.
        checkpoint: the last page's; empty for the first page.
        records: how many there are on the pages so far.
    """

    since: str = ""
    until: int = 0
    cursor: str = ""
    checkpoint: str = ""
    records: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for.

    Attributes:
        url: absolute. The host must be the source's.
        params: of the query; none if the URL has a query.
        headers: besides those that carry secrets.
        file: the name of the file to stage the answer in.
        holds_list: whether that file is part of the list.
    """

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    file: str = "pages"
    holds_list: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """What came back.

    Attributes:
        headers: of the answer, names in lower case.
        unchanged: the server says that we have it already.
        paging: what the page says besides its records, where the dialect has pages of records.
        body: the answer, where the dialect asks for it.
    """

    headers: Mapping[str, str]
    unchanged: bool = False
    paging: Paging = field(default_factory=Paging)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a page means for the fetch.

    Attributes:
        cursor: of the next page; empty after the last.
        checkpoint: where the next fetch begins, if this page is the last.
        moment: the checkpoint as seconds since 1970, if it is a time of the server's.
        announced: how many records the page may have; empty if it does not say.
    """

    cursor: str = ""
    checkpoint: str = ""
    moment: int | None = None
    announced: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Login:
    """How to trade secrets for a token that expires.

    Attributes:
        path: below the source's URL.
        form: the fields of the form, with the name of the secret for each.
        token: the key of the token in the JSON that comes back.
    """

    path: str
    form: Mapping[str, str]
    token: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """An API.

    Attributes:
        ask: the request for the page at a position.
        read: what a page means, or raises ``PageError``.
        headers: the headers that carry secrets.
        secrets: the names of the secrets it needs.
        optional: the names of further secrets.
        options: the settings it needs.
        login: how to get the secret ``token``, if it is not given.
        list_format: of the records; None where an answer is a whole file in any format.
        cursor_life: seconds for which a cursor is good.
        checkpoint_life: seconds for which a checkpoint is good; None for ever.
        most_bytes: the longest answer.
    """

    ask: Callable[[FetchSource, Position], Request]
    read: Callable[[FetchSource, Position, Page], Turn]
    headers: Callable[[Mapping[str, Secret]], Mapping[str, str]] = lambda _: {}
    secrets: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    login: Login | None = None
    list_format: str | None = None
    cursor_life: int = 12 * HOUR
    checkpoint_life: int | None = None
    most_bytes: int = 64 << 20

    @property
    def whole(self) -> bool:
        """Whether answers are whole lists, which replace the old list instead of changing it."""
        return self.list_format is None
