"""The protocol: every valid message comes through, and nothing else does."""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashmatch.examine.sandbox.jobs import Job, ProtocolError, Reply, Said
from hashmatch.examine.sandbox.protocol import (
    MAX_FRAME,
    MAX_VALUES,
    decode_options,
    decode_said,
    encode_options,
    encode_said,
    frame,
    take_frame,
)
from hashmatch.model import Examination, HashKind, PerceptualHash, Reason, ViewHashes
from hashmatch.options import (
    PROGRESS_SECONDS,
    ArchiveLimits,
    ExamineOptions,
    Limits,
    TransformOptions,
    VideoLimits,
)

KINDS = (HashKind("phash", 64), HashKind("dhash", 256))
DIGESTS = ("sha256",)
OPTIONS = ExamineOptions(
    kinds=KINDS, archives=ArchiveLimits(max_members=5), fast=True, digests=DIGESTS
)

words = st.integers(0, 2**64 - 1)
sha256 = st.binary(min_size=32, max_size=32).map(bytes.hex)
percent = st.integers(0, 100)
texts = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=30)


def hashes() -> st.SearchStrategy[tuple[PerceptualHash, ...]]:
    """A hash of each kind."""
    return st.tuples(
        *(
            st.tuples(*[words] * kind.words).map(lambda w, k=kind: PerceptualHash(*k, w))
            for kind in KINDS
        )
    )


@st.composite
def examinations(draw: st.DrawFn) -> Examination:
    """Anything that a worker may find."""
    exact = draw(st.booleans())
    views = st.builds(ViewHashes, texts, percent, hashes(), st.just(()) if exact else hashes())
    return Examination(
        format=draw(st.none() | texts),
        width=draw(st.integers(0, 2**32)),
        height=draw(st.integers(0, 2**32)),
        views=tuple(draw(st.lists(views, max_size=4))),
        reason=draw(st.none() | st.sampled_from(Reason)),
        detail=draw(st.none() | texts),
        quality=draw(st.none() | percent),
        exact=exact,
        digests=draw(st.just(()) | st.tuples(sha256)),
    )


JOB = Job(0)
NUMBER = 2**64 - 7

replies = st.builds(
    Reply,
    st.just(JOB),
    st.none() | st.binary(),
    examinations().filter(lambda found: not found.lacks(KINDS, DIGESTS)),
    st.booleans(),
    st.none(),  # no thumbnail was asked for
    st.just(""),  # this machine
)


@examples(50)
@given(st.lists(st.none() | replies | st.binary(), max_size=3), st.integers(1, 7))
def test_answers_come_through_in_whatever_pieces(said: list[Said], size: int) -> None:
    """Every answer is read as it was sent, however the bytes arrive."""
    data = b"".join(encode_said(each, NUMBER) for each in said)
    buffer = bytearray()
    heard = []
    for start in range(0, len(data), size):
        buffer += data[start : start + size]
        while (message := take_frame(buffer)) is not None:
            heard.append(decode_said(message, JOB, NUMBER, OPTIONS))
    assert heard == said
    assert not buffer


