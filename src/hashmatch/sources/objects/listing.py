"""Lists a bucket ahead of whoever needs the keys, and several ranges of keys at once.

S3 gives a page after the one before, so one range at a time takes long. Folders cut a bucket into
ranges: what follows the last key is cut at each folder beside those that the key is in. The next
few ranges are listed at the same time, each a few pages far, and come out in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from typing import NamedTuple

from hashmatch.errors import DecodeError
from hashmatch.sources.objects.fetcher import LISTERS, Fetcher
from hashmatch.sources.objects.store import ObjectInfo, Store

_PAGES = 4
"""Listed at a time of one range. So 32 pages are in memory at most, of some 350 KB each."""


@dataclass(slots=True)
class _Range:
    """Keys greater than one key, up to another one; None for the end."""

    after: bytes
    until: bytes | None
    flat: bool = False  # it has no folders to cut it at
    rest: Iterator[list[ObjectInfo]] | None = None  # pages not asked for yet
    coming: Future[_Batch] | None = None


class _Batch(NamedTuple):
    """Pages that have objects, and why no more could be listed, if that is so."""

    pages: list[list[ObjectInfo]]
    error: DecodeError | None = None


def pages_ahead(
    store: Store, prefix: bytes, fetcher: Fetcher, pages: int = _PAGES
) -> Iterator[list[ObjectInfo]]:
    """Yield the pages of a listing in order, and ask for up to ``pages`` of a range at a time.

    Raises ``DecodeError`` if the listing ends early.
    """
    ranges = deque([_Range(b"", None)])

    def list_next() -> None:
        for each in islice(ranges, LISTERS):
            if each.rest is None:
                each.rest = store.pages(prefix, each.after, each.until, fetcher.pause)
            if each.coming is None:
                each.coming = fetcher.listers.submit(partial(_take, each.rest, pages))

    while ranges:
        list_next()
        head = ranges.popleft()
        assert head.coming is not None  # noqa: S101 # it was among the next
        found, error = head.coming.result()
        if error is not None:
            yield from found
            raise error
        if len(found) == pages:
            head.after, head.coming = found[-1][-1].key, None
            ranges.extendleft(reversed(_cut(store, prefix, head, fetcher)))
        list_next()
        yield from found


def _take(found: Iterator[list[ObjectInfo]], count: int) -> _Batch:
    batch = _Batch([])
    try:
        batch.pages.extend(islice(filter(None, found), count))
    except DecodeError as error:
        return batch._replace(error=error.bare())
    return batch


def _cut(store: Store, prefix: bytes, whole: _Range, fetcher: Fetcher) -> list[_Range]:
    """Cut what follows in a range at the folders in it; leave it as it is if it has none."""
    points: list[bytes] = []
    if not whole.flat:
        try:
            points = store.folders(prefix, whole.after, fetcher.pause)
        except DecodeError:
            points = []
    points = [point for point in points if whole.until is None or point < whole.until]
    if not points:
        whole.flat = True
        return [whole]
    borders = [whole.after, *points, whole.until]
    return [_Range(after or b"", until) for after, until in pairwise(borders)]
