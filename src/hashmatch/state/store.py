"""One state, and the tables that it consists of."""

from __future__ import annotations

import os

from hashmatch.files import Closing
from hashmatch.state.database import Database
from hashmatch.state.files import Files
from hashmatch.state.runs import Runs


def cases_beside(state: str | os.PathLike[str]) -> str:
    """The case store of the scans with a state, unless they are given another one."""
    return f"{os.fspath(state)}.cases"


class State(Closing):
    """Every file and member that was examined, and every run.

    Args:
        path: the state file; it is created with mode 0600.
        create: create it if it does not exist.
        lock: be the only one that scans or rematches with it.

    Attributes:
        path: as given.
        files: what is known about files.
        runs: runs and their settings.

    Raises:
        InputError: the file does not exist, is not a state, or has another schema.
        OutputError: it cannot be created, or another scan is using it.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, lock: bool = True
    ) -> None:
        self._database = Database(os.fspath(path), create=create, lock=lock)
        self.path = os.fspath(path)
        self.runs = Runs(self._database)
        self.files = Files(self._database, self.runs)

    def commit(self) -> None:
        """Make everything written so far durable, and let other processes write."""
        self._database.commit()

    def close(self) -> None:
        """Commit, close the file, and let the next scan in."""
        self._database.close()

    def __repr__(self) -> str:
        return f"<State {self.path!r}>"
