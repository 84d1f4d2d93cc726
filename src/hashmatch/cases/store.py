"""``Cases``: everything that doors, reviewers and reports do with cases."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

from sqlalchemy import func, insert, select

from hashmatch.cases import deciding, queueing, reading, recording
from hashmatch.cases.database import CaseDatabase
from hashmatch.cases.deciding import UNDO_WITHIN, Chain, MatchDecision, trail_event
from hashmatch.cases.queueing import Filters, Order, QueuePage
from hashmatch.cases.schema import cases, decisions, matches, notes, viewings
from hashmatch.cases.values import (
    Case,
    CaseMatch,
    Decided,
    Decision,
    DecisionRecord,
    Finding,
    QueueRow,
)
from hashmatch.errors import SettingsError
from hashmatch.files import Closing
from hashmatch.match.reviews import Rejection, ReviewedEntry
from hashmatch.model import Match

LEASE = timedelta(minutes=15)

Clock = Callable[[], datetime]


class Cases(Closing):
    """A case store. Each call is one transaction, and what it wrote is on disk on return.

    Any number of threads, processes and (with PostgreSQL) machines may use it at a time.

    Args:
        place: a file for SQLite, or ``postgresql+psycopg://USER@HOST/DATABASE``.
        create: create the file if it does not exist.
        chain: adds decisions and viewings to an audit trail, before they are committed; see
            ``Chain``. None keeps them in the store alone, and ``hashmatch audit verify`` says so.
        clock: the time of day, with a time zone; None for the system's.

    Attributes:
        place: as messages show it, without a password.
        token: tells this store from others, so that decisions go to no other.

    Raises:
        SettingsError: the address is not one of PostgreSQL, or its driver is not installed.
        InputError: the file does not exist or is not a case store, or the store is newer.
        OutputError: it cannot be created, or the server cannot be reached. Every method raises it
            when the database fails; nothing was changed then.
    """

    def __init__(
        self,
        place: str | os.PathLike[str],
        *,
        create: bool = True,
        chain: Chain | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = CaseDatabase(place, create=create)
        self.place = self._database.name
        self._chain = chain
        self._clock = clock or partial(datetime.now, UTC)
        self._secret = bytes.fromhex(self._database.meta("secret"))
        # Begins with a letter: a spreadsheet would turn what looks like a number into one
        self.token = "c" + blake2b(b"cases", digest_size=4, key=self._secret).hexdigest()

    # Doors

    def content(self, hashes: Sequence[str]) -> str:
        """Identify a content whose bytes are not all known by its hashes, in this store alone."""
        text = "\n".join(hashes)
        return "hashes:" + blake2b(text.encode(), digest_size=16, key=self._secret).hexdigest()

    def name(self, match: Match) -> ReviewedEntry:
        """Name a match's entry as decisions do."""
        listed, entry = recording.as_text(match.list), recording.as_text(match.entry.id)
        return ReviewedEntry(listed, entry, recording.fingerprint(self._secret, match.entry.hash))

    def record(self, findings: Iterable[Finding]) -> None:
        """Store what a door found. Equal content is one case, however many copies there are.

        A case that was decided opens again if it has a match that nobody has decided.
        """
        found = [each for each in findings if each.matches]
        if found:
            with self._database.writing() as connection:
                recording.record(connection, found, self._secret, self._clock())

    def rejected(
        self, contents: Collection[str]
    ) -> Mapping[str, Mapping[ReviewedEntry, Rejection]]:
        """For each of these contents, the entries that are false positives on it.

        The latest decision about each match counts.
        """
        query = (
            select(
                cases.c.content,
                matches.c.list,
                matches.c.entry,
                matches.c.fingerprint,
                decisions.c.reviewer,
                decisions.c.at,
            )
            .join(matches, matches.c.case == cases.c.id)
            .join(decisions, decisions.c.id == matches.c.decided)
            .where(cases.c.content.in_(contents), matches.c.decision == Decision.FALSE_POSITIVE)
        )
        found: dict[str, dict[ReviewedEntry, Rejection]] = {}
        with self._database.reading() as connection:
            for content, listed, entry, mark, reviewer, at in connection.execute(query):
                named = found.setdefault(content, {})
                named[ReviewedEntry(listed, entry, mark)] = Rejection(reviewer, at)
        return found

    # Reviewers

    def queue(
        self,
        filters: Filters = Filters(),
        order: Order = Order.OLDEST,
        *,
        after: str | None = None,
        size: int = 50,
    ) -> QueuePage:
        """Return a page of the queue.

        ``after`` is ``next`` of the page before; None for the first page. Raises ``SettingsError``
        if it is not from such a page, or if the size is below 1.
        """
        with self._database.reading() as connection:
            return queueing.read_page(connection, filters, order, after, size, self._clock())

    def choices(self) -> dict[str, list[str]]:
        """The values that cases can be filtered by: of list, category, band and door."""
        with self._database.reading() as connection:
            return queueing.read_choices(connection)

    def get(self, case: int) -> Case:
        """Return a case with all that is known of it, or raise ``CaseError`` if there is none."""
        with self._database.reading() as connection:
            return reading.read_case(connection, case, self._clock())

    def lease(
        self,
        reviewer: str,
        filters: Filters = Filters(),
        order: Order = Order.OLDEST,
        *,
        case: int | None = None,
    ) -> Case | None:
        """Give a reviewer a case, and nobody else until it expires or is decided.

        They have one at a time: the one they have, if it passes the filters, or else the first in
        order that nobody has. A case that waits for a second reviewer goes to someone else.

        Args:
            reviewer: who.
            filters: which cases.
            order: in which order.
            case: take this very case instead.

        Returns:
            The case; None if there is none left.

        Raises:
            CaseError: ``case`` is with someone else, or does not exist.
        """
        reviewer, now = recording.as_text(reviewer), self._clock()
        with self._database.writing() as connection:
            if case is None:
                case = queueing.lease(connection, reviewer, filters, order, now, now + LEASE)
                return None if case is None else reading.read_case(connection, case, now)
            found = reading.read_case(connection, case, now)
            if not queueing.take(connection, case, reviewer, now, now + LEASE):
                queueing.check_free(connection, case, reviewer, now)
            queueing.release(connection, reviewer, but=case)
            return reading.read_case(connection, found.id, now)

    def release(self, case: int, reviewer: str) -> None:
        """Give a case back without a decision."""
        with self._database.writing() as connection:
            queueing.release(connection, recording.as_text(reviewer), case=case)

    def decide(
        self,
        case: int,
        reviewer: str,
        decision: str,
        reason: str | None = None,
        *,
        second: bool = False,
        through: int | None = None,
        last: int | None = None,
    ) -> Decided:
        """Decide a case, and give it back.

        Args:
            case: its number.
            reviewer: who decides.
            decision: a ``Decision``.
            reason: why.
            second: it takes two reviewers. The case is settled once two of them decide the same, or
                by a third one if they do not.
            through: ``Case.through`` as the reviewer saw it. Later matches stay open.
            last: ``Case.last_decision`` as the reviewer saw it.

        Raises:
            SettingsError: there is no such decision, or nobody is named.
            CaseError: no case has this number, someone else works on it, or it was decided since
                ``last``.
            OutputError: the audit trail cannot be written; nothing is decided.
        """
        if decision not in set(Decision):
            raise SettingsError(f"unknown decision {decision!r}; choose from {', '.join(Decision)}")
        if not reviewer.strip():
            raise SettingsError("a decision needs the name of a reviewer")
        now = self._clock()
        with self._database.writing() as connection:
            made, status = deciding.decide(
                connection,
                case,
                recording.as_text(reviewer),
                Decision(decision),
                reason,
                second=second,
                through=through,
                last=last,
                now=now,
            )
            self._add_to_trail(made)
        return Decided(made.id, status, now + UNDO_WITHIN)

    def undo(self, decision: int, reviewer: str) -> str:
        """Take back a decision within a minute, and return the case's status.

        Raises ``CaseError`` if it is older, someone else's, or not the last one about its case.
        """
        with self._database.writing() as connection:
            made, status = deciding.undo(connection, decision, reviewer, self._clock())
            self._add_to_trail(made)
        return status

    def decide_matches(self, rows: Sequence[MatchDecision]) -> int:
        """Store decisions about single matches, all or none, and return how many are new."""
        with self._database.writing() as connection:
            made = deciding.decide_matches(connection, rows, self._clock())
            for each in made:
                self._add_to_trail(each)
        return len(made)

    def note(self, case: int, reviewer: str, text: str) -> None:
        """Add a note to a case, or raise ``CaseError`` if there is none of that number."""
        now = self._clock()
        with self._database.writing() as connection:
            reading.read_case(connection, case, now)
            values = {"case": case, "reviewer": recording.as_text(reviewer), "at": now}
            connection.execute(insert(notes).values(values | {"text": recording.as_text(text)}))

    def viewed(self, case: int, reviewer: str, what: str) -> None:
        """Record that a reviewer is about to see a case's picture, and how, such as ``blurred``.

        Call it before you show it.

        Raises:
            CaseError: no case has this number.
            OutputError: the audit trail cannot be written; do not show the picture.
        """
        now = self._clock()
        with self._database.writing() as connection:
            reading.read_case(connection, case, now)
            values = {"case": case, "reviewer": recording.as_text(reviewer), "at": now}
            connection.execute(insert(viewings).values(values | {"what": what}))
            if self._chain is not None:
                event = {"type": "viewing", "cases": self.token, "case": case}
                self._chain({**event, "reviewer": reviewer, "what": what})

    def viewed_since(self, reviewer: str, since: datetime) -> int:
        """How many pictures a reviewer has looked at since some time."""
        query = (
            select(func.count())
            .select_from(viewings)
            .where(viewings.c.reviewer == recording.as_text(reviewer), viewings.c.at >= since)
        )
        return self._count(query)

    def decided_since(self, reviewer: str, since: datetime) -> int:
        """How many decisions a reviewer has made since some time."""
        query = (
            select(func.count())
            .select_from(decisions)
            .where(
                decisions.c.reviewer == recording.as_text(reviewer),
                decisions.c.recorded >= since,
                decisions.c.undoes.is_(None),
            )
        )
        return self._count(query)

    # Reports

    def found_since(self, since: datetime) -> list[tuple[str, CaseMatch]]:
        """The matches that were found since some time, except false positives, with their contents.

        The best match of each content comes first.
        """
        query = (
            select(cases.c.content, matches)
            .join(matches, matches.c.case == cases.c.id)
            .where(
                matches.c.last_seen >= since,
                func.coalesce(matches.c.decision, "") != Decision.FALSE_POSITIVE,
            )
            .order_by(
                cases.c.id,
                matches.c.cause.is_not(None),
                matches.c.cause,
                matches.c.distance,
                matches.c.id,
            )
        )
        with self._database.reading() as connection:
            return [(row.content, reading.match_of(row)) for row in connection.execute(query)]

    def match_rows(self, *, include_decided: bool = False) -> list[QueueRow]:
        """All matches that nobody has decided, oldest first; or all matches."""
        with self._database.reading() as connection:
            return reading.read_match_rows(connection, include_decided=include_decided)

    def misjudged(self) -> list[int]:
        """The matches whose decision in force does not follow from the decisions: never any."""
        with self._database.reading() as connection:
            return recording.misjudged(connection)

    def decisions(self) -> list[DecisionRecord]:
        """All decisions, in the order of their numbers."""
        with self._database.reading() as connection:
            return reading.read_decisions(connection)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __repr__(self) -> str:
        return f"<Cases {self.place!r}>"

    def _count(self, query: Any) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _add_to_trail(self, made: DecisionRecord) -> None:
        if self._chain is not None:
            self._chain(trail_event(self.token, made))
