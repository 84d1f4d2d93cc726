"""Signals that stop a command act like Ctrl-C, except for the exit code."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

from hashmatch.cli.streams import say

INTERRUPTED = 130

_BY_SIGNAL = 128
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

_AGAIN_SECONDS = 0.01

_received: list[int] = []


def stop_when_told() -> None:
    """From now on, let SIGINT, SIGTERM and SIGHUP end the command, which reports what it has.

    A signal that is ignored, as under ``nohup``, stays ignored.
    """
    sys.unraisablehook = _raise_again
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def stop_code(otherwise: int = INTERRUPTED) -> int:
    """The exit code of a command that a signal stopped, or else ``otherwise``."""
    return _BY_SIGNAL + _received[0] if _received else otherwise


def say_stopped() -> None:
    """Print which signal stopped the command, if one did."""
    for number in _received:
        say(f"stopped by {signal.Signals(number).name}")


def _raise_again(dropped: Any) -> None:
    """Raise a ``KeyboardInterrupt`` again that Python dropped.

    It drops whatever is raised in a finalizer or in a callback of a weak reference. There is one in
    each import, so while a command is starting, this happens to one signal in sixty.
    """
    if dropped.exc_type is KeyboardInterrupt and hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    else:
        sys.__unraisablehook__(dropped)


def _stop(number: int, _frame: FrameType | None) -> None:
    # Signals come in pairs: both the system and the shell report a lost terminal. Ignore the second
    if not _received:
        _received.append(number)
        raise KeyboardInterrupt
