"""Measures the review page: each kind of request, with as many cases as are asked for.

::

    python bench/review.py [--cases N] [--rounds N]

The page runs in a process of its own, with its SQLite file on a disk. Each request is timed over
one connection, from the first byte sent to the last one received. The CPU time is that of the
page's process, which on an idle machine is nearly all of it. A decision and a viewing are on disk
before they are answered, in the store and in an audit trail.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

import record
from hashmatch import Entry, Match, PerceptualHash
from hashmatch.cases import Cases, Finding, Place
from hashmatch.service.keys import new_key

SEED = 20261129
PICTURES = Path(__file__).resolve().parent.parent / "fixtures" / "benign_images" / "originals"


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "cases.db", asked.cases)
        token, lines = new_key("ada", ["review"])
        (folder / "keys.toml").write_text(lines)
        with (
            served(folder) as (address, process),
            httpx.Client(base_url=address, trust_env=False) as browser,
        ):
            browser.post("/login", data={"key": token})
            times = measure(browser, process, asked.rounds)
    results: dict[str, Any] = {"cases": asked.cases, "rounds": asked.rounds, "milliseconds": {}}
    print(f"{'milliseconds':<24} {'clock':>8} {'most':>8} {'CPU':>8} {'most':>8}")
    for what, taken in times.items():
        clock, cpu = ([one[each] for one in taken] for each in (0, 1))
        found = {
            "median": round(statistics.median(clock), 1),
            "most": round(max(clock), 1),
            "cpu_median": round(statistics.median(cpu), 1),
            "cpu_most": round(max(cpu), 1),
        }
        results["milliseconds"][what] = found
        print(f"{what:<24}", *(f"{each:>8}" for each in found.values()))
    print(record.save("review", SEED, results))


def fill(path: Path, count: int) -> None:
    """Store so many cases, one in five with several entries, over a year."""
    chance = random.Random(SEED)
    files = sorted(PICTURES.glob("*.jpg"))
    now = datetime.now(UTC)
    clock = [now]
    with Cases(path, clock=lambda: clock[0]) as cases:
        for batch in range(0, count, 500):
            clock[0] = now - timedelta(days=365 * (1 - batch / count))
            cases.record(finding(chance, files, each) for each in range(batch, batch + 500))


def finding(chance: random.Random, files: list[Path], number: int) -> Finding:
    """A case about one of the example pictures; the first dozen are about the pictures' bytes."""
    path = files[number % len(files)]
    digest = hashlib.sha256(path.read_bytes() if number < len(files) else b"%d" % number)
    matches = tuple(
        Match(
            list=f"list-{chance.randrange(4)}",
            entry=Entry(
                f"e{chance.randrange(100_000)}",
                PerceptualHash("phash", 64, (chance.getrandbits(64),)),
                label="a series",
                category="ABCD"[chance.randrange(4)],
            ),
            algorithm="phash",
            bits=64,
            distance=chance.randrange(9),
            threshold=8,
            view="stored",
            quality=chance.randrange(50, 101),
            expected_false=1e-4,
        )
        for _ in range(1 if chance.random() < 0.8 else 4)
    )
    door = chance.choice(("scan", "http", "icap"))
    place = Place(door, path=bytes(path) if door == "scan" else b"upload.jpg", client="shop")
    return Finding(f"sha256:{digest.hexdigest()}", matches, place, {}, 50_000, "JPEG", 640, 480)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """Serve the page in a process of its own. Yields its address and the number of the process."""
    options = ("--cases", "cases.db", "--keys", "keys.toml", "--audit", "audit.log")
    process = subprocess.Popen(
        [sys.executable, "-m", "hashmatch", "review", "serve", *options, "--http", "127.0.0.1:0"],
        cwd=folder,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        yield f"http://{address}/review", process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_time(process: int) -> float:
    """Milliseconds that a process has been on a core, with all of its threads."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in tasks) / 1e6


def measure(
    browser: httpx.Client, process: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Time each kind of request that often, in turns, by the clock and by the process's CPU."""
    token = re.search(r'name="token" value="([^"]+)"', browser.get("/").text)
    assert token is not None
    times: dict[str, list[tuple[float, float]]] = {}

    def timed(what: str, ask: Callable[[], httpx.Response]) -> httpx.Response:
        began, worked = time.perf_counter(), cpu_time(process)
        answer = ask()
        taken = 1000 * (time.perf_counter() - began), cpu_time(process) - worked
        times.setdefault(what, []).append(taken)
        assert answer.status_code in {200, 303}, (what, answer.status_code, answer.text)
        return answer

    def sent(what: str, path: str, **form: str) -> httpx.Response:
        return timed(what, lambda: browser.post(path, data={"token": token[1], **form}))

    def read(what: str, path: str, **query: str) -> str:
        return timed(what, lambda: browser.get(path, params=query or None)).text

    for number in range(rounds):
        page = read("queue", "/", list="")
        more = re.search(r'href="/review/\?after=([^"]+)" rel="next"', page)
        assert more is not None
        read("queue, a further page", "/", after=unquote(more[1]))
        read("queue, four filters", "/", list="list-1", category="B", band="far", age="older")
        read("queue, likely mistakes", "/", order="doubtful")
        read("queue, decided", "/", status="confirmed")
        browser.get("/", params={"list": ""})
        case = sent("next case", "/next").headers["location"].removeprefix("/review")
        read("case", case)
        if number < 6:
            sent("preview", f"{case}/preview", show="blurred")
        sent("note", f"{case}/note", text="a note")
        decided = {"decision": "confirmed", "reason": "same picture"}
        sent("decision, next case", f"{case}/decide", **decided)
        sent("undo", "/undo")
        sent("decision, next case", f"{case}/decide", **decided)
    return times


if __name__ == "__main__":
    main()
