"""A worker that hostile bytes took over: what it tries, what it says, and how late it answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hashmatch.examine.sandbox import Job, Pool, Reply, Sandbox, SharedPool, WorkerLimits, pool
from hashmatch.examine.sandbox.protocol import MAX_FRAME, MAX_VALUES
from hashmatch.model import Examination, HashKind, Reason
from hashmatch.options import ExamineOptions

from . import adversary, plants
from .attempts import ATTEMPTS
from .processes import children, descendants, is_alive, wait_until_gone

pytestmark = pytest.mark.usefixtures("real_processes")

OPTIONS = ExamineOptions(kinds=(HashKind("phash", 64),), digests=("sha256",))
USERS = ["root", "nobody"] if os.geteuid() == 0 else ["this user"]


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files; workers do what a file in it says."""
    monkeypatch.syspath_prepend(str(adversary.install(tmp_path / "plug-in")))
    return tmp_path


def attempt(user: str, folder: Path, *walls: str) -> dict[str, Any]:
    """Have a worker of this user try everything."""
    command = [sys.executable, adversary.__file__, *walls]
    if user == "nobody":
        made = folder / "nobody"
        made.mkdir()
        command = adversary.as_nobody(made, *walls)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if user == "nobody" and done.returncode and "mount" in done.stderr:
        pytest.skip("nobody cannot run this interpreter here")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("user", USERS)
def test_nothing_succeeds_behind_all_walls(user: str, tmp_path: Path) -> None:
    """Nothing that a taken-over worker tries succeeds."""
    found = attempt(user, tmp_path)
    if missing := [name for name in pool.WALLS if not found["protection"][name]]:
        pytest.skip(f"this system lacks {missing}")
    assert found["tried"] == len(ATTEMPTS) >= 78
    assert found["succeeded"] == []


def test_without_walls_most_of_it_succeeds(tmp_path: Path) -> None:
    """Without walls, the attempts reach the list, other uploads and other processes."""
    found = attempt("this user", tmp_path, "")
    assert {"read the list", "remove a file", "signal the scanner", "leave a daemon"} <= {
        *found["succeeded"]
    }
    assert len(found["succeeded"]) > 70


def reply(**changes: Any) -> str:
    """A valid answer, with changes."""
    examination = {
        "format": None,
        "width": 0,
        "height": 0,
        "views": [],
        "reason": None,
        "detail": None,
        "quality": None,
        "exact": True,
        "digests": ["00" * 32],
        "kind": None,
    }
    inner = {key: changes.pop(key) for key in [*changes] if key in examination}
    message = {
        "job": "NUMBER",
        "member": None,
        "examination": examination | inner,
        "end": True,
    } | changes
    return json.dumps(message).replace('"NUMBER"', "NUMBER")


def framed(text: str | bytes, length: int | None = None) -> bytes:
    """A frame whose length allows for the number that replaces ``NUMBER``."""
    data = text.encode() if isinstance(text, str) else text
    return (len(data) if length is None else length).to_bytes(4, "big") + data


