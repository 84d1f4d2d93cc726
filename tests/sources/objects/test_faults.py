"""Whatever goes wrong between a bucket and us, no object is clear that was not read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hashmatch import Matcher
from hashmatch.errors import DecodeError, InputError, SettingsError
from hashmatch.examine.sandbox import ThreadPool
from hashmatch.report import file_record
from hashmatch.scan import (
    History,
    Replay,
    State,
    WalkCounts,
    WalkOptions,
    rematch,
    scan_sources,
)
from hashmatch.sources import BucketSource, NamedObjects, OpenStores, S3Options
from hashmatch.sources.objects import store as store_module
from scan.trees import far_list, list_of, picture

from . import servers
from .canned import CannedS3, running

TRANSIENT = [
    *("500", "503", "reset", "short", "slow", "400 ExpiredToken it has expired", "bad headers"),
]
LASTING = {
    "404 NoSuchKey no": "vanished",
    "412 PreconditionFailed no": "changed",
    "wrong etag": "changed",
    "other body": "changed",
    "403 AccessDenied no": "permission",
    "403 InvalidObjectState no": "unavailable",
    "400 InvalidRequest stored using a form of Server Side Encryption": "permission",
    "400 Weird no": "unavailable",
}


@pytest.fixture(scope="module")
def server_of_module() -> Iterator[CannedS3]:
    """The one server that all tests here ask."""
    with running() as server:
        yield server


@pytest.fixture
def server(server_of_module: CannedS3, monkeypatch: pytest.MonkeyPatch) -> CannedS3:
    """A server with a few pictures; nobody waits long between attempts."""
    for name, value in servers.environment(server_of_module.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(store_module, "_DELAYS", (0.01,) * 4)
    server = server_of_module
    server.objects.clear()
    server.faults.clear()
    server.requests.clear()
    server.page, server.delay = 1000, 0.0
    for seed in range(4):
        server.put(b"%d.jpg" % seed, picture(seed))
    return server


@cache
def stores_at(url: str, most_bytes: int = 1 << 30) -> OpenStores:
    """What reaches a server, for all tests: a client takes long to make."""
    assert url == os.environ["AWS_ENDPOINT_URL_S3"]
    return OpenStores(most_bytes=most_bytes)


def scanned(
    state: Path | None = None,
    matcher: Matcher | None = None,
    *,
    root: bytes = b"s3://bucket/",
    walk: WalkOptions = WalkOptions(),  # noqa: B008 # frozen
    rehash: bool = False,
    most_bytes: int = 1 << 30,
) -> dict[str, Any]:
    """The records of a scan, by key; the counts of its history."""
    chosen = matcher or Matcher([list_of(picture(1))])
    counts = WalkCounts()
    with ThreadPool(2) as pool:
        stores = stores_at(os.environ["AWS_ENDPOINT_URL_S3"], most_bytes)
        source = BucketSource(stores, root, counts, walk)
        if state is None:
            found = list(scan_sources([source], chosen, pool))
        else:
            with State(state) as opened:
                history = History(opened, chosen.options, rehash=rehash)
                found = list(scan_sources([source], chosen, pool, history))
    records = [file_record(result) for result in found]
    assert len({each["path"] for each in records}) == len(records)
    return {each.pop("path").removeprefix("s3://bucket/"): each for each in records}


@pytest.mark.parametrize("fault", TRANSIENT)
def test_fault_that_passes_changes_no_record(server: CannedS3, fault: str) -> None:
    """A request that fails is made again, up to five times in all."""
    expected = scanned()
    for seed in range(4):
        server.faults[b"%d.jpg" % seed] = [fault] * (1 if fault == "slow" else seed + 1)
    assert scanned() == expected
    assert not any(server.faults.values())
    assert expected["1.jpg"]["verdict"] == "match"


@pytest.mark.parametrize("fault", TRANSIENT[:4])
def test_fault_that_stays_leaves_the_object_unscanned(server: CannedS3, fault: str) -> None:
    """After five attempts the object is unavailable, and the others have their records."""
    expected = scanned()
    server.faults[b"1.jpg"] = [fault] * 5
    found = scanned()
    assert found.pop("1.jpg")["reason"] == "unavailable"
    del expected["1.jpg"]
    assert found == expected
    assert not server.faults[b"1.jpg"]


@pytest.mark.parametrize(("fault", "reason"), LASTING.items())
def test_fault_that_cannot_pass_is_a_reason(server: CannedS3, fault: str, reason: str) -> None:
    """Each has its own reason at the first attempt; an answer that is another object is one too."""
    server.faults[b"1.jpg"] = [fault]
    found = scanned()["1.jpg"]
    assert (found["verdict"], found["reason"]) == ("unscanned", reason)
    if "Encryption" in fault:
        assert "SSE-C" in found["detail"]


def test_object_replaced_after_it_was_listed_has_changed(server: CannedS3) -> None:
    """The version that was listed is asked for, and no other is taken for it."""
    stores = stores_at(server.url)
    first = next(iter(BucketSource(stores, b"s3://bucket/", WalkCounts(), WalkOptions())))
    server.put(b"0.jpg", picture(9))
    with pytest.raises(DecodeError, match="changed since it was listed"):
        first.open()


def test_version_from_before_a_bucket_kept_any_is_deleted_by_its_name(server: CannedS3) -> None:
    """Without it, a marker would only hide the object; nor is another one in its place deleted."""
    server.objects[b"0.jpg"] = server.objects[b"0.jpg"]._replace(version="null")
    store, key = stores_at(server.url).s3(b"s3://bucket/0.jpg")
    found = store.look(key)
    store.remove(found)
    assert server.deleted == ["/bucket/0.jpg?versionId=null"]
    server.put(b"0.jpg", picture(9))
    with pytest.raises(DecodeError, match="changed"):
        store.remove(found)
    assert len(server.deleted) == 1


@pytest.mark.parametrize("fault", ["503", "garbage", "reset"])
def test_listing_is_asked_for_again(server: CannedS3, fault: str) -> None:
    """A page that fails is asked for again, and no object comes twice."""
    server.page = 1
    expected = scanned()
    server.faults[b"?list"] = [fault, fault]
    assert scanned() == expected
    assert list(expected) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]


@pytest.mark.parametrize("fault", ["endless", "stuck", "403 AccessDenied no"])
def test_listing_that_makes_no_sense_is_unscanned(server: CannedS3, fault: str) -> None:
    """It is no empty bucket, takes no memory without end, and does not go in circles."""
    server.faults[b"?list"] = [fault]
    found = scanned()
    assert list(found) == [""]
    assert found[""]["reason"] == ("permission" if "403" in fault else "unavailable")


def test_listing_that_ends_early_is_unscanned_and_nothing_after_it_is_gone(
    server: CannedS3, tmp_path: Path
) -> None:
    """What was listed is scanned; a record says that the rest was not; the state keeps the rest."""
    server.page = 2
    state = tmp_path / "state"
    expected = scanned(state)
    server.faults[b"?list"] = ["slow"] + ["503"] * 5
    del server.objects[b"0.jpg"]
    found = scanned(state)
    assert found.pop("")["reason"] == "unavailable"
    assert found == {key: expected[key] for key in ("1.jpg", "2.jpg")}
    with State(state) as opened:
        gone = {row[0].key: row[0].gone is not None for row in opened.files.everything()}
    assert gone[b"s3://bucket/0.jpg"]
    assert not gone[b"s3://bucket/3.jpg"]
    server.requests.clear()
    assert scanned(state) == {key: expected[key] for key in ("1.jpg", "2.jpg", "3.jpg")}
    assert not server.requests["GET"]


def test_second_scan_reads_only_what_changed(server: CannedS3, tmp_path: Path) -> None:
    """Known objects cost no request; a new version does, and one that is gone is noted."""
    state = tmp_path / "state"
    first = scanned(state)
    assert server.requests["GET"] == 4
    assert scanned(state) == first
    assert server.requests["GET"] == 4
    server.put(b"0.jpg", picture(1))
    del server.objects[b"3.jpg"]
    found = scanned(state)
    assert server.requests["GET"] == 5
    assert found["0.jpg"]["verdict"] == "match"
    assert "3.jpg" not in found


def test_object_written_just_before_it_is_read_is_read_again(
    server: CannedS3, tmp_path: Path
) -> None:
    """Times have whole seconds, so the same ETag and time may hide another object."""
    import time  # noqa: PLC0415

    server.put(b"0.jpg", picture(0), int(time.time()) + 60)
    scanned(tmp_path / "state")
    server.requests.clear()
    scanned(tmp_path / "state")
    assert server.requests["GET"] == 1


def test_state_of_one_endpoint_is_not_used_for_another(server: CannedS3, tmp_path: Path) -> None:
    """A bucket of the same name elsewhere is another bucket."""
    scanned(tmp_path / "state")
    with running() as other:
        other.objects.update(server.objects)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_S3", other.url)
            scanned(tmp_path / "state")
        assert other.requests["GET"] == 4


def test_preview_near_a_new_entry_is_read_again_if_it_is_the_same(
    server: CannedS3, tmp_path: Path
) -> None:
    """A scan with a state reads a candidate again to be sure, and notices another in its place."""
    state, large = tmp_path / "state", picture(7, (1200, 900))
    server.put(b"large.jpg", large)
    scanned(state, Matcher([far_list()]))
    server.requests.clear()
    matcher = Matcher([list_of(large)])
    assert scanned(state, matcher)["large.jpg"]["verdict"] == "match"
    assert server.requests["GET"] == 1


def test_rematch_reads_a_preview_again_if_it_is_the_same(server: CannedS3, tmp_path: Path) -> None:
    """Another object in its place is not taken for it, and the match says so."""
    large = picture(7, (1200, 900))
    server.put(b"large.jpg", large)
    scanned(tmp_path / "state", Matcher([far_list()]))
    matcher, confirmed = Matcher([list_of(large)]), []
    for _ in range(2):
        with State(tmp_path / "state") as state, ThreadPool(1) as pool:
            objects = stores_at(server.url).item
            replay = Replay(state, matcher.options, objects=objects)
            replay.refine = lambda *_: None  # type: ignore[method-assign] # so that it stays a preview
            found = [each for each in rematch(matcher, pool, replay) if each.outcome.matches]
        confirmed += [match.confirmed for each in found for match in each.outcome.matches]
        server.put(b"large.jpg", picture(8, (1200, 900)))
    assert confirmed == [True, False]


def test_many_are_read_at_once_within_the_bound_on_bytes(server: CannedS3) -> None:
    """Many are asked for together; with little memory, fewer are, and none that is too large."""
    body = picture(1)
    for number in range(40):
        server.put(b"%02d" % number, body)
    server.reads.expect(9)
    expected = scanned(root=b"s3://bucket/")
    assert server.reads.most > 8
    server.delay = 0.02
    server.reads.expect(1)
    assert scanned(most_bytes=3 * len(body)) == expected
    assert server.reads.most <= 4
    server.requests.clear()
    found = scanned(most_bytes=len(body) - 1, root=b"s3://bucket/0")
    assert found["00"]["reason"] == "too_large"


@pytest.mark.usefixtures("server")
def test_patterns_leave_objects_out_and_none_of_them_is_gone(
    tmp_path: Path,
) -> None:
    """Patterns are those of folders, below the prefix."""
    scanned(tmp_path / "state")
    found = scanned(tmp_path / "state", walk=WalkOptions(exclude=("1.*",), include=("[01].jpg",)))
    assert list(found) == ["0.jpg"]
    with State(tmp_path / "state") as opened:
        assert all(row[0].gone is None for row in opened.files.everything())


def test_keys_below_a_prefix_are_all_that_begin_with_it(server: CannedS3, tmp_path: Path) -> None:
    """A prefix is no folder, and a scan of one says nothing about keys beside it."""
    for key in (b"ab/1", b"ab1", b"ab", b"ac", "ab\u00e9".encode(), b"a"):
        server.put(key, b"text")
    everything = scanned(tmp_path / "state")
    with State(tmp_path / "state") as opened:
        other = opened.files.group(b"s3://bucket/ab")[0]
        for path in (b"s3://bucket-2/a", b"s3://bucket2/a"):
            opened.files.adopt(path, (1, "mark", None), 1, [other])
    assert scanned(tmp_path / "state", root=b"s3://bucket") == everything
    del server.objects[b"ac"], server.objects[b"ab1"]
    found = scanned(tmp_path / "state", root=b"s3://bucket/ab")
    assert list(found) == ["ab", "ab/1", "ab\u00e9"]
    with State(tmp_path / "state") as opened:
        gone = [row[0].key for row in opened.files.everything() if row[0].gone is not None]
    assert gone == [b"s3://bucket/ab1"]
    assert len(everything) == 10


def test_manifest_of_what_is_not_there(server: CannedS3, tmp_path: Path) -> None:
    """A key that no object has is vanished; with a state, known objects cost no reading."""
    paths = [(b"s3://bucket/" + key, None) for key in (b"1.jpg", b"nowhere", b"0.jpg")]
    matcher = Matcher([far_list()])
    for reads in (2, 0):
        server.requests.clear()
        with ThreadPool(1) as pool, State(tmp_path / "state") as state:
            history = History(state, matcher.options)
            source = NamedObjects(stores_at(server.url), paths)
            found = list(scan_sources([source], matcher, pool, history))
        reasons = [each.outcome.reason for each in found]
        assert reasons == [None, "vanished", None]
        assert server.requests["GET"] == reads


@pytest.mark.parametrize(
    ("fault", "why"),
    [("404 NoSuchBucket no", "there is no such bucket"), ("403 AccessDenied no", "not permitted")],
)
def test_bucket_that_lets_nobody_in_is_an_error(server: CannedS3, fault: str, why: str) -> None:
    """It is reported before anything is scanned, as a folder that does not exist is."""
    server.faults[b"?list"] = [fault]
    with pytest.raises(InputError, match=why):
        BucketSource(stores_at(server.url), b"s3://bucket/x", WalkCounts(), WalkOptions()).check()


def test_requester_pays_only_when_asked_to(server: CannedS3) -> None:
    """Listings and objects are asked for as a requester who pays, and otherwise never so."""
    server.paid.clear()
    scanned()
    assert server.paid == {False: 5}
    with OpenStores(S3Options(requester_pays=True)) as stores:
        for item in BucketSource(stores, b"s3://bucket/", WalkCounts(), WalkOptions()):
            os.close(item.open())
    assert server.paid == {False: 5, True: 5}


@pytest.mark.usefixtures("server")
def test_profile_that_does_not_exist_is_an_error() -> None:
    """The message is botocore's, which names the profile."""
    with (
        OpenStores(S3Options(profile="nobody")) as stores,
        pytest.raises(SettingsError, match="nobody"),
    ):
        stores.of(b"s3://bucket/")


def test_without_credentials_nothing_is_asked(
    server: CannedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what is missing."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    with OpenStores() as stores, pytest.raises(InputError, match="there are no AWS credentials"):
        stores.s3(b"s3://bucket/")[0].check()
    assert not server.requests


def test_a_bucket_that_lies_ends_no_scan(server: CannedS3, tmp_path: Path) -> None:
    """Objects with an impossible key, size or date are unscanned, and the state takes them in."""
    for _ in range(2):
        server.faults[b"?list"] = ["absurd"]
        found = scanned(tmp_path / "state")
        reasons = {key: found[key]["reason"] for key in ("huge", "less")}
        assert reasons == {"huge": "too_large", "less": "vanished"}
        assert {each["verdict"] for each in found.values()} == {"unscanned"}
