"""Say who runs this process, and where."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from typing import Any


def who() -> dict[str, Any]:
    """Return the user and the host, for a record; None for what the system does not know."""
    user = None
    # From the system, not from variables that anyone can set; Windows has no such module
    with suppress(ImportError, KeyError):
        import pwd  # noqa: PLC0415 # as above

        user = pwd.getpwuid(os.getuid()).pw_name
    uid = os.getuid() if hasattr(os, "getuid") else None
    return {"uid": uid, "user": user, "host": platform.node() or None}
