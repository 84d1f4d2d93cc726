"""Keep what was measured in a file, so that a stopped evaluation can be resumed.

The file holds hashes of the operator's own ordinary pictures, so only its owner can read it. Each
picture adds a line of JSON; if a line was cut short, its picture is measured again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from hashmatch.errors import HashError, OutputError, SettingsError
from hashmatch.evaluate.pictures import Facts, Hashes, Variant, hashed_kinds
from hashmatch.evaluate.settings import EvaluationSettings, versions
from hashmatch.files import Closing, raising
from hashmatch.model import HashKind, PerceptualHash

_FORMAT = 4
_BEGINNING = b'{"key":"'


class Cache(Closing):
    """Facts by the digest of the file and everything else they depend on.

    Facts measured under other settings are ignored.

    Raises:
        OutputError: the file cannot be opened.
        SettingsError: it holds something else, which is left as it is.
    """

    def __init__(self, path: str | os.PathLike[str], settings: EvaluationSettings) -> None:
        self._settings = settings
        self._key = _fingerprint(settings)
        self._known: dict[str, Facts] = {}
        with raising(OutputError, "cannot open the cache", path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file: TextIO = os.fdopen(descriptor, "a", encoding="utf-8", newline="\n")
        data = Path(path).read_bytes()
        if data[: len(_BEGINNING)] != _BEGINNING[: len(data)]:
            self._file.close()
            raise SettingsError("not a cache of an evaluation", path=str(path))
        self._load(data)

    def get(self, digest: str) -> Facts | None:
        """What is known about the file with this digest, if anything."""
        return self._known.get(digest)

    def add(self, facts: Facts) -> None:
        """Keep what was measured of one file, if it has a digest."""
        if facts.digest and facts.digest not in self._known:
            self._known[facts.digest] = facts
            row = {"key": self._key, **_to_json(facts)}
            self._file.write(json.dumps(row, separators=(",", ":")) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _load(self, data: bytes) -> None:
        for line in data.split(b"\n"):
            try:
                row = json.loads(line)
                if row["key"] == self._key:
                    facts = _from_json(row, self._settings)
                    self._known[facts.digest] = facts
            except (ValueError, KeyError, TypeError, HashError):
                continue  # cut short when a run was stopped, or not ours: measured again
        if data and not data.endswith(b"\n"):
            self._file.write("\n")


def _fingerprint(settings: EvaluationSettings) -> str:
    """A digest of everything that facts depend on besides the file."""
    record = settings.record()
    for name in ("list_size", "files_per_day", "max_false_per_day"):
        del record[name]
    record |= {"format": _FORMAT, **versions()}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


def _to_json(facts: Facts) -> dict[str, Any]:
    return {
        "digest": facts.digest,
        "problem": facts.problem,
        "views": _texts(facts.views),
        "samples": _texts(facts.samples),
        "further": facts.further,
        "variants": [
            [[view.view, *view.distances] for view in variant] for variant in facts.variants
        ],
    }


def _from_json(row: dict[str, Any], settings: EvaluationSettings) -> Facts:
    kinds = hashed_kinds(settings)

    return Facts(
        digest=row["digest"],
        problem=row["problem"],
        views=_hashes(row["views"], kinds),
        samples=_hashes(row["samples"], kinds),
        further=tuple(row["further"]),
        variants=tuple(
            tuple(Variant(view[0], tuple(view[1:])) for view in variant)
            for variant in row["variants"]
        ),
    )


def _texts(rows: Sequence[Hashes]) -> list[list[str]]:
    return [[str(value) for value in row] for row in rows]


def _hashes(rows: Sequence[Sequence[str]], kinds: Sequence[HashKind]) -> tuple[Hashes, ...]:
    return tuple(
        tuple(
            PerceptualHash.from_hex(text, kind.algorithm)
            for text, kind in zip(row, kinds, strict=True)
        )
        for row in rows
    )
