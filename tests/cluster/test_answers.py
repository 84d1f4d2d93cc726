"""What shards and answers look like as bytes: all that is meant comes through, and nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examine.sandbox.test_protocol import KINDS, OPTIONS, examinations, json_values
from hashmatch.cluster.answers import Answers, encode_answer
from hashmatch.cluster.items import ShardItem
from hashmatch.cluster.shard import MAX_ITEMS, Shard, Work, cut, id_of, read_shard
from hashmatch.errors import DecodeError, InputError
from hashmatch.examine.sandbox import Job, Reply, WorkerLimits
from hashmatch.examine.sandbox.jobs import ProtocolError
from hashmatch.model import Examination, Reason
from hashmatch.sources.file_item import FileItem
from hashmatch.sources.objects.store import ObjectInfo

WORK = Work(OPTIONS, WorkerLimits(), b"/base")
JOB = Job(-1)

names = st.binary(min_size=1, max_size=8).filter(lambda name: not set(name) & {0, 47})
problems = st.none() | st.builds(
    lambda reason: DecodeError(reason, "in words"), st.sampled_from(Reason)
)


@st.composite
def items(draw: st.DrawFn) -> ShardItem:
    """Files of any name, in folders or named themselves, and objects."""
    if draw(st.booleans()):
        key, root = draw(st.binary(max_size=8)), draw(st.none() | st.just(b"s3://bucket/"))
        etag, size = draw(st.text(max_size=4)), draw(st.integers(0, 2**40))
        info = draw(st.none() | st.just(ObjectInfo(key, size, etag, "2026-01-31T12:00:00")))
        return ShardItem(b"s3://bucket/" + key, root, b"/base", info=info)
    root = draw(st.none() | names)
    path = draw(names) if root is None else root + b"/" + draw(names)
    problem = draw(problems)
    skip, count = draw(st.integers(0, 9)), draw(st.integers(0, 1))
    return ShardItem(path, root, b"/base", problem=problem, skip=skip, count=count)


def same(one: ShardItem, other: ShardItem) -> bool:
    """Whether two items are equal; two errors never are."""
    said = [(each.problem and (each.problem.reason, each.problem.message)) for each in (one, other)]
    fields = ("path", "root", "base", "follow", "skip", "count", "info")
    return said[0] == said[1] and all(getattr(one, f) == getattr(other, f) for f in fields)


@settings(max_examples=40)
@given(st.lists(items(), min_size=1, max_size=5), st.booleans(), st.booleans())
def test_a_manifest_says_what_the_shard_is(
    found: list[ShardItem], exact: bool, digest_only: bool
) -> None:
    """Every shard is read as it was written, and the same shard always has the same id."""
    shard = Shard(WORK, "rules", tuple(found), 7, exact, digest_only)
    manifest = shard.encode()
    again = read_shard(manifest)
    assert all(map(same, shard.items, again.items))
    assert (again.work, again.number) == (WORK, 7)
    assert (again.exact, again.digest_only) == (exact, digest_only)
    assert id_of(again.encode()) == id_of(manifest)


def spoiled(value: Any, data: st.DataObject) -> Any:
    """A message with something else somewhere in it."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return value | {key: spoiled(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], spoiled(value[place], data), *value[place + 1 :]]
    return data.draw(json_values)


@settings(max_examples=60)
@given(items(), st.data())
def test_any_other_manifest_is_an_error(item: ShardItem, data: st.DataObject) -> None:
    """Whatever is wrong with a manifest, reading it raises InputError or gives a whole shard."""
    lines = list(map(json.loads, Shard(WORK, "rules", (item,)).encode().splitlines()))
    place = data.draw(st.integers(0, 1))
    lines[place] = spoiled(lines[place], data)
    with suppress(InputError):
        read = read_shard(b"".join(json.dumps(line).encode() + b"\n" for line in lines)).encode()
        assert read_shard(read).encode() == read


@given(st.binary(max_size=60))
def test_any_bytes_are_no_manifest(data: bytes) -> None:
    """Bytes that are no manifest raise InputError, and nothing else."""
    with pytest.raises(InputError):
        read_shard(data)


