"""Say who runs this process, and where."""

from __future__ import annotations

import os
import platform
from typing import Any


def who() -> dict[str, Any]:
    """Return the user and the host, for a record; None for what the system does not know."""
    return {"uid": _uid(), "user": _user_name(), "host": platform.node() or None}


def _uid() -> int | None:
    return os.getuid() if hasattr(os, "getuid") else None


def _user_name() -> str | None:
    """Return the user name from the system, not from variables that anyone can set."""
    try:
        import pwd  # noqa: PLC0415 # absent on Windows
    except ImportError:
        return None
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None
