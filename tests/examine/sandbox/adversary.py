"""A worker whose decoder does what the file says, like one that hostile bytes took over.

As a program, it makes a scanner's surroundings, has a worker try all of ``attempts.py`` against
them, and prints as JSON what succeeded: ``adversary.py [WALL,...]``, all walls unless told.
``adversary.py --table`` prints the table of ``docs/threat-model.md``.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from textwrap import dedent
from typing import Any

MARK = b"SCRIPT:"
SECRET = "only-the-scanner-knows"
HERE = str(Path(__file__).parent)

_PLUG_IN = """
    import json, os, socket, sys, time
    if any(part.endswith("zygote") for part in sys.orig_argv):
        sys.path.append({here!r})
        import attempts
        from hashmatch.errors import DecodeError
        from hashmatch.model import Reason
        from PIL import Image

        def in_hand():
            # What the worker knows about its job: the number to repeat, and the descriptor
            frame = sys._getframe()
            while "number" not in frame.f_locals or "job" not in frame.f_locals:
                frame = frame.f_back
            return frame.f_locals["number"], frame.f_locals["job"].descriptor

        def act(script):
            number, descriptor = in_hand()
            if "aim" in script:
                aim = script["aim"] | {{"in_hand": descriptor}}
                aim["sibling"] = next((p for p in aim["workers"] if p != os.getpid()), 0)
                names = list(attempts.ATTEMPTS)
                done = [str(names.index(name)) for name in attempts.succeeded(aim)]
                raise DecodeError(Reason.UNDECODABLE, "done " + ",".join(done))
            said = []
            for piece in script["say"]:
                data = bytes.fromhex(piece).replace(b"NUMBER", str(number).encode())
                if data.startswith(b"FRAME"):
                    data = (len(data) - 5).to_bytes(4, "big") + data[5:]
                said.append(data)
            if "pause" not in script:
                said = [b"".join(said)]  # so that all of it arrives at once
            for data in said:
                channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=3)
                channel.sendall(data)
                channel.detach()
                time.sleep(script.get("pause", 0))
            if script["then"] == "close":
                os.close(3)
            if script["then"] == "fork" and os.fork():
                os._exit(0)  # the child has the channel in its hands
            while script["then"] != "exit":
                time.sleep(60)
            os._exit(0)

        _open = Image.open

        def scripted_open(file, *args, **kwargs):
            data = file.getvalue()
            place = data.find({mark!r})
            if place >= 0:
                try:
                    text = data[place + len({mark!r}):].decode("latin-1")
                    act(json.JSONDecoder().raw_decode(text)[0])
                except DecodeError:
                    raise
                except Exception as error:
                    raise DecodeError(Reason.UNDECODABLE, ascii(error)) from None
            return _open(file, *args, **kwargs)

        Image.open = scripted_open
"""


def install(folder: Path) -> Path:
    """Write the plug-in into a folder that goes on ``sys.path``."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(dedent(_PLUG_IN).format(here=HERE, mark=MARK))
    return folder


def script(**what: Any) -> bytes:
    """A file that makes its decoder do something."""
    return b"\xff\xd8\xff" + MARK + json.dumps(what).encode()


