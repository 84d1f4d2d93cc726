"""Measures what a cluster costs: its own work for each file, its memory, and its throughput.

::

    python bench/cluster.py overhead [--files N]
    python bench/cluster.py throughput [--files N] [--workers N ...] [--rounds N] [--namespaces]

Real Dask processes on this machine, over TLS. ``overhead`` scans files that do not exist, with
workers that answer without looking, so all that is measured is the way there and back: the
processor time of the coordinator, the bridge and the scheduler, and the coordinator's memory.
``throughput`` scans small JPEGs on this machine and on the cluster by turns, with as many decoding
processes each, and compares the processor time of all processes together, which needs no quiet
machine. The records must be the same. With ``--namespaces``, which needs root, the workers are in a
network namespace of their own, and nothing but a virtual cable joins it to the coordinator's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import record
from rescan import make_files

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from cluster.nodes import Nodes, family, matcher_of, wait_for_nodes
from hashmatch import Matcher
from hashmatch.cluster.coordinator import ClusterPool, cluster_at
from hashmatch.examine.sandbox import Job, Reply, WorkerLimits
from hashmatch.examine.sandbox.protocol import decode_said, parse_message
from hashmatch.options import ExamineOptions
from hashmatch.report import file_record
from hashmatch.scan import make_pool, scan, scan_sources
from hashmatch.scan.engine import Engine
from hashmatch.sources.file_item import FileItem

_NAMESPACES = ("hashmatch-coordinator", "hashmatch-nodes")
_HOSTS = ("10.77.0.1", "10.77.0.2")
_INSIDE = "HASHMATCH_BENCH_NAMESPACE"

_TICK = os.sysconf("SC_CLK_TCK")
_STEP = 100_000

FOUND = {
    "format": "JPEG",
    "width": 200,
    "height": 200,
    "quality": 90,
    "exact": True,
    "reason": None,
    "detail": None,
    "digests": [],
    "kind": None,
    "views": [["stored", 90, [[0x0123456789ABCDEF]], []]],
}
ANSWER = json.dumps({"job": 0, "member": None, "examination": FOUND, "end": True})

REST = ANSWER.removeprefix('{"job": 0')

NO_OP = (
    f"REST = {REST!r}\n"
    '''
import json
from hashmatch.cluster import task

def examine_manifest(manifest, jobs):
    """Answer without looking."""
    count = json.loads(manifest[: manifest.index(b"\\n")])["items"]
    lines = "".join('{"job": %d%s\\n' % (number, REST) for number in range(count))
    return lines.encode() + b'{"end": "done", "notices": []}\\n'

task.examine_manifest = examine_manifest
'''
)


class NoFiles:
    """A source of files that do not exist."""

    root = b"/nowhere"
    ordered = True

    def __init__(self, count: int) -> None:
        self._count = count

    def __iter__(self) -> Iterator[FileItem]:
        for number in range(self._count):
            yield FileItem(b"/nowhere/%04d/%07d.jpg" % (number // 1000, number))

    def is_gone(self, path: bytes) -> bool:
        """Return whether nothing is there."""
        return bool(path)


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process and the children it waited for took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK


def memory() -> float:
    """MB that this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def everything(nodes: Nodes, pool: Any) -> float:
    """Seconds of processor time of this process and of all that takes part."""
    started = [nodes.scheduler.pid, *(each.pid for each in nodes.workers)]
    if isinstance(pool, ClusterPool) and pool._bridge is not None:
        started.append(pool._bridge.pid)
    others = [pid for each in started for pid in (each, *family(each))]
    return cpu_of(os.getpid()) + sum(map(cpu_of, others))


def reach_nodes(folder: Path, workers: list[str | None]) -> Nodes:
    """A cluster, whose workers are behind the cable if there is one."""
    if os.environ.get(_INSIDE) is None:
        return Nodes(folder, workers)
    return Nodes(folder, workers, _HOSTS, ("ip", "netns", "exec", _NAMESPACES[1]))


def run_inside() -> int:
    """Run this command again in a namespace that a cable joins to another one."""
    one, other = _NAMESPACES
    run = partial(subprocess.run, check=True)
    try:
        for name in _NAMESPACES:
            run(["ip", "netns", "add", name])
            run(["ip", "-n", name, "link", "set", "lo", "up"])
        cable = ["type", "veth", "peer", "name", "hm-b", "netns", other]
        run(["ip", "-n", one, "link", "add", "hm-a", *cable])
        for name, end, host in zip(_NAMESPACES, ("hm-a", "hm-b"), _HOSTS, strict=True):
            run(["ip", "-n", name, "address", "add", f"{host}/24", "dev", end])
            run(["ip", "-n", name, "link", "set", end, "up"])
        again = ["ip", "netns", "exec", one, sys.executable, *sys.argv]
        return run(again, check=False, env=os.environ | {_INSIDE: "1"}).returncode
    finally:
        for name in _NAMESPACES:
            run(["ip", "netns", "delete", name], check=False)


def pool_of(nodes: Nodes) -> ClusterPool:
    """The cluster's examiner, decoding one file at a time on each node."""
    return ClusterPool(cluster_at(nodes.address, nodes.keys, jobs=1), WorkerLimits())


def a_list(folder: Path) -> Path:
    """A list of a thousand entries."""
    path = folder / "list.txt"
    lines = (f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}\n" for number in range(1, 1001))
    path.write_text("# algorithm: phash\n" + "".join(lines))
    return path


