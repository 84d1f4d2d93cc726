"""A process that has imported hashmatch, and forks for each command that a test runs.

It does not import NumPy, Typer and hashmatch again, which takes longer than most commands do.
"""

from __future__ import annotations

import gc
import pkgutil
import socket
import sys
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

import hashmatch.cli
import hashmatch.service
import nursery
from forking import serve
from hashmatch.__main__ import main
from hashmatch.cli.main import run
from hashmatch.cli.reference import reference
from hashmatch.errors import HashmatchError
from hashmatch.examine.sandbox import forker
from hashmatch.examine.sandbox.start import make_no_pool

_START_ZYGOTE = forker.start_zygote
_FIXTURES = Path(__file__).parent.parent / "fixtures"


def _load() -> None:
    """Import what commands import, and leave the garbage collector nothing to look at."""
    sys.path.remove(str(Path(__file__).parent))  # no worker is to import a test
    for package in (hashmatch.cli, hashmatch.service):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            with suppress(HashmatchError, ImportError):  # an extra, which its command asks for
                import_module(module.name)
    typer.main.get_command = cache(typer.main.get_command)  # the options are always the same
    reference()
    listed = "--list", f"{_FIXTURES}/hashes.txt"
    with TemporaryDirectory() as folder:  # so that what commands import late is there as well
        run(["scan", f"{_FIXTURES}/benign_images/originals", *listed, "--state", f"{folder}/state"])
        run(["list", "check", listed[1]])
    make_no_pool()  # of those that a command starts ahead
    _load_botocore()
    gc.collect()
    gc.freeze()


def _load_botocore() -> None:
    """Import what reaches buckets, most of it late."""
    with suppress(ImportError):
        session = import_module("botocore.session").Session()
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        session.create_client("s3", region_name="us-east-1", **keys).close()


def _run(request: dict[str, Any]) -> None:
    if request["own_zygotes"]:
        forker.start_zygote = _START_ZYGOTE
    main()


if __name__ == "__main__":
    _load()
    if sys.argv[3:]:
        forker.start_zygote = partial(nursery.start_zygote, sys.argv[3])
    serve(_run, socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
