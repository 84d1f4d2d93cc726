"""``hashmatch cluster``: what ``scan --cluster`` needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hashmatch.cli.command import argument, group, option
from hashmatch.cli.files import WRITES
from hashmatch.cli.streams import say
from hashmatch.cluster.keys import make_keys
from hashmatch.text import count

app = group("cluster", "Make keys for scan --cluster.")


@app.command("keys")
def keys_command(
    folder: Annotated[Path, argument("DIR", "Folder to write the keys to."), WRITES],
    *,
    days: Annotated[int, option("N", "Days for which the keys are valid.")] = 365,
) -> int:
    """Make a CA, and a certificate with its key for the scheduler, workers and coordinator.

    Whoever has one of these keys may talk to the cluster. Give the scheduler and the workers only
    their own; the coordinator, where the list is, keeps its own.
    """
    made = make_keys(folder, days)
    say(*(f"wrote {path}" for path in made), f"valid for {count(days, 'day')}")
    return 0
