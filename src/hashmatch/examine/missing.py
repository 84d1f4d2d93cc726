"""Say what to install for formats that were met and not read."""

from __future__ import annotations

from collections.abc import Collection

from hashmatch.errors import install_line
from hashmatch.examine.archive.libarchive_reader import FILTERS, FORMATS
from hashmatch.examine.decode import DECODERS, missing
from hashmatch.examine.extras import is_installed
from hashmatch.examine.video.sniffing import DEMUXERS

EXTRAS = {
    **{name: decoder.extra for name, decoder in DECODERS.items() if decoder.extra is not None},
    **dict.fromkeys((*FORMATS, *FILTERS), "archives"),
    "PDF": "pdf",
    **dict.fromkeys(DEMUXERS, "video"),
}
"""The extra of hashmatch that reads a format, by the format's name in records."""


def install_lines(formats: Collection[str]) -> dict[str, str]:
    """What to install for formats, by name; those for which nothing helps are left out."""
    lines = {name: _install_line(name) for name in formats}
    return {name: line for name, line in lines.items() if line is not None}


def _install_line(name: str) -> str | None:
    if name in DECODERS:
        return missing(name)
    extra = EXTRAS.get(name)
    return None if extra is None or is_installed(extra) else install_line(extra)
