"""ICAP, by the bytes that clients send."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.service.icap_protocol import (
    MOST_HEAD,
    IcapEvent,
    IcapParser,
    IcapRequest,
)
from hashmatch.service.protocol_events import BodyData, BodyEnd, NotUnderstood, PreviewEnd
from service.icap_messages import HEAD, chunks, reqmod, respmod


def events_of(*received: bytes) -> list[IcapEvent]:
    """The events of what arrives, with the bytes of a body put together; previews go on."""
    parser, events = IcapParser(), []
    for data in received:
        arrived = [*parser.feed(data)]
        while arrived:
            event = arrived.pop(0)
            if isinstance(event, BodyData) and events and isinstance(events[-1], BodyData):
                events[-1] = BodyData(events[-1].data + event.data)
            else:
                events.append(event)
            if isinstance(event, PreviewEnd):
                arrived += parser.go_on()
    return events


def test_what_nextcloud_sends() -> None:
    """A REQMOD with its URL, headers and chunks is taken apart."""
    sent = (
        b"REQMOD icap://127.0.0.1/avscan ICAP/1.0\r\nAllow: 204\r\nHost: 127.0.0.1\r\n"
        b"User-Agent: NC-ICAP-CLIENT/0.5.0\r\nConnection: close\r\n"
        b"Encapsulated: req-hdr=0, req-body=35\r\n\r\n"
        b"PUT / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
        b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )
    request, body, end = events_of(sent)
    assert isinstance(request, IcapRequest)
    assert (request.method, request.allows_204, request.closes) == ("REQMOD", True, True)
    assert request.request is not None
    assert request.request.start == "PUT / HTTP/1.0"
    assert request.request.fields == {"host": "127.0.0.1"}
    assert (body, end) == (BodyData(b"abc"), BodyEnd())


def test_messages_without_a_body_and_many_on_one_connection() -> None:
    """OPTIONS, and messages with ``null-body``, end with their headers; the next follows."""
    options = b"OPTIONS icap://x/y?z ICAP/1.0\r\nHost:x\r\n\r\n"
    empty = b"REQMOD x ICAP/1.0\r\nEncapsulated: null-body=0\r\n\r\n"
    events = events_of(options + empty + respmod(b"x") + options)
    assert [type(event).__name__ for event in events] == [
        *("IcapRequest", "IcapRequest", "IcapRequest", "BodyData", "BodyEnd", "IcapRequest")
    ]
    found = events[2]
    assert isinstance(found, IcapRequest)
    assert found.response is not None
    assert found.response.start == "HTTP/1.1 200 OK"
    assert [getattr(event, "has_body", None) for event in events[:3]] == [False, False, True]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (b"0\r\n\r\n" + chunks(b"rest"), [BodyData(b"pre"), PreviewEnd(), BodyData(b"rest")]),
        (b"0; ieof\r\n\r\n", [BodyData(b"pre")]),
        (b"0;ieof\r\nX-Trailer: y\r\n\r\n", [BodyData(b"pre")]),
    ],
)
def test_a_preview_pauses_unless_it_is_all(end: bytes, expected: list[IcapEvent]) -> None:
    """The rest of a body follows its preview, unless the preview says that there is none."""
    assert events_of(reqmod(b"pre", fields=b"Preview: 3\r\n", end=end))[1:] == [
        *expected,
        BodyEnd(),
    ]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\n\n",
        b"REQMOD x ICAP/1.0\r\n\r\n",
        b"REQMOD x ICAP/1.0\r\nEncapsulated: req-hdr=0, res-body=3\r\n\r\n",
        b"REQMOD x ICAP/1.0\r\nEncapsulated: req-hdr=3, req-body=3\r\n\r\n",
        b"REQMOD x ICAP/1.0\r\nEncapsulated: req-hdr=0, req-body=-1\r\n\r\n",
        b"REQMOD x ICAP/1.0\r\nEncapsulated: req-hdr=0, req-body=999999\r\n\r\n",
        b"REQMOD x ICAP/1.0\r\nEncapsulated: body=0, req-body=3\r\n\r\n",
        b"A" * (MOST_HEAD + 1),
    ],
)
def test_what_is_no_icap(sent: bytes) -> None:
    """Other protocols, and wrong or endless headers, are told apart."""
    assert events_of(sent) == [NotUnderstood()]


@pytest.mark.parametrize("body", [b"x\r\n", b"-1\r\n", b"fffffffff\r\n", b"1\r\nabc\r\n", b"\r\n"])
def test_a_body_that_is_not_chunked(body: bytes) -> None:
    """What is no chunk ends what can be understood."""
    assert events_of(reqmod(end=body))[-1] == NotUnderstood()


BODIES = st.lists(st.binary(max_size=40), max_size=4)
PREVIEWS = st.sampled_from([None, b"0\r\n\r\n", b"0; ieof\r\n\r\n"])


@given(st.lists(st.tuples(BODIES, PREVIEWS), max_size=4), st.lists(st.integers(0, 900), max_size=9))
def test_how_bytes_are_split_changes_nothing(
    requests: list[tuple[list[bytes], bytes | None]], cuts: list[int]
) -> None:
    """However the network cuts what is sent, the same bodies arrive."""
    sent, expected = b"", []
    for pieces, preview in requests:
        fields = b"" if preview is None else b"Preview: 4096\r\n"
        sent += reqmod(*pieces, fields=fields, end=preview or b"0\r\n\r\n")
        whole = b"".join(pieces)
        if preview == b"0\r\n\r\n":
            sent += chunks(b"rest")
        expected += [BodyData(whole)] if whole else []
        expected += [PreviewEnd(), BodyData(b"rest")] if preview == b"0\r\n\r\n" else []
        expected.append(BodyEnd())
    places = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    events = events_of(*(sent[start:end] for start, end in pairwise(places)))
    assert [event for event in events if not isinstance(event, IcapRequest)] == expected
    assert len(events) - len(expected) == len(requests)


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_no_bytes_break_the_parser(received: list[bytes], begun: bool) -> None:
    """Whatever arrives, a body holds only bytes that were sent, and nothing is raised."""
    start = [reqmod(b"x", end=b"")] if begun else []
    events = events_of(*start, *received)
    data = b"".join(event.data for event in events if isinstance(event, BodyData))
    assert len(data) <= sum(map(len, received)) + 1
    assert HEAD not in data