VIEW = ["stored", 50, [[1]], []]
NESTED = '{"examination":' + "[" * 20 + "]" * 20 + "}"
FALSE = {
    "longer than any": framed(b"", MAX_FRAME + 1),
    "as long as can be said": framed(b"", 2**32 - 1),
    "empty": framed(b""),
    "no JSON": framed(b"hello"),
    "no UTF-8": framed(b'{"job":"\xff\xfe"}'),
    "half an object": framed('{"job":1'),
    "a list": framed("[]"),
    "a number": framed("7"),
    "null": framed("null"),
    "true": framed("true"),
    "a text": framed('"x"'),
    "an empty object": framed("{}"),
    "nested": framed(NESTED),
    "nested lists without end": framed("[" * 100_000),
    "nested objects without end": framed('{"a":' * 100_000),
    "too many values": framed("[" + "0," * MAX_VALUES + "0]"),
    "a number of many digits": framed('{"job":' + "9" * 5000 + "}"),
    "not a number": framed('{"job":NaN}'),
    "no end of a text": framed('{"job":"' + '\\"' * 100_000),
    "job 0": framed(reply(job=0)),
    "a negative job": framed(reply(job=-1)),
    "a job that is true": framed(reply(job=True)),
    "a job as a text": framed(reply(job="1")),
    "a job as a fraction": framed(reply(job=1.5)),
    "a job over 64 bits": framed(reply(job=2**64 + 1)),
    "a job as a list": framed(reply(job=[1])),
    "no job": framed('{"member":null,"examination":null,"end":true}'),
    "a second greeting": framed('{"walls":{"landlock":0,"privileges":0,"seccomp":0}}'),
    "an end of its own with content": framed('{"died_of":"hash e1f8f1071e42b41f"}'),
    "an end of its own as a list": framed('{"died_of":[]}'),
    "a strange end of its own": framed('{"died_of":"' + "A" * 65 + ' in a.py:1"}'),
}
NUMBERED = {
    "a member of no archive": reply(member="YQ=="),
    "a member as a number": reply(member=7),
    "a member in no base64": reply(member="!"),
    "no end": reply(end=False),
    "an end that is 1": reply(end=1),
    "no examination": '{"job":NUMBER,"member":null,"end":true}',
    "an examination of null": reply(examination=None),
    "an examination as a list": reply(examination=[]),
    "a preview where none was asked for": reply(exact=False),
    "no digests of a whole picture": reply(format="PNG", views=[VIEW], digests=[]),
    "no views of a whole picture": reply(format="PNG"),
    "too many digests": reply(digests=["00" * 32] * 2),
    "a digest that is none": reply(digests=["secret"]),
    "an unknown reason": reply(reason="tired"),
    "an escape sequence": reply(detail="\x1b[31m"),
    "a long detail": reply(detail="x" * 2000),
    "a negative width": reply(width=-1),
    "a width beyond all": reply(width=2**60),
    "a quality of 101": reply(quality=101),
    "a view without hashes": reply(views=[["stored", 50, [], []]]),
    "a view of another kind": reply(views=[["stored", 50, [[1, 2]], []]]),
    "a hash over 64 bits": reply(views=[["stored", 50, [[2**64]], []]]),
    "a hash as a fraction": reply(views=[["stored", 50, [[1.0]], []]]),
    "views as an object": reply(views={"a": 1}),
}


def numbered(text: str) -> bytes:
    """A frame whose number the worker will fill in."""
    return b"FRAME" + text.encode()


def run(workers: Pool, folder: Path, *contents: bytes) -> list[Examination]:
    """Put files through a pool, one after the other."""
    found = []
    for data in contents:
        (folder / "file").write_bytes(data)
        replies: list[Reply] = []
        with (folder / "file").open("rb") as file:
            workers.submit(Job(file.fileno()))
            while workers.busy:
                replies += workers.poll(5)
        found.append(replies[-1].examination)
    return found


def test_no_false_frame_is_taken_for_an_answer(scripted: Path) -> None:
    """If a worker breaks the protocol, its file is a crash, and the next file is examined."""
    taken = []
    with Pool(1).configure(OPTIONS) as workers:
        frames = FALSE | {name: numbered(text) for name, text in NUMBERED.items()}
        for name, data in frames.items():
            hostile = adversary.script(say=[data.hex()], then="hang")
            (found,) = run(workers, scripted, hostile)
            if found.reason is not Reason.DECODER_CRASH:
                taken.append(name)
        (after,) = run(workers, scripted, plants.picture(1))
    assert len(frames) >= 50
    assert taken == []
    assert after.reason is None


def test_the_frames_would_be_taken_if_they_were_true(scripted: Path) -> None:
    """The answer that the false ones are made from is accepted: each is refused for its fault."""
    true = adversary.script(say=[numbered(reply(detail="a lie")).hex()], then="hang")
    with Pool(1, WorkerLimits(max_seconds=60)).configure(OPTIONS) as workers:
        (found,) = run(workers, scripted, true)
    assert found.detail == "a lie"


@pytest.mark.parametrize("more", [numbered(reply(detail="a lie")).hex(), "0000", "00000000"])
def test_a_second_answer_is_none_to_the_next_file(scripted: Path, more: str) -> None:
    """A worker that keeps talking after its answer is replaced, and the next file is examined."""
    lying = adversary.script(say=[numbered(reply(detail="a lie")).hex(), more], then="hang")
    with Pool(1).configure(OPTIONS) as workers:
        first, second = run(workers, scripted, lying, plants.picture(1))
    assert first.detail == "a lie"
    assert second.format == "JPEG"


