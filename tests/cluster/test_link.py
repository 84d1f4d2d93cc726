"""What the bridge may say: frames within bounds, and otherwise it is lost."""

from __future__ import annotations

import json
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examine.sandbox.processes import wait_for
from hashmatch.cluster.link import (
    HEADER,
    Bridge,
    Frame,
    LostError,
    encode_frame,
    parse,
    take_frames,
)
from hashmatch.examine.sandbox.jobs import ProtocolError
from hashmatch.examine.sandbox.protocol import MAX_FRAME

frames = st.lists(st.builds(Frame, st.integers(0, 2**64 - 1), st.booleans(), st.binary()))


@given(frames, st.integers(1, 40))
def test_frames_come_through_in_whatever_pieces(said: list[Frame], size: int) -> None:
    """Every frame is read as it was said, however the bytes arrive."""
    data = b"".join(encode_frame(each.attempt, each.text, by_node=each.by_node) for each in said)
    buffer, heard = bytearray(), []
    for start in range(0, len(data), size):
        buffer += data[start : start + size]
        heard += take_frames(buffer)
    assert heard == said
    assert not buffer


@given(st.binary(max_size=100))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    """Anything else raises ProtocolError, LostError, or waits for more."""
    try:
        for frame in take_frames(bytearray(data)):
            assert isinstance(parse(frame), dict)
    except (ProtocolError, LostError):
        return


def test_a_frame_that_is_too_long_is_refused_at_once() -> None:
    """Its header is enough."""
    with pytest.raises(ProtocolError):
        take_frames(bytearray(HEADER.pack(1, 1, MAX_FRAME + 1)))


def test_a_bridge_that_ends_is_lost() -> None:
    """It ends by itself where no scheduler is, after it has said why; and it may be killed."""
    settings = {"scheduler": "tcp://127.0.0.1:9", "tls": None}
    bridge = Bridge(settings)
    heard: list[Frame] = []
    try:
        with pytest.raises(LostError):
            wait_for(lambda: heard.extend(bridge.listen(0.1)) is not None)
        assert "lost" in json.loads(heard[-1].text)
    finally:
        bridge.close()
    bridge = Bridge(settings)
    bridge._process.send_signal(signal.SIGKILL)
    try:
        with pytest.raises(LostError):
            wait_for(lambda: bridge.listen(0.1) == [Frame])
    finally:
        bridge.close()
