"""Measures ``hashmatch serve``: requests a second, their times, list swaps under load, memory.

::

    python bench/serve.py [--seconds N] [--rounds N] [--swaps N] [--entries N]

The service takes turns with a bare endpoint: uvicorn with as many processes as there are cores,
which decodes each upload with Pillow, computes ``imagehash.phash`` and looks nothing up. The load
comes from this process, on the same cores: first as fast as answers come, then, for the times, at
half that rate whether answers come or not. The CPU time of a request is that of all processes; what
an idle machine would answer a second follows from it, since others may use the cores meanwhile.
``--swaps`` replaces the list that often under load, and
``--entries`` opens a list of that size. Each of the three is left out at 0, ``--rounds`` too;
``--add FILE`` then takes it from an earlier run.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import queue
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

import record
from hashmatch import HashList, Matcher

SIZES = {"640x480": (640, 480), "2 MP": (1920, 1080), "12 MP": (4000, 3000)}
CONNECTIONS = 8
SEED = 20261129

BARE = """
import asyncio, io, imagehash
from PIL import Image
def phash(data):
    return str(imagehash.phash(Image.open(io.BytesIO(data))))
async def app(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    said = ('{"phash": "%s"}' % await asyncio.to_thread(phash, body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})
"""


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--swaps", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--add", type=Path, help="an earlier run, for what this one leaves out")
    asked = parser.parse_args()
    results: dict[str, Any] = {}
    if asked.add is not None:
        results = json.loads(asked.add.read_text())["results"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare.py").write_text(BARE)
        if asked.rounds:
            results["speed"] = speed(folder, asked.seconds, asked.rounds)
        if asked.swaps:
            results["swaps"] = swaps(folder, asked.swaps)
        if asked.entries:
            results["size"] = size(folder, asked.entries)
    print(json.dumps(results, indent=1))
    print(record.save("serve", SEED, results))


def picture(width: int, height: int) -> bytes:
    """A JPEG with about as many bytes a pixel as a photograph."""
    rng = np.random.default_rng((SEED, width))
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = coarse.resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.normal(0, 6, (height, width, 1))
    grained = np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(grained).filter(ImageFilter.GaussianBlur(0.6)).save(data, "JPEG", quality=85)
    return data.getvalue()


def make_list(folder: Path, entries: int) -> Path:
    """A compiled list of random hashes; ``entries`` lines."""
    text, compiled = folder / f"{entries}.csv", folder / f"{entries}.hml"
    rng = np.random.default_rng(SEED)
    with text.open("w") as file:
        file.write("hash,algorithm,id\n")
        for start in range(0, entries, 1 << 16):
            count = min(1 << 16, entries - start)
            words = rng.integers(0, 1 << 63, count, dtype=np.int64).tolist()
            file.writelines(f"{word:016x},phash,{start + row}\n" for row, word in enumerate(words))
    text.chmod(0o600)
    command = [sys.executable, "-m", "hashmatch", "list", "compile", text, "-o", compiled]
    subprocess.run(command, check=True, capture_output=True)
    text.unlink()
    return compiled


class Service:
    """A running ``hashmatch serve``."""

    def __init__(self, hash_list: Path, *more: str) -> None:
        began = time.monotonic()
        command = [sys.executable, "-m", "hashmatch", "serve", "--list", str(hash_list)]
        self.process = subprocess.Popen(
            [*command, "--http", "127.0.0.1:0", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(self.wait_for("listening")["address"].rpartition(":")[2])
        self.wait_for("started")
        self.started = time.monotonic() - began

    def _read(self) -> None:
        """Take in the log as it comes, or the service would wait until somebody does."""
        for line in self.process.stdout or ():
            if '"answered"' not in line:
                self._events.put(json.loads(line))
        self._events.put(None)

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next event of this name in the log."""
        while (found := self._events.get()) is not None:
            if found["event"] == event:
                return found
        raise RuntimeError("the service ended")

    def mib(self, field: str) -> float:
        """Memory of the process that holds the list: ``Pss``, or ``Private_Dirty``."""
        for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return round(int(line.split()[1]) / 1024, 1)
        raise RuntimeError(field)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def bare_endpoint(folder: Path) -> Iterator[tuple[int, int]]:
    """The contestant's port and process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(folder), "bare:app"]
    workers = str(os.cpu_count())
    options = ["--port", str(port), "--workers", workers, "--log-level", "error"]
    process = subprocess.Popen([*command, *options])
    try:
        for _ in range(100):
            time.sleep(0.1)
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
        time.sleep(2)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


class Client:
    """One connection that is kept open."""

    def __init__(self, port: int, path: str, data: bytes) -> None:
        self._port = port
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        self._request = head.encode() + data
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> int:
        """Send the picture and return the status."""
        if self._streams is None or self._streams[0].at_eof():  # idle ones are closed after a while
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(self._request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, and all its descendants, those that ended included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    used = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        used += sum(map(cpu_seconds, map(int, children.read_text().split())))
    return used


async def flat_out(port: int, path: str, data: bytes, seconds: float) -> float:
    """Requests a second, as fast as answers come."""
    clients = [Client(port, path, data) for _ in range(CONNECTIONS)]
    end = time.monotonic() + seconds
    count = 0

    async def keep_asking(client: Client) -> None:
        nonlocal count
        while time.monotonic() < end:
            assert await client.ask() == 200
            count += 1

    began = time.monotonic()
    await asyncio.gather(*map(keep_asking, clients))
    for client in clients:
        client.close()
    return count / (time.monotonic() - began)


async def at_rate(port: int, path: str, data: bytes, rate: float, seconds: float) -> list[float]:
    """The time of each request, counted from when it was due."""
    idle = [Client(port, path, data) for _ in range(4 * CONNECTIONS)]
    clients, taken = [*idle], []

    async def ask(due: float) -> None:
        while not idle:
            await asyncio.sleep(0.0005)
        client = idle.pop()
        assert await client.ask() == 200
        taken.append(time.monotonic() - due)
        idle.append(client)

    began = time.monotonic()
    tasks = []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        tasks.append(asyncio.create_task(ask(due)))
    await asyncio.gather(*tasks)
    for client in clients:
        client.close()
    return taken


def in_ms(taken: list[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    ordered = sorted(taken)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"p50_ms": round(statistics.median(ordered) * 1e3, 2), "p99_ms": round(last * 1e3, 2)}


def speed(folder: Path, seconds: float, rounds: int) -> dict[str, Any]:
    """Requests a second and their times by size, of the service and of the bare endpoint."""
    hash_list = make_list(folder, 100_000)
    service = Service(hash_list)
    results: dict[str, Any] = {"ready_after_seconds": round(service.started, 2)}
    with bare_endpoint(folder) as (bare, bare_pid):
        doors = {"hashmatch": (service.port, "/v1/match"), "bare": (bare, "/")}
        pids = {"hashmatch": service.process.pid, "bare": bare_pid}
        for name, (width, height) in SIZES.items():
            data = picture(width, height)
            found: dict[str, Any] = {"bytes": len(data)}
            rates: dict[str, list[float]] = {door: [] for door in doors}
            taken: dict[str, list[float]] = {door: [] for door in doors}
            for port, path in doors.values():
                asyncio.run(flat_out(port, path, data, 0.5))
            used = dict.fromkeys(doors, 0.0)
            for _ in range(rounds):
                for door, (port, path) in doors.items():
                    before = cpu_seconds(pids[door]) + time.process_time()
                    rates[door].append(asyncio.run(flat_out(port, path, data, seconds)))
                    used[door] += cpu_seconds(pids[door]) + time.process_time() - before
            for _ in range(rounds):
                for door, (port, path) in doors.items():
                    half = max(rates[door]) / 2
                    taken[door] += asyncio.run(at_rate(port, path, data, half, seconds))
            for door in doors:
                cpu = used[door] / (sum(rates[door]) * seconds)
                found[door] = {
                    "per_second": round(max(rates[door]), 1),
                    "cpu_ms": round(cpu * 1e3, 2),
                    "per_second_if_idle": round((os.cpu_count() or 1) / cpu),
                    "at_half_load": in_ms(taken[door]),
                }
            found["door"] = overhead(hash_list, service.port, data, max(8, int(40 * seconds)))
            results[name] = found
            print(name, json.dumps(found), flush=True)
    service.stop()
    return results


def overhead(hash_list: Path, port: int, data: bytes, count: int) -> dict[str, float]:
    """Time of one request at a time over that of ``Matcher.match``, which takes turns with it."""
    with Matcher(HashList.load(hash_list)) as matcher:
        client, asked, matched = Client(port, "/v1/match", data), [], []

        async def take_turns() -> None:
            for _ in range(count):
                began = time.perf_counter()
                await client.ask()
                asked.append(time.perf_counter() - began)
                began = time.perf_counter()
                matcher.match(data)
                matched.append(time.perf_counter() - began)

        asyncio.run(take_turns())
    door, alone = statistics.median(asked) * 1e3, statistics.median(matched) * 1e3
    return {
        "request_ms": round(door, 2),
        "matcher_ms": round(alone, 2),
        "overhead_ms": round(door - alone, 2),
    }


def swaps(folder: Path, count: int) -> dict[str, Any]:
    """Replace the list under load, twenty times a second: failures, times and memory.

    Times with swaps and without take turns.
    """
    service = Service(make_list(folder, 100_000))
    data, path = picture(*SIZES["640x480"]), "/v1/match"
    each, turns = max(1, count // 10), 10
    calm: list[float] = []
    swapping: list[float] = []
    memory: list[float] = []

    async def swap(times: int) -> None:
        for _ in range(times):
            began = time.monotonic()
            service.process.send_signal(signal.SIGHUP)
            await asyncio.get_running_loop().run_in_executor(None, service.wait_for, "reloaded")
            await asyncio.sleep(max(0.0, began + 0.05 - time.monotonic()))

    async def run() -> None:
        rate = await flat_out(service.port, path, data, 2) / 3
        for _ in range(turns):
            calm.extend(await at_rate(service.port, path, data, rate, each / 20))
            work = at_rate(service.port, path, data, rate, each / 20)
            taken, _ = await asyncio.gather(work, swap(each))
            swapping.extend(taken)
            memory.append(service.mib("Pss"))

    try:
        asyncio.run(run())  # which fails if any request does
    finally:
        service.stop()
    return {
        "swaps": turns * each,
        "requests": len(calm) + len(swapping),
        "failed": 0,
        "calm": in_ms(calm),
        "while_swapping": in_ms(swapping),
        "mib": memory,
    }


def size(folder: Path, entries: int) -> dict[str, Any]:
    """Memory and start of a service with a large list, before and after a swap."""
    hash_list = make_list(folder, entries)
    service = Service(hash_list)
    data = picture(*SIZES["640x480"])
    try:
        asyncio.run(flat_out(service.port, "/v1/match", data, 2))
        found = {
            "entries": entries,
            "ready_after_seconds": round(service.started, 2),
            "file_mib": round(hash_list.stat().st_size / 2**20, 1),
            "pss_mib": service.mib("Pss"),
            "private_mib": service.mib("Private_Dirty"),
        }
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("reloaded")
        return {**found, "pss_mib_after_swap": service.mib("Pss")}
    finally:
        service.stop()


if __name__ == "__main__":
    main()
