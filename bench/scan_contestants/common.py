"""Shared by the contestants: a list in a NumPy array, the fastest way without an index.

Every contestant runs as ``python CONTESTANT LIST FOLDER OUTPUT JOBS`` and writes a JSON object
that maps each path to the ids of the entries near it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

THRESHOLD = 8


class LinearList:
    """The entries of a text list of 64-bit hashes, all compared with each query."""

    def __init__(self, path: str) -> None:
        lines = [x.split() for x in Path(path).read_text().splitlines() if not x.startswith("#")]
        self._ids = [words[1] for words in lines]
        self._codes = np.array([int(words[0], 16) for words in lines], dtype=np.uint64)

    def near(self, bits: npt.NDArray[np.bool_]) -> list[str]:
        """The ids of the entries within the threshold of a hash of shape (8, 8)."""
        code = np.packbits(bits).view(">u8").astype(np.uint64)[0]
        rows = np.flatnonzero(np.bitwise_count(self._codes ^ code) <= THRESHOLD)
        return [self._ids[row] for row in rows]


def arguments() -> tuple[LinearList, list[str], str, int]:
    """The list, the files in order, the output, and the number of jobs."""
    listed, paths, output, jobs = arguments_without_list()
    return LinearList(listed), paths, output, jobs


def arguments_without_list() -> tuple[str, list[str], str, int]:
    """The same for a contestant that loads the list itself, from this path."""
    listed, folder, output, jobs = sys.argv[1:]
    return listed, list(files(folder)), output, int(jobs)


def files(folder: str) -> Iterator[str]:
    """Every file below a folder, in order."""
    for path, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(path, name)  # noqa: PTH118 # as quick as they can be


def write(output: str, found: dict[str, list[str]]) -> None:
    """Write the answers."""
    Path(output).write_text(json.dumps(found))
