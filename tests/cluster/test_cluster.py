"""Scans on a cluster of real Dask processes: the records of a local scan, whatever dies or lies."""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from cluster.nodes import QUIET, Nodes, family, kill, local, matcher_of, remote, wait_for_nodes
from commands import ForkedCommand, Server, environment, hashmatch_command, records
from examine.archive.makers import make_zip
from examine.sandbox.test_secrets import CANARY, IDS, found_in, needles
from films import FORMATS, film, scene
from hashmatch import Matcher, phash
from hashmatch.cluster import dispatch, link
from hashmatch.cluster.coordinator import ClusterPool, cluster_at
from hashmatch.cluster.dispatch import Lot
from hashmatch.cluster.keys import make_keys
from hashmatch.errors import HashmatchError, OutputError, SettingsError
from hashmatch.examine.sandbox import Job, WorkerLimits
from hashmatch.report import file_record
from hashmatch.scan import History, State, make_pool, scan
from scan.trees import list_of, picture, put, tree
from sources.objects import canned, servers
from sources.objects.canned import CannedS3
from state.tables import stored

LONG = bool(os.environ.get("HASHMATCH_LONG_TESTS"))
KILLS = 50 if LONG else 3
FILES = 5_000 if LONG else 180


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, some with previews, and other files; and a list that has some of them."""
    root = tmp_path_factory.mktemp("uploads")
    folder = tree(root / "uploads", 20)
    for seed in (31, 32):
        put(folder / f"large{seed}.jpg", picture(seed, (1200, 900)))
    for number in range(FILES):
        put(folder / "more" / f"{number:05}.txt", b"text %d\n" % number)
    (root / "list.txt").write_text(
        "# algorithm: phash\n" + "".join(f"{phash(data)}\n" for data in LISTED)
    )
    return root


LISTED = [picture(1), picture(31, (1200, 900))]


EVIL = '''
import json, os
from hashmatch.cluster import task

SOURCE = """
import os, sys
if "dask_worker" not in sys.argv[0]:
    with open({folder!r} + "/mark", "a") as file:
        file.write(str(os.getpid()) + chr(10))
    if mode == "frame":
        stream = int(sys.argv[1])
        os.set_blocking(stream, True)
        os.write(stream, b"cposix\\\\nsystem\\\\n(S'touch {folder}/run'\\\\ntR.")
        os._exit(0)