class _Surroundings:
    """Everything a scanner has that a worker might be after, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.echo.bind(("127.0.0.1", 0))
        threading.Thread(target=self._answer, daemon=True).start()
        self.sockets = []
        for address in (str(folder / "unix"), "\0hashmatch-" + folder.name):
            server = socket.socket(socket.AF_UNIX)
            server.bind(address)
            server.listen()
            self.sockets.append(server)
        for name in ("list", "prey", "doomed", "movable"):
            (folder / name).write_bytes(b"some content")
        (folder / "list").chmod(0o600)
        (folder / "empty").mkdir()
        self.memory = ctypes.create_string_buffer(8)
        self.victim = os.fork()
        if self.victim == 0:
            while True:
                signal.pause()
        self.aim: dict[str, Any] = {
            **{name: str(folder / name) for name in ("list", "prey", "doomed", "movable", "unix")},
            "folder": str(folder),
            "abstract": "\0hashmatch-" + folder.name,
            "tcp": self.listener.getsockname()[1],
            "udp": self.echo.getsockname()[1],
            "victim": self.victim,
            "address": ctypes.addressof(self.memory),
            "scanner": os.getpid(),
            "secret": SECRET,
        }

    def _answer(self) -> None:
        while True:
            _, address = self.echo.recvfrom(16)
            self.echo.sendto(b"!", address)

    def close(self) -> None:
        """End the victim."""
        os.kill(self.victim, signal.SIGKILL)
        os.waitpid(self.victim, 0)


def main(chosen: list[str] | None) -> dict[str, Any]:
    """Have a worker try everything behind these walls."""
    from hashmatch.examine.sandbox import Job, Pool, pool  # noqa: PLC0415
    from hashmatch.model import HashKind  # noqa: PLC0415
    from hashmatch.options import ExamineOptions  # noqa: PLC0415

    sys.path.insert(0, HERE)
    import attempts  # noqa: PLC0415

    os.environ["SECRET"] = SECRET
    if chosen is not None:
        pool.walls_of = lambda _: tuple(chosen)  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sys.path.append(str(install(folder / "plug-in")))
        (folder / "plug-in").chmod(0o755)
        folder.chmod(0o755)
        surroundings = _Surroundings(folder)
        try:
            with Pool(2).configure(ExamineOptions(kinds=(HashKind("phash", 64),))) as workers:
                aim = surroundings.aim | {
                    "zygote": workers._zygote.pid,
                    "workers": [worker.pid for worker in workers._workers],
                }
                (folder / "hostile").write_bytes(script(aim=aim))
                replies = []
                with (folder / "hostile").open("rb") as file:
                    workers.submit(Job(file.fileno()))
                    while workers.busy:
                        replies += workers.poll(5)
                detail = replies[0].examination.detail or ""
                protection = workers.protection
        finally:
            surroundings.close()
    if not detail.startswith("done "):
        raise SystemExit(f"the attempts were not carried out: {detail}")
    names = list(attempts.ATTEMPTS)
    return {
        "succeeded": [names[int(place)] for place in detail[5:].split(",") if place],
        "tried": len(names),
        "protection": protection,
    }


def as_nobody(folder: Path, *arguments: str) -> list[str]:
    """The command that runs this program as ``nobody``, even if the interpreter is root's own.

    The interpreter is then mounted where ``nobody`` can reach it, in a namespace of its own.

    Args:
        folder: an empty one.
        arguments: of the program.
    """
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command += [sys.executable, __file__, *arguments]
    prefix = Path(sys.base_prefix)
    closed = [folder for folder in prefix.parents if not folder.stat().st_mode & 0o001]
    if not closed:
        return command
    inside = folder / prefix.relative_to(closed[-1])
    inside.mkdir(parents=True)
    folder.chmod(0o755)
    mounts = f"mount --bind {prefix} {inside} && mount --rbind {folder} {closed[-1]}; "
    return ["unshare", "-m", "sh", "-c", mounts + 'exec "$@"', "sh", *command]


def table() -> str:
    """What succeeds behind each wall alone and behind all of them, by group, as Markdown."""
    sys.path.insert(0, HERE)
    import attempts  # noqa: PLC0415

    ways = {"no wall": "", **{name: name for name in ("landlock", "privileges", "seccomp")}}
    lines = []
    for user in ("root", "nobody"):
        counts: dict[str, list[int]] = {}
        for walls in (*ways.values(), "landlock,privileges,seccomp"):
            with tempfile.TemporaryDirectory() as made:
                command = [sys.executable, __file__, walls]
                if user == "nobody":
                    command = as_nobody(Path(made), walls)
                done = subprocess.run(command, capture_output=True, check=True)
            succeeded = json.loads(done.stdout)["succeeded"]
            group, found = "", {}
            for name in attempts.ATTEMPTS:
                group = attempts.GROUPS.get(name, group)
                tried, won = found.get(group, (0, 0))
                found[group] = tried + 1, won + (name in succeeded)
            for title, (tried, won) in found.items():
                counts.setdefault(title, [tried]).append(won)
        counts["all"] = [sum(column) for column in zip(*counts.values(), strict=True)]
        lines += [
            f"| {title}, as {user} | " + " | ".join(map(str, row)) + " |"
            for title, row in counts.items()
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        raise SystemExit(table())
    print(json.dumps(main(sys.argv[1].split(",") if len(sys.argv) > 1 else None)))
