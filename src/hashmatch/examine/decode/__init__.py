"""Turn the bytes of a picture into grey views of bounded size.

``formats`` recognises a picture by its first bytes; ``opening`` opens it within limits; ``picture``
decodes it frame by frame; ``views`` yields each reading of a frame; ``hidden`` finds the pictures
that a decoder passes over; ``mend`` and ``truncation`` deal with damaged files. ``decoders`` names
the library for each format. Pillow and its plug-ins decode; of plain files, ``quick`` decodes JPEGs
(with ``progressive``, no more of them than a preview needs), and ``quick_png`` PNGs.

All of this runs in a sandboxed worker, or where the caller asked for none, in the caller's process.
Bytes go in, ``Picture`` and ``View`` come out. What cannot be decoded raises ``DecodeError``, with
the reason for the verdict.
"""

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
from hashmatch.examine.decode.views import (
    CROP,
    SAMPLE,
    TRIMMED,
    UPRIGHT,
    MirrorView,
    View,
)

__all__ = [
    "CROP",
    "DECODERS",
    "SAMPLE",
    "SNIFF_BYTES",
    "TRIMMED",
    "UPRIGHT",
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
