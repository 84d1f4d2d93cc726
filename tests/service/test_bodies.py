"""What HTTP bodies carry, however they are encoded and cut."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from hashmatch.service.encodings import decoded, encodings_of
from hashmatch.service.multipart import boundary_of, form_parts, only_part
from hashmatch.service.requests import small_body
from hashmatch.service.unanswered import UnansweredError, Why

ENCODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
CUTS = st.lists(st.integers(0, 2000), max_size=8)
CONTENT = st.builds(lambda data, times: data * times, st.binary(max_size=60), st.integers(0, 2000))


async def cut(data: bytes, cuts: Sequence[int]) -> AsyncIterator[bytes]:
    """The bytes in pieces."""
    places = [0, *sorted(each for each in cuts if each < len(data)), len(data)]
    for start, end in pairwise(places):
        yield data[start:end]


def decode(data: bytes, names: Sequence[str], cuts: Sequence[int] = ()) -> bytes:
    """Undo encodings."""

    async def run() -> bytes:
        return b"".join([piece async for piece in decoded(cut(data, cuts), names)])

    return asyncio.run(run())


def parts_of(data: bytes, boundary: bytes, cuts: Sequence[int] = ()) -> list[bytes]:
    """Take a form apart."""

    async def run() -> list[bytes]:
        found = form_parts(cut(data, cuts), boundary)
        return [b"".join([piece async for piece in part]) async for part in found]

    return asyncio.run(run())


def form(parts: Sequence[bytes], boundary: bytes) -> bytes:
    """A form."""
    head = b'Content-Disposition: form-data; name="x"\r\n\r\n'
    whole = b"".join(b"--" + boundary + b"\r\n" + head + part + b"\r\n" for part in parts)
    return whole + b"--" + boundary + b"--\r\n"


def why_of(read: Callable[[], object]) -> Why | None:
    """Why something cannot be read; None if it can."""
    try:
        read()
    except UnansweredError as error:
        return error.why
    return None


@given(CONTENT, st.lists(st.sampled_from([*ENCODERS]), max_size=3), CUTS)
def test_encodings_are_undone_however_the_network_cuts(
    content: bytes, names: list[str], cuts: list[int]
) -> None:
    """Any content in any encodings comes back as it was."""
    data = content
    for name in names:
        data = ENCODERS[name](data)
    assert decode(data, names, cuts) == content


@given(st.binary(min_size=1, max_size=300), st.sampled_from([*ENCODERS]), CUTS, st.data())
def test_what_is_not_encoded_so_is_no_content(
    noise: bytes, name: str, cuts: list[int], data: st.DataObject
) -> None:
    """Noise, and an encoded body that is cut or goes on, raise one error with a reason."""
    encoded = ENCODERS[name](noise)
    short = encoded[: data.draw(st.integers(1, len(encoded) - 1))]
    for wrong in (short, encoded + noise):
        with pytest.raises(UnansweredError) as caught:
            decode(wrong, [name], cuts)
        assert caught.value.why in {Why.ENCODED, Why.CUT}
    assert why_of(lambda: decode(noise, [name], cuts)) in {None, Why.ENCODED, Why.CUT}


@given(st.lists(CONTENT, min_size=1, max_size=5), CUTS)
def test_forms_are_taken_apart_however_the_network_cuts(
    parts: list[bytes], cuts: list[int]
) -> None:
    """Each part comes as it was sent."""
    boundary = b"a-boundary-that-no-part-has"
    assert parts_of(form(parts, boundary), boundary, cuts) == parts


@given(st.binary(max_size=200), CUTS)
def test_no_bytes_break_the_parser_of_forms(noise: bytes, cuts: list[int]) -> None:
    """Whatever arrives, there are parts or one error with a reason."""
    for data in (noise, b"--b\r\n" + noise, form([noise], b"b")[:-4] + noise):
        why = why_of(lambda data=data: parts_of(data, b"b", cuts))
        assert why in {None, Why.MALFORMED, Why.CUT, Why.ENCODED}


def test_headers_that_cannot_be_trusted_are_refused() -> None:
    """Encodings and types that we do not know, or not for certain."""
    assert encodings_of("") == encodings_of("identity") == []
    assert encodings_of("x-gzip , BR") == ["gzip", "br"]
    for header in ("zstd", "gzip, what", "gzip,gzip,gzip,gzip"):
        with pytest.raises(UnansweredError):
            encodings_of(header)
    assert boundary_of("image/jpeg") is None
    assert boundary_of('multipart/form-data; boundary="x y"') == b"x y"
    assert boundary_of("Multipart/Mixed; boundary=x", form_only=False) == b"x"
    for header in ("multipart/mixed; boundary=x", "multipart/form-data", "a, multipart/form-data"):
        with pytest.raises(UnansweredError):
            boundary_of(header)


def test_a_second_part_is_refused_where_one_is_asked_for() -> None:
    """HTTP takes one file at a time."""

    async def run(parts: list[bytes]) -> bytes:
        whole = cut(form(parts, b"b"), [])
        return b"".join([piece async for piece in only_part(whole, b"b")])

    assert asyncio.run(run([b"one"])) == b"one"
    with pytest.raises(UnansweredError):
        asyncio.run(run([b"one", b"two"]))


def test_a_small_body_is_not_waited_for_long() -> None:
    """A client that sends a body drop by drop keeps no connection."""

    async def drop() -> dict[str, object]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"{", "more_body": True}

    with pytest.raises(UnansweredError) as caught:
        asyncio.run(small_body(Request({"type": "http", "headers": []}, drop), 0.05))
    assert caught.value.why is Why.TIMEOUT
