"""Matched uploads that the service keeps."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import hashmatch_command
from hashmatch.cli.main import run
from hashmatch.custody.quarantine import read_items, verify
from hashmatch.service.upload import Upload, UploadBudget
from service.conftest import FIXTURES, MATCHING, PICTURES, Start, clamd_client

DATA = MATCHING.read_bytes()
CANDIDATE = (PICTURES / "originals" / "mist.png").read_bytes()
CLEAR = (PICTURES / "unrelated" / "heather.jpg").read_bytes()


def held(folder: Path) -> list[bytes]:
    """The bytes of the files in a quarantine."""
    return [path.read_bytes() for path in sorted((folder / "files").iterdir())]


def test_a_match_is_on_disk_before_it_is_answered(start: Start, tmp_path: Path) -> None:
    """A match is held with its case and a line in the trail; what is clear is not."""
    folder, trail = tmp_path / "held", tmp_path / "trail.jsonl"
    service = start("--hold", folder, "--audit", trail)
    with service.client() as client:
        found = client.post("/v1/match", content=DATA).json()
        assert held(folder) == [DATA]
        assert found["held"] is True
        other = client.post("/v1/match", content=CLEAR).json()
        assert (other["verdict"], other["held"]) == ("clear", None)
        assert 'hashmatch_holds_total{result="held"} 1.0' in client.get("/metrics").text
    [item] = read_items(folder)
    assert item.case == found["case"]
    assert service.stop() == 0
    events = [json.loads(line)["event"] for line in trail.read_text().splitlines()]
    [hold] = [event for event in events if event["type"] == "hold"]
    assert (hold["case"], hold["held"], hold["id"]) == (found["case"], True, 1)
    assert item.sha256 not in trail.read_text()
    assert not verify(folder).problems


def test_a_match_by_another_door_is_held_with_the_case_that_its_client_sees(
    start: Start, tmp_path: Path
) -> None:
    """A client of clamd is told a name with the number of the case, which the item has."""
    folder, door = tmp_path / "held", tmp_path / "clamd.sock"
    start("--hold", folder, "--clamd", f"unix:{door}", "--action", "unscanned=reject")
    client = clamd_client(door)
    _, name = client.instream(io.BytesIO(DATA))["stream"]
    assert held(folder) == [DATA]
    [item] = read_items(folder)
    assert name == f"Hashmatch.Held.{item.case}"


def test_what_is_allowed_is_not_held(start: Start, tmp_path: Path) -> None:
    """The policy decides: a match that is allowed stays with its client."""
    folder = tmp_path / "held"
    service = start("--hold", folder, "--action", "match=allow")
    with service.client() as client:
        assert client.post("/v1/match", content=DATA).json()["held"] is None
    assert held(folder) == []


def test_candidates_are_held_only_where_asked(start: Start, tmp_path: Path) -> None:
    """A picture of too little detail is held with --hold-candidates, and not without."""
    for options in ((), ("--hold-candidates",)):
        folder = tmp_path / f"held{len(options)}"
        service = start("--hold", folder, *options)
        with service.client() as client:
            found = client.post("/v1/match", content=CANDIDATE).json()
        assert found["verdict"] == "candidate"
        assert held(folder) == ([CANDIDATE] if options else [])


@pytest.mark.skipif(not shutil.which("age"), reason="age is not installed")
def test_age_opens_what_is_held_encrypted(start: Start, tmp_path: Path) -> None:
    """With --hold-key, only the holder of the key can read it; restore while the service runs."""
    folder, key, back = tmp_path / "held", tmp_path / "key", tmp_path / "back.age"
    made = subprocess.run(["age-keygen", "-o", key], capture_output=True, check=True)
    service = start("--hold", folder, "--hold-key", made.stderr.decode().split()[-1])
    with service.client() as client:
        assert client.post("/v1/match", content=DATA).json()["held"] is True
    [sealed] = held(folder)
    assert sealed.startswith(b"age-encryption.org/v1")
    done = hashmatch_command("quarantine", "restore", folder, "1", "--to", back)
    assert done.returncode == 0, done.stderr
    opened = subprocess.run(["age", "-d", "-i", key, back], capture_output=True, check=True)
    assert opened.stdout == DATA
    with service.client() as client:
        assert client.post("/v1/match", content=DATA).json()["held"] is True


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that holds one upload and not two."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=80k", "tmpfs", place]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_said_and_a_match_stays_a_match(start: Start, small_disk: Path) -> None:
    """Where no copy can be written, the upload is refused all the same, and all are told."""
    service = start("--hold", small_disk / "held", "--max-bytes", "100K")
    with service.client() as client:
        assert client.post("/v1/match", content=DATA).json()["held"] is True
        full = client.post("/v1/match", content=DATA)
        assert (full.status_code, full.json()["verdict"]) == (200, "match")
        assert (full.json()["held"], full.json()["recommended_action"]) == (False, "reject")
        assert service.wait_for("hold_failed")["why"]
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["troubles"]) == (503, ["hold_failed"])
        assert 'hashmatch_holds_total{result="failed"} 1.0' in client.get("/metrics").text
        assert held(small_disk / "held") == [DATA]
        subprocess.run(["mount", "-o", "remount,size=400k", small_disk], check=True)
        service.wait_for("hold_resumed")
        assert client.get("/ready").status_code == 200
        assert client.post("/v1/match", content=DATA).json()["held"] is True


@pytest.mark.parametrize(
    "arguments",
    [("--hold-candidates",), ("--hold-key", "age1x"), ("--hold", "DIR", "--hold-key", "age1x")],
)
def test_wrong_options_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """What cannot be held as asked is said at the start."""
    given = [str(tmp_path / "held") if each == "DIR" else each for each in arguments]
    lists = ["--list", str(FIXTURES / "hashes.txt"), "--http", "127.0.0.1:0"]
    assert run(["serve", *lists, *given]) == 64


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """The service does not start with a quarantine that is not its own alone."""
    folder = tmp_path / "held"
    folder.mkdir(mode=0o755)
    lists = ["--list", str(FIXTURES / "hashes.txt"), "--http", "127.0.0.1:0"]
    assert run(["serve", *lists, "--hold", str(folder)]) == 70


def test_a_worker_cannot_change_what_is_held() -> None:
    """Once an upload has arrived, nobody who has its descriptor can write to it or resize it."""
    with Upload(UploadBudget(100), 100) as upload:
        upload.write(b"evidence")
        upload.seal()
        with pytest.raises(PermissionError):
            os.pwrite(upload.file.fileno(), b"other", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(upload.file.fileno(), 0)
        assert os.pread(upload.file.fileno(), 100, 0) == b"evidence"
