"""The tables of the case store, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

VERSION = 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Number = BigInteger().with_variant(Integer, "sqlite")
"""A number of a row. SQLite counts only rows whose key is called INTEGER."""

metadata = MetaData()


def microseconds(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(number: int) -> datetime:
    """The time that many microseconds after 1970 began, in UTC."""
    return _EPOCH + timedelta(microseconds=number)


class Moment(TypeDecorator[datetime]):
    """A time, exact to the microsecond and sorted as a number in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 # as SQLAlchemy calls it
        """Return microseconds since 1970."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 # as above
        """Return the time in UTC."""
        return None if value is None else moment(value)


def _case(*, primary_key: bool = False) -> Column[int]:
    return Column("case", ForeignKey("cases.id"), nullable=False, primary_key=primary_key)


meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""The version, the secret that fingerprints are made with, and the number of decisions."""

cases = Table(
    "cases",
    metadata,
    Column("id", Number, primary_key=True),
    Column("content", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("best", Number),  # the match that is shown in the queue
    Column("last_place", Number),
    Column("doubt", Float, nullable=False),
    Column("size", BigInteger),
    Column("format", Text),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
)

places = Table(
    "places",
    metadata,
    Column("id", Number, primary_key=True),
    _case(),
    # Short, since PostgreSQL cannot index long paths
    Column("identity", LargeBinary, nullable=False),
    Column("door", Text, nullable=False),
    Column("client", Text),
    Column("path", LargeBinary),
    Column("request", Text),
    Column("number", Text),
    Column("address", Text),
    Column("quarantine", Text),
    Column("item", BigInteger),  # objects in a bucket have numbers of 48 bits
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    UniqueConstraint("case", "identity"),
)

matches = Table(
    "matches",
    metadata,
    Column("id", Number, primary_key=True),
    _case(),
    Column("identity", LargeBinary, nullable=False),  # of list, entry, algorithm and fingerprint
    Column("list", Text, nullable=False),
    Column("list_version", Text),
    Column("entry", Text, nullable=False),
    Column("label", Text),
    Column("category", Text),
    Column("algorithm", Text, nullable=False),
    Column("bits", Integer, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("distance", Integer, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("view", Text, nullable=False),
    Column("quality", Integer, nullable=False),
    Column("cause", Text),
    Column("exact", Boolean, nullable=False),
    Column("expected_false", Float),
    Column("version", Text, nullable=False),  # of hashmatch
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("decision", Text),  # the one in force
    Column("decided", Number),  # its number
    UniqueConstraint("case", "identity"),
    Index("matches_by_time", "last_seen"),
    Index("matches_by_decision", "decision"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    _case(),
    Column("match", ForeignKey("matches.id")),  # NULL for all matches up to number ``through``
    Column("through", Number),
    Column("decision", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("reason", Text),
    Column("at", Moment, nullable=False),
    Column("recorded", Moment, nullable=False),
    Column("settles", Boolean, nullable=False),
    Column("undoes", Number),
    Index("decisions_by_case", "case"),
    Index("decisions_by_reviewer", "reviewer", "recorded"),
)
"""Never changed or deleted; an undo is a row of its own."""

leases = Table(
    "leases",
    metadata,
    _case(primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("expires", Moment, nullable=False),
    Index("leases_by_reviewer", "reviewer"),
)


def _done(name: str, what: str, *indexes: Index) -> Table:
    """A table of what reviewers did with a case."""
    return Table(
        name,
        metadata,
        Column("id", Number, primary_key=True),
        _case(),
        Column("reviewer", Text, nullable=False),
        Column("at", Moment, nullable=False),
        Column(what, Text, nullable=False),
        Index(f"{name}_by_case", "case"),
        *indexes,
    )


notes = _done("notes", "text")
viewings = _done("viewings", "what", Index("viewings_by_reviewer", "reviewer", "at"))

facets = Table(
    "facets",
    metadata,
    _case(primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("doubt", Float, nullable=False),
    Index("facets_by_time", "name", "value", "status", "first_seen", "case"),
    Index("facets_by_doubt", "name", "value", "status", "doubt", "case"),
)
"""What the queue is filtered by: a row for each list, category, band and door of a case, and one
with an empty name. Status, time and doubt are those of the case, so that one index has it all."""

choices = Table(
    "choices",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, primary_key=True),
)
"""Every name and value that some facet has."""
