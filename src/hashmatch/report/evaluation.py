"""An evaluation to the three files that are kept: a record, a table and a page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hashmatch.errors import OutputError
from hashmatch.files import write_atomically
from hashmatch.report.evaluation_page import to_html
from hashmatch.report.evaluation_table import to_csv

NAMES = ("evaluation.json", "evaluation.csv", "evaluation.html")


def to_json(record: dict[str, Any]) -> str:
    """The record as JSON, in ASCII, with its keys in the order in which a reader wants them."""
    return json.dumps(record, indent=1) + "\n"


def write(record: dict[str, Any], folder: str | os.PathLike[str]) -> list[Path]:
    """Write ``evaluation.json``, ``.csv`` and ``.html``, each whole or not at all.

    Args:
        record: what ``record`` gave.
        folder: is made where there is none.

    Returns:
        The files.

    Raises:
        OutputError: one cannot be written.
    """
    # All three are made before any is written, so that a mistake leaves the last ones as they are
    texts = (to_json(record), to_csv(record), to_html(record))
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make it: {error.strerror}", path=str(folder)) from error
    paths = [Path(folder) / name for name in NAMES]
    for path, text in zip(paths, texts, strict=True):
        with write_atomically(path) as stream:
            stream.write(text.encode())
    return paths
