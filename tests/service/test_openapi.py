"""The OpenAPI document, and requests that are made from it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import hashmatch
from commands import hashmatch_command
from hashmatch.service.http import openapi
from service.conftest import MATCHING, Start

SCHEMATHESIS = shutil.which("schemathesis")


def test_the_document_knows_each_kind_of_hash() -> None:
    """Hashes fit their schema, and that of no other algorithm."""
    schema = openapi()["components"]["schemas"]["Hashes"]["properties"]["hashes"]["items"]
    for algorithm, value in (
        ("phash", str(hashmatch.phash(MATCHING))),
        ("dhash", str(hashmatch.hash(MATCHING, "dhash-256"))),
        ("sha256", "a" * 64),
        ("md5", "A" * 32),
    ):
        fitting = [
            each
            for each in schema["oneOf"]
            if algorithm in each["properties"]["algorithm"]["enum"]
            and re.search(each["properties"]["value"]["pattern"], value)
        ]
        assert len(fitting) == 1, algorithm
        assert not re.search(fitting[0]["properties"]["value"]["pattern"], value[1:])


@pytest.mark.skipif(SCHEMATHESIS is None, reason="schemathesis is not installed")
def test_requests_from_the_document_get_answers_from_it(start: Start, tmp_path: Path) -> None:
    """Whatever fits the document or just misses it gets a status and a body that are in it."""
    keys = tmp_path / "keys.toml"
    made = hashmatch_command("key", "all", "--scope", "match", "--scope", "admin")
    keys.write_bytes(made.stdout)
    service = start("--keys", keys, "--max-bytes", "1M")
    token = made.stderr.decode().split()[-1]
    command = [
        *(str(SCHEMATHESIS), "run", f"http://{service.addresses['http']}/openapi.json"),
        *("--header", f"Authorization: Bearer {token}", "--max-examples", "10"),
        # A list may ask for more hashes than a request has, which no schema can know
        *("--exclude-checks", "positive_data_acceptance", "--continue-on-failure"),
    ]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout.decode()
    assert service.stop() == 0
    assert "failed" not in {event["event"] for event in service.events}
