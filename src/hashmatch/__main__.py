"""The command ``hashmatch``, also as ``python -m hashmatch``.

It imports with care: Python exits 1 if an import fails, and 1 is the exit code of a match.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

INTERNAL = 70
INTERRUPTED = 130


def main() -> None:
    """Run the command and exit with its code."""
    if sys.argv[1:] == ["--version"] and sys.stdout is not None:
        # Installers and health checks ask for this often, so do not build all commands
        from hashmatch._version import __version__  # noqa: PLC0415 # nothing else is needed here

        with suppress(OSError):  # then let the command report it
            os.write(sys.stdout.fileno(), f"hashmatch {__version__}\n".encode())
            return
    gc.set_threshold(0)  # until a command begins: modules are many objects and no garbage
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    try:
        from hashmatch.cli.main import main as command  # noqa: PLC0415 # it may fail, and that must be caught
    except Exception as error:  # noqa: BLE001 # a broken installation must exit 70
        if sys.stderr is not None:
            sys.stderr.write(f"hashmatch: cannot start: {type(error).__name__}: {error}\n")
        sys.exit(INTERNAL)
    command()


def _end(_number: int, _frame: FrameType | None) -> None:
    """End at once. Nothing is open yet, and Python drops some exceptions while it imports."""
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
