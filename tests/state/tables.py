"""Reads and changes the tables of a state directly."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any


def rows_of(path: str | Path, query: str) -> list[tuple[Any, ...]]:
    """What a query returns."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def change(path: str | Path, statement: str, values: Sequence[Any] = ()) -> None:
    """Change rows."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def stored(state: Path) -> int:
    """How many files and members a state knows, while others write to it."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(state, timeout=10)) as reader:
        return int(reader.execute("SELECT count(*) FROM files").fetchone()[0])
    return 0
