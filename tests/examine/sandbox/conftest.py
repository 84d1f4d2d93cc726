"""The tests of this room are about the processes themselves, so none is forked from a nursery."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def _real_processes(real_processes: None) -> None:
    """Start zygotes as scans do."""
