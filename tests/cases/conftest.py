"""Case stores in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from cases import databases

_NUMBERS = count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server, as what precedes the names of its databases; one for each process."""
    why = databases.missing()
    if why is not None:
        pytest.skip(why)
    with databases.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The place of a store that does not exist yet."""
    if request.param == "sqlite":
        return str(tmp_path / "cases.db")
    return databases.new_database(request.getfixturevalue("server"), f"cases_{next(_NUMBERS)}")
