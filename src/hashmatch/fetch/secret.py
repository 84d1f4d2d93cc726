"""Secrets: where they come from, and how they stay out of everything that is shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NoReturn

from hashmatch.errors import SettingsError
from hashmatch.files import descriptor_of

WAYS = ("file:", "env:", "fd:")

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MOST_BYTES = 1 << 16


class Secret:
    """A text that shows only when asked for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the request that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "<Secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def check_reference(name: str, reference: object) -> str:
    """Return a setting that says where a secret is, or raise ``SettingsError``."""
    if not isinstance(reference, str) or not reference.startswith(WAYS) or "\0" in reference:
        raise SettingsError(
            f"say where the secret {name!r} is, never what it is: file:PATH, env:NAME or fd:NUMBER"
        )
    return reference


def read_secret(name: str, reference: str) -> Secret:
    """Read a secret from where a checked reference says it is.

    Raises ``SettingsError`` if it is not there, is empty, or others can read its file.
    """
    way, _, place = reference.partition(":")
    try:
        if way == "env":
            text = os.environ.get(place, "")
        else:
            text = _from_file(place) if way == "file" else _from_descriptor(reference)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise SettingsError(f"cannot read the secret {name!r} from {reference}: {why}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"the secret {name!r} in {reference} is not UTF-8") from None
    if not text:
        raise SettingsError(f"the secret {name!r} is empty or missing: {reference}")
    return Secret(text)


def _from_file(place: str) -> str:
    with Path(place).open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS:
            raise SettingsError(f"others can read the secret in {place}: chmod 600 it")
        return file.read(_MOST_BYTES).decode().strip("\r\n")


def _from_descriptor(reference: str) -> str:
    number = descriptor_of(reference)
    if number is None:
        raise SettingsError("fd: needs the number of an open descriptor, such as fd:3")
    with os.fdopen(number, "rb") as file:
        return file.read(_MOST_BYTES).decode().strip("\r\n")
