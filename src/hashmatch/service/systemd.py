"""What systemd gives a service and wants to hear from it: sockets, readiness, the watchdog.

Source: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3). All of it comes in the environment.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress

from hashmatch.errors import SettingsError
from hashmatch.service.addresses import Address, address_of

_FIRST_DESCRIPTOR = 3


class Systemd:
    """The service manager, if one started this process.

    Args:
        environment: its variables are taken out, so that no child process uses them.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._notify_socket = environment.pop("NOTIFY_SOCKET", None)
        mine = str(os.getpid())
        watched = environment.pop("WATCHDOG_PID", mine) == mine
        microseconds = environment.pop("WATCHDOG_USEC", "")
        # seconds within which it must hear that the service is alive; None for no watchdog
        self.watchdog = int(microseconds) / 1e6 if watched and microseconds.isdigit() else None
        listening = environment.pop("LISTEN_PID", None) == mine
        count = environment.pop("LISTEN_FDS", "")
        names = environment.pop("LISTEN_FDNAMES", "").split(":")
        self._descriptors: dict[str, list[int]] = {}
        if listening and count.isdigit():
            for number in range(int(count)):
                name = names[number] if number < len(names) else ""
                descriptor = _FIRST_DESCRIPTOR + number
                os.set_inheritable(descriptor, False)
                self._descriptors.setdefault(name, []).append(descriptor)

    def address(self, door: str) -> Address:
        """Where the socket that is named after a door listens.

        Raises ``SettingsError`` unless systemd gave exactly one, and it listens.
        """
        found = self._descriptors.get(door, [])
        if len(found) != 1:
            raise SettingsError(
                f"systemd gave {len(found)} sockets for --{door}: in one socket unit, set"
                f" FileDescriptorName={door}"
            )
        return address_of(found[0], f"--{door}")

    def notify(self, *states: str) -> None:
        """Tell the service manager something, such as ``READY=1``, if it wants to know."""
        address = self._notify_socket
        if not address:
            return
        if address.startswith("@"):
            address = "\0" + address[1:]
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto("\n".join(states).encode(), address)
