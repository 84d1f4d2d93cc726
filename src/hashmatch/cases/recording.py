"""Writes what doors find, and settles what a case's matches and decisions amount to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from hashmatch._version import __version__
from hashmatch.cases.database import upsert
from hashmatch.cases.doubt import band, doubt
from hashmatch.cases.schema import cases, choices, decisions, facets, matches, places
from hashmatch.cases.values import OPEN, Decision, Finding, Place
from hashmatch.model import Match, PerceptualHash

_LONGEST_VALUE = 200
"""Characters of a facet's value that are indexed. PostgreSQL's index rows have a limit."""

_CHANGING = (
    *("distance", "threshold", "view", "quality", "cause", "exact", "expected_false"),
    *("label", "category", "list_version", "version"),
)
"""What another scan may find different about the same content and entry."""


def record(
    connection: Connection, findings: Iterable[Finding], secret: bytes, now: datetime
) -> None:
    """Store findings; equal content is one case."""
    # In one order, so that two processes never wait for each other's rows
    for finding in sorted(findings, key=lambda each: each.content):
        _record_one(connection, finding, secret, now)


def fingerprint(secret: bytes, value: PerceptualHash) -> bytes:
    """Tell the hash of an entry from others, in this store alone."""
    text = f"{value.algorithm}-{value.bits} {value}"
    return blake2b(text.encode(), digest_size=8, key=secret).digest()


def as_text(text: str) -> str:
    """Text that both databases take: no NUL, and nothing that is not Unicode."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def facet_value(text: str) -> str:
    """A value as it is stored to be filtered by."""
    return as_text(text)[:_LONGEST_VALUE]


def settle(connection: Connection, case: int) -> str:
    """Work out which decision is in force on each match, and the case's best match and facets.

    Return the status of the case.
    """
    near = connection.execute(select(matches).where(matches.c.case == case)).all()
    in_force = _in_force(connection, case, [row.id for row in near])
    for match, (number, word) in _changes(near, in_force).items():
        change = update(matches).where(matches.c.id == match)
        connection.execute(change.values(decided=number, decision=word))
    words = {in_force[row.id].decision if row.id in in_force else OPEN for row in near}
    ranked = (OPEN, Decision.CONFIRMED, Decision.UNSURE, Decision.FALSE_POSITIVE)
    status = next(word for word in ranked if word in words)
    waiting = [row for row in near if row.id not in in_force] or near
    best = min(waiting, key=lambda row: (row.cause is not None, row.distance, row.id))
    change = update(cases).where(cases.c.id == case)
    connection.execute(change.values(status=status, best=best.id, doubt=doubt(best)))
    _index(connection, case, near)
    return status


def misjudged(connection: Connection) -> list[int]:
    """The matches whose decision in force is not what ``settle`` would give them."""
    decided = select(decisions.c.case).union(
        select(matches.c.case).where(matches.c.decision.is_not(None))
    )
    found: list[int] = []
    for (case,) in connection.execute(decided).all():
        near = connection.execute(select(matches).where(matches.c.case == case)).all()
        found += _changes(near, _in_force(connection, case, [row.id for row in near]))
    return sorted(found)


def _changes(
    near: Iterable[Row[Any]], in_force: Mapping[int, Row[Any]]
) -> dict[int, tuple[int | None, str | None]]:
    """By match: the decision that it should have, where it has another one."""
    changed: dict[int, tuple[int | None, str | None]] = {}
    for row in near:
        made = in_force.get(row.id)
        wanted = (None, None) if made is None else (made.id, made.decision)
        if (row.decided, row.decision) != wanted:
            changed[row.id] = wanted
    return changed


def _in_force(connection: Connection, case: int, near: Sequence[int]) -> dict[int, Row[Any]]:
    rows = connection.execute(
        select(decisions).where(decisions.c.case == case).order_by(decisions.c.at, decisions.c.id)
    ).all()
    undone = {row.undoes for row in rows}
    found = {}
    for row in rows:
        if row.settles and row.undoes is None and row.id not in undone:
            covered = [row.match] if row.match is not None else near
            found.update({each: row for each in covered if row.match or each <= row.through})
    return found


def _record_one(connection: Connection, finding: Finding, secret: bytes, now: datetime) -> None:
    case = _case(connection, finding, now)
    known = {
        row.identity: row
        for row in connection.execute(select(matches).where(matches.c.case == case))
    }
    changed = _note_place(connection, case, finding.place, now)
    nearest: dict[bytes, dict[str, Any]] = {}  # parts of an archive may be near the same entry
    for match in sorted(finding.matches, key=lambda each: (each.cause is not None, each.distance)):
        values = _match_values(match, finding.list_versions, secret)
        nearest.setdefault(values["identity"], values)
    for values in nearest.values():
        old = known.get(values["identity"])
        if old is None:
            values |= {"case": case, "first_seen": now, "last_seen": now}
            connection.execute(insert(matches).values(values))
            changed = True
        elif any(values[name] != getattr(old, name) for name in _CHANGING):
            connection.execute(update(matches).where(matches.c.id == old.id).values(values))
            changed = True
    if known:
        seen = {_identity(match, secret) for match in finding.matches} & known.keys()
        some = update(matches).where(matches.c.case == case, matches.c.identity.in_(seen))
        connection.execute(some.values(last_seen=now))
    if changed:
        settle(connection, case)


