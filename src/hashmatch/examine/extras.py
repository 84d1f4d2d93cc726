"""Libraries that only some files need: loaded when the first such file comes, never before.

A worker can load nothing once its walls are up. So the zygote calls ``defer`` first; a worker that
needs a library dies of an ``ImportError``, upon which the supervisor has the zygote call
``load_deferred`` and starts the file again. Without worker processes, ``require`` imports at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType

from hashmatch.errors import DecodeError
from hashmatch.model import Reason

PDF = "pypdfium2"
LIBARCHIVE = "hashmatch.examine.archive.libarchive_calls"
MAIL = "email.parser"
VIDEO = "hashmatch.examine.video.ffmpeg"

# The package that each needs, and what to do where it is missing
_NEEDS = {
    PDF: ("pypdfium2", "needs an extra package: pip install 'hashmatch[pdf]'"),
    LIBARCHIVE: (
        "libarchive",
        "needs an extra package: pip install 'hashmatch[archives]', and the system's libarchive",
    ),
    MAIL: ("email", "needs a whole standard library"),
    VIDEO: ("av", "needs an extra package: pip install 'hashmatch[video]'"),
}
# What their imports raise where a part is missing, such as a system library
_FAILURES = (ImportError, OSError, AttributeError, TypeError)

_deferred: set[str] = set()
_absent: set[str] = set()


def is_installed(extra: str) -> bool:
    """Tell, without loading it, whether the package of an extra is there."""
    (package,) = (name for name, remedy in _NEEDS.values() if f"[{extra}]" in remedy)
    return _is_there(package)


def readers() -> dict[str, str]:
    """What opens containers besides hashmatch itself: the package and its version, by its extra."""
    found = {}
    for extra, package in (("archives", "libarchive-c"), ("pdf", "pypdfium2"), ("video", "av")):
        remedy = f"not installed: pip install 'hashmatch[{extra}]'"
        found[extra] = f"{package} {version(package)}" if is_installed(extra) else remedy
    return found


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # a module that is set to None
        return False


def defer() -> None:
    """From now on, load no library of these until ``load_deferred`` is called."""
    for name, (package, _) in _NEEDS.items():
        (_deferred if _is_there(package) else _absent).add(name)


def load_deferred() -> None:
    """Load all that is installed."""
    while _deferred:
        name = _deferred.pop()
        try:
            import_module(name)
        except _FAILURES:
            _absent.add(name)


def require(name: str, what: str) -> ModuleType:
    """Return one of these libraries.

    Args:
        name: ``PDF``, ``LIBARCHIVE``, ``MAIL`` or ``VIDEO``.
        what: the format that needs it, for the message.

    Raises:
        DecodeError: ``unsupported_format``, since it is not installed; says how to install it.
        ImportError: it is to be loaded late, and was not yet.
    """
    if name in _deferred:
        raise ImportError(name)
    try:
        if name in _absent:
            raise ImportError(name)
        import_module(name)
    except _FAILURES:
        problem = f"reading {what} {_NEEDS[name][1]}"
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, problem, format=what) from None
    return sys.modules[name]
