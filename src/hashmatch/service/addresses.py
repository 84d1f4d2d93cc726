"""The addresses that doors listen on."""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hashmatch.errors import SettingsError

_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where a door listens."""

    host: str = ""  # an IP address or a name; empty for a unix socket
    port: int = 0  # of TCP; 0 lets the system choose
    path: str | None = None  # of a unix socket; None for TCP
    # of the listening socket that systemd opened there; None to open one
    descriptor: int | None = None

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_address(text: str, option: str) -> Address:
    """Read ``127.0.0.1:80``, ``[::1]:80`` or ``unix:/run/a.sock``, or raise ``SettingsError``."""
    if text.startswith("unix:/"):
        return Address(path=text.removeprefix("unix:"))
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise SettingsError(
            f"{option} takes HOST:PORT or unix:PATH, such as 127.0.0.1:8080 or unix:/run/a.sock"
        )
    return Address(host, int(port))


def read_mode(text: str) -> int:
    """Read the mode of a unix socket, such as ``0660``, or raise ``SettingsError``."""
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise SettingsError("--socket-mode takes a file mode in octal digits, such as 0660")
    return mode


def bind(address: Address, mode: int) -> socket.socket:
    """Open a listening socket, or raise ``SettingsError``.

    A unix socket without a listener is replaced; ``mode`` is the file mode of the new one.
    """
    try:
        if address.descriptor is not None:
            return _set_up(socket.socket(fileno=os.dup(address.descriptor)))
        if address.path is not None:
            return _bind_unix(Path(address.path), mode)
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        place = (address.host, address.port)
        return _set_up(socket.create_server(place, family=family, backlog=_BACKLOG))
    except OSError as error:
        why = error.strerror or str(error)
        raise SettingsError(f"cannot listen on {address}: {why}") from error


def address_of(descriptor: int, option: str) -> Address:
    """Find out where a socket from systemd listens; raise ``SettingsError`` if it does not."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as listener:
            listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            family, bound = listener.family, listener.getsockname()
    except OSError as error:
        raise SettingsError(f"{option}: systemd gave no socket") from error
    if not listens:
        raise SettingsError(f"{option}: systemd gave no listening stream socket")
    if family == socket.AF_UNIX:
        return Address(path=os.fsdecode(bound), descriptor=descriptor)
    return Address(bound[0], bound[1], descriptor=descriptor)


def _set_up(listener: socket.socket) -> socket.socket:
    if listener.family != socket.AF_UNIX:
        # Inherited by connections. asyncio sets it only on sockets that it makes, and without it an
        # answer in two pieces waits 40 ms for the client's acknowledgement
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _bind_unix(path: Path, mode: int) -> socket.socket:
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode) and not _is_served(path):
            path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    # Created with no rights for others, since the mode can be set only afterwards
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        path.chmod(mode)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        return True