def shard_of(count: int, *, exact: bool = False) -> Shard:
    """A shard of so many files."""
    return Shard(WORK, "rules", tuple(ShardItem(b"%d" % n) for n in range(count)), exact=exact)


sound = examinations().filter(lambda found: not found.lacks(KINDS, OPTIONS.digests))


@settings(max_examples=20)
@given(st.lists(st.tuples(st.lists(sound, max_size=2), sound), min_size=1, max_size=3), st.data())
def test_answers_come_through_in_any_order(
    found: list[tuple[list[Examination], Examination]], data: st.DataObject
) -> None:
    """Every item's parts are read as they were said, whichever item ends first."""
    said = {
        number: [
            *(Reply(JOB, b"m%d" % place, each, end=False) for place, each in enumerate(members)),
            Reply(JOB, None, itself, end=True),
        ]
        for number, (members, itself) in enumerate(found)
    }
    answers = Answers(shard_of(len(found)))
    heard: dict[int, list[Any]] = {number: [] for number in said}
    order = data.draw(st.permutations([number for number, each in said.items() for _ in each]))
    left = {number: iter(each) for number, each in said.items()}
    for number in order:
        assert not answers.complete
        about, reply = answers.take(encode_answer(next(left[number]), number))
        heard[about].append(reply[1:])
    assert heard == {number: [reply[1:] for reply in each] for number, each in said.items()}
    assert answers.complete


@settings(max_examples=60)
@given(sound, st.data())
def test_any_other_answer_is_an_error(found: Examination, data: st.DataObject) -> None:
    """Wherever an answer has hostile values, taking it raises ProtocolError at most."""
    line = encode_answer(Reply(JOB, None, found, end=True), 0)
    answers = Answers(shard_of(1))
    try:
        number, reply = answers.take(json.dumps(spoiled(json.loads(line), data)).encode())
    except ProtocolError:
        return
    assert number == 0
    assert isinstance(reply.examination, Examination)


def test_each_item_is_answered_once() -> None:
    """A second answer, one to a question nobody asked, and one without its end are refused."""
    done = Reply(JOB, None, Examination(), end=True)
    answers = Answers(shard_of(2))
    answers.take(encode_answer(done, 0))
    for number in (0, 2, -1):
        with pytest.raises(ProtocolError):
            answers.take(encode_answer(done, number))
    with pytest.raises(ProtocolError):
        answers.take(encode_answer(done._replace(end=False), 1))
    for number in ("true", "1.0", '"1"', "null"):
        with pytest.raises(ProtocolError):
            answers.take(encode_answer(done, 1).replace(b'"job":1', f'"job":{number}'.encode()))
    assert not answers.complete


def test_a_preview_is_no_answer_where_all_is_to_be_decoded() -> None:
    """An examination in full is answered by exact hashes only."""
    preview = encode_answer(Reply(JOB, None, Examination(exact=False), end=True), 0)
    Answers(shard_of(1)).take(preview)
    with pytest.raises(ProtocolError):
        Answers(shard_of(1, exact=True)).take(preview)


def test_one_item_cannot_say_without_end() -> None:
    """What is said of one item is bounded in bytes and in members."""
    answers = Answers(shard_of(1))
    member = Reply(JOB, b"m", Examination(), end=False)
    for _ in range(OPTIONS.archives.max_members):
        answers.take(encode_answer(member, 0))
    with pytest.raises(ProtocolError):
        answers.take(encode_answer(member, 0))
    with pytest.raises(ProtocolError):
        Answers(shard_of(1)).take(b" " * (4 * 1024 * 1024) + encode_answer(member, 0))


def test_shards_have_bounds() -> None:
    """A shard has 500 items at most, and none is lost between two."""
    found = list(cut((FileItem(b"/none/%d" % n) for n in range(2 * MAX_ITEMS + 1)), WORK))
    assert [len(shard.items) for shard in found] == [MAX_ITEMS, MAX_ITEMS, 1]
    assert [shard.number for shard in found] == [1, 2, 3]
    assert len({item.path for shard in found for item in shard.items}) == 2 * MAX_ITEMS + 1
