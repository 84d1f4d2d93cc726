"""JSON read piece by piece equals JSON read at once."""

import io
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import HashListError
from hashmatch.hashlist.formats import jsonpull
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.list_stream import Tap

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


class Dripping(io.RawIOBase):
    """A stream that returns its bytes a few at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__()
        self._rest = data
        self._step = step

    def read(self, _: int = -1) -> bytes:
        """Read the next few bytes."""
        given, self._rest = self._rest[: self._step], self._rest[self._step :]
        return given


def walk(pull: JsonPull, depth: int) -> Any:
    """Enter objects and arrays down to a depth, and take anything below as a whole."""
    character = pull.peek()
    if depth and character == "{":
        return {key: walk(pull, depth - 1) for key in pull.members()}
    if depth and character == "[":
        return [walk(pull, depth - 1) for _ in pull.elements()]
    return pull.value()


@given(
    st.lists(documents, max_size=3),
    st.integers(0, 3),
    st.integers(1, 40),
    st.sampled_from([None, 2]),
    st.booleans(),
)
def test_pieces_make_the_whole(
    made: list[Any], depth: int, step: int, indent: int | None, escaped: bool
) -> None:
    """At any depth and in any pieces, the values equal those of ``json``."""
    texts = [json.dumps(each, indent=indent, ensure_ascii=escaped) for each in made]
    # A byte order mark, as some feeds have it, comes in one piece
    pull = JsonPull(Tap(Dripping(" \r\n".join(texts).encode(), step)), "x")
    found = []
    while pull.peek():
        found.append(walk(pull, depth))
    assert found == made


@given(documents, st.data())
def test_damaged_json_is_an_error_or_other_json(made: Any, data: st.DataObject) -> None:
    """If a byte is changed or missing, there is an error with a line, or ``json`` agrees."""
    text = bytearray(json.dumps(made, indent=data.draw(st.sampled_from([None, 1]))).encode())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place : place + 1] = data.draw(
        st.sampled_from([b"", b"{", b"}", b"]", b",", b'"', b"\xff"])
    )
    pull = JsonPull(Tap(io.BytesIO(bytes(text))), "x")
    line: int | None = 1
    try:
        while pull.peek():
            walk(pull, data.draw(st.integers(0, 2)))
    except HashListError as error:
        line = error.line
    else:
        assert _is_json(bytes(text))
    assert 1 <= (line or 0) <= 1 + text.count(b"\n")


def _is_json(text: bytes) -> bool:
    decoder = json.JSONDecoder()
    rest = text.decode().strip()
    while rest:
        _, end = decoder.raw_decode(rest)
        rest = rest[end:].strip()
    return True


def test_one_value_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that goes on too long is an error, found without reading on."""
    monkeypatch.setattr(jsonpull, "MAX_VALUE", 1000)
    stream = io.BytesIO(b'["' + b"x" * 3_000_000)
    pull = JsonPull(Tap(stream), "x")
    with pytest.raises(HashListError, match="the line is not JSON as this format has it"):
        list(pull.values())
    assert stream.tell() < 1_000_000


def test_many_records_are_read_in_time_that_grows_with_them() -> None:
    """Iterating over a long array does not copy it again and again."""
    data = json.dumps([{"n": n, "text": "x" * 50} for n in range(50_000)]).encode()
    started = time.process_time()
    assert [each["n"] for each in JsonPull(Tap(io.BytesIO(data)), "x").values()] == list(
        range(50_000)
    )
    assert time.process_time() - started < 5
