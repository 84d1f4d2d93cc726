"""Many hostile files, and many callers, at once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from counts import LONG
from hashmatch.errors import HashmatchError
from hashmatch.examine.sandbox import (
    Job,
    Pool,
    Sandbox,
    SharedPool,
    WorkerLimits,
    missing_walls,
    nameless_file,
)
from hashmatch.examine.sandbox.selftest import available_options, samples
from hashmatch.model import Examination, HashKind, Reason
from hashmatch.options import ExamineOptions

from . import adversary, plants
from .processes import children, descendants, wait_until_gone
from .test_adversary import FALSE

pytestmark = pytest.mark.usefixtures("real_processes")

OPTIONS = ExamineOptions(kinds=(HashKind("phash", 64),), fast=True)


@pytest.fixture(autouse=True)
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers do what a file says."""
    monkeypatch.syspath_prepend(str(adversary.install(tmp_path / "plug-in")))


def examined(workers: Pool, contents: Sequence[bytes], folder: Path) -> list[Examination]:
    """Put files through a pool, some at a time, and return the result of each."""
    coming: Iterator[tuple[int, bytes]] = iter(enumerate(contents))
    found: dict[int, Examination] = {}
    jobs: dict[Job, int] = {}
    more = True
    while more or jobs:
        while more and workers.hungry:
            if (item := next(coming, None)) is None:
                more = False
                break
            (folder / "file").write_bytes(item[1])
            job = Job(os.open(folder / "file", os.O_RDONLY))
            (folder / "file").unlink()
            jobs[job] = item[0]
            workers.submit(job)
        for reply in workers.poll(5):
            if reply.end:
                found[jobs.pop(reply.job)] = reply.examination
                os.close(reply.job.descriptor)
    return [found[place] for place in range(len(contents))]


def mutations(data: bytes, count: int, rng: random.Random) -> Iterator[bytes]:
    """The same file with bytes changed, removed or inserted."""
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(changed))
            kind = rng.random()
            if kind < 0.7:
                changed[place] = rng.randrange(256)
            elif kind < 0.85:
                del changed[place : place + rng.randint(1, 40)]
            else:
                changed[place:place] = rng.randbytes(rng.randint(1, 40))
            changed = changed or bytearray(b"x")
        yield bytes(changed)


def test_the_walls_change_no_record(tmp_path: Path) -> None:
    """Fixtures and mutated files of every format get the same examination with or without walls."""
    options = available_options()
    rng = random.Random(11)
    fixtures = Path(__file__).parents[3] / "fixtures" / "benign_images"
    files = [path.read_bytes() for path in sorted(fixtures.rglob("*")) if path.is_file()]
    files = files if LONG else files[::6]
    for _, data in samples(options):
        files += [data, *mutations(data, 500 if LONG else 6, rng)]
    limits = {name: WorkerLimits(max_seconds=60, sandbox=name) for name in ("best", "off")}
    with (
        Pool(2, limits["best"]).configure(options) as walled,
        Pool(2, limits["off"]).configure(options) as free,
    ):
        assert examined(walled, files, tmp_path) == examined(free, files, tmp_path)


def test_hostile_workers_cost_no_other_file(tmp_path: Path) -> None:
    """Among files that take their worker over, all others get hashes; no process is left."""
    files, hostile = (5_000, 1_000) if LONG else (150, 30)
    rng = random.Random(5)
    acts = [
        adversary.script(say=[], then="exit"),
        adversary.script(say=[], then="close"),
        adversary.script(say=[], then="fork"),
        *(adversary.script(say=[data.hex()], then="exit") for data in FALSE.values()),
    ]
    base = [plants.picture(seed) for seed in range(5)]
    contents = [base[place % 5] for place in range(files)]
    for place in rng.sample(range(files), hostile):
        contents[place] = rng.choice(acts)
    with Pool(2).configure(OPTIONS) as workers:
        if missing_walls(workers.protection):
            pytest.skip("this system lacks a wall")
        zygote = workers._zygote.pid
        found = examined(workers, contents, tmp_path)
        assert len(descendants(zygote)) == 2
    wait_until_gone([zygote])
    good = [one for one, data in zip(found, contents, strict=True) if data in base]
    assert len(good) == files - hostile
    assert all(one.reason is None and one.views for one in good)
    bad = Counter(one.reason for one, data in zip(found, contents, strict=True) if data not in base)
    assert set(bad) <= {Reason.DECODER_CRASH, Reason.UNDECODABLE, Reason.TIMEOUT}


def resident() -> int:
    """How many bytes of memory this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.timing
def test_no_caller_waits_beyond_the_limit() -> None:
    """While workers are killed, stopped and taken over, no call is over 2 s late."""
    seconds, limit = (180.0, 2.0) if LONG else (3.0, 1.0)
    shared = SharedPool(2, WorkerLimits(max_seconds=limit, sandbox=Sandbox.BEST))
    good = plants.picture(1)
    bad = [
        adversary.script(say=[], then="hang"),
        adversary.script(say=[], then="close"),
        adversary.script(say=[], then="fork"),
    ]
    waits: list[float] = []

    def call(seed: int) -> None:
        rng = random.Random(seed)
        while time.monotonic() < ends:
            data = rng.choice(bad) if rng.random() < 0.01 else good
            with nameless_file(data) as descriptor:
                began = time.monotonic()
                with suppress(HashmatchError):
                    list(shared.examine(descriptor, OPTIONS))
                waits.append(time.monotonic() - began)

    with nameless_file(good) as descriptor:
        list(shared.examine(descriptor, OPTIONS))
    ends = time.monotonic() + seconds  # not before the processes have started
    assert shared._service is not None
    zygote = shared._service._pool._zygote.pid
    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(32)]
    for thread in threads:
        thread.start()
    rng = random.Random(1)
    early = 0
    while time.monotonic() < ends:
        time.sleep(0.3)
        early = early or resident()
        with suppress(ProcessLookupError, IndexError):
            victim = rng.choice(children(zygote))
            os.kill(victim, rng.choice([signal.SIGKILL, signal.SIGSTOP]))
    for thread in threads:
        thread.join()
    left = descendants(os.getpid())
    began = time.monotonic()
    shared.close()
    assert time.monotonic() - began < 2
    wait_until_gone([pid for pid in left if pid == zygote or pid in descendants(zygote)])
    assert max(waits) < limit + 2
    assert len(waits) > 100
    assert resident() - early < 30_000_000
