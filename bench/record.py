"""Saves what a benchmark measured, where, and how to repeat it."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import re
import shlex
import sys
from pathlib import Path
from typing import Any

RUNS = Path(__file__).resolve().parent / "runs"
PACKAGES = ("numpy", "pillow", "imagehash")


def machine() -> dict[str, Any]:
    """The machine and the versions that a figure belongs to."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def save(name: str, seed: int, results: Any, *, join: bool = False) -> Path:
    """Write results to ``bench/runs/NAME-DATE.json``, with all that is needed to repeat them.

    Args:
        name: of the benchmark.
        seed: of its data.
        results: anything that JSON can hold; a dictionary if they are to be joined.
        join: keep what earlier runs of the same day found of other sets. The command is that of
            the last run.

    Returns:
        The file, which replaces that of an earlier run on the same day.
    """
    today = dt.datetime.now(dt.UTC).date().isoformat()
    path = RUNS / f"{name}-{today}.json"
    path.parent.mkdir(exist_ok=True)
    if join and path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        if earlier["seed"] == seed and earlier["machine"] == machine():
            results = {**earlier["results"], **results}
    run = {
        "date": today,
        "command": shlex.join(["python", _relative(sys.argv[0]), *map(_portable, sys.argv[1:])]),
        "seed": seed,
        "machine": machine(),
        "results": results,
    }
    path.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    return path


def _relative(program: str) -> str:
    """The program as called from the top of the repository."""
    path, top = Path(program).resolve(), RUNS.parent.parent
    return str(path.relative_to(top)) if path.is_relative_to(top) else path.name


def _portable(argument: str) -> str:
    """The argument without the folders of an absolute path, which only this machine has."""
    return re.sub(r"(^|=)/(?:[^/]+/)+", r"\1", argument)


def _cpu() -> str:
    """The processor's own name if Linux gives it, or else what Python knows."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def version(name: str) -> str | None:
    """The version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
