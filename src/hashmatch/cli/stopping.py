"""Signals that tell a command to stop are Ctrl-C by another name, but for the exit code."""

from __future__ import annotations

import signal
from types import FrameType

from hashmatch.cli.streams import say

INTERRUPTED = 130

_BY_SIGNAL = 128
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

_received: list[int] = []


def stop_when_told() -> None:
    """From now on, a signal to stop ends the command as Ctrl-C does: with what it has, told whole.

    One that is ignored, as ``nohup`` has it, stays so.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def stop_code(otherwise: int = INTERRUPTED) -> int:
    """The exit code of a command that was told to stop, or else this one."""
    return _BY_SIGNAL + _received[0] if _received else otherwise


def say_stopped() -> None:
    """Tell the operator which signal stopped the command, if one did."""
    for number in _received:
        say(f"stopped by {signal.Signals(number).name}")


def _stop(number: int, _frame: FrameType | None) -> None:
    # They come in twos: of a lost terminal both the system and the shell tell. The second must not
    # disturb the ending
    if not _received:
        _received.append(number)
        raise KeyboardInterrupt
