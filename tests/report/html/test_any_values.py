"""Records whose fields hold anything become a report, or an error names their line."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashmatch.errors import InputError
from hashmatch.report.overview import Overview, read_results
from hashmatch.report.scan_page import to_html, to_json

from .results import file, match, summary

Place = tuple[str | int, ...]

_FILES = [
    file("a.jpg", "match", reason="timeout", detail="slow", matches=[match(category="A")]),
    {**file("b.jpg"), "path_b64": "Yg=="},
]
_RUN = {"started": "2026-11-23T01:02:03+00:00", "seconds": 2.0, "state": {"recalled": 3}}
_RECORDS = [*_FILES, summary(_FILES, run={**_RUN, "jobs": 2, "interrupted": False})]


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The place of every value inside a value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*place, key)
            yield from _places(inner, (*place, key))


_PLACES = list(_places(_RECORDS))


def _check(path: Path, changes: list[tuple[Place, Any]]) -> None:
    """Make all reports of the records with some places changed."""
    records = copy.deepcopy(_RECORDS)
    for (*way, last), value in changes:
        inner: Any = records
        try:
            for key in way:
                inner = inner[key]
            inner[last] = value
        except (KeyError, TypeError, IndexError):
            """Another change has taken the place away."""
    lines = [json.dumps(record).replace("Infinity", "1e999") for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    overview = _read(path)
    if isinstance(overview, InputError):
        assert "not a record of a scan" in overview.message or "schema" in overview.message
        assert overview.line in {1, 2, 3}
        return
    assert to_html(overview).encode("utf-8")
    json.loads(to_json(overview), parse_constant=pytest.fail)


def _read(path: Path) -> Overview | InputError:
    try:
        return read_results(path)
    except InputError as error:
        return error


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**4200), 10**4200)
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["", "\ud800", "\\", "NaN", "1e999", "clear", "timeout", "phash", "file"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(), max_size=20), inner, max_size=3)
    ),
    max_leaves=20,
)


@examples(100)
@given(changes=st.lists(st.tuples(st.sampled_from(_PLACES), _ANY), min_size=1, max_size=4))
def test_any_values_are_shown_or_told(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[Place, Any]]
) -> None:
    """With any values in some fields, every report is made, or the error names the line."""
    _check(tmp_path_factory.mktemp("any") / "r", changes)


def _nested(depth: int, *, lists: bool = False) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if lists else {"\\": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, -1, 300_000_000, 10**4200, 0.5, -0.0, 5e-324, 1e308, math.nan, math.inf),
        *("", "\ud800", "\x00\n<b>", "9" * 5000, [], [1], [None], {}, {"a": 1}, {"name": "a"}),
        *(_nested(40), _nested(40, lists=True), _nested(450), _nested(450, lists=True)),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_every_field_may_hold_any_of_these(tmp_path: Path, value: Any) -> None:
    """Each field in turn holds a value that is likely to break something, and nothing breaks."""
    for place in _PLACES:
        _check(tmp_path / "r", [(place, value)])
