"""Runs, and the settings that the hashes of each were made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hashmatch.errors import InputError
from hashmatch.model import HashKind
from hashmatch.state.database import Database
from hashmatch.state.settings import Settings


class Runs:
    """The tables ``runs`` and ``settings``.

    Args:
        database: the file they are in.

    Attributes:
        settings: all settings that rows were made with, by number.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.settings: Mapping[int, Settings] = self._load_settings()

    def settings_number(self, settings: Settings) -> int:
        """Return the number of these settings; new settings get one now."""
        for number, known in self.settings.items():
            if known == settings:
                return number
        values = (settings.base, json.dumps(settings.kinds), json.dumps(settings.digests))
        self._database.write("INSERT INTO settings (base, kinds, digests) VALUES (?, ?, ?)", values)
        self.settings = self._load_settings()
        return self.settings_number(settings)

    def serving(self, wanted: Settings) -> frozenset[int]:
        """Return the numbers of all settings whose rows hold all that the wanted ones would."""
        return frozenset(number for number, known in self.settings.items() if known.serves(wanted))

    def latest_settings(self) -> Settings:
        """Return the settings of the last scan.

        Raises:
            InputError: there was none.
        """
        rows = self._database.read(
            "SELECT settings FROM runs WHERE command = 'scan' ORDER BY id DESC LIMIT 1"
        )
        if not rows:
            raise InputError("no scan has used this state yet", path=self._database.path)
        return self.settings[rows[0][0]]

    def begin(self, command: str, settings: int) -> int:
        """Record that a run begins, and return its number."""
        started = datetime.now(UTC).isoformat()
        query = "INSERT INTO runs (command, started, settings) VALUES (?, ?, ?)"
        number = self._database.write(query, (command, started, settings)).lastrowid
        self._database.commit()
        return number or 0

    def end(self, run: int, summary: Mapping[str, Any]) -> None:
        """Record that a run has ended, with its summary."""
        self._database.write("UPDATE runs SET summary = ? WHERE id = ?", (json.dumps(summary), run))
        self._database.commit()

    def last_scan(self) -> tuple[datetime, str] | None:
        """Return when the last scan that ended began, and its summary as JSON; None without one."""
        rows = self._database.read(
            "SELECT started, summary FROM runs WHERE command = 'scan' AND summary NOT NULL"
            " ORDER BY id DESC LIMIT 1"
        )
        return (datetime.fromisoformat(rows[0][0]), rows[0][1]) if rows else None

    def last_count(self) -> int | None:
        """Return how many files the last scan that ended recorded; None if there was none."""
        last = self.last_scan()
        return None if last is None else int(json.loads(last[1])["files"])

    def _load_settings(self) -> dict[int, Settings]:
        rows = self._database.read("SELECT id, base, kinds, digests FROM settings")
        return {
            number: Settings(
                base, tuple(HashKind(*kind) for kind in json.loads(kinds)), tuple(json.loads(names))
            )
            for number, base, kinds, names in rows
        }
