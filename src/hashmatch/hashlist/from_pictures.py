"""Makes list entries from your own pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from hashmatch.errors import DecodeError, HashListError, InputError
from hashmatch.model import Entry

if TYPE_CHECKING:
    from hashmatch.examine.inputs import PictureInput

Pictures: TypeAlias = "str | os.PathLike[str] | Iterable[PictureInput]"
"""A folder, or pictures one by one: bytes, paths, binary files or ``PIL.Image``."""


def entries_of_pictures(pictures: Pictures, algorithm: str, name: str) -> list[Entry]:
    """Hash pictures, and name every one that cannot be hashed.

    Raises:
        InputError: the folder does not exist.
        HashListError: ``problems`` names each picture that cannot be decoded completely.
        SettingsError: as in ``hashmatch.hash``.
    """
    from hashmatch.examine.stored_hash import hash as hash_of  # noqa: PLC0415 # loads the decoders

    entries: list[Entry] = []
    problems: list[HashListError] = []
    for entry_id, picture in _named(pictures):
        try:
            entries.append(Entry(entry_id, hash_of(picture, algorithm)))
        except DecodeError as error:
            problems.append(HashListError(error.message, path=entry_id))
    if problems:
        count = len(problems)
        pictures_are = "1 picture" if count == 1 else f"{count} pictures"
        raise HashListError(
            f"{pictures_are} cannot be hashed; the first: {problems[0]}",
            path=name,
            problems=problems,
        )
    return entries


def _named(pictures: Pictures) -> Iterator[tuple[str, PictureInput]]:
    if isinstance(pictures, str | os.PathLike):
        folder = Path(pictures)
        if not folder.is_dir():
            raise InputError("not a folder", path=str(folder))
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in inside.parts):
                yield _id_of(inside.as_posix()), path
        return
    for number, picture in enumerate(pictures, 1):
        if isinstance(picture, str | os.PathLike):
            yield _id_of(os.fspath(picture)), picture
        else:
            yield f"picture-{number}", picture


def _id_of(path: str) -> str:
    """Make a path fit for an id, which has no blanks, by URL encoding."""
    plain = (char.isprintable() and not char.isspace() and char != "%" for char in path)
    return "".join(
        char if is_plain else quote(os.fsencode(char))
        for char, is_plain in zip(path, plain, strict=True)
    )
