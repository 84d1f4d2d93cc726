"""What all tests share: where to import from, how long they may take, how processes start."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))

# The tests start hundreds of processes. Each would compile the whole of hashmatch again where this
# is set, as it is in many containers
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# On a busy machine an example may take any time, and so may making one
settings.register_profile("hashmatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hashmatch")


@pytest.fixture(scope="session", autouse=True)
def _preloaded_command() -> Iterator[None]:
    """End the process that runs commands before coverage is counted."""
    yield
    import commands  # noqa: PLC0415 # pytest adds this folder to the path after this file

    commands.close()
