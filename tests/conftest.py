"""What all tests share: where to import from, how long they may take, how processes start."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hashmatch.examine.sandbox import forker

START_ZYGOTE = forker.start_zygote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))

# The tests start hundreds of processes. Each would compile the whole of hashmatch again where this
# is set, as it is in many containers
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Under nohup, or in the background of a shell, these signals are ignored, and every command that
# the tests start would ignore them, too. A signal that has a handler here is at its default there
for _name, _handler in (
    ("SIGINT", signal.default_int_handler),
    ("SIGHUP", lambda *_: None),
    ("SIGQUIT", lambda *_: None),
):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)

# On a busy machine an example may take any time, and so may making one
settings.register_profile(
    "hashmatch",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=100 if os.environ.get("HASHMATCH_LONG_TESTS") else 40,
)
settings.load_profile("hashmatch")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are cores: tests often wait for disks and other processes."""
    return 2 + (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let all test processes fork from the same preloaded ones, which take seconds to load."""
    import commands  # noqa: PLC0415 # pytest adds this folder to the path after this file

    node.workerinput["preloaded"] = commands.addresses()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """End what was preloaded before coverage is counted."""
    import commands  # noqa: PLC0415 # as above

    commands.shared = getattr(session.config, "workerinput", {}).get("preloaded", {})
    try:
        return (yield)
    finally:
        commands.close()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare the garbage collector thousands of tests and their pictures, which all stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _preloaded_processes() -> Iterator[None]:
    """Fork zygotes from a nursery."""
    import commands  # noqa: PLC0415 # as above

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forker, "start_zygote", commands.quick_zygotes())
        yield


@pytest.fixture(scope="module")
def real_processes() -> Iterator[None]:
    """Start commands and zygotes as operators do: as children, each a fresh interpreter."""
    with _fresh_zygotes(forks=False):
        yield


@pytest.fixture(scope="module")
def real_zygotes() -> Iterator[None]:
    """Start zygotes as children; commands that start them may still be forks."""
    with _fresh_zygotes(own_zygotes=True):
        yield


@contextmanager
def _fresh_zygotes(**of_commands: bool) -> Iterator[None]:
    """Start zygotes as operators do, and set these switches of ``commands``."""
    import commands  # noqa: PLC0415 # as above

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forker, "start_zygote", START_ZYGOTE)
        for name, value in of_commands.items():
            patch.setattr(commands, name, value)
        yield


@pytest.fixture
def own_zygote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start zygotes as operators do, in one test."""
    monkeypatch.setattr(forker, "start_zygote", START_ZYGOTE)
