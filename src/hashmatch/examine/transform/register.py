"""The register of everyday changes: what happens to pictures as people keep and share them.

Each transform is a pure function of a picture and a seeded generator. Its parameters are fixed,
round numbers that ordinary programs use. Nothing here looks at a hash, and nothing searches for a
change that a hash does not survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from PIL.Image import Image

from hashmatch.errors import SettingsError
from hashmatch.examine.transform import composed as over
from hashmatch.examine.transform import pixels as px

Parameter: TypeAlias = "int | float | str"
Change: TypeAlias = Callable[..., Image]

SOURCES: Mapping[str, str] = {
    "JPEG": 'ISO/IEC 10918-1, Annex K (quantisation), as libjpeg scales it by "quality"',
    "WebP": 'RFC 9649, "WebP Image Format", 2024',
    "Zauner": 'C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",'
    " 2010",
    "DISC21": 'M. Douze et al., "The 2021 Image Similarity Dataset and Challenge",'
    " arXiv:2106.09672",
    "PDQ": '"The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", Facebook,'
    " 2019, whose evaluation names the changes seen on a large platform",
    "sRGB": "IEC 61966-2-1",
    "ImageNet-C": 'D. Hendrycks, T. Dietterich, "Benchmarking Neural Network Robustness to Common'
    ' Corruptions and Perturbations", ICLR 2019',
    "AugLy": 'Z. Papakipos, J. Bitton, "AugLy: Data Augmentations for Robustness",'
    " arXiv:2201.06494, which imitates what people do in social networks",
}
"""Where changes are described, by the short names that the register uses."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One everyday change.

    Attributes:
        name: as the command line and the records spell it.
        group: which transforms it is shown with.
        source: where it is described, by a short name of ``SOURCES``.
        imitates: what people or programs do that it stands for.
        parameters: what is passed to the change, by name.
    """

    name: str
    group: str
    source: str
    imitates: str
    _change: Change = field(repr=False)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def __call__(self, picture: Image, generator: np.random.Generator) -> Image:
        """Change a picture in mode ``RGB``, which is not altered, into another in mode ``RGB``."""
        return self._change(picture, generator, **self.parameters)


_CROPS: list[tuple[Any, ...]] = [
    (
        *(f"crop-{percent}-{place}", "crop", "DISC21", f"cut {words}", px.crop),
        {"percent": percent, "at": place},
    )
    for percent in (1, 5, 10, 20)
    for place, words in (("centre", "to its middle"), ("aside", "to a part somewhere in it"))
]

_ALL: list[tuple[Any, ...]] = [
    ("jpeg-95", "encoding", "JPEG", "saved again", px.jpeg, {"quality": 95}),
    ("jpeg-75", "encoding", "JPEG", "saved again", px.jpeg, {"quality": 75}),
    ("jpeg-50", "encoding", "JPEG", "saved again", px.jpeg, {"quality": 50}),
    ("jpeg-30", "encoding", "JPEG", "saved again", px.jpeg, {"quality": 30}),
    (
        *("jpeg-twice", "encoding", "JPEG", "saved, sent and saved again", px.jpeg),
        {"quality": 75, "again": 60},
    ),
    ("webp-75", "encoding", "WebP", "converted by a web server", px.webp, {"quality": 75}),
    ("half-size", "size", "Zauner", "made smaller for a page", px.scale, {"factor": 0.5}),
    ("quarter-size", "size", "Zauner", "made smaller for a list", px.scale, {"factor": 0.25}),
    ("thumbnail", "size", "Zauner", "a preview of 128 pixels", px.thumbnail, {"side": 128}),
    ("squeezed", "size", "Zauner", "4:3 squeezed to 1:1", px.squeeze, {"factor": 0.75}),
    *_CROPS,
    (
        *("pad-10", "frame", "PDQ", "white space around it", px.pad),
        {"percent": 10, "colour": "white"},
    ),
    (
        *("letterbox", "frame", "PDQ", "black bars to 16:9, or from 16:9 to 4:3", px.letterbox),
        {"colour": "black"},
    ),
    ("border", "frame", "PDQ", "a coloured frame", px.pad, {"percent": 3, "colour": "#8a3324"}),
    ("rotate-2", "turn", "DISC21", "scanned slightly askew", px.rotate, {"degrees": 2}),
    ("rotate-5", "turn", "DISC21", "photographed askew", px.rotate, {"degrees": 5}),
    ("rotate-90", "turn", "DISC21", "a phone held sideways", px.quarter_turn),
    ("mirror", "turn", "DISC21", "a front camera's mirror image", px.mirror),
    ("gamma-darker", "tone", "sRGB", "another display's gamma", px.gamma, {"exponent": 1.3}),
    ("gamma-lighter", "tone", "sRGB", "another display's gamma", px.gamma, {"exponent": 0.75}),
    ("brighter", "tone", "ImageNet-C", "brightened on a phone", px.brightness, {"factor": 1.2}),
    ("contrast", "tone", "ImageNet-C", "more contrast on a phone", px.contrast, {"factor": 1.3}),
    ("saturated", "tone", "ImageNet-C", "more colour on a phone", px.saturation, {"factor": 1.6}),
    ("greyscale", "tone", "ImageNet-C", "printed without colour", px.saturation, {"factor": 0}),
    ("blur", "tone", "ImageNet-C", "a little out of focus", px.blur, {"radius": 2}),
    ("sharpen", "tone", "ImageNet-C", "sharpened by an app", px.sharpen, {"percent": 80}),
    ("noise", "tone", "ImageNet-C", "a sensor in the dark", px.noise, {"spread": 16}),
    ("watermark", "overlay", "AugLy", "a site's mark across it", over.watermark, {"opacity": 0.35}),
    ("caption", "overlay", "AugLy", "a line of text above it", over.caption, {"share": 0.12}),
    ("emoji", "overlay", "AugLy", "a sticker in a corner", over.emoji, {"share": 0.2}),
    ("screenshot", "overlay", "AugLy", "a screenshot of a page that shows it", over.screenshot),
    (
        *("messenger-copy", "overlay", "AugLy", "sent twice by messenger", over.messenger_copy),
        {"side": 1280, "quality": 70},
    ),
    ("messenger-chat", "overlay", "AugLy", "a screenshot of a chat", over.messenger_chat),
]

TRANSFORMS: Mapping[str, Transform] = {row[0]: Transform(*row) for row in _ALL}
"""All transforms by name, in the order in which they are shown."""


def choose_transforms(names: Iterable[str]) -> tuple[str, ...]:
    """The transforms of these names or groups, in the register's order; all if there are none.

    Raises:
        SettingsError: there is no such transform or group.
    """
    asked = set(names)
    groups = list(dict.fromkeys(transform.group for transform in TRANSFORMS.values()))
    if unknown := asked - {*TRANSFORMS, *groups}:
        raise SettingsError(
            f"unknown transform {', '.join(map(repr, sorted(unknown)))}; the groups are"
            f" {', '.join(groups)}, and the transforms are {', '.join(TRANSFORMS)}"
        )
    return tuple(
        name
        for name, transform in TRANSFORMS.items()
        if not asked or asked & {name, transform.group}
    )
