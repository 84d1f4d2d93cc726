"""A folder with the same listed picture in every format and container of docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import imagehash
import pytest

from examine.every_format import in_every_container, in_every_format, listed_picture
from hashmatch.examine.container import _READERS
from hashmatch.examine.decode import missing
from hashmatch.examine.missing import EXTRAS
from hashmatch.options import FORMATS

from .commands import scan

FORMS = FORMATS | _READERS.keys()
LACKING = {name for name in FORMATS if missing(name)}

# A stand-in for an environment without the extras, which every process of a scan imports
BARE = """
import sys
for name in ("libarchive", "pillow_heif", "pillow_jxl", "pypdfium2"):
    sys.modules[name] = None
"""


@cache
def every_file() -> dict[str, tuple[str, bytes]]:
    """All of them by name, each with its format."""
    return in_every_format() | in_every_container()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, and beside them a list with the picture."""
    top = tmp_path_factory.mktemp("formats")
    (top / "files").mkdir()
    for name, (_, data) in every_file().items():
        (top / "files" / name).write_bytes(data)
    (top / "list.txt").write_text(f"{imagehash.phash(listed_picture())}\n", encoding="ascii")
    return top


def verdicts(records: list[dict[str, Any]]) -> Iterator[tuple[str, set[str], set[str]]]:
    """Each file's name, the verdicts of it and its parts, and their reasons."""
    for name in every_file():
        of_it = [
            each for each in records if Path(each.get("path", "").partition("!/")[0]).name == name
        ]
        yield name, {each["verdict"] for each in of_it}, {each["reason"] for each in of_it}


def test_every_format_of_the_table_has_a_file() -> None:
    """No format or container is left out."""
    assert {name for name, _ in every_file().values()} == FORMS - LACKING


@pytest.mark.parametrize("options", [[], ["--sandbox", "strict"]], ids=["default", "strict"])
def test_every_file_matches_with_all_extras(folder: Path, options: list[str]) -> None:
    """With the extras, the picture is found in every file, and no file is clear."""
    _, records = scan(folder / "files", "--list", folder / "list.txt", *options)
    for name, found, _ in verdicts(records):
        assert "match" in found, name
        assert "clear" not in found or name in {"behind.jpg", "two.jpg"}, name


def test_without_the_extras_their_files_are_unscanned(folder: Path, tmp_path: Path) -> None:
    """Without the extras, files that need one are unscanned, and the summary says which."""
    (tmp_path / "sitecustomize.py").write_text(BARE, encoding="ascii")
    arguments = (folder / "files", "--list", folder / "list.txt", "--sandbox", "strict")
    _, records = scan(*arguments, plug_in=[tmp_path])
    for name, found, reasons in verdicts(records):
        if every_file()[name][0] not in EXTRAS:
            assert "match" in found, name
        else:
            assert (found, reasons) == ({"unscanned"}, {"unsupported_format"}), name
    assert records[-1]["install"].keys() == (EXTRAS.keys() & FORMS) - LACKING
    assert all("pip install" in line for line in records[-1]["install"].values())