def test_a_worker_may_say_so_often_that_it_is_at_work_and_no_oftener() -> None:
    """Reports of progress buy no more time than the longest video takes."""
    options = ExamineOptions(kinds=(), video=VideoLimits(max_length=3 * PROGRESS_SECONDS))
    job = Job(0)
    for _ in range(3):
        assert job.take(None, options) is None
    with pytest.raises(ProtocolError):
        job.take(None, options)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    """Anything but a frame with a JSON object raises ProtocolError, and nothing else."""
    for buffer in (bytearray(data), bytearray(len(data).to_bytes(4, "big") + data)):
        try:
            message = take_frame(buffer)
        except ProtocolError:
            continue
        assert message is None or isinstance(message, dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@examples(200)
@given(replies, st.data())
def test_a_message_with_anything_else_in_it_is_an_error_or_an_answer(
    answer: Reply, data: st.DataObject
) -> None:
    """Hostile values anywhere in an answer raise ProtocolError or nothing."""
    message = json.loads(encode_said(answer, NUMBER)[4:])

    def spoil(value: Any) -> Any:
        if isinstance(value, dict) and value and data.draw(st.booleans()):
            key = data.draw(st.sampled_from(sorted(value)))
            return value | {key: spoil(value[key])}
        if isinstance(value, list) and value and data.draw(st.booleans()):
            place = data.draw(st.integers(0, len(value) - 1))
            return [*value[:place], spoil(value[place]), *value[place + 1 :]]
        return data.draw(json_values)

    spoiled = spoil(message)
    if not isinstance(spoiled, dict):
        return
    try:
        read = decode_said(spoiled, JOB, NUMBER, OPTIONS)
    except ProtocolError:
        return
    assert isinstance(read, bytes | Reply)
    encode_said(read, NUMBER)  # what is accepted can be sent again


@pytest.mark.parametrize(
    "spoiled",
    [
        {"quality": 101},
        {"quality": -1},
        {"width": True},
        {"width": 1.0},
        {"width": 2**60},
        {"height": "7"},
        {"detail": "\x1b[31m"},
        {"detail": "x" * 2000},
        {"format": "\ud800"},
        {"reason": "tired"},
        {"reason": []},
        {"views": {"a": 1}},
        {"views": [["stored", 50, [[1]], []]]},
        {"views": [["stored", 50, [[2**64], [1, 2, 3, 4]], []]]},
        {"views": [["stored", 50, [[-1], [1, 2, 3, 4]], []]]},
        {"views": [["stored", 50, [[1, 2], [1, 2, 3, 4]], []]]},
        {"views": [["stored", 50, [[1.0], [1, 2, 3, 4]], []]]},
        {"digests": [7]},
        {"digests": ["00" * 32, "00" * 32]},
        {"digests": ["secret"]},
        {"format": "PNG"},
        {"format": "PNG", "views": [["stored", 50, [[1], [1, 2, 3, 4]], []]]},
    ],
)
def test_values_that_no_worker_says_are_refused(spoiled: dict[str, Any]) -> None:
    """Numbers out of range, texts with control characters, and hashes of other widths are errors.

    So is a completely examined picture without hashes or digests.
    """
    message = json.loads(encode_said(Reply(JOB, None, Examination(), True), NUMBER)[4:])
    assert decode_said(message, JOB, NUMBER, OPTIONS) == Reply(JOB, None, Examination(), True)
    message["examination"] |= spoiled
    with pytest.raises(ProtocolError):
        decode_said(message, JOB, NUMBER, OPTIONS)


@pytest.mark.parametrize("data", [b"[1]", b"7", b"null", b"{", b"\xff", b"[" * 100_000])
def test_frames_that_hold_no_object_are_refused(data: bytes) -> None:
    """A frame of anything but a JSON object is an error."""
    with pytest.raises(ProtocolError):
        take_frame(bytearray(len(data).to_bytes(4, "big") + data))


def test_a_frame_that_announces_too_much_is_refused_at_once() -> None:
    """A frame longer than any answer is refused without waiting for its end."""
    with pytest.raises(ProtocolError):
        take_frame(bytearray((MAX_FRAME + 1).to_bytes(4, "big")))


COSTLY = {
    "lists": lambda: b"[" + b"[]," * (MAX_VALUES // 2 - 2) + b"[]]",
    "objects": lambda: b'{"a":[' + b"{}," * (MAX_VALUES // 2 - 3) + b"{}]}",
    "keys": lambda: b"{" + b",".join(b'"%d":0' % n for n in range(MAX_VALUES - 2)) + b"}",
    "objects with keys": lambda: (
        b'{"a":[' + b",".join([b'{"x":1}'] * (MAX_VALUES // 2 - 3)) + b"]}"
    ),
    "large numbers": lambda: b'{"a":[' + b",".join([b"9" * 19] * (MAX_VALUES - 3)) + b"]}",
    "fractions": lambda: b'{"a":[' + b",".join([b"1e99"] * (MAX_VALUES - 3)) + b"]}",
    "a long text": lambda: b'{"a":"' + b"x" * (MAX_FRAME - 16) + b'\\u20ac"}',
    "a wide text": lambda: b'{"a":"' + b"x" * (MAX_FRAME - 20) + b'\xf0\x9f\x98\x80"}',
    "escapes": lambda: b'{"a":"' + b"\\u20ac" * (MAX_FRAME // 6 - 4) + b'"}',
    "texts": lambda: b'{"a":[' + b",".join([b'"%08d"' % n for n in range(MAX_VALUES - 3)]) + b"]}",
    "no end of a text": lambda: b'{"a":"' + b'\\"' * (MAX_FRAME // 2 - 8),
    "quotes": lambda: b'"' * MAX_FRAME,
    "depth": lambda: b'{"a":' * 100_000,
    "too many": lambda: b"[" * MAX_FRAME,
    "digits": lambda: b'{"a":' + b"9" * (MAX_FRAME - 10) + b"}",
}


@pytest.mark.parametrize("name", COSTLY)
def test_no_frame_costs_more_than_50_mb_or_a_second(name: str) -> None:
    """The most expensive frames of a valid length are accepted or refused cheaply."""
    data = COSTLY[name]()
    assert len(data) <= MAX_FRAME
    buffer = bytearray(len(data).to_bytes(4, "big") + data)
    again = bytearray(buffer)
    began = time.process_time()
    with suppress(ProtocolError):
        take_frame(again)
    spent = time.process_time() - began
    tracemalloc.start()
    with suppress(ProtocolError):
        take_frame(buffer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000
    assert spent < 1


def test_a_worker_cannot_talk_for_ever() -> None:
    """A job allows a number of bytes, and more for each member that is begun."""
    job = Job(0)
    job.pay(16 * 1024 * 1024)
    with pytest.raises(ProtocolError):
        job.pay(1)
    archive = Job(0)
    options = ExamineOptions(kinds=KINDS)
    for _ in range(8):  # two megabytes for each member
        archive.take(begun(b"a"), options)
        archive.pay(2_000_000)
        archive.take(done(b"a", end=False), options)
    archive.take(begun(b"a"), options)
    with pytest.raises(ProtocolError):
        archive.pay(2_000_000)


def test_more_views_than_an_answer_holds_are_said_to_be_too_many() -> None:
    """A worker whose honest answer is too large says so, and is not treated as hostile."""
    words = PerceptualHash("phash", 64, (1,)), PerceptualHash("dhash", 256, (1, 2, 3, 4))
    views = tuple(ViewHashes(f"frame:{n}", 50, words) for n in range(40_000))
    found = Examination(format="GIF", width=7, height=8, views=views, digests=("00" * 32,))
    data = encode_said(Reply(JOB, None, found, end=True), NUMBER)
    message = take_frame(bytearray(data))
    assert message is not None
    said = decode_said(message, JOB, NUMBER, OPTIONS)
    assert isinstance(said, Reply)
    assert said.examination.reason is Reason.FRAME_LIMIT
    assert said.examination.detail == "40000 views are more than one answer holds"
    assert said.examination.digests == found.digests


@given(
    st.builds(
        ExamineOptions,
        kinds=st.just(KINDS),
        limits=st.builds(Limits, *[st.integers(1, 2**40)] * 3),
        archives=st.builds(ArchiveLimits, *[st.integers(1, 2**40)] * 4),
        formats=st.frozensets(st.sampled_from(["JPEG", "PNG", "AVIF"])),
        mirrors=st.booleans(),
        fast=st.booleans(),
        quality_floor=percent,
        digests=st.lists(st.sampled_from(["sha256", "md5"]), max_size=2).map(tuple),
        transforms=st.none()
        | st.builds(
            TransformOptions,
            st.lists(st.sampled_from(["mirror", "noise"])).map(tuple),
            st.integers(0, 2**64),
            st.just(KINDS[:1]),
        ),
    )
)
def test_options_come_through(options: ExamineOptions) -> None:
    """Options come through unchanged."""
    assert decode_options(take_frame(bytearray(frame(encode_options(options)))) or {}) == options


FOUND = Examination(reason=Reason.UNDECODABLE)


def begun(name: bytes) -> bytes:
    """A worker says which member it begins."""
    return name


def done(name: bytes | None, *, end: bool, exact: bool = True) -> Reply:
    """A worker reports the result of a member, or of the file."""
    return Reply(JOB, name, Examination(exact=exact), end)


def test_a_job_hears_of_an_archive_member_by_member() -> None:
    """Answers in order are passed on, and the job keeps track of its progress."""
    job = Job(0)
    assert job.take(begun(b"a"), OPTIONS) is None
    reply = job.take(done(b"a", end=False), OPTIONS)
    assert reply == Reply(job, b"a", Examination(), end=False)
    assert (job.skip, job.member) == (1, None)
    assert job.take(done(None, end=True), OPTIONS) == Reply(job, None, Examination(), end=True)


def test_a_job_for_two_members_ends_with_the_second() -> None:
    """A job for a number of members ends with the last of them."""
    job = Job(0, skip=3, count=2)
    ends = []
    for name in (b"d", b"e"):
        job.take(begun(name), OPTIONS)
        reply = job.take(done(name, end=name == b"e"), OPTIONS)
        ends.append(reply is not None and reply.end)
    assert ends == [False, True]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (Job(0), [begun(b"a"), begun(b"a")]),
        (Job(0), [done(b"a", end=False)]),
        (Job(0), [begun(b"a"), done(b"b", end=False)]),
        (Job(0), [begun(b"a"), done(None, end=True)]),
        (Job(0), [begun(b"a"), done(b"a", end=True)]),
        (Job(0), [done(None, end=False)]),
        (Job(0), [begun(b"x"), done(b"x", end=False)] * 5 + [begun(b"x")]),
        (Job(0, count=1), [begun(b"a"), done(b"a", end=False)]),
        (Job(0, exact=True), [done(None, end=True, exact=False)]),
    ],
)
def test_a_job_is_not_told_stories(job: Job, said: list[Said]) -> None:
    """Answers out of order, about other members, without end, or with unwanted previews."""
    *before, last = said
    for answer in before:
        job.take(answer, OPTIONS)
    with pytest.raises(ProtocolError):
        job.take(last, OPTIONS)


def test_previews_are_refused_where_the_scan_is_exact() -> None:
    """Only a fast scan accepts previews: an exact one would ask again forever."""
    exact = ExamineOptions(kinds=KINDS)
    with pytest.raises(ProtocolError):
        Job(0).take(done(None, end=True, exact=False), exact)
    assert Job(0).take(done(None, end=True, exact=False), OPTIONS) is not None


@examples(200)
@given(
    st.lists(
        st.sampled_from([b"a", b"b"])
        | st.builds(
            Reply,
            st.just(JOB),
            st.none() | st.sampled_from([b"a", b"b"]),
            st.builds(Examination, exact=st.booleans()),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_story_is_endless(said: list[Said], count: int, exact: bool) -> None:
    """Any sequence of answers ends the job or is an error, within the limits."""
    job = Job(0, exact=exact, count=count)
    replies: list[Reply] = []
    for answer in said:
        try:
            reply = job.take(answer, OPTIONS)
        except ProtocolError:
            return
        if reply is not None:
            replies.append(reply)
            if reply.end:
                break
    members = [reply for reply in replies if reply.member is not None]
    assert len(members) <= OPTIONS.archives.max_members
    assert not count or len(members) <= count
