"""Hosts that hash their files themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hashmatch
from counts import examples
from hashmatch.errors import HashmatchError
from hashmatch.service.requests import read_hashes
from service.conftest import MATCHING, PICTURES, Service

DATA = MATCHING.read_bytes()
OTHER = PICTURES / "unrelated" / "heather.jpg"
CANDIDATE = PICTURES / "originals" / "mist.png"


def phash(path: Path) -> dict[str, str]:
    """A hash as a host sends it."""
    return {"algorithm": "phash", "value": str(hashmatch.phash(path))}


def digest(path: Path) -> dict[str, str]:
    """A digest as a host sends it."""
    return {"algorithm": "sha256", "value": hashlib.sha256(path.read_bytes()).hexdigest()}


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service keeps its audit trail."""
    return tmp_path_factory.mktemp("lookup") / "trail.jsonl"


@pytest.fixture(scope="module")
def service(trail: Path) -> Iterator[Service]:
    """A service whose list has a phash and a digest."""
    hash_list = trail.with_name("list.txt")
    hash_list.write_text(
        f"# name: both\nphash:{hashmatch.phash(MATCHING)} picture\n"
        f"sha256:{digest(MATCHING)['value']} bytes\nphash:{hashmatch.phash(CANDIDATE)} mist\n"
    )
    hash_list.chmod(0o600)
    options = ("--http", "127.0.0.1:0", "--jobs", "1", "--audit", trail)
    running = Service("--list", hash_list, *options)
    yield running
    assert running.stop() == 0


def ask(service: Service, *hashes: dict[str, str], **more: Any) -> httpx.Response:
    """Look hashes up."""
    with service.client() as client:
        return client.post("/v1/lookup", json={"hashes": hashes, **more})


def test_a_hash_that_is_near_is_a_match(service: Service, trail: Path) -> None:
    """One hash near an entry is enough, and neither the answer nor the trail repeats a hash."""
    for told, entry in ((phash(MATCHING), "picture"), (digest(MATCHING), "bytes")):
        answer = ask(service, told)
        found = answer.json()
        assert (answer.status_code, found["verdict"]) == (200, "match")
        assert [match["entry"] for match in found["matches"]] == [entry]
        assert found["recommended_action"] == "reject"
        assert found["case"]
        assert told["value"] not in answer.text
        assert '"door":"http"' in (kept := trail.read_text())
        assert told["value"] not in kept


def test_only_a_picture_looked_up_by_all_kinds_is_clear(service: Service) -> None:
    """As long as the lists have other kinds of hashes, there is no verdict."""
    for some in ([phash(OTHER)], [digest(OTHER)], [{"algorithm": "md5", "value": "0" * 32}]):
        answer = ask(service, *some)
        assert (answer.status_code, answer.json()["reason"]) == (422, "hashes_missing")
        assert "verdict" not in answer.json()
    assert ask(service, phash(OTHER), digest(OTHER)).json()["verdict"] == "clear"


def test_a_hash_of_little_detail_makes_a_candidate(service: Service) -> None:
    """A quality below the floor makes a near entry a candidate for a human."""
    answer = ask(service, phash(CANDIDATE), digest(CANDIDATE), quality=1)
    assert answer.json()["verdict"] == "candidate"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[" * 60_000,
        b"[]",
        b"{}",
        b'{"hashes": []}',
        b'{"hashes": [{}]}',
        b'{"hashes": [{"algorithm": "phash", "value": "0x1"}]}',
        b'{"hashes": [{"algorithm": "sha256", "value": "0123456789abcdef"}]}',
        b'{"hashes": [{"algorithm": "none", "value": "0123456789abcdef"}]}',
        b'{"hashes": [{"algorithm": ["phash"], "value": "0123456789abcdef"}]}',
        b'{"hashes": [{"algorithm": "md5", "value": 1}]}',
        b'{"hashes": [{"algorithm": "phash", "value": "0123456789abcdef"}], "quality": true}',
        b'{"hashes": [{"algorithm": "phash", "value": "0123456789abcdef"}], "quality": 101}',
        b'{"hashes": [{"algorithm": "phash", "value": "0123456789abcdef"}], "other": 1}',
        (
            b'{"hashes": ['
            b'{"algorithm": "phash", "value": "0123456789abcdef"},'
            b'{"algorithm": "phash", "value": "0123456789abcdee"}]}'
        ),
    ],
)
def test_what_is_no_hash_gets_no_verdict(service: Service, body: bytes) -> None:
    """A wrong request is malformed, and the answer does not repeat a hash."""
    with service.client() as client:
        answer = client.post("/v1/lookup", content=body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed")
    assert "0123456789abcde" not in answer.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["phash", "md5"]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["hashes", "quality", "algorithm", "value"]), inner)
    ),
    max_leaves=8,
)


@examples(100)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_request_is_read_or_refused(body: bytes) -> None:
    """Whatever a body holds, it gives hashes or an error that belongs to hashmatch."""
    try:
        hashes, quality = read_hashes(body)
    except HashmatchError:
        return
    assert hashes
    assert 0 <= quality <= 100
