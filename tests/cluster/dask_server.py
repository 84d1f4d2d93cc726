"""A process that has imported Dask, and forks for each scheduler, worker and bridge."""

from __future__ import annotations

import gc
import runpy
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from forking import serve

MODULES = (
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
    "hashmatch.cluster.bridge",
)


def _run(_: dict[str, Any]) -> None:
    """Run the module that the first argument names, as ``python -m`` does."""
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.path[:] = [each for each in sys.path if Path(each) not in {*Path(__file__).parents[:2]}]
    for module in MODULES:
        sys.modules.pop(import_module(module).__name__)  # it is run, and would warn of itself
    gc.collect()
    gc.freeze()
    serve(_run, socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
