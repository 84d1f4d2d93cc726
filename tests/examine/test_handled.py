from __future__ import annotations

from pathlib import Path

from hashmatch.examine.container import _READERS
from hashmatch.examine.decode import DECODERS
from hashmatch.examine.handled import CONTAINERS, PICTURES, VIDEOS, document
from hashmatch.examine.video.sniffing import DEMUXERS
from hashmatch.options import FORMATS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


def test_the_document_is_up_to_date() -> None:
    """``docs/formats.md`` is what the tables say; if not, the message tells how to make it anew."""
    assert DOCUMENT.read_text("utf-8") == document(), (
        "run: python -m hashmatch.examine.handled > docs/formats.md"
    )


def test_every_format_that_is_decoded_is_in_the_table() -> None:
    """The table, the decoders and ``FORMATS`` name the same formats, and the same extras."""
    assert [row.format for row in PICTURES] == sorted(FORMATS)
    assert {row.format: row.extra for row in PICTURES} == {
        name: decoder.extra for name, decoder in DECODERS.items()
    }


def test_every_container_that_is_read_is_in_the_table() -> None:
    """The table and the readers of containers name the same formats."""
    assert {row.format for row in CONTAINERS} == set(_READERS)


def test_every_video_that_is_read_is_in_the_table() -> None:
    """The table and the demuxers name the same formats."""
    assert [row.format for row in VIDEOS] == list(DEMUXERS)
