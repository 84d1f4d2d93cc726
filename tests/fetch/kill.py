"""Kills fetches at every step, and compares what becomes of the list. Run as a program.

A step is whatever changes a file: an ``open`` for writing, ``fsync``, ``rename``, ``unlink``. The
child that fetches ends there with ``os._exit``, so nothing of it cleans up; then a new one fetches.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from fetch.body import (  # noqa: E402
    NOW,
    Body,
    BodyServer,
    Change,
    in_environment,
    make_certificates,
    sources_file,
)
from hashmatch import HashList  # noqa: E402
from hashmatch.fetch import Tools, fetch, read_sources  # noqa: E402

KILLED = 99
STEPS = frozenset(
    ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree")
)


def changes(name: str) -> list[list[Change]]:
    """What the body serves at the first fetch and at the second, which withdraws and replaces."""
    first = [Change(number, NOW - 2_000 + number) for number in range(22)]
    later = [
        Change(2, NOW - 1_500, gone=True),
        *(Change(100 + number, NOW - 1_400 + number) for number in range(6)),
        Change(5, NOW - 1_300, content=b"replaced"),
    ]
    # What is served by position must keep its order
    return [first, [*first, *later] if name == "tat" else [*later, *first]]


def in_child(act: Callable[[], None]) -> int:
    """Run something in a child process, and return its exit code."""
    child = os.fork()
    if not child:
        code = 1
        try:
            act()
            code = 0
        except Exception:  # noqa: BLE001 # whatever it is, the parent must see it
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fetch_once(folder: Path, name: str, when: int, die_at: int) -> None:
    """Fetch, and die at a step; 0 for never."""
    left = die_at
    real = os.fsync

    def step(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if (event in STEPS or writes) and str(folder) in str(arguments[0]):
            left -= 1
            if left == 0:
                os._exit(KILLED)

    def fsync(descriptor: int) -> None:
        step("os.truncate", (str(folder),))
        real(descriptor)

    os.fsync = fsync
    sys.addaudithook(step)
    source = read_sources(folder.parent / "sources.toml")[name]
    fetch(source, folder, tools=Tools(now=lambda: when, sleep=lambda _: None, jitter=lambda: 1.0))


def held(folder: Path, name: str) -> list[tuple[str, str]]:
    """The ids and hashes of a list. A fetch more may move those that it asks for twice."""
    found = HashList.load(folder / f"{name}.hml", policy=None)
    return sorted((entry.id, str(entry.hash)) for entry in found)


def serve(server: BodyServer, records: list[Change], when: int) -> int:
    """Serve in a child process."""
    server.body.changes, server.body.now = records, when
    child = os.fork()
    if not child:
        server.serve_forever()
    return child


def kill_at(folder: Path, before: Path, name: str, when: int, step: int) -> tuple[int, int]:
    """Kill a fetch at a step, kill the next one soon too, and fetch; two exit codes."""
    if before.exists():
        shutil.copytree(before, folder)
    code = in_child(partial(fetch_once, folder, name, when, step))
    if not code:
        return 0, 0
    in_child(partial(fetch_once, folder, name, when, 3))
    return code, in_child(partial(fetch_once, folder, name, when, 0))


def main(root: Path, name: str, stride: int) -> None:
    """Print how many steps were tried, and the steps after which the list is another one."""
    make_certificates(root)
    os.environ.update(in_environment())
    wrong, steps, whole = [], 0, root / "whole"
    with BodyServer(Body(size=5), root) as server:
        (root / "sources.toml").write_text(sources_file(server.server_address[1]))
        for turn, records in enumerate(changes(name)):
            when, before = NOW + 500 * turn, root / f"before-{turn}"
            child = serve(server, records, when)
            try:
                if turn:
                    shutil.copytree(whole, before)
                assert in_child(partial(fetch_once, whole, name, when, 0)) == 0
                expected = held(whole, name)
                for at in range(1 + turn, 1_000, stride):
                    folder = root / f"killed-{turn}-{at}"
                    code, ended = kill_at(folder, before, name, when, at)
                    if not code:
                        break
                    steps += 1
                    if code != KILLED or ended or held(folder, name) != expected:
                        wrong.append([turn, at, code, ended])
            finally:
                os.kill(child, 9)
                os.waitpid(child, 0)
    print(json.dumps({"steps": steps, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