def _case(connection: Connection, finding: Finding, now: datetime) -> int:
    """The number of the content's case, whose row is locked from now on."""
    content = cases.c.content == finding.content
    shown = {
        "last_seen": now,
        "format": finding.format,
        "width": finding.width,
        "height": finding.height,
    }
    if finding.size is not None:
        shown["size"] = finding.size
    old = connection.execute(select(cases.c.id).where(content)).scalar_one_or_none()
    if old is None:
        first = {"content": finding.content, "status": OPEN, "doubt": 0.0, "first_seen": now}
        connection.execute(
            upsert(connection, cases)
            .values(first | shown)
            .on_conflict_do_update(index_elements=["content"], set_=shown)
        )
        return int(connection.execute(select(cases.c.id).where(content)).scalar_one())
    connection.execute(update(cases).where(cases.c.id == old).values(shown))
    return int(old)


def _note_place(connection: Connection, case: int, place: Place, now: datetime) -> bool:
    """Store where the content is. True if that is new."""
    texts = {
        name: None if value is None else as_text(value)
        for name in ("door", "client", "request", "number", "address", "quarantine")
        for value in [getattr(place, name)]
    }
    names = (place.door, place.client or "", place.request or "")
    identity = blake2b("\0".join(map(as_text, names)).encode(), digest_size=16)
    identity.update(b"\0" + (place.path or b""))
    key = {"case": case, "identity": identity.digest()}
    seen = {**texts, "path": place.path, "item": place.item, "last_seen": now}
    here = (places.c.case == case, places.c.identity == key["identity"])
    old = connection.execute(select(places.c.id).where(*here)).scalar_one_or_none()
    if old is None:
        connection.execute(insert(places).values({**key, **seen, "first_seen": now}))
        old = connection.execute(select(places.c.id).where(*here)).scalar_one()
        new = True
    else:
        kept = {name: value for name, value in seen.items() if value is not None}
        connection.execute(update(places).where(places.c.id == old).values(kept))
        new = False
    connection.execute(update(cases).where(cases.c.id == case).values(last_place=old))
    return new


def _match_values(
    match: Match, versions: Mapping[str, str | None], secret: bytes
) -> dict[str, Any]:
    texts = {
        "list": match.list,
        "list_version": versions.get(match.list),
        "entry": match.entry.id,
        "label": match.entry.label,
        "category": match.entry.category,
        "view": match.view,
        "cause": match.cause,
        "algorithm": match.algorithm,
    }
    return {name: None if text is None else as_text(text) for name, text in texts.items()} | {
        "identity": _identity(match, secret),
        "bits": match.bits,
        "fingerprint": fingerprint(secret, match.entry.hash),
        "distance": match.distance,
        "threshold": match.threshold,
        "quality": match.quality,
        "exact": match.confirmed,
        "expected_false": match.expected_false,
        "version": __version__,
    }


def _identity(match: Match, secret: bytes) -> bytes:
    """What makes two matches of a content one: short, since PostgreSQL cannot index long texts."""
    names = (match.list, match.entry.id, f"{match.algorithm}-{match.bits}")
    text = "\0".join(map(as_text, names)).encode()
    return blake2b(text + fingerprint(secret, match.entry.hash), digest_size=16).digest()


def _index(connection: Connection, case: int, near: Collection[Row[Any]]) -> None:
    """Bring the facets of a case up to date."""
    doors = connection.execute(select(places.c.door).where(places.c.case == case).distinct())
    wanted = {("", "")} | {("door", facet_value(door)) for (door,) in doors}
    for row in near:
        wanted |= {("list", facet_value(row.list)), ("band", band(row.distance, row.threshold))}
        if row.category is not None:
            wanted.add(("category", facet_value(row.category)))
    mine = facets.c.case == case
    known = {
        (row.name, row.value)
        for row in connection.execute(select(facets.c.name, facets.c.value).where(mine))
    }
    for name, value in known - wanted:
        connection.execute(
            delete(facets).where(mine, facets.c.name == name, facets.c.value == value)
        )
    columns = select(cases.c.status, cases.c.first_seen, cases.c.doubt)
    shown = connection.execute(columns.where(cases.c.id == case)).one()._asdict()
    if known:
        connection.execute(update(facets).where(mine).values(shown))
    new = [{"case": case, "name": name, "value": value} for name, value in wanted - known]
    if new:
        connection.execute(insert(facets), [each | shown for each in new])
        connection.execute(
            upsert(connection, choices).on_conflict_do_nothing(),
            [{"name": name, "value": value} for name, value in sorted(wanted - known)],
        )


def place_of(row: Row[Any]) -> Place:
    """A place as it was given."""
    return Place(*(getattr(row, name) for name in Place.__dataclass_fields__))


def copies_of(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """How many places have the content of each case."""
    rows = connection.execute(
        select(places.c.case, func.count()).where(places.c.case.in_(ids)).group_by(places.c.case)
    )
    return {case: number for case, number in rows}  # noqa: C416 # rows are not pairs to mypy
