"""From a match to a decision on the page, and back to every door."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import httpx

from commands import hashmatch_command
from hashmatch.service.keys import new_key
from service.conftest import MATCHING, Start, copy_of_list


def record_of(path: Path) -> dict[str, Any]:
    """The one file of a scan or a rematch."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    [found] = [each for each in records if each["type"] == "file"]
    return found


def test_a_false_positive_decided_on_the_page_stops_matching_everywhere(
    start: Start, tmp_path: Path
) -> None:
    """A scan, a rematch and a running service heed it at their next call, and say who decided."""
    uploads, out = tmp_path / "uploads", tmp_path / "out.jsonl"
    uploads.mkdir()
    shutil.copy(MATCHING, uploads / "a.jpg")
    state = ("--state", tmp_path / "scan.db", "--cases", tmp_path / "cases.db")
    lists = ("--list", copy_of_list(tmp_path), "--format", "jsonl", "-o", out)
    assert hashmatch_command("scan", uploads, *state, *lists).returncode == 1
    assert record_of(out)["verdict"] == "match"
    (shop, shop_lines), (ada, ada_lines) = new_key("shop", ["match"]), new_key("ada", ["review"])
    (tmp_path / "keys.toml").write_text(shop_lines + ada_lines)
    service = start(
        *("--http", "127.0.0.1:0", "--review", "127.0.0.1:0", "--keys", tmp_path / "keys.toml"),
        *("--cases", tmp_path / "cases.db", "--audit", tmp_path / "audit.log"),
    )
    headers = {"Authorization": f"Bearer {shop}"}
    with service.client(headers=headers) as client:
        assert client.post("/v1/match", content=MATCHING.read_bytes()).json()["verdict"] == "match"
        decide(f"http://{service.addresses['review']}/review", ada)
        found = client.post("/v1/match", content=MATCHING.read_bytes()).json()
        assert (found["verdict"], found["matches"]) == ("clear", [])
    for command in (("scan", uploads), ("rematch",)):
        assert hashmatch_command(*command, *state, *lists).returncode == 0
        record = record_of(out)
        assert (record["verdict"], record["matches"]) == ("clear", [])
        assert record["suppressed"]
        assert "ada" in json.dumps(record["suppressed"])
    assert service.stop() == 0
    trail = [
        json.loads(line)["event"] for line in (tmp_path / "audit.log").read_text().splitlines()
    ]
    [decision] = [event for event in trail if event["type"] == "decision"]
    assert (decision["reviewer"], decision["decision"]) == ("ada", "false_positive")


def decide(page: str, key: str) -> None:
    """Decide the only case on the page that the scan and the upload share."""
    with httpx.Client(base_url=page, trust_env=False, timeout=60) as browser:
        assert browser.post("/login", data={"key": key}).status_code == 303
        queue = browser.get("/").text
        assert "1 case waiting" in queue
        assert "2 copies" in queue
        token = re.search(r'name="token" value="([^"]+)"', queue)
        assert token is not None
        form = {"token": token[1], "decision": "false_positive", "reason": "different picture"}
        case = browser.post("/next", data=form).headers["location"].removeprefix("/review")
        assert browser.post(f"{case}/preview", data=form | {"show": "blurred"}).status_code == 200
        assert browser.post(f"{case}/decide", data=form).status_code == 303
        assert "0 cases waiting" in browser.get("/").text
