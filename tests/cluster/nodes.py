"""A cluster of real Dask processes on this machine, and scans with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from commands import ForkedCommand, environment
from hashmatch import HashList, Matcher
from hashmatch.cluster.coordinator import ClusterPool, cluster_at
from hashmatch.cluster.keys import CA, certificate_of, make_keys
from hashmatch.examine.sandbox import WorkerLimits
from hashmatch.report import file_record
from hashmatch.scan import make_pool, scan
from ports import free_port

if find_spec("distributed") is None:
    pytest.skip("Dask is not installed", allow_module_level=True)

QUIET = {"DASK_DISTRIBUTED__WORKER__DAEMON": "false", "OPENBLAS_NUM_THREADS": "1"}

Process = subprocess.Popen[bytes] | ForkedCommand


class Nodes:
    """A scheduler and its workers, each restarted when it ends, as an orchestrator does.

    Args:
        folder: for keys, logs and whatever Dask writes.
        workers: a preload script for each worker, or None.
        hosts: the addresses of the scheduler and of all workers.
        enter: what goes before the command of a worker, to run it in another namespace.
        more: what else their environment has.
        server: the address of a ``dask_server`` to fork them from; None to start Python anew.
    """

    def __init__(
        self,
        folder: Path,
        workers: list[str | None],
        hosts: tuple[str, str] = ("127.0.0.1", "127.0.0.1"),
        enter: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
        server: str | None = None,
    ) -> None:
        self.folder = folder
        self._more = {**QUIET, **(more or {})}
        self._server = server
        self._hosts = dict(zip(("scheduler", "worker"), hosts, strict=True))
        self._enter = enter
        self.keys = folder / "keys"
        make_keys(self.keys, 1)
        self.address = f"tls://{hosts[0]}:{free_port()}"
        self.scheduler = self._start("scheduler", "--port", self.address.rpartition(":")[2])
        self._preloads = workers
        self.workers = [self._start_worker(number) for number in range(len(workers))]
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()

    def close(self) -> None:
        """End all of them."""
        self._closed.set()
        self._keeper.join()
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _keep(self) -> None:
        while not self._closed.wait(0.05):
            if self.scheduler.poll() is not None:
                port = self.address.rpartition(":")[2]
                self.scheduler = self._start("scheduler", "--port", port)
            for number, process in enumerate(self.workers):
                if process.poll() is not None:
                    self.workers[number] = self._start_worker(number)

    def _start_worker(self, number: int) -> Process:
        more = ["--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder / "dask")]
        if (preload := self._preloads[number]) is not None:
            script = self.folder / f"preload{number}.py"
            script.write_text(preload)
            more += ["--preload", str(script)]
        return self._start("worker", self.address, *more, log=f"worker{number}")

    def _start(self, role: str, *arguments: str, log: str = "scheduler") -> Process:
        certificate, key = certificate_of(self.keys, role)
        command = [
            *(f"distributed.cli.dask_{role}", *arguments),
            *("--host", self._hosts[role], "--protocol", "tls", "--no-dashboard"),
            *("--tls-ca-file", str(self.keys / CA)),
            *("--tls-cert", str(certificate), "--tls-key", str(key)),
        ]
        with (self.folder / f"{log}.log").open("ab") as output:
            if self._server is not None:
                streams = (output.fileno(), output.fileno())
                return ForkedCommand(*command, output=streams, server=self._server, **self._more)
            return subprocess.Popen(
                [
                    *(self._enter if role == "worker" else ()),
                    *(sys.executable, "-P", "-m", *command),
                ],
                stdout=output,
                stderr=output,
                env=environment(**self._more),
            )

    def pool(
        self, recheck: float = 0.0, limits: WorkerLimits | None = None, **options: Any
    ) -> ClusterPool:
        """An examiner for scans, whose nodes examine one file at a time."""
        where = cluster_at(self.address, self.keys, jobs=1, recheck=recheck)
        return ClusterPool(where, limits or WorkerLimits(), **options)


def matcher_of(path: Path) -> Matcher:
    """A matcher of a list, which decodes nothing itself."""
    return Matcher(HashList.load(path), isolate=False)


def local(folder: Path, matcher: Matcher, **options: Any) -> list[dict[str, Any]]:
    """The records of a scan on this machine."""
    with make_pool(2) as pool:
        return [file_record(result) for result in scan([folder], matcher, pool, **options)]


def remote(
    folder: Path,
    matcher: Matcher,
    pool: ClusterPool,
    each: Callable[[int], None] = lambda _: None,
    **options: Any,
) -> list[dict[str, Any]]:
    """The records of a scan on a cluster; ``each`` is called with the number of each."""
    records = []
    for number, result in enumerate(scan([folder], matcher, pool, **options)):
        records.append(file_record(result))
        each(number)
    return records


def wait_for_nodes(pool: ClusterPool, count: int) -> None:
    """Wait until so many nodes have joined."""
    deadline = time.monotonic() + 60
    while pool._dispatch.nodes < count:
        assert time.monotonic() < deadline
        pool._hear(0.1)


def family(pid: int) -> list[int]:
    """All that a process started, by any of its threads, and what those started."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, path.read_text().split()):
                found += (child, *family(child))
    return found


def kill(pid: int) -> None:
    """End a process without warning, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
