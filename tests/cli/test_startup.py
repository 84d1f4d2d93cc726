from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import COMMAND, environment
from hashmatch import HashList
from pictures import encode, photo


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
        if len(ours) >= 3 and min(ours) <= 2 * min(theirs):
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


_SCAN = """
import sys
from hashmatch.cli.main import run

assert run(sys.argv[1:]) == 1
print(sorted(sys.modules))
"""


def test_a_scan_loads_no_decoder_and_little_else(tmp_path: Path) -> None:
    """The process of a scan imports no decoder and no library that only other commands need."""
    (tmp_path / "one.png").write_bytes(encode(photo(1, 120, 90), "PNG"))
    hash_list, results = tmp_path / "hashes.txt", tmp_path / "results"
    HashList.from_pictures(tmp_path).save(hash_list)
    scan = ["scan", tmp_path / "one.png", "--list", hash_list, "--output", results]
    done = subprocess.run(
        [sys.executable, "-c", _SCAN, *scan], env=environment(), capture_output=True, check=True
    )
    loaded = set(ast.literal_eval(done.stdout.decode()))
    assert {"numpy", "hashmatch.match.matcher"} <= loaded
    slow = {
        "PIL.Image",
        "imagehash",
        "jinja2",
        "pyspng",
        "rich",
        "scipy",
        "simplejpeg",
        "sqlalchemy",
    }
    others = {"cases", "custody.quarantine", "evaluate", "examine.decode", "report.overview"}
    assert not loaded & (slow | {f"hashmatch.{name}" for name in others})
