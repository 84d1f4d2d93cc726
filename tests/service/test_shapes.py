"""Clients of other services, which need only another address."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import hashmatch
from commands import environment, hashmatch_command
from hashmatch.cli.main import run
from service.conftest import FIXTURES, MATCHING, PICTURES, Service, Start, copy_of_list

DATA = MATCHING.read_bytes()
CLEAR = (PICTURES / "unrelated" / "heather.jpg").read_bytes()
CANDIDATE = (PICTURES / "originals" / "mist.png").read_bytes()
CUT = CLEAR[:2000]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that answers in every shape."""
    shapes = [text for name in ("shield", "pictrs", "hma") for text in ("--shape", name)]
    hash_list = copy_of_list(tmp_path_factory.mktemp("shapes"))
    running = Service("--list", hash_list, "--http", "127.0.0.1:0", "--jobs", "1", *shapes)
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """A client of that service."""
    with service.client() as made:
        yield made


SDK = """
import json, sys
from pathlib import Path
from arachnid_shield_sdk import ArachnidShield
from arachnid_shield_sdk.models import ArachnidShieldException

shield = ArachnidShield(username="anyone", password=sys.argv[1])
for name in sys.argv[2:]:
    try:
        found = shield.scan_media_from_bytes(Path(name).read_bytes(), "image/jpeg")
    except ArachnidShieldException as error:
        print(json.dumps({"error": str(error)}))
    else:
        print(json.dumps({**found.to_dict(), "matches": found.matches_known_media}))
"""


def test_the_sdk_of_arachnid_shield_gets_its_answers(start: Start, tmp_path: Path) -> None:
    """A match is known media, what is clear is not; all else is an error, and so is a wrong key."""
    made = hashmatch_command("key", "uploads")
    keys, key = tmp_path / "keys.toml", made.stderr.decode().split()[-1]
    keys.write_bytes(made.stdout)
    service = start("--shape", "shield", "--keys", keys)
    files = {"match": DATA, "clear": CLEAR, "candidate": CANDIDATE, "cut": CUT, "empty": b""}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def scan(key: str, *names: str) -> list[dict[str, object]]:
        url = f"http://{service.addresses['http']}/"
        done = subprocess.run(
            [sys.executable, "-c", SDK, key, *(tmp_path / name for name in names)],
            env={**environment(), "ARACHNID_SHIELD_URL": url, "NO_PROXY": "*"},
            capture_output=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    match, clear, *others = scan(key, *files)
    assert (match["matches"], match["classification"], match["match_type"]) == (
        True,
        "csam",
        "near",
    )
    assert match["sha256_hex"] == hashlib.sha256(DATA).hexdigest()
    assert match["sha1_base32"] == base64.b32encode(hashlib.sha1(DATA).digest()).decode()
    assert match["size_bytes"] == len(DATA)
    assert (clear["matches"], clear["classification"]) == (False, "no-known-match")
    assert ["error" in each for each in others] == [True] * 3
    assert "truncated" in str(others[1]["error"])
    assert "error" in scan("wrong", "match")[0]


def test_pict_rs_takes_only_what_is_allowed(client: httpx.Client) -> None:
    """Its external validation passes on 2xx: that is what the policy allows, and nothing else."""
    for data, status in ((CLEAR, 204), (DATA, 403), (CANDIDATE, 403), (CUT, 403), (b"", 400)):
        answer = client.post("/pictrs", content=data, headers={"content-type": "image/jpeg"})
        assert answer.status_code == status
        assert "synthetic" not in answer.text


def test_hma_lookup_of_a_file(client: httpx.Client) -> None:
    """A match is listed by type and bank; what is undecided or damaged is an error."""
    found = client.post("/m/lookup", files={"photo": DATA}).json()
    assert found["phash"]["synthetic"][0] == {
        "bank_content_id": "synthetic-0001",
        "distance": "0",
    }
    clear = client.post("/m/lookup", files={"photo": CLEAR})
    assert (clear.status_code, set(map(len, clear.json().values()))) == (200, {0})
    for data, status in ((CANDIDATE, 422), (CUT, 422), (b"", 400)):
        answer = client.post("/m/lookup", files={"photo": data})
        assert answer.status_code == status
        assert answer.json()["message"]


def test_hma_lookup_of_a_signal(client: httpx.Client) -> None:
    """A hash is looked up among those of its type; an unknown type or value is an error."""
    query = {"signal_type": "phash", "signal": str(hashmatch.phash(MATCHING))}
    raw = client.get("/m/raw_lookup", params=query).json()
    assert raw["matches"][0] == "synthetic-0001"
    raw = client.get("/m/raw_lookup", params={**query, "include_distance": "true"}).json()
    assert raw["matches"][0] == {"bank_content_id": "synthetic-0001", "distance": "0"}
    banks = client.get("/m/lookup", params=query).json()
    assert banks["synthetic"][0]["bank_content_id"] == "synthetic-0001"
    far = {**query, "signal": str(hashmatch.phash(PICTURES / "unrelated" / "heather.jpg"))}
    assert client.get("/m/raw_lookup", params=far).json() == {"matches": []}
    for wrong in (
        {},
        {"signal_type": "video_md5", "signal": "0" * 32},
        {"signal_type": "md5", "signal": "0" * 32},
        {"signal_type": "phash", "signal": "xyz"},
    ):
        assert client.get("/m/raw_lookup", params=wrong).status_code == 400
    assert client.get("/m/lookup", params={"url": "http://127.0.0.1/a"}).status_code == 403
    assert client.get("/status").text == "I-AM-ALIVE"


def test_shapes_are_off_unless_asked_for(start: Start) -> None:
    """Without --shape, there are no such paths."""
    with start().client() as client:
        for path in ("/v1/media/", "/pictrs", "/m/lookup", "/status"):
            assert client.post(path, content=DATA).status_code == 404


@pytest.mark.parametrize(
    "arguments",
    [("--http", "127.0.0.1:0", "--shape", "x"), ("--clamd", "127.0.0.1:0", "--shape", "hma")],
)
def test_wrong_options_are_refused(arguments: tuple[str, ...]) -> None:
    """An unknown service, and one without HTTP, exit 64."""
    lists = ["--list", str(FIXTURES / "hashes.txt"), "--action", "unscanned=reject"]
    assert run(["serve", *lists, *arguments]) == 64
