"""Where processes cannot be isolated, as on Windows, threads do the scan."""

from __future__ import annotations

import json
from pathlib import Path

from examine.sandbox import plants

from . import commands

_AS_ELSEWHERE = """
import os, signal, socket, sys
if "hashmatch" not in sys.orig_argv[0]:
    for module, name in ((socket, "send_fds"), (signal, "SIGKILL")):
        delattr(module, name)
"""


def test_threads_give_the_records_that_processes_give(tmp_path: Path) -> None:
    """Without file descriptors over sockets, the same scan has the same records."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(plants.picture(number, side=150))
    (folder / "cut.jpg").write_bytes(plants.picture(1)[:200])
    (folder / "text").write_bytes(b"no picture")
    (tmp_path / "list.txt").write_text("# algorithm: phash\n0123456789abcdef a\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "sitecustomize.py").write_text(_AS_ELSEWHERE)
    command = (folder, "--list", tmp_path / "list.txt", "--jobs", "2")
    expected, by_processes = commands.scan(*command)
    code, by_threads = commands.scan(*command, plug_in=[elsewhere])
    assert code == expected == 2
    assert by_threads[:-1] == by_processes[:-1]
    process = commands.start("doctor", "--json", plug_in=[elsewhere])
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert json.loads(output)["protection"] == {"separate_processes": False}
