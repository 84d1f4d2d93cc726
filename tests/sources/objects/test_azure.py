"""Azure's storage through its plug-in: the command scans it, and every key has a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import hashmatch_command, records
from scan.trees import list_of, picture

from . import servers

_REFUSED = {"c/../z.jpg", "..", "."}
"""Azure's client cannot send these keys."""
_NOT_LISTED = {"\x01control"}
"""Azurite cannot list this one."""
KEYS = sorted(set(servers.ODD_KEYS) - _REFUSED - _NOT_LISTED)


@pytest.fixture(scope="module")
def connection() -> Iterator[str]:
    """A server with a container of odd keys, and an empty one."""
    pytest.importorskip("adlfs")
    blobs = pytest.importorskip("azure.storage.blob")
    with servers.azurite() as connection:
        service = blobs.BlobServiceClient.from_connection_string(connection)
        files = service.create_container("files")
        for seed, key in enumerate(KEYS):
            files.upload_blob(key, picture(seed))
        service.create_container("empty")
        yield connection


@pytest.fixture
def listed(connection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list with the pictures of all keys; commands can connect to the server."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
    (section,) = list_of(*map(picture, range(len(KEYS)))).sections.values()
    codes = [f"{int(code):016x}\n" for code in section.codes[:, 0]]
    path = tmp_path / "list.txt"
    path.write_text(f"# algorithm: phash\n{''.join(codes)}")
    return path


def scan(place: str, listed: Path) -> Any:
    """Run the command on a container."""
    return hashmatch_command("scan", place, "--list", listed, "--format", "jsonl")


def test_every_key_has_a_record_and_is_read_or_unscanned(listed: Path) -> None:
    """Keys that the plug-in changes are unscanned; all others match the list of their pictures."""
    *found, summary = records(scan("az://files", listed).stdout)
    verdicts = {each["path"]: each["verdict"] for each in found}
    assert summary["files"] == len(verdicts) == len(KEYS)
    changed = {f"az://files/{key}" for key in ("new\nline", "q?x=1&y#z", "tab\tx", "trailing")}
    assert {path for path in verdicts if verdicts[path] == "unscanned"} == changed
    assert {path for path in verdicts if verdicts[path] == "match"} == verdicts.keys() - changed


def test_a_prefix_and_an_empty_container(listed: Path) -> None:
    """Only what begins with the prefix is scanned; nothing in a container is no error."""
    *found, _ = records(scan("az://files/a/", listed).stdout)
    assert [each["path"] for each in found] == ["az://files/a//y.jpg", "az://files/a/1.jpg"]
    done = scan("az://empty", listed)
    assert (done.returncode, records(done.stdout)[0]["files"]) == (0, 0)


@pytest.mark.parametrize(
    ("place", "connected", "why"),
    [
        ("az://nowhere", True, "cannot be listed: there is none"),
        ("az://files", False, "are there credentials for it?"),
    ],
)
def test_what_cannot_be_reached_is_an_error(
    listed: Path, monkeypatch: pytest.MonkeyPatch, place: str, connected: bool, why: str
) -> None:
    """The message says what is wrong, without a word of the credentials."""
    if not connected:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "nonsense")
    done = scan(place, listed)
    assert done.returncode == 66, done.stderr
    assert why in done.stderr.decode()
    assert "nonsense" not in done.stderr.decode()
