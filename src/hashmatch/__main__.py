"""The command ``hashmatch``, also as ``python -m hashmatch``.

It is imported with care: Python exits 1 where an import fails, and 1 is what ``scan`` says of a
match.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

INTERNAL = 70
INTERRUPTED = 130

_GARBAGE = 20_000
"""Objects made beyond those let go of, before Python looks for garbage; 700 is its own measure.

A thousand files on their way are many objects and no garbage: to look through them again and again
took a seventh of a scan of known files.
"""


def main() -> None:
    """Run the command, and exit with its code, whatever happens."""
    if sys.argv[1:] == ["--version"] and sys.stdout is not None:
        # Asked by every installer and health check: not worth building all commands for
        from hashmatch._version import __version__  # noqa: PLC0415

        with suppress(OSError):  # which the command tells as it always does
            os.write(sys.stdout.fileno(), f"hashmatch {__version__}\n".encode())
            return
    gc.set_threshold(_GARBAGE)
    try:
        from hashmatch.cli.main import main as command  # noqa: PLC0415 # it may fail, and that must be caught
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 # a broken installation must exit 70
        if sys.stderr is not None:
            sys.stderr.write(f"hashmatch: cannot start: {type(error).__name__}: {error}\n")
        sys.exit(INTERNAL)
    command()


if __name__ == "__main__":
    main()
