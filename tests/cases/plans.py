"""How a database would run the queries of the queue."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite

from hashmatch.cases import Cases, Filters, Order
from hashmatch.cases.queueing import queue_query


def plan_of(cases: Cases, order: str, **named: str) -> str:
    """The plan for a page of the queue, as the database explains it."""
    by = Order.DOUBTFUL if order == "doubt" else Order.OLDEST
    query = queue_query(Filters(**named), by, datetime(2026, 3, 1, tzinfo=UTC)).limit(50)
    with cases._database.reading() as connection:
        if connection.dialect.name == "sqlite":
            explain, dialect = "EXPLAIN QUERY PLAN ", sqlite.dialect()
        else:
            # A table of three rows is quicker to read whole; we ask what a large one would do
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_sort = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
            explain, dialect = "EXPLAIN ", postgresql.dialect()
        words = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        rows = connection.exec_driver_sql(explain + str(words).replace("%%", "%")).all()
    return "\n".join(" ".join(map(str, row)) for row in rows)
