"""Loads what a worker needs before its walls go up: afterwards it can open no file.

Pillow, the codecs and the hash algorithms import parts of themselves when they first need them.
``hashmatch doctor`` and the tests decode a picture of every format behind the walls, which reveals
a new lazy import.
"""

from __future__ import annotations

import codecs
import hashlib
from contextlib import suppress
from importlib import import_module

from PIL import Image

from hashmatch.errors import DecodeError
from hashmatch.examine.archive.packed import STREAM_CODECS
from hashmatch.examine.decode import claim_process, load_decoders
from hashmatch.examine.decode.quick import agrees_with_pillow
from hashmatch.examine.decode.shrink import pillow_agrees
from hashmatch.examine.extras import defer, load_deferred
from hashmatch.hashing import ALGORITHMS
from hashmatch.options import ExamineOptions

_COMPANIONS = (
    "PIL.ImageChops",
    "PIL.ImageOps",
    "PIL.ImagePalette",
    "PIL.ImageSequence",
    "PIL.MpoImagePlugin",  # a JPEG may turn out to be one
    "PIL.TiffImagePlugin",  # reads the Exif data of every format
    "traceback",  # says where a mistake of ours is
)
_ENCODINGS = (
    "ascii",
    "latin-1",
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp437",
    "unicode-escape",
    "raw-unicode-escape",  # how the mail parser gives bytes
)


def load_first() -> None:
    """Load what every worker needs, whatever its options."""
    Image.preinit()
    agrees_with_pillow()
    pillow_agrees()
    for name in _COMPANIONS:
        import_module(name)
    for name in _ENCODINGS:
        codecs.lookup(name)
    for codec in STREAM_CODECS.values():
        with suppress(DecodeError):  # an extra; files that need it are unsupported_format
            codec.start()


def load_rest(options: ExamineOptions) -> None:
    """Load the decoders, digests and algorithms that these options ask for.

    Raises:
        MissingExtraError: a format or an algorithm needs a package that is not installed.
    """
    defer(decoders=options.transforms is None)  # transforms encode as well
    load_decoders(options.formats)
    claim_process()
    for digest in options.digests:
        hashlib.new(digest, usedforsecurity=False)  # OpenSSL reads its settings now
    for kind in options.kinds:
        ALGORITHMS[kind.algorithm].check()
    if options.transforms is not None:
        from hashmatch.examine.transform import preload  # noqa: PLC0415 # few runs need it

        preload(options.transforms.names)


def load_late() -> None:
    """Load what is slow to load and seldom needed.

    That is the libraries for PDF, mail, videos and rarer archives, the decoders of AVIF, HEIF and
    JPEG XL, and SciPy, with which imagehash settles ties.
    """
    load_deferred()
    claim_process()
    import imagehash  # noqa: PLC0415 # it takes SciPy with it

    imagehash.phash(Image.new("L", (32, 32)))
