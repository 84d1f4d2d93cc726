"""Uploads that match become cases, and decisions about them hold from the next upload on."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from examine.archive.makers import make_zip
from hashmatch.cases import Cases
from hashmatch.cli.main import run
from hashmatch.service.ruling import address_of
from service.conftest import FIXTURES, MATCHING, Start, copy_of_list

DATA = MATCHING.read_bytes()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        *(("192.0.2.7", "192.0.2.7"), (" 2001:db8::1 ", "2001:db8::1"), (None, None)),
        *(("fe80::1%<script>", "fe80::1"), ("", None), ("no", None)),
    ],
)
def test_an_address_is_an_address(text: str | None, address: str | None) -> None:
    """Of what a client says about an uploader's address, only an IP address is kept."""
    assert address_of(text) == address


def test_one_decision_holds_for_every_door(
    start: Start, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """A false positive of an upload no longer matches: by itself, in an archive, in a scan."""
    place, trail, folder = (tmp_path / name for name in ("cases.db", "audit.log", "held"))
    service = start("--cases", place, "--audit", trail, "--hold", folder)
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "copy.jpg").write_bytes(DATA)
    scan = ["scan", str(whole), "--list", str(copy_of_list(tmp_path)), "--cases", str(place)]
    with service.client(headers={"X-Client-IP": "192.0.2.7"}) as client:
        first = client.post("/v1/match", content=DATA).json()
        assert first["verdict"] == "match"
        assert (
            client.post("/v1/match", content=make_zip({"a.jpg": DATA})).json()["verdict"] == "match"
        )
        assert run(scan) == 1
        with Cases(place, create=False) as cases:
            (row,) = cases.queue().rows
            case = cases.get(row.id)
            upload = next(each.place for each in case.places if each.place.number == first["case"])
            assert (upload.door, upload.address) == ("http", "192.0.2.7")
            assert (upload.quarantine, upload.item) == (str(folder), 1)
            assert {each.place.door for each in case.places} == {"http", "scan"}
            assert {each.place.path for each in case.places} >= {None, b"a.jpg"}
            cases.decide(case.id, "ann", "false_positive")
        again = client.post("/v1/match", content=DATA).json()
        assert again["verdict"] == "clear"
        assert (
            client.post("/v1/match", content=make_zip({"b.jpg": DATA})).json()["verdict"] == "clear"
        )
    capfd.readouterr()
    assert run([*scan, "--format", "jsonl"]) == 0
    record = json.loads(capfd.readouterr().out.splitlines()[0])
    (gone,) = record["suppressed"]
    assert (record["verdict"], gone["by"]) == ("clear", "ann")
    assert gone["at"] == cases_time(place)
    assert service.stop() == 0


def cases_time(place: Path) -> str:
    """When the only decision was made."""
    with Cases(place, create=False) as cases:
        (made,) = cases.decisions()
    return made.at.isoformat(timespec="seconds")


def test_hashes_that_a_client_computed_are_a_case_too(start: Start, tmp_path: Path) -> None:
    """The same hashes are one case, and a false positive on them stops the match."""
    place = tmp_path / "cases.db"
    service = start("--cases", place)
    lines = (FIXTURES / "hashes.txt").read_text().splitlines()
    value = next(line.split()[0] for line in lines if line and line[0] != "#")
    asked = {"hashes": [{"algorithm": "phash", "value": value}]}
    with service.client() as client:
        first = client.post("/v1/lookup", json=asked)
        assert first.status_code == 200, first.text
        assert first.json()["verdict"] == "match"
        client.post("/v1/lookup", json=asked)
        with Cases(place, create=False) as cases:
            (row,) = cases.queue().rows
            assert row.copies == 2
            content = cases.get(row.id).content
            assert content.startswith("hashes:")
            assert value not in content
            cases.decide(row.id, "ann", "false_positive")
        # The list also has other kinds of hashes, without which nothing is clear
        assert client.post("/v1/lookup", json=asked).json()["reason"] == "hashes_missing"


def test_a_store_that_fails_does_not_clear_anything(start: Start, tmp_path: Path) -> None:
    """While decisions cannot be read, they suppress nothing, and the service is not ready."""
    place = tmp_path / "cases.db"
    service = start("--cases", place)
    with service.client() as client:
        assert client.post("/v1/match", content=DATA).json()["verdict"] == "match"
        with Cases(place, create=False) as cases:
            cases.decide(1, "ann", "false_positive")
        assert client.post("/v1/match", content=DATA).json()["verdict"] == "clear"
        rename(place, "matches", "elsewhere")
        assert client.post("/v1/match", content=DATA).json()["verdict"] == "match"
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["troubles"]) == (503, ["cases_failed"])
        rename(place, "elsewhere", "matches")
        service.wait_for("cases_resumed")
        assert client.post("/v1/match", content=DATA).json()["verdict"] == "clear"


def rename(place: Path, old: str, new: str) -> None:
    """Break a store, or mend it."""
    connection = sqlite3.connect(place)
    connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
    connection.close()
