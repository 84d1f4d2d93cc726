from __future__ import annotations

import subprocess
import sys
import time

import pytest

from commands import COMMAND, environment


def seconds(command: list[str]) -> float:
    """How long a command takes."""
    began = time.perf_counter()
    subprocess.run(command, env=environment(), capture_output=True, check=True)
    return time.perf_counter() - began


@pytest.mark.timing
def test_version_is_quick() -> None:
    """``--version`` takes at most twice as long as importing Typer, measured alternately."""
    ours, theirs = [], []
    for _ in range(15):
        theirs.append(seconds([sys.executable, "-c", "import typer"]))
        ours.append(seconds([*COMMAND, "--version"]))
        # Other load on the machine makes single runs slower, never faster
        if len(ours) >= 5 and min(ours) <= 2 * min(theirs):
            break
    assert min(ours) <= 2 * min(theirs)


_HELP = """
import sys
from hashmatch.cli.reference import reference

reference()
print(sorted({"numpy", "PIL", "rich", "jinja2", "starlette"} & set(sys.modules)))
"""


def test_help_takes_no_heavy_library() -> None:
    """The help of all commands together imports none of the slow libraries."""
    done = subprocess.run(
        [sys.executable, "-c", _HELP], env=environment(), capture_output=True, check=True
    )
    assert done.stdout == b"[]\n"
