"""The SQLite file of a state: its schema, its lock, and errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from sqlite3 import Cursor
from typing import Any, TypeAlias

from hashmatch.errors import InputError, OutputError
from hashmatch.examine.reading import NO_FOLLOW
from hashmatch.files import raising
from hashmatch.state.schema import APPLICATION, SCHEMA, SCHEMA_VERSION

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""For the placeholders of a statement."""

_MAGIC = b"SQLite format 3\0"

_BUSY_SECONDS = 30
"""How long to wait for another process to end its transaction. None takes long."""

_CHECKPOINT_PAGES = 8192


class Database:
    """One open state file.

    Args:
        path: the file.
        create: create it, with mode 0600, if it does not exist.
        lock: be the only one that scans; other processes may read.

    Raises:
        InputError: it does not exist, is not a state, or has another schema.
        OutputError: it cannot be created, or is locked.

    Attributes:
        before_use: called before anything is read, written or committed.
    """

    def __init__(self, path: str, *, create: bool, lock: bool) -> None:
        self.path = path
        self.before_use: Callable[[], None] = lambda: None
        self._lock: sqlite3.Connection | None = None
        if create:
            _make(path)
        _check(path)
        try:
            if lock:
                self._take_lock()
            with self.translated():
                self._connection = self._connect()
                self._prepare()
        except BaseException:
            self._unlock()
            raise

    def read(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        self.before_use()
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._ours(error) from error

    def write(self, statement: str, values: Values = ()) -> Cursor:
        """Change something, in a transaction that ``commit`` ends."""
        self.before_use()
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            return self._connection.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise self._ours(error) from error

    def write_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Carry out a statement for each row of values, in a transaction that is open already."""
        with self.translated():
            self._connection.executemany(statement, rows)

    def commit(self) -> None:
        """Make everything written so far durable, and let other processes write.

        That takes some 20 microseconds, so you may call it for every file.
        """
        self.before_use()
        if self._connection.in_transaction:
            with self.translated():
                self._connection.execute("COMMIT")

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Write everything inside the ``with`` block, or nothing of it."""
        self.write("SAVEPOINT whole")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO whole")
            raise
        self.write("RELEASE whole")

    def close(self) -> None:
        """Commit, close, and let the next scan in."""
        try:
            self.commit()
        finally:
            self._connection.close()
            self._unlock()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours.

        Raises:
            OutputError: the disk is full or fails, or another process writes for too long.
            InputError: the file is damaged.
        """
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._ours(error) from error

    def _ours(self, error: sqlite3.DatabaseError) -> OutputError | InputError:
        if isinstance(error, sqlite3.OperationalError):
            return OutputError(f"cannot use the state: {error}", path=self.path)
        return InputError(f"the state is damaged: {error}", path=self.path)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the last transactions, which the next scan repeats, and nothing else
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        return connection

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and application == 0 and tables == 0:
            # In one transaction: a kill leaves an empty file or the whole schema
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION};"
                f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        elif application != APPLICATION:
            raise InputError("not a hashmatch state", path=self.path)
        elif version != SCHEMA_VERSION:
            raise InputError(
                f"the state has schema {version}, and this hashmatch reads schema"
                f" {SCHEMA_VERSION}; scan with a new state file",
                path=self.path,
            )

    def _take_lock(self) -> None:
        """Take a lock that the system releases when this process ends, however it ends.

        The lock is a separate file, since others may read the state meanwhile.
        """
        name = f"{self.path}.lock"
        _make(name)
        self._lock = sqlite3.connect(name, timeout=0, isolation_level=None)
        try:
            self._lock.execute("PRAGMA journal_mode = MEMORY")  # nothing is ever written to it
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            message = "another scan is using this state: wait for it to end, or use another state"
            raise OutputError(message, path=self.path) from error

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()


def _make(path: str) -> None:
    """Create an empty file, which its owner alone may read, unless it exists."""
    with raising(OutputError, "cannot open the state for writing", path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600))


def _check(path: str) -> None:
    """Refuse what is not a database, since SQLite would take a short file for an empty one."""
    with raising(InputError, "cannot read the state", path), open(path, "rb") as file:
        head = file.read(len(_MAGIC))
    if head not in (b"", _MAGIC):
        raise InputError("not a hashmatch state", path=path)
