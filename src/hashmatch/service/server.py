"""Runs the doors: opens them, reloads the lists, and stops on a signal."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.applications import Starlette

from hashmatch.model import Verdict
from hashmatch.report import list_record
from hashmatch.service.addresses import Address, bind
from hashmatch.service.asgi import GRACE_SECONDS, AsgiServer, HttpBounds
from hashmatch.service.clamd import ClamdDoor
from hashmatch.service.connections import Connections
from hashmatch.service.core import VerdictCore
from hashmatch.service.http import HttpDoor
from hashmatch.service.icap import IcapDoor
from hashmatch.service.keys import Key
from hashmatch.service.log import log_event, logging_to
from hashmatch.service.profiles import STRICT, Profile
from hashmatch.service.shapes import Shape
from hashmatch.service.systemd import Systemd

_LOOK_SECONDS = 1.0
_MOST_FILES = 65536
_OTHER_FILES = 512
_FILES_EACH = 4  # a connection and the bytes of its upload, at two doors


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Which doors to open."""

    http: Address | None = None  # where to serve HTTP; None to leave it out
    clamd: Address | None = None  # where to serve clamd's protocol; None to leave it out
    clamd_profile: Profile = STRICT  # of the clients there
    clamd_roots: Sequence[Path] = ()  # folders in which these clients may have paths scanned
    icap: Address | None = None  # where to serve ICAP; None to leave it out
    icap_profile: Profile = STRICT  # of the clients there
    # a real clamd, to be asked about uploads by clamd's protocol and ICAP, too
    chain: Address | None = None
    socket_mode: int = 0o600  # of unix sockets
    keys: tuple[Key, ...] | None = None  # for HTTP; None to serve anyone who can connect
    shapes: frozenset[Shape] = frozenset()  # other services whose paths HTTP answers
    review: Address | None = None  # where to serve the review page; None to leave it out

    def profile(self, door: str) -> Profile | None:
        """The profile of a door's clients; None for HTTP, which needs none."""
        return {"clamd": self.clamd_profile, "icap": self.icap_profile}.get(door)


def serve(
    core: VerdictCore,
    doors: Doors,
    lists: WatchedFiles,
    systemd: Systemd,
    review: Starlette | None = None,
) -> bool:
    """Serve until SIGTERM or SIGINT, and then answer the uploads that were taken in.

    Return whether the log had a reader until the end. Raises ``SettingsError`` if a door cannot be
    opened.
    """
    with logging_to(sys.stdout.fileno()) as log:
        asyncio.run(_serve(core, doors, lists, systemd, review))
    return not log.reader_left


async def _serve(
    core: VerdictCore,
    doors: Doors,
    lists: WatchedFiles,
    systemd: Systemd,
    review: Starlette | None,
) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    reloads: asyncio.Queue[str] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reloads.put_nowait, "signal")
    # Before the group, which would wrap the error of an address in use
    opened = _open(doors)
    servers = _servers(core, doors, review, opened)
    connections = _connections(core, doors, partial(_ask, reloads))
    async with asyncio.TaskGroup() as tasks:
        for name, (address, listener) in opened.items():
            _log_door(core, doors, name, shown_address(address, listener.getsockname()))
        for name, server in servers.items():
            tasks.create_task(server.serve([opened[name][1]]))
        background = [
            _get_ready(core, systemd),
            _stay_watched(core, systemd),
            _reload(core, reloads),
            _watch(lists, reloads),
            _heal(core),
            *(connections[name].serve(opened[name][1]) for name in connections if name in opened),
        ]
        running = [tasks.create_task(each) for each in background]
        log_event(
            "started",
            process=os.getpid(),
            lists={each["name"]: each["entries"] for each in map(list_record, core.hash_lists)},
        )
        await stopping.wait()
        log_event("stopping")
        systemd.notify("STOPPING=1")
        core.stop()
        for task in running:
            task.cancel()
        for server in servers.values():
            server.should_exit = True
        await asyncio.gather(*(each.drain(GRACE_SECONDS) for each in connections.values()))
    remove_sockets(address for address, _ in opened.values())
    log_event("stopped")


