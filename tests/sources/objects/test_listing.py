"""A listing of several ranges at once has every key once, in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.sources import OpenStores
from hashmatch.sources.objects.fetcher import Fetcher
from hashmatch.sources.objects.listing import pages_ahead
from hashmatch.sources.objects.threads import Threads

from . import servers
from .canned import CannedS3, running

KEYS = st.sets(st.text("ab/0", min_size=1, max_size=6).map(str.encode), max_size=60)


@pytest.fixture(scope="module")
def server() -> Iterator[CannedS3]:
    """A server whose pages are small."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def stores(server: CannedS3) -> Iterator[OpenStores]:
    """What reaches it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in servers.environment(server.url).items():
            patch.setenv(name, value)
        with OpenStores() as stores:
            yield stores


def listed(stores: OpenStores, prefix: bytes, pages: int = 1) -> list[bytes]:
    """All keys below a prefix."""
    store, _ = stores.of(b"s3://bucket/")
    found = pages_ahead(store, prefix, stores.fetcher, pages)
    return [info.key for page in found for info in page]


@given(KEYS, st.sampled_from([b"", b"a", b"a/"]), st.integers(1, 3), st.integers(1, 3))
def test_every_key_comes_once_and_in_order(
    server: CannedS3, stores: OpenStores, keys: set[bytes], prefix: bytes, page: int, pages: int
) -> None:
    """Wherever folders cut it, and however small the pages are."""
    server.objects.clear()
    server.page = page
    for key in keys:
        server.put(key, b"")
    assert listed(stores, prefix, pages) == sorted(key for key in keys if key.startswith(prefix))


def test_server_that_always_begins_at_the_start(server: CannedS3, stores: OpenStores) -> None:
    """Its pages are asked for one after another, by the tokens that it gives."""
    server.objects.clear()
    server.page, server.from_start = 2, True
    for number in range(40):
        server.put(b"%d/%d" % (number % 5, number), b"")
        server.put(b"x%d" % number, b"")
    try:
        assert listed(stores, b"", 2) == sorted(server.objects)
    finally:
        server.from_start = False


def test_ranges_are_listed_at_the_same_time(server: CannedS3, stores: OpenStores) -> None:
    """Pages of different folders are asked for together; a fault in one is mended there."""
    server.objects.clear()
    server.page = 5
    for number in range(200):
        server.put(b"%02d/%d" % (number // 10, number), b"")
    server.faults[b"?list"] = ["503"]
    server.lists.expect(4)
    assert listed(stores, b"", 2) == sorted(server.objects)
    assert server.lists.most >= 4


def test_nothing_is_listed_far_ahead(server: CannedS3, stores: OpenStores) -> None:
    """Whoever takes one page causes no more requests than the bounds allow."""
    server.objects.clear()
    server.requests.clear()
    server.page = 1
    for number in range(400):
        server.put(b"%03d/x" % number, b"")
    store, _ = stores.of(b"s3://bucket/")
    with Fetcher() as fetcher:
        next(pages_ahead(store, b"", fetcher, 2))
    assert server.requests["LIST"] <= 2 + 3 + 2 * 2 * 8


def test_a_thread_is_started_only_when_all_others_are_busy() -> None:
    """Each keeps memory, so what comes one after another takes one."""
    stop = threading.Event()
    with Threads(4, stop) as threads:
        assert len({threads.submit(threading.get_ident).result() for _ in range(20)}) == 1
        together = threading.Barrier(4)

        def meet() -> int:
            together.wait(60)
            return threading.get_ident()

        futures = [threads.submit(meet) for _ in range(8)]
        assert len({future.result(60) for future in futures}) == 4
    assert stop.is_set()
