"""Azure's and Google's storage, through whatever plug-in of fsspec is installed for it.

fsspec lists everything at once, and takes keys for paths. One that it changes on the way cannot be
read, and is unscanned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from hashmatch.errors import DecodeError, InputError, MissingExtraError
from hashmatch.model import Reason
from hashmatch.sources.objects.store import ObjectInfo, Pause, TransientError, persist
from hashmatch.text import printable

_PIECE = 1 << 18
_SECONDS = len("2026-01-31T12:00:00")
_VERSIONS = ("etag", "ETag", "generation")
_TIMES = ("last_modified", "LastModified", "updated", "mtime", "created")


class PluggedStore:
    """A bucket or container that fsspec reaches, by ``az`` or ``gs``; see ``Store``.

    Raises:
        InputError: the plug-in cannot be used, for example without credentials.
        MissingExtraError: no plug-in for it is installed.
    """

    def __init__(self, scheme: str, bucket: str) -> None:
        try:
            import fsspec  # noqa: PLC0415 # an extra

            self._system: Any = fsspec.filesystem(scheme, use_listings_cache=False)
        except ImportError as error:
            raise MissingExtraError(f"scanning {scheme}://", scheme) from error
        except Exception as error:  # noqa: BLE001 # each plug-in has errors of its own
            why = f"cannot connect; are there credentials for it? ({type(error).__name__})"
            raise InputError(why, path=f"{scheme}://{bucket}/") from None
        self._bucket = bucket
        self.url = f"{scheme}://{bucket}/".encode()
        self.endpoint = scheme

    def check(self) -> None:
        """See ``Store.check``."""
        try:
            with _errors():
                self._system.info(self._bucket)
        except DecodeError as error:
            gone = error.reason is Reason.VANISHED
            why = f"the bucket cannot be listed: {'there is none' if gone else error.message}"
            raise InputError(why, path=printable(self.url)) from error

    def pages(
        self, prefix: bytes, after: bytes, until: bytes | None, pause: Pause
    ) -> Iterator[list[ObjectInfo]]:
        """See ``Store.pages``. There is one page."""
        folder = prefix.rpartition(b"/")[0].decode()
        found = persist(partial(self._find, f"{self._bucket}/{folder}".rstrip("/")), pause)
        keys = {self._key(name): details for name, details in found.items()}
        with _errors():
            page = [
                _described(key, keys[key])
                for key in sorted(keys)
                if key.startswith(prefix) and key > after and (until is None or key <= until)
            ]
        yield page

    def folders(self, prefix: bytes, after: bytes, pause: Pause) -> list[bytes]:  # noqa: ARG002 # all is on one page
        """See ``Store.folders``."""
        return []

    def look(self, key: bytes) -> ObjectInfo:
        """See ``Store.look``."""
        with _errors():
            return _described(key, self._system.info(self._path(key)))

    def read(self, info: ObjectInfo, write: Callable[[bytes], None]) -> None:
        """See ``Store.read``. The object must be the same before and after it is read."""
        if self.look(info.key) != info:
            raise DecodeError(Reason.CHANGED, "the object changed since it was listed")
        with _errors(), self._system.open(self._path(info.key), "rb") as file:
            while piece := file.read(_PIECE):
                write(piece)
        if self.look(info.key) != info:
            raise DecodeError(Reason.CHANGED, "the object changed while it was read")

    def _find(self, folder: str) -> Mapping[str, Any]:
        with _errors():
            found: Mapping[str, Any] = self._system.find(folder, detail=True)
            return found

    def _key(self, name: str) -> bytes:
        return name.lstrip("/").removeprefix(f"{self._bucket}/").encode("utf-8", "surrogateescape")

    def _path(self, key: bytes) -> str:
        return f"{self._bucket}/{key.decode('utf-8', 'surrogateescape')}"


def _described(key: bytes, details: Mapping[str, Any]) -> ObjectInfo:
    etag = next((str(details[name]) for name in _VERSIONS if details.get(name)), "")
    when = next((details[name] for name in _TIMES if details.get(name)), "")
    if isinstance(when, int | float):
        when = datetime.fromtimestamp(when, UTC)
    text = when if isinstance(when, str) else when.isoformat()
    return ObjectInfo(key, int(details["size"]), etag.strip('"'), text[:_SECONDS])


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except DecodeError:
        raise
    except FileNotFoundError:
        raise DecodeError(Reason.VANISHED, "the object is gone") from None
    except PermissionError:
        raise DecodeError(Reason.PERMISSION, "not permitted to read it") from None
    except (TypeError, ValueError, LookupError) as error:  # trying again would not help
        raise DecodeError(
            Reason.UNAVAILABLE, f"its plug-in fails on it ({type(error).__name__})"
        ) from None
    except Exception as error:  # noqa: BLE001 # each plug-in has errors of its own
        raise TransientError(
            Reason.UNAVAILABLE, f"the storage does not answer ({type(error).__name__})"
        ) from None
