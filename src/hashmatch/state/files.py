"""What is known about files and about the members of archives."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from hashmatch.model import Examination
from hashmatch.state.database import Database
from hashmatch.state.rows import COLUMNS, Stored, StoredIdentity, columns_of
from hashmatch.state.runs import Runs

_PAGE = 1024
"""Rows read at a time."""

_TO_REPORT = """
SELECT key, member, name, sha256, reason, detail FROM files
WHERE (key, member) > (?, ?) AND gone IS NULL AND (
    reason NOT NULL OR EXISTS (SELECT 1 FROM near WHERE near.sha256 = files.sha256)
)
ORDER BY key, member LIMIT ?
"""

_PUT = (
    f"INSERT OR REPLACE INTO files ({COLUMNS})"  # noqa: S608 # our own column names
    f" VALUES ({', '.join('?' * len(Stored._fields))})"
)

Group = list[Stored]
"""The row of a file, followed by those of its members."""


class Files:
    """The table ``files``. New rows wait in memory, and are written before the next query.

    Args:
        database: the file it is in.
        runs: the settings that rows refer to.
    """

    def __init__(self, database: Database, runs: Runs) -> None:
        self._database = database
        self._runs = runs
        self._pending: dict[bytes, Group] = {}
        database.before_use = self._write_pending

    def between(self, lower: bytes, upper: bytes) -> Iterator[Group]:
        """Yield all files from one key to just before another, in the order of a walk.

        You may write rows meanwhile; new rows beyond the last one read may or may not show up.
        """
        return _groups(self._rows(lower, upper))

    def everything(self) -> Iterator[Group]:
        """Yield all files, in the order of a walk of everything."""
        return _groups(self._rows(b"", b"\xff"))

    def group(self, key: bytes) -> Group:
        """Return the rows of one file; none if it is unknown."""
        return self._select("key = ? ORDER BY key, member", (key,))

    def has_size(self, size: int) -> bool:
        """Whether a file of this size, in bytes, is known."""
        query = "SELECT 1 FROM files WHERE member = 0 AND size = ? AND sha256 NOT NULL LIMIT 1"
        return bool(self._database.read(query, (size,)))

    def with_contents(self, size: int, sha256: bytes) -> Iterator[Group]:
        """Yield files with these contents, at most a few."""
        query = "SELECT key FROM files WHERE member = 0 AND size = ? AND sha256 = ? LIMIT 8"
        for (key,) in self._database.read(query, (size, sha256)):
            yield self.group(key)

    def count_pictures(self, settings: int, *, hashed: bool, include_gone: bool) -> int:
        """Count the pictures examined with these settings.

        Args:
            settings: the number of the settings.
            hashed: the settings include perceptual hashes, so pictures have a quality.
            include_gone: also count pictures in files that no longer exist.
        """
        which = "quality NOT NULL" if hashed else "format NOT NULL AND reason IS NULL"
        return self._count(which, settings, include_gone=include_gone)

    def count_digested(self, settings: int, *, include_gone: bool) -> int:
        """Count what was digested with these settings; the arguments are as above."""
        return self._count("sha256 NOT NULL", settings, include_gone=include_gone)

    def to_report(
        self, near: Iterable[bytes]
    ) -> Iterator[tuple[bytes, bytes | None, bytes | None, str | None, str | None]]:
        """Yield what was not examined, or has one of these contents, and still exists.

        Args:
            near: the SHA-256 of contents that are near an entry.

        Yields:
            Key, member's name, SHA-256, reason and detail, in the order of a walk.
        """
        self._database.write("CREATE TEMP TABLE near (sha256 BLOB PRIMARY KEY)")
        for sha256 in near:
            self._database.write("INSERT OR IGNORE INTO near VALUES (?)", (sha256,))
        self._database.commit()
        last: tuple[bytes, int] = (b"", -1)
        while page := self._database.read(_TO_REPORT, (*last, _PAGE)):
            for key, member, *rest in page:
                last = key, member
                yield key, *rest

    def put(
        self,
        key: bytes,
        identity: StoredIdentity | None,
        examined: int,
        settings: int,
        parts: Sequence[tuple[bytes | None, Examination]],
    ) -> None:
        """Store what was found out about a file, in place of what was stored before.

        Args:
            key: of the file.
            identity: of the file, before it was read; None if it could not be opened.
            examined: when it was opened, in nanoseconds since 1970.
            settings: the number of those it was examined with.
            parts: the members of an archive by name; last, None and the file itself.
        """
        digests = self._runs.settings[settings].digests
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
            rows[0]["size"], rows[0]["mark"], rows[0]["changed"] = identity
        self._pending[key] = [Stored._make(row.values()) for row in rows]

    def adopt(self, key: bytes, identity: StoredIdentity, examined: int, group: Group) -> Group:
        """Store for a file what is known about another one with the same contents."""
        first, *members = group
        size, mark, changed = identity
        copied = first._replace(
            size=size, mark=mark, changed=changed, key=key, examined=examined, gone=None
        )
        rows = [row._replace(key=key, verdict=None, since=None) for row in (copied, *members)]
        self._pending[key] = list(rows)  # verdicts may be added to these
        return rows

    def refine(self, key: bytes, member: int, settings: int, found: Examination) -> None:
        """Store the exact hashes of a part in place of those of its preview."""
        values = columns_of(found, self._runs.settings[settings].digests) | {"settings": settings}
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        self._database.write(
            f"UPDATE files SET {assignments} WHERE key = :key AND member = :member",  # noqa: S608 # our own column names
            values | {"key": key, "member": member},
        )

    def forget(self, key: bytes) -> None:
        """Forget a file."""
        self._database.write("DELETE FROM files WHERE key = ?", (key,))

    def forget_since(self, since: int) -> None:
        """Forget the files that were examined since a time, in nanoseconds since 1970."""
        self._database.write(
            "DELETE FROM files WHERE key IN (SELECT key FROM files WHERE examined >= ?)", (since,)
        )

    def mark_gone(self, key: bytes) -> None:
        """Record that a file no longer exists; what is known about it stays."""
        query = "UPDATE files SET gone = ? WHERE key = ? AND gone IS NULL"
        self._database.write(query, (time.time_ns(), key))

    def mark_back(self, key: bytes) -> None:
        """Record that a file exists again."""
        self._database.write("UPDATE files SET gone = NULL WHERE key = ?", (key,))

    def note_verdict(self, run: int, key: bytes, member: int, verdict: str) -> None:
        """Store the verdict on a file or a member, and the run that reached it first."""
        rows = self._pending.get(key)
        if rows is not None:
            rows[member] = rows[member]._replace(verdict=verdict, since=run)
            return
        query = "UPDATE files SET verdict = ?, since = ? WHERE key = ? AND member = ?"
        self._database.write(query, (verdict, run, key, member))

    def _count(self, which: str, settings: int, *, include_gone: bool) -> int:
        query = f"SELECT count(*) FROM files WHERE settings = ? AND {which}"  # noqa: S608 # our own words
        query += "" if include_gone else " AND gone IS NULL"
        ((count,),) = self._database.read(query, (settings,))
        return int(count)

    def _write_pending(self) -> None:
        """Write the rows that wait, all of them or none. Many at a time take half as long."""
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        with self._database.all_or_nothing():  # even if it is interrupted
            self._database.write_many(
                "DELETE FROM files WHERE key = ?", [(key,) for key in pending]
            )
            self._database.write_many(_PUT, chain.from_iterable(pending.values()))

    def _rows(self, lower: bytes, upper: bytes) -> Iterator[Stored]:
        """Yield all rows from one key to just before another, a page at a time."""
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
