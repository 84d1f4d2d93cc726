"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hashmatch.errors import OutputError
from hashmatch.paths import sync_folder


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` when all of it is written, and not before.

    It is written beside ``path``, mode 0600, synced, and renamed; then the folder is synced. When
    the block raises, ``path`` stays as it was.

    Raises:
        OutputError: it cannot be written.
    """
    target = Path(path)
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name[:64]}.", dir=target.parent)
        with open(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        Path(temporary).replace(target)
        temporary = None
        sync_folder(target.parent)
    except OSError as error:
        message = f"cannot write the file: {error.strerror or 'the writing failed'}"
        raise OutputError(message, path=str(target)) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()
