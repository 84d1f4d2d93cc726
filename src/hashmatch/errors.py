"""Every error that hashmatch raises on purpose.

::

    HashmatchError
    +-- SettingsError          a setting or an argument is invalid            (exit 64)
    |   +-- MissingExtraError  an optional package is needed; says the install command
    +-- LinesError             a file of lines cannot be used as it is        (exit 65)
    |   +-- HashListError      the hash list; ``problems`` has everything by line
    |   +-- DecisionsError     the table of decisions; likewise
    +-- InputError             a file or folder to scan is not there          (exit 66)
    |   +-- CaseError          a case is not there, or someone else works on it
    +-- OutputError            a result could not be written                  (exit 70)
    +-- UnansweredError        the service gives no verdict; in hashmatch.service
    +-- QuarantineError        a file could not be moved away, or brought back (exit 70)
    +-- HashError              a value is not a hash of its algorithm and width
    |   +-- HashMismatchError  two hashes of different algorithms or widths were compared
    +-- DecodeError            a picture cannot be examined; carries the ``Reason``
    +-- OutcomeTruthError      an outcome was used as a boolean

Messages never quote a hash or a line of a hash list; they name the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashmatch.model import Reason


def place_of(error: BaseException) -> str:
    """Describe an unexpected error and where it was raised, for a bug report.

    Its message is left out, since it may quote a hash or a line of a list.
    """
    import traceback  # noqa: PLC0415 # only for what should never happen

    frame = traceback.extract_tb(error.__traceback__)[-1]
    file = frame.filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} in {file}:{frame.lineno}"


def install_line(extra: str) -> str:
    """The command that installs an extra of hashmatch."""
    return f"pip install 'hashmatch[{extra}]'"


def needs(what: str, remedy: str) -> str:
    """Say that something is missing: ``PDF needs an extra package: pip install ...``.

    Args:
        what: needs it.
        remedy: the command that installs it, or what to have instead.
    """
    package = "an extra package: " if remedy.startswith("pip ") else ""
    return f"{what} needs {package}{remedy}"


class HashmatchError(Exception):
    """The root of the tree.

    Attributes:
        path: the file that the error is about, if any.
        line: the number of the line in that file, counted from 1, if any.
    """

    def __init__(self, message: str, *, path: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line) if part is not None)
        return f"{place}: {self.message}" if place else self.message


class SettingsError(HashmatchError, ValueError):
    """A setting or an argument is invalid."""


class MissingExtraError(SettingsError, ImportError):
    """An optional package is needed, and is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(needs(what, install_line(extra)))
        self.extra = extra


class LinesError(HashmatchError, ValueError):
    """A file of lines has errors, each on a line of its own.

    Attributes:
        problems: everything that is wrong, in the order of the lines.
        count: how many problems there are; if there are very many, ``problems`` has only the first.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        problems: Sequence[Self] = (),
        count: int | None = None,
    ) -> None:
        super().__init__(message, path=path, line=line)
        self.problems = tuple(problems)
        self.count = len(self.problems) if count is None else count


class HashListError(LinesError):
    """The hash list cannot be used as it is."""


class DecisionsError(LinesError):
    """The table of decisions cannot be used."""


class InputError(HashmatchError):
    """A file or folder to read does not exist or cannot be opened."""


class CaseError(InputError):
    """A case is not there, is with someone else, or was decided meanwhile."""


class OutputError(HashmatchError):
    """A result could not be written."""


class QuarantineError(HashmatchError):
    """A file could not be moved into quarantine, or brought back; it is where it was."""


class HashError(HashmatchError, ValueError):
    """A value is not a valid hash of its algorithm and width."""


class HashMismatchError(HashError, TypeError):
    """Two hashes of different algorithms or widths were compared."""


OUT_OF_MEMORY = "not enough memory"
"""The message of a ``DecodeError`` if another run, with more memory, may succeed."""


class DecodeError(HashmatchError):
    """A picture cannot be examined, wholly or in part.

    Attributes:
        reason: the reason that the verdict will carry.
        format: the picture's format, if known.
        width: its width in pixels; 0 if unknown.
        height: its height in pixels; 0 if unknown.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        format: str | None = None,  # noqa: A002 # the word that records use
        width: int = 0,
        height: int = 0,
        path: str | None = None,
    ) -> None:
        super().__init__(message, path=path)
        self.reason = reason
        self.format = format
        self.width = width
        self.height = height

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.message)

    def bare(self) -> Self:
        """Return a copy without a traceback, to be kept or raised again.

        A traceback keeps alive everything that its functions referred to, and grows each time the
        error is raised.
        """
        return type(self)(
            self.reason,
            self.message,
            format=self.format,
            width=self.width,
            height=self.height,
            path=self.path,
        )


class OutcomeTruthError(HashmatchError, TypeError):
    """An outcome was used as a boolean; compare its verdict instead."""
