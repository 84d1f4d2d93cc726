"""A bucket in another region than the configured one is found there, whatever is asked first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hashmatch.errors import DecodeError, InputError
from hashmatch.sources import BucketSource, NamedObjects, OpenStores, WalkCounts, WalkOptions
from hashmatch.sources.objects import store as store_module

from . import servers
from .canned import CannedS3, running

pytest.importorskip("botocore")


@pytest.fixture(scope="module")
def server_of_module() -> Iterator[CannedS3]:
    """The one server that all tests here ask; its bucket is in eu-west-3, and we are not."""
    with running() as server:
        server.put(b"a//b", b"one")
        server.put(b"c", b"two")
        server.region = "eu-west-3"
        yield server


@pytest.fixture(params=["301 PermanentRedirect", "400 AuthorizationHeaderMalformed"])
def server(
    request: pytest.FixtureRequest, server_of_module: CannedS3, monkeypatch: pytest.MonkeyPatch
) -> CannedS3:
    """Answers in one of the two ways that S3 has."""
    for name, value in servers.environment(server_of_module.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(store_module, "_DELAYS", (0.01,) * 4)
    server_of_module.redirect = request.param
    server_of_module.names_region = True
    server_of_module.requests.clear()
    return server_of_module


def listed(stores: OpenStores) -> list[bytes]:
    """The keys of the bucket, after a check that it is there."""
    source = BucketSource(stores, b"s3://bucket/", WalkCounts(), WalkOptions())
    source.check()
    return [item.path.removeprefix(b"s3://bucket/") for item in source]


@pytest.mark.parametrize("names_region", [True, False])
def test_bucket_is_listed_and_read_where_it_is(server: CannedS3, names_region: bool) -> None:
    """Once the region is known, no request is signed for another, listings included."""
    server.names_region = names_region
    with OpenStores() as stores:
        assert listed(stores) == [b"a//b", b"c"]
        elsewhere = server.requests["elsewhere"]
        assert elsewhere == 1
        assert listed(stores) == [b"a//b", b"c"]
        found: list[bytes] = []
        store, key = stores.of(b"s3://bucket/c")
        store.read(store.look(key), found.append)
        assert found == [b"two"]
        assert server.requests["elsewhere"] == elsewhere


def test_named_objects_are_read_without_a_check(server: CannedS3) -> None:
    """A manifest asks for objects at once, and so for the region."""
    with OpenStores() as stores:
        [item] = NamedObjects(stores, [(b"s3://bucket/a//b", None)])
        assert item.identity() is not None
        with open(item.open(), "rb") as file:
            assert file.read() == b"one"
        item.let_go()
    assert server.requests["elsewhere"]


@pytest.mark.usefixtures("server")
def test_a_listing_that_is_sent_away_goes_on() -> None:
    """Pages are asked for where the bucket is, even if nobody has checked the bucket."""
    with OpenStores() as stores:
        store, _ = stores.of(b"s3://bucket/")
        pages = list(store.pages(b"", b"", None, lambda _: False))
    assert [[info.key for info in page] for page in pages] == [[b"a//b", b"c"]]


@pytest.mark.parametrize("server", ["301 PermanentRedirect"], indirect=True)
def test_redirects_without_a_region_end(server: CannedS3) -> None:
    """An object that is only ever elsewhere cannot be had, and the message says why."""
    server.names_region = False
    with OpenStores() as stores, pytest.raises(DecodeError, match="redirects requests"):
        stores.item(b"s3://bucket/c").open()


def test_regions_that_send_us_round_end_as_an_error(server: CannedS3) -> None:
    """A server that is content with no region is given up, and says why."""
    server.region = "nowhere!"
    try:
        with OpenStores() as stores, pytest.raises(InputError, match="cannot be listed"):
            listed(stores)
    finally:
        server.region = "eu-west-3"
    assert server.requests["elsewhere"] < 20
