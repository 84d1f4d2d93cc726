"""A review page for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .desk import Desk, a_desk, examples


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A review page with six cases, oldest first."""
    with a_desk(tmp_path) as running:
        for each in examples():
            running.cases.record([each])
            running.clock.passes(minutes=1)
        yield running
