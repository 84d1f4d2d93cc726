"""Load libraries that only some files need when the first such file comes.

A worker cannot load anything once its walls are up. So the zygote first calls ``defer``. A worker
that needs a library dies of an ``ImportError``; the supervisor then has the zygote call
``load_deferred``, and starts the file again. Without worker processes, ``require`` imports at once.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import PIL

from hashmatch.errors import DecodeError, install_line, needs
from hashmatch.model import Reason

PILLOW_VERSION = PIL.__version__

PDF = "pypdfium2"
LIBARCHIVE = "hashmatch.examine.archive.libarchive_calls"
MAIL = "email.parser"
VIDEO = "hashmatch.examine.video.ffmpeg"

# The package that each needs, and what to do where it is missing
_NEEDS = {
    PDF: ("pypdfium2", install_line("pdf")),
    LIBARCHIVE: (
        "libarchive",
        f"{install_line('archives')}, and the system's libarchive: apt install libarchive13",
    ),
    MAIL: ("email", "a whole standard library"),
    VIDEO: ("av", install_line("video")),
}
# Decoders that take long to load and that few files need, and the package of each
_DECODERS = {
    "PIL.AvifImagePlugin": "PIL",
    "pillow_heif.HeifImagePlugin": "pillow_heif",
    "pillow_jxl.JpegXLImagePlugin": "pillow_jxl",
}
# What importing them raises if a part is missing, such as a system library
_FAILURES = (ImportError, OSError, AttributeError, TypeError)

_deferred: set[str] = set()
_absent: set[str] = set()


def is_installed(extra: str) -> bool:
    """Tell, without loading it, whether the package of an extra is there."""
    (package,) = (name for name, remedy in _NEEDS.values() if f"[{extra}]" in remedy)
    return _is_there(package)


def readers() -> dict[str, str]:
    """Name the packages that open containers, with their versions, by extra."""
    found = {}
    for extra, package in (("archives", "libarchive-c"), ("pdf", "pypdfium2"), ("video", "av")):
        remedy = f"not installed: {install_line(extra)}"
        found[extra] = f"{package} {package_version(package)}" if is_installed(extra) else remedy
    return found


def package_version(package: str) -> str:
    """The version of an installed package."""
    from importlib.metadata import version  # noqa: PLC0415 # takes longer than most of what asks

    return version(package)


@cache
def optional(package: str) -> ModuleType | None:
    """Load a package; None where it is not installed, or does not fit this system."""
    try:
        return import_module(package)
    except ImportError:
        return None


class OwnProcess:
    """Whether this process is one of ours, and not one of a program that uses the library."""

    claimed = False


def optional_in_ours(package: str) -> ModuleType | None:
    """Load a package as ``optional`` does, but only in a process of our own."""
    return optional(package) if OwnProcess.claimed else None


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # a module that is set to None
        return False


def defer(*, decoders: bool) -> None:
    """Load none of these libraries until ``load_deferred`` is called.

    Args:
        decoders: defer the decoders of pictures that few files need, too.
    """
    for name, (package, _) in _NEEDS.items():
        (_deferred if _is_there(package) else _absent).add(name)
    if decoders:
        _deferred.update(name for name, package in _DECODERS.items() if _is_there(package))


def is_deferred(name: str) -> bool:
    """Whether a module is loaded late and has not been loaded yet."""
    return name in _deferred


def wait_for(name: str) -> None:
    """Do nothing, unless a module is loaded late and has not been loaded yet.

    Raises:
        ImportError: it was not loaded yet.
    """
    if name in _deferred:
        raise ImportError(name)


def load_deferred() -> None:
    """Load all of them that are installed."""
    while _deferred:
        name = _deferred.pop()
        try:
            import_module(name)
        except _FAILURES:
            _absent.add(name)


def require(name: str, what: str) -> ModuleType:
    """Return ``PDF``, ``LIBARCHIVE``, ``MAIL`` or ``VIDEO``. ``what`` is the format that needs it.

    Raises:
        DecodeError: ``unsupported_format``: it is not installed. The message says how to.
        ImportError: it is deferred and not loaded yet.
    """
    wait_for(name)
    try:
        if name in _absent:
            raise ImportError(name)
        import_module(name)
    except _FAILURES:
        problem = needs(what, _NEEDS[name][1])
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, problem, format=what) from None
    return sys.modules[name]
