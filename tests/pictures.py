"""Pictures for tests: abstract patterns from a seed, and variants of them.

The tests' way to the generators in fixtures/, which also made the committed pictures.
"""

from __future__ import annotations

from textures import checkered, flat, gradient, scene
from textures import texture as photo
from variants import (
    animation,
    as_cursor,
    as_mode,
    colour_pfm,
    encode,
    hide_colours,
    letterboxed,
    padded,
    pam,
    photoshop,
    plain_ppm,
    with_orientation,
)

__all__ = [
    "animation",
    "as_cursor",
    "as_mode",
    "checkered",
    "colour_pfm",
    "encode",
    "flat",
    "gradient",
    "hide_colours",
    "letterboxed",
    "padded",
    "pam",
    "photo",
    "photoshop",
    "plain_ppm",
    "scene",
    "with_orientation",
]
