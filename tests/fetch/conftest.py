"""A body's server, and a way to fetch from it with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from hashmatch import HashList
from hashmatch.fetch import Fetched, FetchSource, Tools, fetch, read_sources

from .body import Body, BodyServer, in_environment, make_certificates, serving, sources_file


@dataclass
class Desk:
    """Where a test fetches lists.

    Attributes:
        body: what the server serves.
        folder: where the lists are.
        sources: by name.
        slept: how long the engine waited, each time.
    """

    body: Body
    folder: Path
    sources: dict[str, FetchSource]
    slept: list[float] = field(default_factory=list)

    def fetch(
        self, name: str, /, *, full: bool = False, shrink: bool = False, **changes: Any
    ) -> Fetched:
        """Fetch a source, with some settings changed. The clock is the server's."""
        source = replace(self.sources[name], **changes)
        tools = Tools(now=lambda: self.body.now, sleep=self.slept.append, jitter=lambda: 1.0)
        return fetch(source, self.folder, full=full, allow_shrink=shrink, tools=tools)

    def entries(self, name: str) -> dict[str, str]:
        """The hashes of a list by id."""
        return {entry.id: str(entry.hash) for entry in self.load(name)}

    def hashes(self, name: str) -> set[str]:
        """The hashes of a list."""
        return set(self.entries(name).values())

    def load(self, name: str) -> HashList:
        """A list."""
        return HashList.load(self.folder / f"{name}.hml", policy=None)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificates of the server."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def server(certificates: Path) -> Iterator[BodyServer]:
    """The server, which every test gives something to serve."""
    with serving(Body(), certificates) as running:
        yield running


@pytest.fixture
def desk(
    server: BodyServer, certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """A fresh desk."""
    server.body = Body()
    for name, value in in_environment().items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "sources.toml"
    path.write_text(sources_file(server.server_address[1]))
    (tmp_path / "ca.pem").write_bytes((certificates / "ca.pem").read_bytes())
    return Desk(server.body, tmp_path / "lists", read_sources(path))
