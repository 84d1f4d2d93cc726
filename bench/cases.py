"""How long the review queue takes with many cases, in SQLite and, if asked, PostgreSQL.

Usage: python bench/cases.py [--cases N]... [--postgres postgresql+psycopg://...]

Each figure is the median of twenty calls in milliseconds: processor time in this process, which is
all there is with SQLite, and the wall clock, which counts on a quiet machine alone. The database
makes up the cases itself; each has one match, one place and five facets.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from hashmatch.cases import Cases, Filters, Order, events_of
from hashmatch.cases.database import CaseDatabase
from record import save

SEED = 1
CALLS = 20

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
_WORDS = {
    "seen": "1767225600000000 + CAST(i AS BIGINT) * 1000000",
    "status": "CASE WHEN i % 10 = 0 THEN 'confirmed' ELSE 'open' END",
    "doubt": "(CAST(i AS BIGINT) * 7919 % 1000) / 1000.0",
    "list": "'list-' || (i % 4)",
    "category": "'A' || (i % 3)",
    "band": "CASE WHEN i % 9 = 0 THEN 'equal' WHEN i % 9 < 5 THEN 'close' ELSE 'edge' END",
    "door": "CASE i % 3 WHEN 0 THEN 'http' ELSE 'scan' END",
}
_FILL = """
INSERT INTO cases (id, content, status, best, last_place, doubt, width, height, first_seen,
                   last_seen)
{numbers} SELECT i, 'sha256:' || i, {status}, i, i, {doubt}, 640, 480, {seen}, {seen} FROM n;
INSERT INTO places (id, "case", identity, door, path, first_seen, last_seen)
{numbers} SELECT i, i, CAST('p' || i AS {blob}), {door}, CAST('/files/' || i AS {blob}),
                 {seen}, {seen} FROM n;
INSERT INTO matches (id, "case", identity, list, entry, category, algorithm, bits, fingerprint,
                     distance, threshold, view, quality, exact, version, first_seen, last_seen)
{numbers} SELECT i, i, CAST('m' || i AS {blob}), {list}, 'entry-' || (i % 5000), {category},
                 'phash', 64, CAST('f' AS {blob}), i % 9, 8, 'stored', 90, {true}, '0',
                 {seen}, {seen} FROM n;
""" + "".join(
    f"""INSERT INTO facets ("case", name, value, status, first_seen, doubt)
{{numbers}} SELECT i, '{name}', {value}, {{status}}, {{seen}}, {{doubt}} FROM n;
"""
    for name, value in (
        ("", "''"),
        *((name, f"{{{name}}}") for name in ("list", "category", "band", "door")),
    )
)


def fill(place: str, count: int) -> None:
    """Make up cases."""
    database = CaseDatabase(place)
    with database.writing() as connection:
        sqlite = connection.dialect.name == "sqlite"
        words = _WORDS | {"numbers": _NUMBERS.format(count=count)}
        words |= {"blob": "BLOB", "true": "1"} if sqlite else {"blob": "BYTEA", "true": "true"}
        for statement in _FILL.strip().removesuffix(";").split(";"):
            whole = statement.format(**words)
            connection.exec_driver_sql(whole if sqlite else whole.replace("%", "%%"))
    with database.writing() as connection:
        connection.execute(text("ANALYZE"))
    database.close()


def clocked(call: Callable[[], object]) -> dict[str, float]:
    """The medians of some calls, in milliseconds."""
    call()
    spent: dict[str, list[float]] = {"cpu": [], "wall": []}
    for _ in range(CALLS):
        began = time.process_time(), time.perf_counter()
        call()
        spent["cpu"].append(1000 * (time.process_time() - began[0]))
        spent["wall"].append(1000 * (time.perf_counter() - began[1]))
    return {name: round(statistics.median(times), 1) for name, times in spent.items()}


def measure(place: str, count: int) -> dict[str, dict[str, float]]:
    """Fill an empty store, and time what the review page asks of it."""
    fill(place, count)
    with Cases(place) as cases:
        middle = cases.queue(size=50).next
        asked: dict[str, Callable[[], object]] = {
            "first page": cases.queue,
            "next page": lambda: cases.queue(after=middle),
            "newest": lambda: cases.queue(order=Order.NEWEST),
            "doubtful": lambda: cases.queue(order=Order.DOUBTFUL),
            "one list": lambda: cases.queue(Filters(list="list-3")),
            "one list, doubtful": lambda: cases.queue(Filters(list="list-3"), Order.DOUBTFUL),
            "list, category, band, door": lambda: cases.queue(
                Filters(list="list-3", category="A1", band="edge", door="scan")
            ),
            "older than a day": lambda: cases.queue(Filters(min_age=timedelta(days=1))),
            "no such category": lambda: cases.queue(Filters(category="none")),
            "confirmed": lambda: cases.queue(Filters(status="confirmed")),
            "choices": cases.choices,
            "one case": lambda: cases.get(count // 2),
            "history": lambda: events_of(cases.get(count // 2)),
            "lease": lambda: cases.lease("ann"),
        }
        found = {name: clocked(call) for name, call in asked.items()}
        numbers = iter(range(1, count))
        found["decide"] = clocked(lambda: cases.decide(next(numbers), "ann", "unsure"))
        return found


def main() -> None:
    """Measure, show and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, action="append")
    parser.add_argument("--postgres", help="an empty database, used for the last count alone")
    asked = parser.parse_args()
    counts = asked.cases or [10_000, 1_000_000]
    results = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            results[f"sqlite, {count}"] = measure(str(Path(folder) / "cases.db"), count)
    if asked.postgres:
        results[f"postgresql, {counts[-1]}"] = measure(asked.postgres, counts[-1])
    for name, figures in results.items():
        print(f"{name:<28}  cpu ms   wall ms")
        for each, value in figures.items():
            print(f"  {each:<26}{value['cpu']:>8}{value['wall']:>10}")
    print(save("cases", SEED, results, join=True))


if __name__ == "__main__":
    main()
