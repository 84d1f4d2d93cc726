"""Measures how long it takes to fetch a list of a million entries, and how much memory.

    python bench/fetch.py [--entries N] [--body ncmec|stopncii|tat|threatexchange]

A local HTTPS server in another process serves pages of 1,000 entries, each with an MD5. One process
per body fetches them all: it stages and checks every page, makes the list, and compiles it. Then it
asks for changes once more. Figures are of that process only, but ``seconds`` has the time in which
it waits for the server.
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
from pathlib import Path
from typing import Any

import record

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fetch.body import (
    NOW,
    PATHS,
    Body,
    BodyServer,
    Change,
    in_environment,
    make_certificates,
    sources_file,
)
from hashmatch.fetch import Tools, fetch, read_sources

PAGE = 1_000
TARGET_SECONDS, TARGET_MB = 60, 500


def main() -> None:
    """Measure each body, and save what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--body", choices=PATHS, action="append")
    parser.add_argument("--fetch", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.fetch:
        print(json.dumps(measure(Path(asked.fetch[0]), asked.fetch[1])))
        return
    results = [serve_and_measure(name, asked.entries) for name in asked.body or PATHS]
    print(record.save("fetch", 0, {"entries": asked.entries, "bodies": results}))


def serve_and_measure(name: str, entries: int) -> dict[str, Any]:
    """Serve in this process's child, and measure in another."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_certificates(root)
        changes = [Change(number, NOW - 2_000_000 + number) for number in range(entries)]
        body = Body(changes, PAGE, now=NOW)
        with BodyServer(body, root) as server:
            (root / "sources.toml").write_text(sources_file(server.server_address[1]))
            child = os.fork()
            if not child:
                server.serve_forever()
            done = subprocess.run(
                [sys.executable, __file__, "--fetch", folder, name],
                env=os.environ | in_environment(),
                check=True,
                capture_output=True,
                text=True,
            )
            os.kill(child, 9)
            os.waitpid(child, 0)
    found: dict[str, Any] = {"body": name, **json.loads(done.stdout)}
    assert found["entries"] == entries
    print(found, flush=True)
    return found


def measure(root: Path, name: str) -> dict[str, Any]:
    """Fetch everything, then the changes of the last hour, and count the cost of this process."""
    source = read_sources(root / "sources.toml")[name]
    begun, cpu = time.perf_counter(), time.process_time()
    first = fetch(source, root / "lists", tools=Tools(now=lambda: NOW))
    cost = {
        "pages": first.pages,
        "entries": first.kept.entries,
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    begun, cpu = time.perf_counter(), time.process_time()
    second = fetch(source, root / "lists", tools=Tools(now=lambda: NOW + 100))
    return cost | {
        "target_seconds": TARGET_SECONDS,
        "target_mb": TARGET_MB,
        "second_records": second.records,
        "second_seconds": round(time.perf_counter() - begun, 2),
        "second_cpu_seconds": round(time.process_time() - cpu, 2),
    }


if __name__ == "__main__":
    main()
