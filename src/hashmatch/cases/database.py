"""Opens a case store, runs transactions, and turns database errors into ours."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    exc,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from hashmatch.cases.schema import VERSION, meta, metadata
from hashmatch.errors import InputError, MissingExtraError, OutputError, SettingsError
from hashmatch.examine.reading import NO_FOLLOW
from hashmatch.files import raising

_BUSY_SECONDS = 30
_SCHEMES = ("postgresql+psycopg", "postgresql")
_LOCK = 0x484D6361  # "HMca": makes sure that one process at a time creates the tables


class CaseDatabase:
    """The database of a case store; see ``Cases`` for the arguments and errors.

    Any number of threads may use it, each in a transaction of its own.

    Attributes:
        name: the place as messages show it, without a password.
    """

    def __init__(self, place: str | os.PathLike[str], *, create: bool = True) -> None:
        self._engine, self.name = _engine(os.fspath(place), create=create)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that changes nothing."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on disk when the ``with`` block has ended, or never was."""
        with (
            self._translated(),
            self._engine.connect().execution_options(writing=True) as connection,
            connection.begin(),
        ):
            yield connection

    def meta(self, name: str) -> str:
        """Return a value that belongs to the whole store."""
        with self.reading() as connection:
            value: str = connection.execute(
                select(meta.c.value).where(meta.c.name == name)
            ).scalar_one()
            return value

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.OperationalError as error:
            raise OutputError(f"cannot use the cases: {_why(error)}", path=self.name) from error
        except exc.DBAPIError as error:
            raise InputError(f"the cases are damaged: {_why(error)}", path=self.name) from error

    def _prepare(self) -> None:
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            tables = set(inspect(connection).get_table_names())
            if "meta" not in tables:
                if connection.dialect.name == "sqlite" and tables:
                    raise InputError("not a case store", path=self.name)
                _create(connection)
                return
            found = connection.execute(
                select(meta.c.value).where(meta.c.name == "version")
            ).scalar_one_or_none()
            if found is None:
                raise InputError("not a case store", path=self.name)
            if int(found) != VERSION:
                raise InputError(
                    f"the cases have version {found}, and this hashmatch reads version {VERSION}:"
                    " update hashmatch",
                    path=self.name,
                )


def upsert(connection: Connection, table: Any) -> Any:
    """An INSERT into a table that may say what to do on a conflict, in the database's dialect."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    values = {"version": str(VERSION), "secret": secrets.token_hex(16), "decisions": "0"}
    connection.execute(
        insert(meta), [{"name": name, "value": value} for name, value in values.items()]
    )


def _engine(place: str, *, create: bool) -> tuple[Engine, str]:
    if "://" not in place:
        _check_file(place, create=create)
        engine = create_engine(URL.create("sqlite", database=place), hide_parameters=True)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine, place
    try:
        url = make_url(place)
    except exc.ArgumentError as error:
        raise SettingsError("--cases takes a file or postgresql+psycopg://...") from error
    if url.drivername not in _SCHEMES:
        raise SettingsError("--cases takes a file or postgresql+psycopg://...")
    try:
        url = url.set(drivername=_SCHEMES[0])
        return (
            create_engine(url, hide_parameters=True, pool_pre_ping=True),
            url.difference_update_query(["password"]).render_as_string(hide_password=True),
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("--cases postgresql+psycopg://...", "postgres") from error


def _check_file(path: str, *, create: bool) -> None:
    flags = os.O_RDWR | NO_FOLLOW | (os.O_CREAT if create else 0)
    what = "cannot open the cases for writing" if create else "cannot open the cases"
    with raising(OutputError if create else InputError, what, path):
        os.close(os.open(path, flags, 0o600))


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _why(error: exc.DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]