LATE: dict[str, dict[str, Any]] = {
    "sleeps": {"say": [], "then": "hang"},
    "closes its channel": {"say": [], "then": "close"},
    "leaves its channel to a child": {"say": [], "then": "fork"},
    "trickles": {
        "say": [framed(b"x" * 99, 4000)[:9].hex(), *["78"] * 1000],
        "pause": 0.05,
        "then": "hang",
    },
}


@pytest.mark.timing
@pytest.mark.parametrize("sandbox", [Sandbox.BEST, Sandbox.OFF])
def test_no_worker_is_later_than_two_seconds(scripted: Path, sandbox: Sandbox) -> None:
    """Whatever a worker does with its time and channel, its file ends and its group is gone."""
    limits = WorkerLimits(max_seconds=0.5, sandbox=sandbox)
    with Pool(1, limits).configure(OPTIONS) as workers:
        for name, acts in LATE.items():
            before = descendants(workers._zygote.pid)
            began = time.monotonic()
            (found,) = run(workers, scripted, adversary.script(**acts))
            assert time.monotonic() - began < 0.5 + 2, name
            if sandbox is Sandbox.BEST and found.reason is Reason.UNDECODABLE:
                assert acts["then"] == "fork"  # the walls refuse that
                continue
            assert found.reason in (Reason.TIMEOUT, Reason.DECODER_CRASH), name
            wait_until_gone(before)
            assert len(children(workers._zygote.pid)) == 1, name
            (after,) = run(workers, scripted, plants.picture(1))
            assert after.reason is None, name


@pytest.mark.timing
def test_a_stopped_worker_is_late_like_any_other(scripted: Path) -> None:
    """SIGSTOP delays a file by its limit and no more."""
    with Pool(1, WorkerLimits(max_seconds=0.5)).configure(OPTIONS) as workers:
        (pid,) = children(workers._zygote.pid)
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        (found,) = run(workers, scripted, plants.picture(1))
        assert found.reason is Reason.TIMEOUT
        assert time.monotonic() - began < 3
        assert not is_alive(pid)


@pytest.mark.timing
def test_nobody_waits_longer_for_a_busy_pool_than_for_a_late_file(scripted: Path) -> None:
    """If every worker is busy, waiting callers get a timeout in time."""
    (scripted / "late").write_bytes(adversary.script(say=[], then="hang"))
    shared = SharedPool(1, WorkerLimits(max_seconds=1.0))
    waits = []

    def examine() -> None:
        with (scripted / "late").open("rb") as file:
            began = time.monotonic()
            ((_, found),) = shared.examine(file.fileno(), OPTIONS)
            waits.append((found.reason, time.monotonic() - began))

    with (scripted / "late").open("wb") as file:
        file.write(plants.picture(1))
    examine()  # so that its processes have started
    (scripted / "late").write_bytes(adversary.script(say=[], then="hang"))
    waits.clear()
    threads = [threading.Thread(target=examine) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.close()
    assert [reason for reason, _ in waits] == [Reason.TIMEOUT] * 8
    assert max(seconds for _, seconds in waits) < 3


@pytest.mark.timing
def test_closing_takes_two_seconds_even_if_the_zygote_is_stopped(scripted: Path) -> None:
    """A pool whose processes are stopped still closes, and leaves none behind."""
    (scripted / "file").write_bytes(adversary.script(say=[], then="hang"))
    workers = Pool(2).configure(OPTIONS)
    pids = [workers._zygote.pid, *children(workers._zygote.pid)]
    with (scripted / "file").open("rb") as file:
        workers.submit(Job(file.fileno()))
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        workers.close()
    assert time.monotonic() - began < 2
    wait_until_gone(pids)


def test_the_threat_model_counts_what_is_tried() -> None:
    """The threat model gives the right numbers of attempts and false answers."""
    text = (Path(__file__).parents[3] / "docs" / "threat-model.md").read_text()
    assert f"tries {len(ATTEMPTS)} things" in text
    assert f"sends {len(FALSE) + len(NUMBERED)} kinds of false answers" in text
