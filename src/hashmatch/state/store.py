"""What hashmatch remembers between runs, in one SQLite file."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from sqlite3 import Cursor
from types import TracebackType
from typing import Any, NamedTuple, Self

from hashmatch.errors import InputError
from hashmatch.model import Examination, HashKind, Match, PerceptualHash
from hashmatch.state.database import Database, Values
from hashmatch.state.rows import COLUMNS, Identity, Stored, columns_of
from hashmatch.state.settings import Settings

_PAGE = 1024
"""Rows read at a time."""

_SEPARATOR = os.fsencode(os.sep)

FALSE_POSITIVE = "false_positive"
"""The word of a human who found that a match is none."""

Group = list[Stored]
"""The row of a file, and behind it those of its members."""


def key_of(path: bytes) -> bytes:
    """The key of a path, made absolute. Keys sort as a walk comes upon their files."""
    return os.path.abspath(path).rstrip(_SEPARATOR).replace(_SEPARATOR, b"\0")


def path_of_key(key: bytes) -> bytes:
    """The absolute path of a key."""
    return key.replace(b"\0", _SEPARATOR) or _SEPARATOR


class Named(NamedTuple):
    """An entry as reviews are about it: an id that a list gives to another hash is another entry.

    Attributes:
        list: the name of its list.
        entry: its id.
        fingerprint: of its hash.
    """

    list: str
    entry: str
    fingerprint: bytes


class State:
    """Every file and member that was examined, every match, and what humans said of it.

    Args:
        path: the state file, mode 0600.
        create: make it where there is none.
        lock: be the only one that scans or re-matches with it.

    Attributes:
        path: as given.
        token: what tells this state from others, so that reviews do not go to another one.

    Raises:
        InputError: it is not there, is no state, or was made by a newer hashmatch.
        OutputError: it cannot be made, or another scan is using it.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, lock: bool = True
    ) -> None:
        self._database = Database(os.fspath(path), create=create, lock=lock)
        self.path = os.fspath(path)
        self._settings = self._load_settings()
        ((self._secret,),) = self._database.read("SELECT key FROM secret")
        # A word, since spreadsheets make numbers of what looks like one
        self.token = "s" + blake2b(b"state", digest_size=4, key=self._secret).hexdigest()

    def every_settings(self) -> Mapping[int, Settings]:
        """All settings that rows were made with, by number."""
        return self._settings

    def settings(self, number: int) -> Settings:
        """How rows with this number of settings were made."""
        return self._settings[number]

    def settings_number(self, settings: Settings) -> int:
        """The number of these settings, which they are given now if they have none."""
        for number, known in self._settings.items():
            if known == settings:
                return number
        values = (settings.base, json.dumps(settings.kinds), json.dumps(settings.digests))
        self._database.write("INSERT INTO settings (base, kinds, digests) VALUES (?, ?, ?)", values)
        self._settings = self._load_settings()
        return self.settings_number(settings)

    def serving(self, wanted: Settings) -> frozenset[int]:
        """The numbers of all settings that serve as well as the wanted ones."""
        return frozenset(number for number, known in self._settings.items() if known.serves(wanted))

    def below(self, root: bytes) -> Iterator[Group]:
        """All files at or below a key, in the order of a walk.

        Rows may be written meanwhile; those behind the one that was read last may be seen.
        """
        return _groups(self._rows(root, root + b"\x01"))

    def everything(self) -> Iterator[Group]:
        """All files, in the order of a walk of everything."""
        return _groups(self._rows(b"", b"\xff"))

    def group(self, key: bytes) -> Group:
        """The rows of one file; none where it is not known."""
        return self._select("key = ? ORDER BY key, member", (key,))

    def has_size(self, size: int) -> bool:
        """Whether a file of this size is known."""
        query = "SELECT 1 FROM files WHERE member = 0 AND size = ? AND sha256 NOT NULL LIMIT 1"
        return bool(self._database.read(query, (size,)))

    def with_contents(self, size: int, sha256: bytes) -> Iterator[Group]:
        """The files with these contents, a few at the most."""
        query = "SELECT key FROM files WHERE member = 0 AND size = ? AND sha256 = ? LIMIT 8"
        for (key,) in self._database.read(query, (size, sha256)):
            yield self.group(key)

    def put(
        self,
        key: bytes,
        identity: Identity | None,
        examined: int,
        settings: int,
        parts: Sequence[tuple[bytes | None, Examination]],
    ) -> None:
        """Keep what was found out of a file, in place of what was kept before.

        Args:
            key: of the file.
            identity: of the file, before it was read; None where it could not be opened.
            examined: when it was opened, nanoseconds since 1970.
            settings: the number of those that it was examined with.
            parts: the members of an archive by their names, and at the end None and the file.
        """
        digests = self._settings[settings].digests
        *members, (_, whole) = parts
        base = dict.fromkeys(Stored._fields)
        base |= {"key": key, "settings": settings, "examined": examined}
        rows = [
            base | {"member": 0, "members": len(members)} | columns_of(whole, digests),
            *(
                base | {"member": number, "name": name} | columns_of(member, digests)
                for number, (name, member) in enumerate(members, 1)
            ),
        ]
        if identity is not None:
            rows[0] |= identity._asdict()
        self._replace(key, rows)

    def adopt(self, key: bytes, identity: Identity, examined: int, group: Group) -> Group:
        """Keep for a file what is known of another with the same contents."""
        first, *members = group
        copied = first._replace(**identity._asdict(), key=key, examined=examined, gone=None)
        rows = [row._replace(key=key, verdict=None, since=None) for row in (copied, *members)]
        self._replace(key, [row._asdict() for row in rows])
        return rows

    def refine(self, key: bytes, member: int, settings: int, found: Examination) -> None:
        """Keep the exact hashes of a part that only a preview was kept of."""
        values = columns_of(found, self._settings[settings].digests) | {"settings": settings}
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        self._database.write(
            f"UPDATE files SET {assignments} WHERE key = :key AND member = :member",  # noqa: S608 # our own column names
            values | {"key": key, "member": member},
        )

    def mark_gone(self, key: bytes) -> None:
        """Note that a file is not there any more; what is known of it stays."""
        query = "UPDATE files SET gone = ? WHERE key = ? AND gone IS NULL"
        self._database.write(query, (time.time_ns(), key))

    def mark_back(self, key: bytes) -> None:
        """Note that a file is there again."""
        self._database.write("UPDATE files SET gone = NULL WHERE key = ?", (key,))

    def latest_settings(self) -> Settings:
        """How the last scan made its rows.

        Raises:
            InputError: there was none.
        """
        rows = self.read(
            "SELECT settings FROM runs WHERE command = 'scan' ORDER BY id DESC LIMIT 1"
        )
        if not rows:
            raise InputError("nothing was scanned with this state yet", path=self.path)
        return self._settings[rows[0][0]]

    def last_count(self) -> int | None:
        """How many files the last scan that ended came to; None where there was none."""
        rows = self.read(
            "SELECT summary FROM runs WHERE command = 'scan' AND summary NOT NULL"
            " ORDER BY id DESC LIMIT 1"
        )
        return int(json.loads(rows[0][0])["files"]) if rows else None

    def begin_run(self, command: str, settings: int) -> int:
        """Note that a run begins, and return its number."""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        query = "INSERT INTO runs (command, started, settings) VALUES (?, ?, ?)"
        number = self._database.write(query, (command, started, settings)).lastrowid
        self._database.commit()
        return number or 0

    def end_run(self, run: int, summary: Mapping[str, Any]) -> None:
        """Keep the summary of a run."""
        self._database.write("UPDATE runs SET summary = ? WHERE id = ?", (json.dumps(summary), run))
        self._database.commit()

    def note_match(self, run: int, path: bytes, sha256: bytes, match: Match) -> None:
        """Keep a match for review, once for each content and entry."""
        values = {
            "sha256": sha256,
            "list": match.list,
            "entry": match.entry.id,
            "algorithm": match.algorithm,
            "bits": match.bits,
            "label": match.entry.label,
            "category": match.entry.category,
            "distance": match.distance,
            "threshold": match.threshold,
            "view": match.view,
            "quality": match.quality,
            "low_information": match.low_information,
            "confirmed": match.confirmed,
            "path": path,
            "fingerprint": self.fingerprint(match.entry.hash),
            "first_run": run,
            "last_run": run,
        }
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        fresh = ", ".join(f"{name} = excluded.{name}" for name in list(values)[5:-2])
        insert = f"INSERT INTO matches ({names}) VALUES ({places})"  # noqa: S608 # our own names
        self._database.write(
            f"{insert} ON CONFLICT (sha256, list, entry, algorithm, bits, fingerprint)"
            f" DO UPDATE SET {fresh}, last_run = excluded.last_run",
            values,
        )

    def fingerprint(self, value: PerceptualHash) -> bytes:
        """What tells the hash of an entry from others in this state, and in no other."""
        told = f"{value.algorithm}-{value.bits} {value}".encode()
        return blake2b(told, digest_size=8, key=self._secret).digest()

    def note_verdict(self, run: int, key: bytes, member: int, verdict: str) -> None:
        """Keep what a scan says of a file or a member, and that it is the first to say so."""
        query = "UPDATE files SET verdict = ?, since = ? WHERE key = ? AND member = ?"
        self._database.write(query, (verdict, run, key, member))

    def suppressed(self) -> dict[bytes, frozenset[Named]]:
        """For each content, by SHA-256, the entries that it does not show.

        That is what the latest review of each match says.
        """
        query = (
            "SELECT sha256, list, entry, fingerprint, verdict FROM matches"
            " JOIN reviews ON match = matches.id ORDER BY at, reviews.id"
        )
        latest = {(digest, Named(*rest)): said for digest, *rest, said in self.read(query)}
        found: defaultdict[bytes, set[Named]] = defaultdict(set)
        for (digest, named), said in latest.items():
            if said == FALSE_POSITIVE:
                found[digest].add(named)
        return {digest: frozenset(entries) for digest, entries in found.items()}

    def read(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Ask the tables themselves; see ``database.py`` for what they hold."""
        return self._database.read(query, values)

    def write(self, statement: str, values: Values = ()) -> Cursor:
        """Change the tables themselves."""
        return self._database.write(statement, values)

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written meanwhile, or nothing of it."""
        return self._database.transaction()

    def commit(self) -> None:
        """Make sure that what was written outlasts this process, and let others write."""
        self._database.commit()

    def close(self) -> None:
        """Write what is left, and let the next scan in."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<State {self.path!r}>"

    def _load_settings(self) -> dict[int, Settings]:
        rows = self._database.read("SELECT id, base, kinds, digests FROM settings")
        return {
            number: Settings(
                base, tuple(HashKind(*kind) for kind in json.loads(kinds)), tuple(json.loads(names))
            )
            for number, base, kinds, names in rows
        }

    def _replace(self, key: bytes, rows: Sequence[Mapping[str, Any]]) -> None:
        places = ", ".join(f":{name}" for name in Stored._fields)
        with self._database.all_or_nothing():  # whatever interrupts it
            self._database.write("DELETE FROM files WHERE key = ?", (key,))
            for row in rows:
                self._database.write(f"INSERT INTO files ({COLUMNS}) VALUES ({places})", row)  # noqa: S608 # our own column names

    def _rows(self, lower: bytes, upper: bytes) -> Iterator[Stored]:
        """All rows from one key to before another, a page at a time, so that nothing is held up."""
        last: tuple[bytes, int] = (lower, -1)
        while True:
            page = self._select(
                "(key, member) > (?, ?) AND key < ? ORDER BY key, member LIMIT ?",
                (*last, upper, _PAGE),
            )
            yield from page
            if len(page) < _PAGE:
                return
            last = (page[-1].key, page[-1].member)

    def _select(self, where: str, values: Sequence[Any]) -> list[Stored]:
        query = f"SELECT {COLUMNS} FROM files WHERE {where}"  # noqa: S608 # our own column names
        return list(map(Stored._make, self._database.read(query, values)))


def _groups(rows: Iterator[Stored]) -> Iterator[Group]:
    for _, group in groupby(rows, key=attrgetter("key")):
        yield list(group)
