"""The register of everyday changes: what happens to pictures as people keep and share them.

Each transform is a pure function of a picture and a seeded generator. Parameters are fixed and
stand in the register, round ones that ordinary programs use; nothing here looks at a hash, and
nothing searches for a change that a hash does not survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np
from PIL.Image import Image

from hashmatch.errors import SettingsError
from hashmatch.examine.transform import composed, pixels

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
        group: which transforms it is shown among.
        imitates: what people or programs do that it stands for.
        source: where it is described, by a short name of ``SOURCES``.
        parameters: what is passed to the change, by name.
    """

    name: str
    group: str
    imitates: str
    source: str
    parameters: Mapping[str, Parameter]
    _change: Change = field(repr=False)

    def __call__(self, picture: Image, generator: np.random.Generator) -> Image:
        """Change a picture.

        Args:
            picture: mode ``RGB``, any size; it is not altered.
            generator: where a place is chosen or noise is drawn, it comes from here.

        Returns:
            A picture in mode ``RGB``.
        """
        return self._change(picture, generator, **self.parameters)


def _registered(
    group: str, source: str, rows: Iterable[tuple[str, str, Change, Mapping[str, Parameter]]]
) -> list[Transform]:
    return [
        Transform(name, group, imitates, source, parameters, change)
        for name, imitates, change, parameters in rows
    ]


def _crops() -> list[Transform]:
    places = (("centre", "to its middle"), ("aside", "to a part somewhere in it"))
    rows = [
        (f"crop-{percent}-{place}", f"cut {words}", pixels.crop, {"percent": percent, "at": place})
        for percent in (1, 5, 10, 20)
        for place, words in places
    ]
    return _registered("crop", "DISC21", rows)


_jpeg = partial(_registered, "encoding", "JPEG")
_frames = partial(_registered, "frame", "PDQ")
_overlay = partial(_registered, "overlay", "AugLy")
_tone = partial(_registered, "tone", "ImageNet-C")

_ALL = (
    *_jpeg(
        [
            (f"jpeg-{quality}", "saved again", pixels.jpeg, {"quality": quality})
            for quality in (95, 75, 50, 30)
        ]
    ),
    *_jpeg(
        [("jpeg-twice", "saved, sent and saved again", pixels.jpeg, {"quality": 75, "again": 60})]
    ),
    *_registered(
        "encoding",
        "WebP",
        [("webp-75", "converted by a web server", pixels.webp, {"quality": 75})],
    ),
    *_registered(
        "size",
        "Zauner",
        [
            ("half-size", "made smaller for a page", pixels.scale, {"factor": 0.5}),
            ("quarter-size", "made smaller for a list", pixels.scale, {"factor": 0.25}),
            ("thumbnail", "a preview of 128 pixels", pixels.thumbnail, {"side": 128}),
            ("squeezed", "4:3 squeezed to 1:1", pixels.squeeze, {"factor": 0.75}),
        ],
    ),
    *_crops(),
    *_frames(
        [
            ("pad-10", "white space around it", pixels.pad, {"percent": 10, "colour": "white"}),
            (
                "letterbox",
                "black bars to 16:9, or from 16:9 to 4:3",
                pixels.letterbox,
                {"colour": "black"},
            ),
            ("border", "a coloured frame", pixels.pad, {"percent": 3, "colour": "#8a3324"}),
        ]
    ),
    *_registered(
        "turn",
        "DISC21",
        [
            ("rotate-2", "scanned slightly askew", pixels.rotate, {"degrees": 2}),
            ("rotate-5", "photographed askew", pixels.rotate, {"degrees": 5}),
            ("rotate-90", "a phone held sideways", pixels.quarter_turn, {}),
            ("mirror", "a front camera's mirror image", pixels.mirror, {}),
        ],
    ),
    *_registered(
        "tone",
        "sRGB",
        [
            ("gamma-darker", "another display's gamma", pixels.gamma, {"exponent": 1.3}),
            ("gamma-lighter", "another display's gamma", pixels.gamma, {"exponent": 0.75}),
        ],
    ),
    *_tone(
        [
            ("brighter", "a phone's brightness slider", pixels.brightness, {"factor": 1.2}),
            ("contrast", "a phone's contrast slider", pixels.contrast, {"factor": 1.3}),
            ("saturated", "a phone's colour slider", pixels.saturation, {"factor": 1.6}),
            ("greyscale", "printed or filtered without colour", pixels.saturation, {"factor": 0}),
        ]
    ),
    *_tone(
        [
            ("blur", "a little out of focus", pixels.blur, {"radius": 2}),
            ("sharpen", "an app's sharpening", pixels.sharpen, {"percent": 80}),
            ("noise", "a sensor in the dark", pixels.noise, {"spread": 16}),
        ]
    ),
    *_overlay(
        [
            ("watermark", "a site's mark across it", composed.watermark, {"opacity": 0.35}),
            ("caption", "a line of text above it", composed.caption, {"share": 0.12}),
            ("emoji", "a sticker in a corner", composed.emoji, {"share": 0.2}),
            ("screenshot", "a screenshot of a page that shows it", composed.screenshot, {}),
            (
                "messenger-copy",
                "sent through a messenger, twice",
                composed.messenger_copy,
                {"side": 1280, "quality": 70},
            ),
            ("messenger-chat", "a screenshot of a chat", composed.messenger_chat, {}),
        ]
    ),
)

TRANSFORMS: Mapping[str, Transform] = {transform.name: transform for transform in _ALL}
"""All transforms by name, in the order in which they are shown."""


def choose_transforms(names: Iterable[str]) -> tuple[str, ...]:
    """The transforms asked for, by name or by group, in the register's order.

    Args:
        names: names of transforms or of groups; none stands for all.

    Raises:
        SettingsError: there is no such transform or group.
    """
    asked = set(names)
    groups = list(dict.fromkeys(transform.group for transform in TRANSFORMS.values()))
    if unknown := asked - {*TRANSFORMS, *groups}:
        raise SettingsError(
            f"unknown transform {', '.join(map(repr, sorted(unknown)))}; there are the groups"
            f" {', '.join(groups)}, and of them {', '.join(TRANSFORMS)}"
        )
    return tuple(
        name
        for name, transform in TRANSFORMS.items()
        if not asked or asked & {name, transform.group}
    )
