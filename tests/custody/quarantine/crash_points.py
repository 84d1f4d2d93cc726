"""Makes moves in separate processes, and kills them at a step, or plays a trick on them there.

Every system call that changes a file is a step. Jobs come as JSON lines on standard input. The
answers on standard output have the steps that were taken and how the process ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hashmatch.custody.quarantine import Quarantine
from hashmatch.errors import QuarantineError

STEPS = ("open", "write", "fsync", "rename", "link", "unlink", "chmod", "fchmod", "utime", "mkdir")

_write = os.write
_kill = os.kill


def main() -> None:
    """Answer jobs until there are no more."""
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            _work(job, writing)
        finally:
            os._exit(2)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        told = pipe.read().split("\n")[:-1]
    _, status = os.waitpid(child, 0)
    return {"steps": told, "exit": os.waitstatus_to_exitcode(status)}


def _work(job: dict[str, Any], pipe: int) -> None:
    def tell(step: str) -> None:
        _write(pipe, f"{step}\n".encode())

    with hooked(tell, kill_at=job.get("kill_at"), trick=job.get("trick")):
        try:
            act(job)
        except QuarantineError:
            os._exit(1)
    os._exit(0)


def act(job: dict[str, Any]) -> None:
    """Do what a job says."""
    with Quarantine(job["quarantine"]) as quarantine:
        if job["action"] == "hold":
            quarantine.hold(
                os.fsencode(job["file"]), root=os.fsencode(job["root"]), sha256=job["sha256"]
            )
        elif job["action"] == "hold_upload":
            with open(job["file"], "rb") as file:
                quarantine.hold_upload(file.fileno(), case="A-B", matches=[])
        elif job["action"] == "restore":
            quarantine.restore(1)


@contextmanager
def hooked(
    tell: Callable[[str], object] = lambda _step: None,
    *,
    kill_at: int | None = None,
    trick: dict[str, Any] | None = None,
) -> Iterator[None]:
    """Report every step, and make something happen at one of them.

    Args:
        tell: called with each step before it is taken.
        kill_at: the number of the step at which the process dies; a write is then half done.
        trick: what someone else does, or what fails, just before the step that it names.
    """
    count = 0
    playing = False

    def hook(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal count, playing
            if playing or (name == "open" and not arguments[1] & os.O_CREAT):
                return real(*arguments, **options)
            if count == kill_at:
                if name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                _kill(os.getpid(), signal.SIGKILL)
            count += 1
            tell(name)
            if trick is not None and trick["before"] == count - 1:
                if "errno" in trick:
                    raise OSError(trick["errno"], os.strerror(trick["errno"]))
                playing = True
                _play(trick)
                playing = False
            return real(*arguments, **options)

        return step

    real = {name: getattr(os, name) for name in STEPS}
    try:
        for name, function in real.items():
            setattr(os, name, hook(name, function))
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def _play(trick: dict[str, Any]) -> None:
    """Do what someone else might do to the file at that very moment."""
    file = Path(trick["file"])
    if trick["kind"] == "append":
        with file.open("ab") as stream:
            stream.write(b"more")
        return
    file.unlink(missing_ok=True)
    if trick["kind"] == "replace":
        file.write_bytes(b"another file")
    elif trick["kind"] == "link":
        file.symlink_to("/etc/hostname")
    elif trick["kind"] == "folder":
        file.mkdir()


if __name__ == "__main__":
    main()
