"""The databases that the case store is tested with: SQLite, and a real PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

_SERVER = "postgres"


def _program(name: str) -> str | None:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(versions[0]) if versions else shutil.which(name)


def missing() -> str | None:
    """Why there can be no server here; None if there can."""
    lacking = [name for name in ("initdb", "pg_ctl", _SERVER) if _program(name) is None]
    if lacking:
        return f"PostgreSQL is not installed ({lacking[0]} is missing)"
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        return "PostgreSQL does not run as root, and setpriv is missing"
    return None


@contextmanager
def server() -> Iterator[str]:
    """Run a server on a socket of its own. Yields what precedes the name of a database."""
    with tempfile.TemporaryDirectory(prefix="hashmatch-pg-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        as_other: list[str] = []
        if os.getuid() == 0:  # the server refuses to run as root
            as_other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            os.chown(folder, 65534, 65534)
        data = str(place / "data")

        def call(name: str, *arguments: str) -> None:
            program = _program(name)
            assert program is not None
            with (place / "log").open("ab") as log:
                subprocess.run(
                    [*as_other, program, *arguments],
                    check=True,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                )

        call("initdb", "--no-sync", "--auth=trust", "--username=tester", "--encoding=UTF8", data)
        # fsync stays on: the tests are about what is on disk
        options = f"-k {folder} -c listen_addresses= -c max_connections=40 -c shared_buffers=16MB"
        call("pg_ctl", "--wait", "-D", data, "-o", options, "-l", f"{folder}/server.log", "start")
        try:
            yield f"postgresql+psycopg://tester@/DATABASE?host={folder}"
        finally:
            call("pg_ctl", "--wait", "-D", data, "-m", "immediate", "stop")


def new_database(address: str, name: str) -> str:
    """Create an empty schema, which is quicker than a database, and return its address."""
    engine = create_engine(address.replace("DATABASE", "postgres"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{address.replace('DATABASE', 'postgres')}&options=-csearch_path%3D{name}"
