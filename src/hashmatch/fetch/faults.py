"""What may go wrong while a list is fetched. No message quotes a page, a secret or a cursor."""

from __future__ import annotations

from hashmatch.errors import HashListError, InputError
from hashmatch.hashlist.problems import SKIP_THEM


class FetchError(InputError):
    """A list could not be fetched. The old list is as it was."""


class PageError(FetchError):
    """A page could not be fetched, or is not valid."""

    def __init__(
        self,
        message: str,
        *,
        again: bool = False,
        spoilt: bool = False,
        wait: float | None = None,
        expired: bool = False,
        path: str | None = None,
    ) -> None:
        super().__init__(message, path=path)
        self.again = again  # whether it makes sense to ask again
        # the body delivered something wrong, so the pages before it are not to be relied on
        self.spoilt = spoilt
        self.wait = wait  # seconds for which the server asks to wait; None if it does not say
        self.expired = expired  # the server no longer knows the cursor


def wrong_page(message: str) -> PageError:
    """The fault of a page with wrong content."""
    return PageError(message, again=True, spoilt=True)


def of_source(error: HashListError, name: str) -> HashListError:
    """What is wrong with a list, by its source's name in place of the file where it is staged."""
    return HashListError(
        error.message.replace(SKIP_THEM, "set skip_bad_entries = true"),
        path=name,
        line=error.line,
        problems=[of_source(each, name) for each in error.problems],
        count=error.count,
    )
