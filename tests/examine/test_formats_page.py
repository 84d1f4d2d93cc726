"""``docs/formats.md`` names what is read, and the extras that read it."""

from __future__ import annotations

import re
from pathlib import Path

from hashmatch.examine.container import _READERS
from hashmatch.examine.missing import EXTRAS
from hashmatch.examine.video.sniffing import DEMUXERS
from hashmatch.options import FORMATS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


def rows(title: str) -> dict[str, str | None]:
    """The formats of the table under a title, each with its extra."""
    part = PAGE.read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \| [^|]+ \| (?:`(\w+)`)? *\|", part, re.MULTILINE)
    return {name: extra or None for name, extra in found}


def test_every_picture_that_is_decoded_is_in_the_table() -> None:
    """The table of pictures has the formats of ``FORMATS``."""
    assert list(rows("Pictures")) == sorted(FORMATS)


def test_every_container_that_is_read_is_in_the_table() -> None:
    """The table of containers and their readers name the same formats."""
    assert rows("Containers").keys() == set(_READERS)


def test_every_video_that_is_read_is_in_the_table() -> None:
    """The table of videos and the demuxers name the same formats."""
    assert list(rows("Videos")) == list(DEMUXERS)


def test_the_tables_name_the_extras() -> None:
    """Each table names the extra that a format needs, and none where it needs none."""
    every = rows("Pictures") | rows("Containers") | rows("Videos")
    assert every == {name: EXTRAS.get(name) for name in every}
