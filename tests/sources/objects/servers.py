"""Real servers of S3, as processes of their own, and how to reach them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from commands import unmeasured
from ports import free_port

ODD_KEYS = [
    *(
        "a.jpg",
        "a//y.jpg",
        "c/../z.jpg",
        "/leading",
        "trailing/",
        "a-b/1.jpg",
        "a/1.jpg",
        "..",
        ".",
    ),
    *("new\nline", "tab\tx", "\x01control", "plus+plus", "sp ace", "per%cent%2F", "q?x=1&y#z"),
    *(
        "quo'te\"<&>",
        "\\back",
        "e\u0301",
        "ünï/日本.jpg",
        "\U0001f600",
        "~",
        "=1+1",
        "\u202egpj.exe",
    ),
]

_IDENTITY = {"AWS_ACCESS_KEY_ID": "testing:key", "AWS_SECRET_ACCESS_KEY": "testing-secret"}
"""Swift wants an account and a user."""


def environment(url: str) -> dict[str, str]:
    """What leads botocore to a server, and nowhere else."""
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    return {**_IDENTITY, **nowhere, "AWS_ENDPOINT_URL_S3": url, "AWS_REGION": "us-east-1"}


@cache
def client(url: str) -> Any:
    """A client to prepare buckets with."""
    session = pytest.importorskip("botocore.session").Session()
    config = pytest.importorskip("botocore.config").Config(
        request_checksum_calculation="when_required"
    )
    return session.create_client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=_IDENTITY["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_IDENTITY["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )


@contextmanager
def moto() -> Iterator[str]:
    """The URL of a server that does most of what S3 does."""
    pytest.importorskip("moto")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def azurite() -> Iterator[str]:
    """How to connect to Microsoft's own stand-in for Azure's storage."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite is not installed (npm install --global azurite)")
    port = free_port()
    command = [program, "--inMemoryPersistence", "--skipApiVersionCheck", "--blobPort", str(port)]
    with _running(command, port):
        # The key is the same in every Azurite, and public
        yield (
            "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFl"
            "qUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
            f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
        )


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """The URL of a server that makes buckets of the folders in a folder."""
    program = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("rclone is not installed")
    port = free_port()
    keys = ",".join(_IDENTITY.values())
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", keys, folder]
    with _running(list(map(str, command)), port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def swift(folder: Path) -> Iterator[str]:
    """The URL of Swift, which keeps what it is given in a folder."""
    pytest.importorskip("swift")
    try:
        os.setxattr(folder, "user.test", b"x" * 2000)
    except OSError as error:
        pytest.skip(f"no extended attributes in {folder}: {error.strerror}")
    program = Path(__file__).with_name("swift_server.py")
    command = [sys.executable, program, folder / "swift", *_IDENTITY.values()]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=unmeasured(), **streams) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(process, port)
            yield
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(1200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server does not answer")
