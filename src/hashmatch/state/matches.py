"""Matches, and what people decided about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

from hashmatch.model import Match, PerceptualHash
from hashmatch.state.database import Database

FALSE_POSITIVE = "false_positive"
"""The decision that a match is not one."""

_KEY = ("sha256", "list", "entry", "algorithm", "bits", "fingerprint")
"""What makes two matches one; see ``schema``."""

_STORED = """
SELECT sha256, fingerprint, matches.id, path, list, entry, label, category, algorithm, bits,
       distance, threshold, view, quality, cause, confirmed, expected_false,
       started
FROM matches JOIN runs ON runs.id = first_run
"""

_LATEST = """
SELECT list, entry, algorithm, bits, distance, decision
FROM matches JOIN decisions ON match = matches.id
WHERE decisions.id = (
    SELECT id FROM decisions AS other WHERE other.match = matches.id
    ORDER BY at DESC, id DESC LIMIT 1
)
"""


class Named(NamedTuple):
    """An entry as decisions refer to it: once a list gives its id to another hash, it is another.

    Attributes:
        list: the name of its list.
        entry: its id.
        fingerprint: of its hash.
    """

    list: str
    entry: str
    fingerprint: bytes


class StoredMatch(NamedTuple):
    """A match of one content and one entry, however many files have that content.

    Attributes:
        id: its number, which a decision about it names.
        path: where the content was found last, absolute.
        list: the name of the list.
        entry: the id of the entry.
        label: of the entry.
        category: of the entry, as the list names it.
        algorithm: of both hashes.
        bits: their width.
        distance: Hamming, in bits.
        threshold: of the scan, in bits.
        view: which view of the file is this near.
        quality: 0 to 100, of that view.
        cause: why it is only a candidate; None for a match.
        confirmed: the distance is exact.
        expected_false: how many entries of the list are this near by chance; None if not known.
        found: when the match was first found, ISO 8601 in UTC.
        state: the token of the state it is in, so that a decision goes to no other state.
    """

    id: int
    path: bytes
    list: str
    entry: str
    label: str | None
    category: str | None
    algorithm: str
    bits: int
    distance: int
    threshold: int
    view: str
    quality: int
    cause: str | None
    confirmed: int
    expected_false: float | None
    found: str
    state: str


class DecidedMatch(NamedTuple):
    """A match that someone decided, and the latest decision about it.

    Attributes:
        list: the name of the list.
        entry: the id of the entry.
        algorithm: of both hashes.
        bits: their width.
        distance: Hamming, in bits.
        decision: the word.
    """

    list: str
    entry: str
    algorithm: str
    bits: int
    distance: int
    decision: str


class Matches:
    """The tables ``matches`` and ``decisions``.

    Args:
        database: the file they are in.

    Attributes:
        token: tells this state from others, so that decisions go to no other.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        ((self._secret,),) = database.read("SELECT key FROM secret")
        # Begins with a letter: a spreadsheet would turn what looks like a number into one
        self.token = "s" + blake2b(b"state", digest_size=4, key=self._secret).hexdigest()

    def note(self, run: int, path: bytes, sha256: bytes, match: Match) -> None:
        """Store a match for review, once for each content and entry."""
        values = match.record() | {
            "sha256": sha256,
            "path": path,
            "fingerprint": self.fingerprint(match.entry.hash),
            "first_run": run,
            "last_run": run,
        }
        del values["source"]  # no reviewer needs it
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        fresh = ", ".join(
            f"{name} = excluded.{name}" for name in values if name not in (*_KEY, "first_run")
        )
        self._database.write(
            f"INSERT INTO matches ({names}) VALUES ({places})"  # noqa: S608 # our own names
            f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {fresh}",
            values,
        )

    def fingerprint(self, value: PerceptualHash) -> bytes:
        """Tell the hash of an entry from others, in this state alone."""
        text = f"{value.algorithm}-{value.bits} {value}".encode()
        return blake2b(text, digest_size=8, key=self._secret).digest()

    def suppressed(self) -> dict[bytes, frozenset[Named]]:
        """Return, for each content by SHA-256, the entries that are false positives on it.

        The latest decision about each match counts.
        """
        query = (
            "SELECT sha256, list, entry, fingerprint, decision FROM matches"
            " JOIN decisions ON match = matches.id ORDER BY at, decisions.id"
        )
        latest = {
            (digest, Named(*rest)): decision
            for digest, *rest, decision in self._database.read(query)
        }
        found: defaultdict[bytes, set[Named]] = defaultdict(set)
        for (digest, named), decision in latest.items():
            if decision == FALSE_POSITIVE:
                found[digest].add(named)
        return {digest: frozenset(entries) for digest, entries in found.items()}

    def ids(self) -> set[int]:
        """Return the numbers of all matches."""
        return {number for (number,) in self._database.read("SELECT id FROM matches")}

    def pending(self, *, include_decided: bool = False) -> list[StoredMatch]:
        """Return the matches that nobody has decided, oldest first.

        Args:
            include_decided: also return the others.
        """
        undecided = "NOT EXISTS (SELECT 1 FROM decisions WHERE match = matches.id)"
        query = f"{_STORED} WHERE ? OR {undecided} ORDER BY matches.id"
        return [self._stored(*row) for _, _, *row in self._database.read(query, (include_decided,))]

    def found_since(self, run: int) -> Iterator[tuple[bytes, StoredMatch]]:
        """Yield the matches found by a run or a later one, except false positives.

        Yields:
            The SHA-256 of the content and the match; a content's best match first.
        """
        suppressed = self.suppressed()
        query = (
            f"{_STORED} WHERE last_run >= ?"
            " ORDER BY sha256, cause IS NOT NULL, cause, distance, matches.id"
        )
        for sha256, fingerprint, *row in self._database.read(query, (run,)):
            match = self._stored(*row)
            named = Named(match.list, match.entry, fingerprint)
            if named not in suppressed.get(sha256, frozenset()):
                yield sha256, match

    def decided(self) -> list[DecidedMatch]:
        """Return all matches that someone decided, with the latest decision about each."""
        return list(map(DecidedMatch._make, self._database.read(_LATEST)))

    def decide(self, decisions: Iterable[tuple[int, str, str, str, str | None]]) -> int:
        """Add decisions, all or none, and return how many of them are new.

        Args:
            decisions: the match, the decision, by whom, when (ISO 8601 in UTC), and a note.
        """
        added = 0
        with self._database.transaction():
            for decision in decisions:
                added += self._database.write(
                    "INSERT OR IGNORE INTO decisions (match, decision, by, at, note)"
                    " VALUES (?, ?, ?, ?, ?)",
                    decision,
                ).rowcount
        return added

    def _stored(self, *row: object) -> StoredMatch:
        return StoredMatch._make((*row, self.token))
