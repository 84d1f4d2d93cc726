"""``hashmatch nightly``: the files of a nightly scan, which lie beside this module."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from hashmatch.cli.command import argument, group
from hashmatch.cli.files import WRITES
from hashmatch.cli.streams import say
from hashmatch.files import write_new

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

    Edit them, then install them as docs/nightly.md says. If one of the files already exists, the
    command keeps it and writes none. Exit codes: 0 all were written, 70 none.
    """
    modes = {folder / name: mode for name, mode in FILES.items()}
    write_new({path: files(__name__).joinpath(path.name).read_bytes() for path in modes})
    for path, mode in modes.items():
        path.chmod(mode)
    say(*(f"wrote {path}" for path in modes))
    return 0
