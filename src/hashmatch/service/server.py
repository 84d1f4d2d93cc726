"""Runs the doors: opens them, reloads the lists, and stops on a signal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn

from hashmatch.report import list_record
from hashmatch.service.addresses import Address, bind
from hashmatch.service.clamd import ClamdDoor
from hashmatch.service.core import VerdictCore
from hashmatch.service.http import HttpDoor
from hashmatch.service.keys import Key
from hashmatch.service.log import log_event, set_up_logs
from hashmatch.service.profiles import STRICT, ClamdProfile

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 5

Stamp = tuple[tuple[int, ...] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Which doors to open.

    Attributes:
        http: where HTTP is served; None for nowhere.
        clamd: where clamd's protocol is served; None for nowhere.
        clamd_profile: of the clients there.
        chain: a real clamd, to be asked about the uploads there, too.
        socket_mode: of unix sockets.
        keys: for HTTP; None to serve anyone who can connect.
    """

    http: Address | None = None
    clamd: Address | None = None
    clamd_profile: ClamdProfile = STRICT
    chain: Address | None = None
    socket_mode: int = 0o600
    keys: tuple[Key, ...] | None = None


def serve(core: VerdictCore, doors: Doors, list_files: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT, and then answer the uploads that were taken in.

    Args:
        core: rules on uploads.
        doors: which to open.
        list_files: the files to watch for changes.

    Raises:
        SettingsError: a door cannot be opened.
    """
    set_up_logs()
    asyncio.run(_serve(core, doors, list_files))


async def _serve(core: VerdictCore, doors: Doors, list_files: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    reloads: asyncio.Queue[str] = asyncio.Queue()
    seen = _stamp(list_files)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reloads.put_nowait, "signal")
    # Before the group, which would wrap the error of an address in use
    opened = {
        name: (address, bind(address, doors.socket_mode))
        for name, address in (("http", doors.http), ("clamd", doors.clamd))
        if address is not None
    }
    http = _HttpServer(HttpDoor(core, doors.keys))
    clamd = ClamdDoor(core, doors.clamd_profile, partial(_ask, reloads), doors.chain)
    async with asyncio.TaskGroup() as tasks:
        for name, (address, listener) in opened.items():
            log_event("listening", door=name, address=_said(address, listener.getsockname()))
        if "http" in opened:
            tasks.create_task(http.serve([opened["http"][1]]))
        background = [
            tasks.create_task(core.warm_up()),
            tasks.create_task(_reload(core, reloads)),
            tasks.create_task(_watch(list_files, seen, reloads)),
            tasks.create_task(_heal(core)),
        ]
        if "clamd" in opened:
            background.append(tasks.create_task(clamd.serve(opened["clamd"][1])))
        log_event(
            "started",
            process=os.getpid(),
            lists={each["name"]: each["entries"] for each in map(list_record, core.hash_lists)},
        )
        await stopping.wait()
        log_event("stopping")
        core.stop()
        for task in background:
            task.cancel()
        http.should_exit = True
        await clamd.drain(_GRACE_SECONDS)
    for address, _ in opened.values():
        if address.path is not None:
            with suppress(FileNotFoundError):
                Path(address.path).unlink()
    log_event("stopped")


class _HttpServer(uvicorn.Server):
    """uvicorn, without its own handling of signals."""

    def __init__(self, door: HttpDoor) -> None:
        config = uvicorn.Config(
            door.app(),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _ask(reloads: asyncio.Queue[str]) -> None:
    """Ask for a reload, unless one is asked for already: any client of clamd can."""
    if reloads.empty():
        reloads.put_nowait("clamd")


async def _reload(core: VerdictCore, causes: asyncio.Queue[str]) -> None:
    while True:
        await core.reload(await causes.get())


async def _watch(files: Sequence[str], known: Stamp, causes: asyncio.Queue[str]) -> None:
    """Ask for a reload once the files have changed and stopped changing."""
    before = known
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = _stamp(files)
        if now == before and now != known:
            known = now
            causes.put_nowait("changed")
        before = now


async def _heal(core: VerdictCore) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        await core.heal()


def _stamp(files: Sequence[str]) -> Stamp:
    """What tells whether one of the files changed: device, inode, size and time, or None."""

    def each(file: str) -> tuple[int, ...] | None:
        try:
            found = Path(file).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    return tuple(map(each, files))


def _said(address: Address, bound: object) -> str:
    """The address, with the port that the system chose."""
    if address.path is None and isinstance(bound, tuple):
        return str(Address(address.host, bound[1]))
    return str(address)
