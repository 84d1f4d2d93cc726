"""Scans of buckets in servers that others wrote give the records of the same files in a folder."""

from __future__ import annotations

import csv
import gzip
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from commands import hashmatch_command, records
from hashmatch.custody.quarantine.bucket import copy_checked
from hashmatch.errors import DecodeError
from hashmatch.sources import OpenStores
from scan.trees import list_of, picture

from . import servers

BODIES = [picture(seed) for seed in range(5)] + [b"", b"no picture", picture(5)[:500]]


@pytest.fixture(scope="module", params=["moto", "rclone", "swift"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server that has a bucket ``files`` with every odd key that it takes."""
    root = tmp_path_factory.mktemp("buckets")
    (root / "files").mkdir()
    running = getattr(servers, request.param)(*([] if request.param == "moto" else [root]))
    with running as url:
        client = servers.client(url)
        if request.param != "rclone":
            client.create_bucket(Bucket="files")
        for number, key in enumerate(servers.ODD_KEYS):
            # Its routing knows no newlines, and rclone keeps objects as files
            try:
                client.put_object(Bucket="files", Key=key, Body=BODIES[number % len(BODIES)])
            except client.exceptions.ClientError:
                assert request.param != "swift"
        time.sleep(2)  # what was written just now would be read again
        yield url


@pytest.fixture
def server(running: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its URL; commands find it by their environment."""
    for name, value in servers.environment(running).items():
        monkeypatch.setenv(name, value)
    return running


def stored(url: str) -> dict[str, bytes]:
    """What the bucket holds, as botocore sees it."""
    client = servers.client(url)
    listed = client.list_objects_v2(Bucket="files").get("Contents", [])
    return {
        each["Key"]: client.get_object(Bucket="files", Key=each["Key"])["Body"].read()
        for each in listed
    }


def scanned(*arguments: str | Path, command: str = "scan", code: int = 3) -> Any:
    """The records of a scan, and its summary."""
    done = hashmatch_command(command, *arguments, "--format", "jsonl")
    assert done.returncode == code, done.stderr.decode()
    *files, summary = records(done.stdout)
    return files, summary


@pytest.fixture
def hash_list(tmp_path: Path) -> Path:
    """A list with one of the pictures."""
    (section,) = list_of(picture(1)).sections.values()
    path = tmp_path / "list.txt"
    path.write_text(f"# algorithm: phash\n{int(section.codes[0, 0]):016x} entry-0\n")
    return path


def test_records_equal_those_of_a_folder(server: str, hash_list: Path, tmp_path: Path) -> None:
    """Each object has the record of a file with its bytes, and is named s3://bucket/key."""
    objects = stored(server)
    assert len(objects) > 15
    (tmp_path / "folder").mkdir()
    for number, body in enumerate(objects.values()):
        (tmp_path / "folder" / f"{number:02}").write_bytes(body)
    there, summary = scanned("s3://files", "--list", hash_list)
    here, _ = scanned(tmp_path / "folder", "--list", hash_list)
    assert [each.pop("path") for each in there] == [f"s3://files/{key}" for key in objects]
    for each in here:
        del each["path"]
    assert there == here
    assert summary["run"]["paths"] == ["s3://files"]


@pytest.mark.usefixtures("server")
def test_second_scan_and_rematch_give_the_same(hash_list: Path, tmp_path: Path) -> None:
    """With a state, every object is recalled, and records are the same again."""
    state = tmp_path / "state"
    arguments = ("s3://files/", "--list", hash_list, "--state", state)
    first, before = scanned(*arguments)
    second, after = scanned(*arguments)
    assert second == first
    assert before["run"]["state"]["recalled"] == 0
    assert after["run"]["state"]["recalled"] == len(first)
    again, _ = scanned("--list", hash_list, "--state", state, command="rematch")
    assert again == first


@pytest.mark.parametrize("running", ["rclone"], indirect=True)
def test_manifest_and_inventory_name_objects(server: str, hash_list: Path, tmp_path: Path) -> None:
    """Objects that --files-from names have the records of a scan, in the order of that file."""
    everything, _ = scanned("s3://files", "--list", hash_list)
    wanted = everything[::-2]
    keys = [each["path"].removeprefix("s3://files/") for each in wanted]
    (tmp_path / "keys").write_bytes(b"".join(f"{key}\0".encode() for key in keys))
    client = servers.client(server)
    with gzip.open(tmp_path / "inventory.csv.gz", "wt", newline="") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_ALL)
        for key in keys:
            head = client.head_object(Bucket="files", Key=key)
            when = head["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
            rows.writerow(
                ["files", quote_plus(key, safe="/"), head["ETag"], when, head["ContentLength"]]
            )
            rows.writerow(["files", "older", "0", when, 1])
    for arguments in (
        (tmp_path / "keys", "--null", "--keys-of", "s3://files/"),
        (tmp_path / "inventory.csv.gz", "--inventory", "Bucket, Key, ETag, LastModifiedDate, Size"),
    ):
        found, _ = scanned("--files-from", *arguments, "--list", hash_list)
        if "--inventory" in arguments:
            found = [each for each in found if each["path"] != "s3://files/older"]
        assert found == wanted


@pytest.mark.parametrize("running", ["swift"], indirect=True)
def test_a_copy_overwrites_nothing_that_came_meanwhile(server: str) -> None:
    """An object written between looking and copying stays, and the copy is refused."""
    client = servers.client(server)
    bucket, key = OpenStores().s3(b"s3://files/taken")
    found = bucket.look(b"a.jpg")
    sha256 = hashlib.sha256(stored(server)["a.jpg"]).hexdigest()

    class Racing:
        """A bucket in which another is quicker."""

        def copy(self, *arguments: Any) -> None:
            """Copy, when the key has just been taken."""
            client.put_object(Bucket="files", Key="taken", Body=b"theirs")
            bucket.copy(*arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(bucket, name)

    try:
        with pytest.raises(DecodeError, match="something else is there already"):
            copy_checked(bucket, found, Racing(), key, sha256)  # type: ignore[arg-type]
        assert bucket.load(bucket.look(key)) == b"theirs"
        client.delete_object(Bucket="files", Key="taken")
        for _ in range(2):  # a copy that is whole already is no error
            copy_checked(bucket, found, bucket, key, sha256)
    finally:
        client.delete_object(Bucket="files", Key="taken")
