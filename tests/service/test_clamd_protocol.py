"""clamd's protocol, by the bytes that clients send."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.service.clamd_protocol import (
    MOST_COMMAND,
    ClamdEvent,
    ClamdParser,
    Command,
)
from hashmatch.service.protocol_events import BodyData, BodyEnd, DescriptorSent, NotUnderstood


def chunked(*pieces: bytes) -> bytes:
    """A file as INSTREAM sends it."""
    return b"".join(struct.pack("!I", len(each)) + each for each in (*pieces, b""))


def events_of(*received: bytes) -> list[ClamdEvent]:
    """The events of what arrives, with the bytes of a file put together."""
    parser, events = ClamdParser(), []
    for data in received:
        for event in parser.feed(data):
            if isinstance(event, BodyData) and events and isinstance(events[-1], BodyData):
                events[-1] = BodyData(events[-1].data + event.data)
            else:
                events.append(event)
    return events


def command(name: str, argument: bytes = b"", ending: bytes = b"\n") -> Command:
    """A command, as the parser gives it."""
    return Command(name, argument, ending)


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ([b"PING"], [command("PING")]),
        ([b"PING\n"], [command("PING")]),
        ([b"PING\r\n"], [command("PING")]),
        ([b"nPING\n"], [command("PING")]),
        ([b"zPING\0"], [command("PING", ending=b"\0")]),
        ([b"zPI", b"NG", b"\0"], [command("PING", ending=b"\0")]),
        ([b"SCAN /a b/c"], [command("SCAN", b"/a b/c")]),
        ([b"zSCAN /a\n\xff\0"], [command("SCAN", b"/a\n\xff", b"\0")]),
        ([b"nINSTREAM\n" + chunked()], [command("INSTREAM"), BodyEnd()]),
        (
            [b"INSTREAM", chunked(b"ab", b"c")],
            [command("INSTREAM"), BodyData(b"abc"), BodyEnd()],
        ),
        (
            [b"zIDSESSION\0zINSTREAM\0" + chunked(b"x") + b"zEND\0"],
            [
                command("IDSESSION", ending=b"\0"),
                command("INSTREAM", ending=b"\0"),
                BodyData(b"x"),
                BodyEnd(),
                command("END", ending=b"\0"),
            ],
        ),
        ([b"nFILDES\n", b"\0"], [command("FILDES"), DescriptorSent()]),
        ([b"GET / HTTP/1.1\r\n"], [command("GET", b"/ HTTP/1.1")]),
        ([b"ping\n", b"PING\n"], [NotUnderstood()]),
        ([b"n\n"], [NotUnderstood()]),
        ([b"z" + b"A" * (MOST_COMMAND + 1)], [NotUnderstood()]),
        ([b"zPIN"], []),
    ],
)
def test_what_clients_send(received: list[bytes], expected: list[ClamdEvent]) -> None:
    """Each way to send a command, a file or a descriptor is understood."""
    assert events_of(*received) == expected


FILES = st.lists(st.binary(min_size=1, max_size=40), max_size=4)
ENDINGS = st.sampled_from([(b"n", b"\n"), (b"z", b"\0")])


@given(st.lists(st.tuples(ENDINGS, FILES), max_size=4), st.lists(st.integers(0, 400), max_size=9))
def test_how_bytes_are_split_changes_nothing(
    requests: list[tuple[tuple[bytes, bytes], list[bytes]]], cuts: list[int]
) -> None:
    """However the network cuts what is sent, the same files arrive."""
    sent, expected = b"", []
    for (prefix, ending), pieces in requests:
        sent += prefix + b"INSTREAM" + ending + chunked(*pieces)
        expected.append(Command("INSTREAM", b"", ending))
        expected += [BodyData(b"".join(pieces))] if pieces else []
        expected.append(BodyEnd())
    places = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    parts = [sent[start:end] for start, end in pairwise(places)]
    assert events_of(*parts) == expected


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_break_the_parser(received: list[bytes]) -> None:
    """Whatever arrives, a file holds only bytes that were sent, and nothing is raised."""
    events = events_of(*received)
    data = b"".join(event.data for event in events if isinstance(event, BodyData))
    assert len(data) <= sum(map(len, received))
