"""Bytes to bounded grey views. Nothing outside this package imports Pillow."""

import PIL
from PIL.Image import Image as PilImage

from hashmatch.examine.decode.decoders import (
    DECODERS,
    claim_process,
    decoders,
    load_decoders,
    missing,
)
from hashmatch.examine.decode.formats import SNIFF_BYTES, sniff
from hashmatch.examine.decode.jpeg import PlainJpeg, plain_jpeg
from hashmatch.examine.decode.picture import (
    Picture,
    adopt_picture,
    open_picture,
)
from hashmatch.examine.decode.views import MirrorView, View

PILLOW_VERSION = PIL.__version__

__all__ = [
    "DECODERS",
    "PILLOW_VERSION",
    "SNIFF_BYTES",
    "MirrorView",
    "Picture",
    "PilImage",
    "PlainJpeg",
    "View",
    "adopt_picture",
    "claim_process",
    "decoders",
    "load_decoders",
    "missing",
    "open_picture",
    "plain_jpeg",
    "sniff",
]
