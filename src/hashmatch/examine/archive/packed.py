"""Decompress bytes in bounded steps, with bounded memory.

Sources: RFC 1951 and 1952 (deflate, gzip), RFC 8878 (Zstandard), the .xz file format 1.2.1, and
APPNOTE.TXT 6.3.10, 5.8.8 for LZMA inside zip.
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Protocol

from hashmatch.errors import DecodeError, needs
from hashmatch.examine.archive.formats import sniff_archive
from hashmatch.examine.archive.streams import Stream
from hashmatch.model import Reason

MAX_WINDOW_BITS = 27
"""How far back Zstandard's data may refer: 128 MiB, the default limit of its own tool."""

MAX_XZ_MEMORY = 256 * 1024 * 1024
"""Bytes of memory that unpacking xz may take; its highest preset takes 65 MiB."""

# Part of Python from 3.14 on, unless that was built without
_ZSTD = (
    ("compression.zstd", "a Python that was built with it")
    if sys.version_info >= (3, 14)
    else ("backports.zstd", "pip install backports.zstd")
)

_INPUT_STEP = 32 * 1024  # small: what follows the end of a stream is copied each time
_MAGIC_BYTES = 10
_MIN_LZMA_WINDOW = 4096

# What the standard library's decompressors raise on hostile bytes. The list is closed, so that a
# mistake of ours does not pass for a broken archive
_DECOMPRESSOR_ERRORS = (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError)


class Decompressor(Protocol):
    """What the decompressors of ``bz2``, ``lzma`` and ``compression.zstd`` have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def needs_input(self) -> bool:
        """Whether it needs more input before more can come out."""

    @property
    def unused_data(self) -> bytes:
        """What follows the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take packed bytes, and return at most ``max_length`` unpacked ones."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A compression.

    Attributes:
        name: as in ``sniff_archive``, if its files may hold several streams in a row.
        start: makes a decompressor for one stream.
        ends_itself: the stream says where it ends; otherwise it ends with its source.
    """

    name: str
    start: Callable[[], Decompressor]
    ends_itself: bool = True


class Unpacked(Stream):
    """The content of a compressed stream, or of several in a row.

    What follows the last one is ignored, as the tools of all these formats do.
    """

    def __init__(self, source: Stream, codec: Codec) -> None:
        super().__init__()
        self._source = source
        self._codec = codec
        self._waiting = b""
        self._decompressor: Decompressor | None = None

    def _step(self, count: int) -> bytes:
        with _classified(self._codec.name):
            if self._decompressor is None:
                self._decompressor = self._codec.start()
            while not self._decompressor.eof or self._begin_next(self._decompressor.unused_data):
                hungry = self._decompressor.needs_input
                packed = self._take() if hungry else b""
                part = self._decompressor.decompress(packed, count)
                if part:
                    return part
                if hungry and not packed:
                    break
            if self._codec.ends_itself and not self._decompressor.eof:
                raise DecodeError(Reason.TRUNCATED, "the compressed data end early")
        return b""

    def _take(self) -> bytes:
        taken, self._waiting = self._waiting or self._source.read(_INPUT_STEP), b""
        return taken

    def _begin_next(self, rest: bytes) -> bool:
        """Begin the next stream, after any padding; return False if there is none."""
        rest = rest.lstrip(b"\x00")
        while len(rest) < _MAGIC_BYTES and (more := self._source.read(_INPUT_STEP)):
            rest = (rest + more).lstrip(b"\x00")
        if sniff_archive(rest) != self._codec.name:
            return False
        self._waiting = rest
        self._decompressor = self._codec.start()
        return True


@contextmanager
def _classified(name: str) -> Iterator[None]:
    """Turn a decompressor's error into the reason that the verdict will carry."""
    try:
        yield
    except _DECOMPRESSOR_ERRORS as error:
        if "memory" in str(error).lower():
            raise DecodeError(Reason.TOO_LARGE, f"{name} needs too much memory") from error
        raise DecodeError(Reason.UNDECODABLE, f"no valid {name} data") from error


class _Inflater:
    """zlib's decompressor with the interface of the others."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail or data, max_length)


class _Zstd:
    """Zstandard's decompressor, whose errors become ``ValueError``: its package may be missing."""

    def __init__(self) -> None:
        package = _zstd_package()
        limit = {package.DecompressionParameter.window_log_max: MAX_WINDOW_BITS}
        self._inner = package.ZstdDecompressor(options=limit)
        self._error = package.ZstdError

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def needs_input(self) -> bool:
        return bool(self._inner.needs_input)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            return bytes(self._inner.decompress(data, max_length))
        except self._error as error:
            raise ValueError(str(error)) from error


def _zstd_package() -> ModuleType:
    package, remedy = _ZSTD
    try:
        return import_module(package)
    except ImportError:
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, needs("ZSTD", remedy), format="ZSTD") from None


STREAM_CODECS = {
    "GZIP": Codec("GZIP", lambda: _Inflater(16 + zlib.MAX_WBITS)),
    "BZIP2": Codec("BZIP2", bz2.BZ2Decompressor),
    "XZ": Codec("XZ", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY)),
    "ZSTD": Codec("ZSTD", _Zstd),
    "LZMA": Codec("LZMA", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MAX_XZ_MEMORY)),
}
"""The compressions of whole files, by their names in ``sniff_archive``."""

RAW_DEFLATE = Codec("deflate", lambda: _Inflater(-zlib.MAX_WBITS))
"""Deflate without a header, as in zip."""


def raw_lzma(properties: bytes, size: int) -> Codec:
    """Make the codec for LZMA inside zip from its properties and its unpacked size.

    The properties are the five bytes before the data: one for three parameters, then the window.

    Raises:
        DecodeError: the properties are not valid.
    """
    if len(properties) < 5 or properties[0] >= 9 * 5 * 5:
        raise DecodeError(Reason.UNDECODABLE, "no valid LZMA data")
    rest, literal_context = divmod(properties[0], 9)
    position, literal_position = divmod(rest, 5)
    window = int.from_bytes(properties[1:5], "little")
    settings = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": max(_MIN_LZMA_WINDOW, min(window, size)),
        "lc": literal_context,
        "lp": literal_position,
        "pb": position,
    }
    # Its end need not be marked, and the size tells it anyway
    return Codec(
        "LZMA",
        lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[settings]),
        ends_itself=False,
    )
