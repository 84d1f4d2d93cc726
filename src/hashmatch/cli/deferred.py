"""Modules that a command needs to run, but not to show its help: most of them take NumPy."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def deferred(module: str) -> Any:
    """Stand in for a module, and import it once something in it is used.

    Import the module itself under ``TYPE_CHECKING``, so that types and layers are checked.
    """
    return _DeferredModule(module)


class _DeferredModule:
    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._module), name)
