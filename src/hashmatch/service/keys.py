"""Bearer keys: who may ask what. The file of keys holds digests of them, never the keys."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hashmatch.errors import SettingsError
from hashmatch.files import raising

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Scope(StrEnum):
    """What a key permits."""

    MATCH = "match"  # to have uploads examined
    ADMIN = "admin"  # to see the lists and the metrics
    REVIEW = "review"  # to decide about cases on the review page, in the key's name


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the file has it."""

    name: str  # appears in logs and in the audit trail
    digest: bytes  # SHA-256 of the key. A key has 256 random bits, so no slower hash is needed
    scopes: frozenset[Scope]


def find_key(keys: tuple[Key, ...], token: str) -> Key | None:
    """The key that a client presents, or None if there is no such key."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
    found = None
    for key in keys:  # all of them, so that the time tells nothing
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found


def new_key(name: str, scopes: list[str]) -> tuple[str, str]:
    """Make a key, or raise ``SettingsError``; return it and the lines for the file of keys."""
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    _read_key(name, {"sha256": digest, "scopes": scopes})
    listed = ", ".join(f'"{scope}"' for scope in scopes)
    return token, f'[{name}]\nsha256 = "{digest}"\nscopes = [{listed}]\n'


def key_of(name: str, token: str, *scopes: Scope) -> Key:
    """The key for a token, as a file of keys would have it."""
    return Key(name, hashlib.sha256(token.encode()).digest(), frozenset(scopes))


def read_keys(path: str | os.PathLike[str]) -> tuple[Key, ...]:
    """Read a file of keys: TOML, with a table for each key, named after it.

    Raises ``SettingsError``, whose message quotes no digest.
    """
    try:
        with raising(SettingsError, "cannot read the keys", path), open(path, "rb") as file:
            tables = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("the keys are not TOML", path=str(path)) from error
    try:
        keys = tuple(_read_key(name, table) for name, table in tables.items())
    except SettingsError as error:
        raise SettingsError(error.message, path=str(path)) from None
    if not keys:
        raise SettingsError("there are no keys in it", path=str(path))
    if len({key.digest for key in keys}) < len(keys):
        raise SettingsError("two names have the same key", path=str(path))
    return keys


def _read_key(name: str, table: object) -> Key:
    if not _NAME.fullmatch(name):
        raise SettingsError("a key's name has up to 64 letters, digits, - and _")
    if not isinstance(table, Mapping) or set(table) != {"sha256", "scopes"}:
        raise SettingsError(f"key {name}: give sha256 and scopes, and nothing else")
    digest, scopes = table["sha256"], table["scopes"]
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise SettingsError(f"key {name}: sha256 has 64 hex digits in lower case")
    known = set(Scope)
    if not isinstance(scopes, list) or not scopes or not all(each in known for each in scopes):
        raise SettingsError(f"key {name}: scopes is a list of {', '.join(Scope)}")
    return Key(name, bytes.fromhex(digest), frozenset(map(Scope, scopes)))
