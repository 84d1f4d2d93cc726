"""Short films of generated pictures, encoded by FFmpeg as phones, cameras and web sites do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import NamedTuple

import av
import numpy as np
from PIL import Image

from pictures import photo

WIDTH, HEIGHT = 320, 180


class Encoding(NamedTuple):
    """How to write a film.

    Attributes:
        container: FFmpeg's name of the muxer.
        codec: FFmpeg's name of the encoder.
        gop: frames from one key frame to the next at most.
        rate: frames a second.
        size: width and height in pixels.
        options: of the encoder.
    """

    container: str
    codec: str
    gop: int = 10
    rate: int = 10
    size: tuple[int, int] = (WIDTH, HEIGHT)
    pixels: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()


FORMATS = {
    "MP4": Encoding("mp4", "libx264"),
    "MATROSKA": Encoding("matroska", "libx264"),
    "AVI": Encoding("avi", "mpeg4"),
    "FLV": Encoding("flv", "flv1"),
    "ASF": Encoding("asf", "mpeg4"),
    "MPEG-TS": Encoding("mpegts", "libx264"),
    "MPEG-PS": Encoding("mpeg", "mpeg2video", rate=25, gop=25),
    "MPEG-VIDEO": Encoding("mpeg2video", "mpeg2video", rate=25, gop=25),
    "OGG": Encoding("ogg", "libvpx"),
}
"""One encoding for each container."""


@cache
def scene(seed: int) -> Image.Image:
    """The still that a scene shows."""
    return photo(seed, WIDTH, HEIGHT)


def film(scenes: Sequence[Image.Image], encoding: Encoding, seconds: float = 3.0) -> bytes:
    """A film that shows each picture for some seconds, with noise that changes from frame to frame.

    Args:
        scenes: what to show, one after the other.
        encoding: how to write it.
        seconds: how long each is shown.
    """
    file = BytesIO()
    noise = np.random.default_rng(1)
    with av.open(file, "w", format=encoding.container) as container:
        stream = container.add_stream(encoding.codec, rate=encoding.rate)
        stream.width, stream.height = encoding.size
        stream.pix_fmt = encoding.pixels
        stream.gop_size = encoding.gop
        stream.options = dict(encoding.options)
        for picture in scenes:
            pixels = np.asarray(picture.convert("RGB").resize(encoding.size)).astype(np.int16)
            for _ in range(round(seconds * encoding.rate)):
                noisy = pixels + noise.integers(-2, 3, pixels.shape, dtype=np.int16)
                shown = np.clip(noisy, 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()
