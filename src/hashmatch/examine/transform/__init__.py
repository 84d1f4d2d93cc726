"""Everyday changes to pictures, made and hashed beside the untrusted bytes.

``evaluate`` asks how well hashes survive what people do to pictures: saving again, cropping, adding
a caption. ``register`` names each of these transforms, ``pixels`` and ``composed`` implement them,
and ``variants`` applies them to a file. To the caller, a transformed file looks like an archive:
each variant is a part, named after its transform, with an examination of its own, and the file
itself comes last. ``encodings`` does the same with ways to encode a video again. No pixels leave
the worker.

All of this runs in a sandboxed worker. ``preload`` imports everything it needs, so that a worker
opens no file afterwards. A picture that cannot be decoded has no variants; its examination says
why.
"""

from hashmatch.examine.transform.encodings import EXCERPT, REENCODINGS, Reencoding
from hashmatch.examine.transform.register import (
    SOURCES,
    TRANSFORMS,
    Transform,
    choose_transforms,
)
from hashmatch.examine.transform.variants import (
    WORKING_PIXELS,
    examine_variants,
    preload,
    variants,
)

__all__ = [
    "EXCERPT",
    "REENCODINGS",
    "SOURCES",
    "TRANSFORMS",
    "WORKING_PIXELS",
    "Reencoding",
    "Transform",
    "choose_transforms",
    "examine_variants",
    "preload",
    "variants",
]
