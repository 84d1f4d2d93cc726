"""The pipeline's shell, with sources and examiners that are not folders and pools."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Hashable, Iterator, Sequence

import pytest

from garbage import open_descriptors
from hashmatch import Matcher
from hashmatch.examine.sandbox import Job, Reply, ThreadPool
from hashmatch.model import Examination
from hashmatch.scan import scan_sources
from hashmatch.scan.engine import Engine
from hashmatch.sources import Identity

from .trees import far_list, list_of, picture


class Upload:
    """Bytes that came over a network, as an item."""

    name = b""
    root = None
    place: Hashable = None

    def __init__(self, path: bytes, data: bytes) -> None:
        self.path = path
        self._data = data

    def ready(self, timeout: float = 0) -> bool:  # noqa: ARG002 # it is in memory
        """It is here."""
        return True

    def open(self) -> int:
        """A file that has no name."""
        with tempfile.TemporaryFile() as file:
            file.write(self._data)
            file.flush()
            return os.dup(file.fileno())

    def identity(self, descriptor: int | None = None) -> Identity:
        """What the client says of it."""
        return Identity(len(self._data), f"{self.path!r} of descriptor {descriptor}", None)

    def hold(self) -> None:
        """Nothing has to be kept."""

    def let_go(self) -> None:
        """Nothing was kept."""


class Uploads:
    """A source of a few uploads."""

    root = b"uploads"
    ordered = False

    def __init__(self, *contents: bytes) -> None:
        self._contents = contents

    def __iter__(self) -> Iterator[Upload]:
        """One after another."""
        for number, data in enumerate(self._contents):
            yield Upload(b"upload-%d" % number, data)

    def is_gone(self, path: bytes) -> bool:  # noqa: ARG002 # no state asks
        """Nobody can tell."""
        return False


def test_any_source_is_scanned() -> None:
    """Items that are not files in a folder are opened, examined and matched like any other."""
    source = Uploads(picture(0), b"no picture", picture(1))
    with ThreadPool(2) as pool:
        results = list(scan_sources([source, source], Matcher(list_of(picture(1))), pool))
    assert [(each.path, each.outcome.verdict) for each in results] == 2 * [
        (b"upload-0", "clear"),
        (b"upload-1", "not_image"),
        (b"upload-2", "match"),
    ]


class Slow:
    """An examiner that hands over one reply each time it is asked, and never rests."""

    window = 0
    hungry = True
    busy = True

    def __init__(self, clock: list[float], step: float) -> None:
        self._clock = clock
        self._step = step
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Take it on."""
        self._jobs.append(job)

    def poll(self, timeout: float) -> Sequence[Reply]:
        """One reply, after a while."""
        assert timeout > 0
        self._clock[0] += self._step
        if not self._jobs:
            return []
        return [Reply(self._jobs.popleft(), None, Examination(), end=True)]


@pytest.mark.parametrize(("step", "largest"), [(1.0, 2), (0.02, 4), (0.0, 64)])
def test_parts_wait_for_others_until_they_are_many_or_it_has_been_long(
    step: float, largest: int
) -> None:
    """What comes quickly is screened in batches, and what comes slowly without delay."""
    clock = [0.0]
    batches: list[int] = []

    def screen(evidence: Sequence[Examination]) -> Sequence[Examination]:
        batches.append(len(evidence))
        return evidence

    engine = Engine(Slow(clock, step), screen, clock=lambda: clock[0])
    count = 0
    for parts in engine.run(Uploads(*200 * [b"x"])):
        count += len(parts)
        if count == 64 * (200 // 64):
            break
    assert max(batches) == largest


def test_whatever_ends_a_scan_early_leaves_nothing_open() -> None:
    """Once its results are no longer taken, every descriptor is closed."""
    before = open_descriptors()
    with ThreadPool(1) as pool:
        results = scan_sources([Uploads(*20 * [picture(0)])], Matcher(far_list()), pool)
        next(results)
        results.close()  # type: ignore[attr-defined] # it is a generator
        while pool.busy:
            pool.poll(0.1)
    assert open_descriptors() == before
