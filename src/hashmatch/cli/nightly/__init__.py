"""``hashmatch nightly``: the files of a nightly scan, which lie beside this module."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from hashmatch.cli.command import argument, group
from hashmatch.cli.files import WRITES
from hashmatch.cli.streams import say
from hashmatch.errors import OutputError

FILES = {
    "hashmatch-nightly": 0o755,
    "hashmatch.service": 0o644,
    "hashmatch.timer": 0o644,
    "hashmatch-alert.service": 0o644,
}
"""Each file, and the mode it is written with."""

app = group("nightly", "Set up a nightly scan.")


@app.command("init")
def init_command(
    folder: Annotated[Path, argument("DIR", "Folder to write the files to."), WRITES],
) -> int:
    """Write the script, the systemd service and timer, and the alert of a nightly scan.

    Edit them, then install them as docs/nightly.md says. If a file already exists, the command
    keeps it and fails. Exit codes: 0 all were written, 70 not all.
    """
    written = []
    for name, mode in FILES.items():
        target = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(files(__name__).joinpath(name).read_bytes())
            target.chmod(mode)
        except FileExistsError as error:
            raise OutputError(
                "already exists: move it away, or choose another folder", path=str(target)
            ) from error
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", path=str(target)) from error
        written.append(target)
    say(*(f"written: {target}" for target in written))
    return 0