class Instant:
    """An examiner that reads the same answer to each job, as a pool reads its workers'."""

    window = 4000
    busy = False

    def __init__(self, options: ExamineOptions) -> None:
        self._options = options
        self._jobs: list[Job] = []
        self._line = ANSWER.encode()

    @property
    def hungry(self) -> bool:
        """Whether it would take another job."""
        return len(self._jobs) < 500

    def submit(self, job: Job) -> None:
        """Take a job."""
        self._jobs.append(job)

    def poll(self, timeout: float) -> list[Reply]:
        """Answer all jobs."""
        assert timeout >= 0
        jobs, self._jobs = self._jobs, []
        said = (decode_said(parse_message(self._line), job, 0, self._options) for job in jobs)
        return [each for each in said if isinstance(each, Reply)]


def baseline(matcher: Matcher, files: int) -> float:
    """Processor seconds of the same scan, answered in this process."""
    engine = Engine(Instant(matcher.options), matcher.screen)
    began = time.process_time()
    done = sum(len(parts) for parts in engine.run(NoFiles(files)))
    assert done == files
    return time.process_time() - began


def overhead(folder: Path, files: int) -> dict[str, Any]:
    """Scan files that do not exist."""
    nodes = Nodes(folder, [NO_OP, NO_OP])
    matcher = matcher_of(a_list(folder))
    try:
        with pool_of(nodes) as pool:
            pool.configure(matcher.options)
            assert pool._bridge is not None
            pids = {"coordinator": os.getpid(), "bridge": pool._bridge.pid}
            pids["scheduler"] = nodes.scheduler.pid
            before = {name: cpu_of(pid) for name, pid in pids.items()}
            steps, began, done = [], time.perf_counter(), 0
            for result in scan_sources([NoFiles(files)], matcher, pool):
                done += 1
                assert result.outcome.verdict == "clear"
                if done % _STEP == 0:
                    steps.append(memory())
            seconds = time.perf_counter() - began
            spent = {name: cpu_of(pid) - before[name] for name, pid in pids.items()}
            assert done == files
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    finally:
        nodes.close()
    alone = baseline(matcher, files)
    return {
        "files": files,
        "cpu_us_a_file": {name: round(cpu / files * 1e6, 1) for name, cpu in spent.items()},
        "same_answers_without_a_cluster_us": round(alone / files * 1e6, 1),
        "overhead_us_a_file": round((sum(spent.values()) - alone) / files * 1e6, 1),
        "seconds": round(seconds, 1),
        "coordinator_mb_each_100000": steps,
        "coordinator_peak_mb": round(peak, 1),
    }


def throughput(folder: Path, files: int, workers: int, rounds: int) -> dict[str, Any]:
    """Scan pictures here and on the cluster, by turns."""
    nodes = reach_nodes(folder, [None] * workers)
    matcher = matcher_of(a_list(folder))
    make_files(folder / "files", files, 7)
    spent: dict[str, list[float]] = {"local": [], "cluster": []}
    elapsed: dict[str, list[float]] = {"local": [], "cluster": []}
    records: dict[str, list[Any]] = {}
    try:
        for _ in range(rounds):
            for name, times in spent.items():
                with make_pool(workers) if name == "local" else pool_of(nodes) as pool:
                    pool.configure(matcher.options)
                    if isinstance(pool, ClusterPool):
                        wait_for_nodes(pool, workers)
                    began = everything(nodes, pool)
                    zygote = 0.0 if name == "cluster" else cpu_family()
                    clock = time.perf_counter()
                    found = [file_record(each) for each in scan([folder / "files"], matcher, pool)]
                    elapsed[name].append(round(time.perf_counter() - clock, 2))
                    own = 0.0 if name == "cluster" else cpu_family() - zygote
                    times.append(everything(nodes, pool) - began + own)
                    assert records.setdefault("all", found) == found
    finally:
        nodes.close()
    each = {name: round(min(cpu) / files * 1e3, 3) for name, cpu in spent.items()}
    return {
        "files": files,
        "workers": workers,
        "cpu_ms_a_file": each,
        "of_local": round(each["local"] / each["cluster"], 3),
        "seconds": elapsed,
        "all_rounds": {name: [round(cpu, 2) for cpu in found] for name, found in spent.items()},
    }


def cpu_family() -> float:
    """Seconds of processor time of the decoding processes of a scan on this machine."""
    mine = [pid for pid in family(os.getpid()) if "sandbox.zygote" in command_of(pid)]
    return sum(map(cpu_of, mine))


def command_of(pid: int) -> str:
    """The command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["overhead", "throughput"])
    parser.add_argument("--files", type=int)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--namespaces", action="store_true")
    asked = parser.parse_args()
    inside = os.environ.get(_INSIDE) is not None
    if asked.namespaces and not inside:
        sys.exit(run_inside())
    results: dict[str, Any] = {
        "note": "the machine was busy: compare processor time only",
        "namespaces": inside,
    }
    if asked.what == "overhead":
        with tempfile.TemporaryDirectory() as folder:
            results |= overhead(Path(folder), asked.files or 1_000_000)
    for workers in asked.workers if asked.what == "throughput" else ():
        with tempfile.TemporaryDirectory() as folder:
            files = asked.files or 20_000
            results[f"{workers} workers"] = throughput(Path(folder), files, workers, asked.rounds)
    print(results)
    print(record.save(f"cluster-{'namespaces' if inside else asked.what}", 7, results))


if __name__ == "__main__":
    main()
