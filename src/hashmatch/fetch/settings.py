"""The sources to fetch, as a TOML file describes them. It never holds a secret."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hashmatch.errors import SettingsError
from hashmatch.fetch.bodies import BODIES
from hashmatch.fetch.dialect import Dialect
from hashmatch.fetch.files import FILES
from hashmatch.fetch.secret import check_reference
from hashmatch.files import raising
from hashmatch.hashlist.freshness import parse_duration

DIALECTS: Mapping[str, Dialect] = {**BODIES, **FILES}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TYPES = {
    **dict.fromkeys(("kind", "url", "ca", "public_key", "every", "max_age", "group"), str),
    **dict.fromkeys(("page_size", "attempts", "timeout"), int),
    **dict.fromkeys(("index", "skip_bad_entries"), bool),
    "secrets": dict,
    "command": list,
}
_WORDS = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    dict: "a table",
    list: "an array",
}
_DEFAULTS = {"page_size": 1000}
_ONLY = {"index": {"https"}, "public_key": {"https"}, "command": {"exec"}}
_ONLY |= dict.fromkeys(("url", "ca", "attempts"), DIALECTS.keys() - {"exec"})
"""The kinds that some settings are for; others are for all, or a dialect names them."""
_CONVERTED: Mapping[str, Callable[[Any], Any]] = {
    "url": lambda url: url.rstrip("/"),
    "command": lambda words: tuple(map(str, words)),
    "every": parse_duration,
    "max_age": parse_duration,
}


@dataclass(frozen=True, slots=True)
class FetchSource:
    """One source of a list."""

    name: str  # of the source and of its list
    kind: str  # which dialect it speaks
    url: str = ""  # where its API or file is, without a slash at the end
    # by name, where each is: ``file:PATH``, ``env:NAME`` or ``fd:NUMBER``
    secrets: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  # what else its dialect needs, by name
    command: tuple[str, ...] = ()  # the program and arguments of ``exec``
    index: bool = False  # the file at ``url`` names the files of the list
    ca: Path | None = None  # certificates to trust instead of the system's, in PEM
    public_key: Path | None = None  # the key that has signed the list's files
    skip_bad_entries: bool = False  # use the rest of a list with faulty entries
    every: timedelta = timedelta(days=1)  # how often it is fetched
    max_age: timedelta = timedelta(days=2)  # how old its list may get
    attempts: int = 5  # how often to ask for a page
    timeout: int = 60  # seconds without a byte from the server; for ``exec``, of the whole run

    @property
    def dialect(self) -> Dialect:
        """How its API is spoken."""
        return DIALECTS[self.kind]

    def fingerprint(self) -> str:
        """Changes whenever a setting does that makes an earlier checkpoint useless."""
        options = dict(sorted(self.options.items()))
        said = json.dumps([self.kind, self.url, options, self.command, self.index])
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def read_sources(path: Path) -> dict[str, FetchSource]:
    """Read a file of sources, by name, or raise ``SettingsError``."""
    try:
        with raising(SettingsError, "cannot read it", path):
            tables = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):  # its message may quote a secret
        raise SettingsError("not TOML", path=str(path)) from None
    found = {}
    for name, table in tables.items():
        try:
            found[name] = _source(name, table, path.parent)
        except SettingsError as error:
            raise SettingsError(f"[{name}]: {error.message}", path=str(path)) from None
    if not found:
        raise SettingsError("it has no sources: each is a table, such as [ncmec]", path=str(path))
    return found


def _source(name: str, table: Any, folder: Path) -> FetchSource:
    _check_types(name, table)
    values = dict(table)
    kind = values.pop("kind", name)
    if kind not in DIALECTS:
        raise SettingsError(f"kind takes one of {', '.join(DIALECTS)}")
    dialect = DIALECTS[kind]
    _check_place(kind, values)
    values["secrets"] = _secrets(values.get("secrets", {}), dialect)
    values["options"] = {key: _option(key, values) for key in dialect.options}
    for key, convert in _CONVERTED.items():
        if key in values:
            values[key] = convert(values[key])
    for key in ("ca", "public_key"):
        if key in values:
            values[key] = folder / values[key]
    unused = values.keys() - FetchSource.__dataclass_fields__.keys()
    unused |= {key for key in table if kind not in _ONLY.get(key, DIALECTS)}
    if unused:
        raise SettingsError(f"a source of kind {kind} has no setting {min(unused)!r}")
    return FetchSource(name=name, kind=kind, **values)


def _check_types(name: str, table: Any) -> None:
    if not _NAME.fullmatch(name) or not isinstance(table, dict):
        raise SettingsError("a source is a table named in letters, digits, dots and dashes")
    for key, value in table.items():
        if key not in _TYPES:
            raise SettingsError(f"there is no setting {key!r}")
        if type(value) is not _TYPES[key]:
            raise SettingsError(f"{key} takes {_WORDS[_TYPES[key]]}")
        if type(value) is int and value < 1:
            raise SettingsError(f"{key} must be at least 1")


def _check_place(kind: str, values: Mapping[str, Any]) -> None:
    if kind == "exec":
        if not values.get("command"):
            raise SettingsError('say what to run: command = ["/usr/local/bin/get-list"]')
        return
    try:
        parts = urlsplit(values.get("url", ""))
        known = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:  # of the host or the port
        known = False
    if not known or parts.query or parts.fragment:
        raise SettingsError("url takes a URL that begins with https://, without a query")
    if parts.username is not None or parts.password is not None:
        raise SettingsError("the url must hold no user and no password: put them in secrets")


def _secrets(given: Mapping[str, Any], dialect: Dialect) -> dict[str, str]:
    for name in given:
        if name not in (*dialect.secrets, *dialect.optional):
            raise SettingsError(f"there is no secret {name!r} for this kind of source")
    for name in dialect.secrets:
        if name not in given:
            raise SettingsError(f"the secret {name!r} is missing")
    if ("user" in given) != ("password" in given):
        raise SettingsError("a user needs a password, and a password a user")
    return {name: check_reference(name, reference) for name, reference in given.items()}


def _option(key: str, values: dict[str, Any]) -> str:
    value = values.pop(key, _DEFAULTS.get(key))
    if not value:
        raise SettingsError(f"the setting {key!r} is missing")
    return str(value)