def _open(doors: Doors) -> dict[str, tuple[Address, socket.socket]]:
    """The doors' addresses and listeners, by name."""
    return {
        name: (address, bind(address, doors.socket_mode))
        for name in ("http", "clamd", "icap", "review")
        if (address := getattr(doors, name)) is not None
    }


def _log_door(core: VerdictCore, doors: Doors, name: str, address: str) -> None:
    """Say where a door is, and what becomes of uploads there that cannot be examined."""
    profile = doors.profile(name)
    log_event(
        "listening",
        door=name,
        address=address,
        profile=None if profile is None else profile.name,
        unscanned=None
        if name == "review"
        else core.settings.policy.action(name, Verdict.UNSCANNED),
    )


def remove_sockets(addresses: Iterable[Address]) -> None:
    """Remove the unix sockets that this process made."""
    for address in addresses:
        if address.path is not None and address.descriptor is None:
            with suppress(FileNotFoundError):
                Path(address.path).unlink()


def _servers(
    core: VerdictCore, doors: Doors, review: Starlette | None, opened: Collection[str]
) -> dict[str, AsgiServer]:
    apps = {"http": HttpDoor(core, doors.keys, doors.shapes).app(), "review": review}
    return {
        name: AsgiServer(app, HttpBounds(_most_connections(), core.settings.deadline))
        for name, app in apps.items()
        if app and name in opened
    }


def _connections(
    core: VerdictCore, doors: Doors, reload: Callable[[], object]
) -> dict[str, Connections]:
    """The doors that are served by connections of our own."""
    most = _most_connections()
    clamd = ClamdDoor(core, doors.clamd_profile, reload, doors.chain, doors.clamd_roots)
    icap = IcapDoor(core, doors.icap_profile, doors.chain)
    return {
        "clamd": Connections("clamd", clamd.converse, most),
        "icap": Connections("icap", icap.converse, most),
    }


def _most_connections() -> int:
    """Connections that a door may have, with as many open files as the system allows at all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):  # some systems have a lower limit of their own
            most = soft
    return max(1, (most - _OTHER_FILES) // _FILES_EACH)


def _ask(reloads: asyncio.Queue[str]) -> None:
    """Ask for a reload, unless one is asked for already: any client of clamd can."""
    if reloads.empty():
        reloads.put_nowait("clamd")


async def _reload(core: VerdictCore, causes: asyncio.Queue[str]) -> None:
    while True:
        await core.reload(await causes.get())


async def _watch(lists: WatchedFiles, causes: asyncio.Queue[str]) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if lists.have_changed():
            causes.put_nowait("changed")


async def _get_ready(core: VerdictCore, systemd: Systemd) -> None:
    await core.warm_up()
    systemd.notify("READY=1")


async def _stay_watched(core: VerdictCore, systemd: Systemd) -> None:
    """Tell the watchdog that the loop runs, as long as some thread can take an upload."""
    while systemd.watchdog is not None:
        if not core.is_stuck:
            systemd.notify("WATCHDOG=1")
        await asyncio.sleep(systemd.watchdog / 3)


async def _heal(core: VerdictCore) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        await core.heal()


class WatchedFiles:
    """Files to watch for changes. Make it before you read them, so that it misses no change."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = files
        self._known = self._before = self._look()

    def have_changed(self) -> bool:
        """Whether they have changed since the last call that said so, and have stopped changing."""
        now, before = self._look(), self._before
        self._before = now
        if now != before or now == self._known:
            return False
        self._known = now
        return True

    def _look(self) -> list[tuple[int, ...] | None]:
        return list(map(_stamp, self._files))


def _stamp(file: str) -> tuple[int, ...] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def shown_address(address: Address, bound: object) -> str:
    """The address, with the port that the system chose."""
    if address.path is None and isinstance(bound, tuple):
        return str(Address(address.host, bound[1]))
    return str(address)
