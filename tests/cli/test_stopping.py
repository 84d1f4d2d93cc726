"""Signals that come while a command is starting."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commands import environment

_DROPPING = """
import os, signal, sys, time, weakref
from hashmatch.cli import main, stopping

class Anything:
    pass

def run(_):
    kept = Anything()
    reference = weakref.ref(kept, lambda _: os.kill(os.getpid(), getattr(signal, sys.argv[1])))
    del kept  # Python drops what the handler raises in the callback
    time.sleep(30)
    return 0

main.app = lambda **_: run(_)
main.main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_in_a_callback_of_python_stops_the_command(name: str, code: int) -> None:
    """Python drops an exception raised there, and the command stops all the same."""
    done = subprocess.run(
        [sys.executable, "-c", _DROPPING, name],
        env=environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


_EARLY = """
import importlib.abc, os, signal, sys, weakref

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "hashmatch.cli.main":
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except BaseException:
                pass

sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = ["list"]
from hashmatch.__main__ import main
main()
"""


def test_ctrl_c_in_an_import_ends_the_command(tmp_path: Path) -> None:
    """Before any command runs, Ctrl-C ends the process, even where code catches everything."""
    started = subprocess.run(
        [sys.executable, "-c", _EARLY],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (started.returncode, started.stdout, started.stderr) == (130, b"", b"")


def test_ignored_ctrl_c_stays_ignored() -> None:
    """A command in the background of a script, which ignores SIGINT, ends as usual."""
    done = subprocess.run(
        [sys.executable, "-c", _EARLY],
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert b"Usage" in done.stdout
