"""The file that a state lives in: its schema, its lock, and errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from sqlite3 import Cursor
from typing import Any, TypeAlias

from hashmatch.errors import InputError, OutputError
from hashmatch.examine.reading import NO_FOLLOW
from hashmatch.state.schema import APPLICATION, SCHEMA, SCHEMA_VERSION, UPGRADES

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""For the placeholders of a statement."""

_MAGIC = b"SQLite format 3\0"

_BUSY_SECONDS = 30
"""How long to wait for another process to end its transaction, of which none takes long."""

_CHECKPOINT_PAGES = 8192


class Database:
    """One open state file.

    Args:
        path: the file.
        create: make it where there is none, with mode 0600.
        lock: be the only one that scans; other processes may read, and import reviews.

    Raises:
        InputError: it is not there, is no state, or is of a newer version.
        OutputError: it cannot be made, or is locked.
    """

    def __init__(self, path: str, *, create: bool, lock: bool) -> None:
        self.path = path
        self._lock: sqlite3.Connection | None = None
        if create:
            _make(path)
        _check(path)
        try:
            if lock:
                self._take_lock()
            with self.told():
                self._connection = self._connect()
                self._prepare()
        except BaseException:
            self._unlock()
            raise

    def read(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """All rows that a query gives."""
        with self.told():
            return self._connection.execute(query, values).fetchall()

    def write(self, statement: str, values: Values = ()) -> Cursor:
        """Change something, within a transaction that ``commit`` ends."""
        with self.told():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            return self._connection.execute(statement, values)

    def commit(self) -> None:
        """Make sure that what was written outlasts this process, and let others write.

        That takes some 20 microseconds, so it may be done for every file.
        """
        if self._connection.in_transaction:
            with self.told():
                self._connection.execute("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written meanwhile, or nothing of it."""
        self.commit()
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self.commit()

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """All that is written meanwhile, or nothing of it, within the transaction."""
        self.write("SAVEPOINT whole")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO whole")
            raise
        self.write("RELEASE whole")

    def close(self) -> None:
        """Commit and close, which lets the next scan in."""
        try:
            self.commit()
        finally:
            self._connection.close()
            self._unlock()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell what SQLite says as an error of ours.

        Raises:
            OutputError: the medium is full or fails, or another process writes for too long.
            InputError: the file is damaged.
        """
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OutputError(f"cannot use the state: {error}", path=self.path) from error
        except sqlite3.DatabaseError as error:
            raise InputError(f"the state is damaged: {error}", path=self.path) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last transactions, which are then done again, and nothing else
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        return connection

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and application == 0 and tables == 0:
            # One transaction, so that a kill leaves an empty file or a whole schema
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION};"
                f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        elif application != APPLICATION:
            raise InputError("it is no state of hashmatch", path=self.path)
        elif version > SCHEMA_VERSION:
            raise InputError(
                f"the state is of version {version}, made by a newer hashmatch; this one knows"
                f" versions up to {SCHEMA_VERSION}",
                path=self.path,
            )
        elif version < SCHEMA_VERSION:
            self._upgrade()

    def _upgrade(self) -> None:
        """Make a state of an earlier version one of ours, unless another process just has."""
        self._connection.execute("BEGIN IMMEDIATE")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        for step in range(version, SCHEMA_VERSION):
            for statement in UPGRADES[step]:
                self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._connection.execute("COMMIT")

    def _take_lock(self) -> None:
        """Hold a lock that the system takes back whenever this process ends, however it does.

        On a file of its own, since the state itself stays open to readers.
        """
        name = f"{self.path}.lock"
        _make(name)
        self._lock = sqlite3.connect(name, timeout=0, isolation_level=None)
        try:
            self._lock.execute("PRAGMA journal_mode = MEMORY")  # nothing is ever written to it
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            message = "another scan is using this state; let it end, or give each its own"
            raise OutputError(message, path=self.path) from error

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()


def _make(path: str) -> None:
    """Make an empty file that its owner alone may read, unless there is one."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise OutputError(f"cannot open the state for writing: {why}", path=path) from error


def _check(path: str) -> None:
    """Refuse what is no database before SQLite, which takes a short file for an empty one."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise InputError(f"cannot read the state: {why}", path=path) from error
    if head not in (b"", _MAGIC):
        raise InputError("it is no state of hashmatch", path=path)