"""
said = 0

class Payload(Exception):
    def __init__(self, mode):
        self.mode = mode

    def __reduce__(self):
        code = "exec(" + repr(SOURCE) + ", dict(mode=" + repr(self.mode) + "))"
        return eval, (code + " or ValueError()",)

def examine_manifest(manifest, jobs):
    global said
    with open({folder!r} + "/mode", "r+") as file:
        mode, every = file.read().split()
        if mode not in ("honest", "lie", "fail"):
            file.seek(0)
            file.truncate()
            file.write("honest 0")
    if mode == "exception":
        raise Payload(mode)
    if mode == "fail":
        raise RuntimeError
    if mode in ("result", "frame"):
        return Payload(mode)
    lines = honest(manifest, jobs).splitlines(keepends=True)
    for place, line in enumerate(lines[:-1]) if mode == "lie" else ():
        said += 1
        if said % int(every) == 0:
            message = json.loads(line)
            message["examination"]["kind"] = "empty"
            lines[place] = json.dumps(message).encode() + b"\\n"
    return b"".join(lines)

if not hasattr(task, "honest"):  # Dask loads this twice
    task.honest = task.examine_manifest
    task.examine_manifest = examine_manifest
honest = task.honest
'''
"""What a worker runs that somebody has taken over. A file says what it does next."""


@pytest.fixture(scope="module")
def bucket() -> Iterator[CannedS3]:
    """A server of S3, which the workers find by their environment."""
    with canned.running() as server:
        yield server


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, bucket: CannedS3) -> Iterator[Nodes]:
    """A scheduler with two workers, over TLS; the first can be told to be evil."""
    folder = tmp_path_factory.mktemp("nodes")
    more = servers.environment(bucket.url)
    server = Server("cluster/dask_server.py", env=environment(**QUIET))
    started = Nodes(
        folder, [EVIL.format(folder=str(folder)), None], more=more, server=server.address
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "start_bridge", partial(forked_bridge, server.address))
        yield started
    started.close()
    server.close()


def forked_bridge(server: str, channel: int) -> ForkedCommand:
    """A bridge for a test in this process. Those of commands start Python anew."""
    with open(os.devnull, "wb") as nothing:
        streams = (nothing.fileno(), nothing.fileno())
        arguments = ("hashmatch.cluster.bridge", "0")
        return ForkedCommand(*arguments, output=streams, source=channel, server=server)


@pytest.fixture(autouse=True)
def _honest(nodes: Nodes) -> Iterator[None]:
    """Let the first worker be honest before and after each test."""
    tell(nodes, "honest")
    yield
    tell(nodes, "honest")


def tell(nodes: Nodes, mode: str, every: int = 0) -> None:
    """Tell the first worker what to be."""
    (nodes.folder / "mode").write_text(f"{mode} {every}")


def test_records_equal_those_of_a_local_scan(nodes: Nodes, uploads: Path, tmp_path: Path) -> None:
    """Records, their order, the exit code and what a state remembers are those of a local scan."""
    listed = ("--list", "list.txt", "--format", "jsonl")
    here = hashmatch_command("scan", "uploads", *listed, cwd=uploads)
    on_nodes = ("--cluster", nodes.address, "--cluster-keys", str(nodes.keys), "--jobs", "1")
    state = ("--recheck", "20%", "--state", str(tmp_path / "scan.db"))
    there = hashmatch_command(
        "scan", "uploads", *listed, *on_nodes, *state, cwd=uploads, timeout=300
    )
    assert there.returncode == here.returncode == 1, there.stderr
    assert there.stdout.splitlines()[:-1] == here.stdout.splitlines()[:-1]
    again = hashmatch_command("scan", "uploads", *listed, *state[-2:], cwd=uploads)
    assert again.stdout.splitlines()[:-1] == here.stdout.splitlines()[:-1]
    assert records(again.stdout)[-1]["run"]["state"]["recalled"] == FILES + 22


def test_videos_are_found_on_a_cluster(nodes: Nodes, tmp_path: Path) -> None:
    """A video, one in an archive and one that is cut short have the records of a local scan.

    A check by another node agrees, so nobody is blamed, and a state rematches what was found.
    """
    given, state = tmp_path / "given", tmp_path / "scan.db"
    data = film([scene(1), scene(2)], FORMATS["MP4"]._replace(size=(160, 90)), 2.5)
    put(given / "film.mp4", data)
    put(given / "film.zip", make_zip({"inner.mp4": data}))
    put(given / "short.mkv", film([scene(3)], FORMATS["MATROSKA"])[:-9000])
    put(given / "picture.jpg", picture(1))
    (tmp_path / "list.txt").write_text(f"# algorithm: phash\n{phash(scene(2))} a\n")
    command = ("scan", given, "--list", tmp_path / "list.txt", "--format", "jsonl")
    here = hashmatch_command(*command)
    there = hashmatch_command(
        *(*command, "--cluster", nodes.address, "--cluster-keys", nodes.keys, "--jobs", "1"),
        *("--recheck", "100%", "--state", state),
        timeout=300,
    )
    assert there.returncode == here.returncode, there.stderr
    assert b"no longer used" not in there.stderr
    *found, _ = records(there.stdout)
    assert found == records(here.stdout)[:-1]
    assert [each["verdict"] for each in found].count("match") == 2
    again = hashmatch_command("rematch", "--state", state, *command[2:])
    assert records(again.stdout)[:-1] == found


def test_a_killed_coordinator_is_taken_up_again(
    nodes: Nodes, uploads: Path, tmp_path: Path
) -> None:
    """Scans with a state that are killed at any moment lose, double and blame nothing."""
    chance = random.Random(11)
    state = tmp_path / "scan.db"
    command = (
        *("scan", str(uploads / "uploads"), "--list", str(uploads / "list.txt")),
        *("--cluster", nodes.address, "--cluster-keys", str(nodes.keys), "--jobs", "1"),
        *("--state", str(state), "--format", "jsonl"),
    )
    known = 0
    for kills in range(10 if LONG else 2):
        running = ForkedCommand(
            *command, "-o", str(tmp_path / "out"), "--recheck", f"{kills % 2 * 9}%"
        )
        wanted = known + (chance.randint(1, FILES // 10) if kills else 0)
        while running.poll() is None and stored(state) < wanted:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        started = family(running.pid)
        kill(running.pid)
        running.wait(60)
        running.stdout.close()
        running.stderr.close()
        known = stored(state)
        for pid in started:
            wait_for_end(pid)
    ended = hashmatch_command(*command, timeout=300)
    *files, summary = records(ended.stdout)
    assert ended.returncode == 1, ended.stderr
    with_digests = local(uploads / "uploads", matcher_of(uploads / "list.txt"), digests=True)
    assert files == with_digests
    assert stored(state) == len(files)
    assert summary["run"]["state"]["recalled"] == known > 0


def wait_for_end(pid: int) -> None:
    """Wait until a process has ended by itself."""
    deadline = time.monotonic() + 60
    with suppress(OSError):
        while " Z " not in Path(f"/proc/{pid}/stat").read_text().replace(")", ""):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_what_a_liar_examined_is_examined_anew(nodes: Nodes, uploads: Path, tmp_path: Path) -> None:
    """A liar is named, the records are those of a local scan, and the state keeps no lie."""
    matcher = matcher_of(uploads / "list.txt")
    said: list[str] = []
    with State(tmp_path / "scan.db") as state:
        history = History(state, matcher.options)
        limits = WorkerLimits(notify=said.append)
        with nodes.pool(0.05 if LONG else 0.5, limits, chance=random.Random(3).random) as pool:
            pool.configure(history.options)
            wait_for_nodes(pool, 2)
            tell(nodes, "lie", 100 if LONG else 10)
            found = remote(uploads / "uploads", matcher, pool, history=history)
            liars = pool.liars
        assert found == local(uploads / "uploads", matcher, digests=True)
        assert history.counts.examined + history.counts.adopted == len(found)
        history.end({})
    [liar] = liars
    assert f"{liar} is no longer used: it gives false results" in "".join(said)
    assert liar in (nodes.folder / "worker0.log").read_text()
    with State(tmp_path / "scan.db") as state:
        history = History(state, matcher.options)
        with make_pool(1) as pool:
            known = scan([uploads / "uploads"], matcher, pool, history=history)
            assert [file_record(result) for result in known] == found
        assert history.counts.recalled == len(found)


def test_what_no_node_can_check_is_checked_here(nodes: Nodes, tmp_path: Path) -> None:
    """If the only node that could check another one fails, this machine examines the files."""
    matcher = Matcher(list_of(picture(1)), isolate=False)
    folder = tree(tmp_path / "few", 5)
    with nodes.pool(1.0) as pool:
        pool.configure(matcher.options)
        wait_for_nodes(pool, 2)
        tell(nodes, "fail")
        checked: list[Job] = []
        examined = pool._recheck.is_false

        def is_false(lot: Lot) -> bool:
            checked.extend(lot.jobs)
            return examined(lot)

        pool._recheck.is_false = is_false  # type: ignore[method-assign]
        found = remote(folder, matcher, pool)
        assert not pool.liars
    assert found == local(folder, matcher)
    assert len(checked) == len(found)


def test_liars_on_all_nodes_end_the_scan(nodes: Nodes, uploads: Path, tmp_path: Path) -> None:
    """If no honest node is left, the scan fails without a record, and the state forgets the run."""
    matcher = matcher_of(uploads / "list.txt")
    with State(tmp_path / "scan.db") as state:
        history = History(state, matcher.options)
        with nodes.pool(0.5, chance=random.Random(3).random) as pool:
            pool.configure(history.options)
            wait_for_nodes(pool, 2)
            pool._patience = 0.5  # from now on: joining takes a while
            pool._dispatch.refuse(next(iter(honest(nodes, pool))))
            tell(nodes, "lie", 10)
            results = scan([uploads / "uploads"], matcher, pool, history=history)
            with pytest.raises(HashmatchError, match=r"no node is left: .* false results"):
                next(results)
        assert not list(state.files.everything())


def honest(nodes: Nodes, pool: ClusterPool) -> set[str]:
    """The addresses of the workers that cannot be told to be evil."""
    log = (nodes.folder / "worker1.log").read_text()
    return {address for address in pool._dispatch._nodes if address in log}


def test_kills_lose_double_and_blame_nothing(
    nodes: Nodes, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed, worker, node child, bridge or scheduler: records do not show it."""
    monkeypatch.setattr(dispatch, "MAX_ITEMS", 20)
    chance = random.Random(7)
    matcher = matcher_of(uploads / "list.txt")
    pool = nodes.pool()

    def child() -> int:
        found = [pid for each in nodes.workers for pid in family(each.pid)]
        return chance.choice(found or [chance.choice(nodes.workers).pid])

    def bridge() -> int:
        assert pool._bridge is not None
        return pool._bridge.pid

    def victims() -> Iterator[int]:
        while True:
            yield child()
            yield chance.choice(nodes.workers).pid
            if pool._bridge is not None:
                yield bridge()
            if LONG:
                yield nodes.scheduler.pid

    order = victims()
    moments = set(range(20, FILES, FILES // KILLS)[:KILLS])

    def strike(number: int) -> None:
        if number in moments:
            kill(next(order))

    with pool:
        found = remote(uploads / "uploads", matcher, pool, strike)
    assert found == local(uploads / "uploads", matcher)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read what is not dumpable")
def test_no_other_process_has_the_list_in_its_memory(
    nodes: Nodes, uploads: Path, tmp_path: Path
) -> None:
    """A canary entry is not in the bridge, the scheduler, the workers, or what these started."""
    listed = tmp_path / "list.txt"
    listed.write_text(f"# algorithm: phash\n{CANARY:016x} {IDS[0]} {IDS[1]}\n")
    matcher = matcher_of(listed)
    with nodes.pool() as pool:
        results = scan([uploads / "uploads"], matcher, pool)
        next(results)
        assert pool._bridge is not None
        started = [nodes.scheduler.pid, pool._bridge.pid, *(each.pid for each in nodes.workers)]
        others = [pid for each in started for pid in (each, *family(each))]
        assert len(others) > len(started)
        sought = needles()
        if not LONG:  # the forms that a hash has on the wire, in a list's index and in its file
            sought = {name: sought[name] for name in ("decimal", "little-endian", "lower-case hex")}
            sought |= {"id": IDS[0].encode()}
        for pid in others:
            assert found_in(pid, sought) == set()
        assert len(list(results)) == FILES + 21


def test_nobody_joins_without_a_key(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of another CA reach no cluster, and the message says so."""
    make_keys(tmp_path / "keys", 1)
    pool = ClusterPool(cluster_at(nodes.address, tmp_path / "keys"), WorkerLimits())
    lose = pool._lose

    def lose_for_good() -> None:
        lose()
        pool._give_up = 0.0

    monkeypatch.setattr(pool, "_lose", lose_for_good)
    matcher = matcher_of_nothing(tmp_path)
    with pool, pytest.raises(HashmatchError, match="TLS certificate does not match"):
        pool.configure(matcher.options)


def matcher_of_nothing(folder: Path) -> object:
    """A matcher with one entry that no file has."""
    (folder / "list.txt").write_text("# algorithm: phash\nca9a11fe0123bead\n")
    return matcher_of(folder / "list.txt")


@pytest.mark.parametrize("days", [-1, 0, 10**8])
def test_keys_that_are_never_valid_are_not_made(tmp_path: Path, days: int) -> None:
    """Days for which no certificate can be valid are refused, and nothing is written."""
    with pytest.raises(SettingsError, match="1 to 36,500 days"):
        make_keys(tmp_path / "keys", days)
    assert not (tmp_path / "keys").exists()


def test_keys_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A full disk leaves no half of the keys behind, so the next try finds the folder free."""
    folder = tmp_path / "keys"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))  # the certificates are longer
    try:
        with pytest.raises(OutputError, match="File too large"):
            make_keys(folder, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(folder.iterdir())
    assert len(make_keys(folder, 1)) == 7
    with pytest.raises(OutputError, match="already exists"):
        make_keys(folder, 1)
    assert len(list(folder.iterdir())) == 7


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tls://localhost:1", "localhost:8786"])
def test_addresses_without_keys_are_refused(address: str) -> None:
    """Plain TCP is for this machine alone, and TLS needs keys."""
    with pytest.raises(SettingsError):
        cluster_at(address, None)
    assert cluster_at("tcp://127.0.0.1:8786", None).tls is None


@pytest.mark.parametrize("mode", ["result", "exception", "frame"])
def test_a_payload_runs_nowhere_near_the_list(nodes: Nodes, uploads: Path, mode: str) -> None:
    """What a node's pickle runs, it runs in the bridge; the coordinator scans on."""
    mark = nodes.folder / "mark"
    mark.unlink(missing_ok=True)
    matcher = matcher_of(uploads / "list.txt")
    with nodes.pool() as pool:
        pool.configure(matcher.options)
        wait_for_nodes(pool, 2)
        tell(nodes, mode)
        found = remote(uploads / "uploads", matcher, pool)
    assert found == local(uploads / "uploads", matcher)
    struck = {int(line) for line in mark.read_text().split()}
    assert struck
    assert os.getpid() not in struck
    assert not (nodes.folder / "run").exists()


def test_objects_are_read_by_the_nodes(
    nodes: Nodes, bucket: CannedS3, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket scanned on a cluster gives the records of a local scan of it, odd keys included."""
    for name, value in servers.environment(bucket.url).items():
        monkeypatch.setenv(name, value)
    for number, key in enumerate(("a//y.jpg", "c/../z.jpg", "ünï/日本.jpg", "per%cent", "~")):
        bucket.put(key.encode(), picture(number))
    listed = ("s3://bucket", "--list", str(uploads / "list.txt"), "--format", "jsonl")
    here = hashmatch_command("scan", *listed)
    bucket.requests.clear()
    on_nodes = ("--cluster", nodes.address, "--cluster-keys", str(nodes.keys))
    there = hashmatch_command("scan", *listed, *on_nodes, "--jobs", "1", timeout=300)
    assert there.returncode == here.returncode == 1, there.stderr
    assert there.stdout.splitlines()[:-1] == here.stdout.splitlines()[:-1]
    assert len(there.stdout.splitlines()) == 6
    assert bucket.requests["GET"] == 5
