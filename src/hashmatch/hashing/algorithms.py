"""Perceptual hashes in NumPy: small grey pictures in, bits out, equal to ``imagehash`` bit for bit.

Each algorithm takes its pictures at one small size, its *grid*. The caller does the resizing, so
this module is pure arithmetic over batches.

Sources: pHash and dHash as N. Krawetz described them ("Looks Like It", 2011, and "Kind of Like
That", 2013, The Hacker Factor Blog) and as ``imagehash`` 4.3 computes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from math import isqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.errors import HashmatchError, MissingExtraError, SettingsError
from hashmatch.model import HashKind, PerceptualHash

Grey: TypeAlias = npt.NDArray[np.uint8]
Measure: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.int16]
Codes: TypeAlias = npt.NDArray[np.uint64]

PHASH_OVERSAMPLING = 4
"""pHash uses the lowest quarter of the frequencies: ``highfreq_factor`` in ``imagehash``."""

TIE_MARGIN = 1e-9
"""In grey levels: a measure this close to zero may land on either side by rounding alone.

Two correct double-precision transforms of 8-bit greys differ by about 10^-12 grey levels.
"""

PLUGINS = "hashmatch.algorithms"
"""The group of entry points through which packages offer more algorithms."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How one kind of perceptual hash is computed.

    A hash is the signs of a measure, so the distance of a measure from zero says how certain its
    bit is. That is why a cheap preview can stand in for a picture: it moves every measure a little,
    so it can flip only the bits whose measure is near zero, the *uncertain* ones, and only a few of
    those. How near and how few was measured; ``docs/decisions/previews.md`` has the evidence.

    Attributes:
        name: as lists and records spell it.
        thresholds: for each width in bits, the default threshold: the largest distance, in bits,
            that counts as near.
        measure: takes pictures, uint8, and the width in bits; returns measures of shape (n, bits).
            A bit is set if its measure is positive.
        grid: takes the width in bits and returns the (width, height) in pixels of the grey pictures
            that ``measure`` takes, in a batch of shape (n, height, width). If ``grid`` is None,
            ``measure`` takes one picture at a time in its own size, shape (1, height, width).
        colour: without a grid, ``measure`` takes RGB, shape (1, height, width, 3).
        flat: the top byte of each code that a blank picture gives. Its lower bits are all equal.
        max_bit_flips: for each width, the most bits a preview flips. None if that has not been
            measured; then every picture is decoded in full.
        uncertainty: a preview at reduced scale flips no bit whose measure in the preview is larger.
        uncertainty_in_luma: the same for a preview at full scale from luma alone, which does not
            see colours that RGB cannot hold.
        max_uncertain_share: a preview with a larger share of uncertain bits is not used. Most bits
            of a regular pattern are uncertain, and more of them flip than ``max_bit_flips``.
        tie: a measure that rounding alone may bring to the other side of zero.
        max_tied_share: a preview with a larger share of such measures counts as wholly uncertain. A
            pattern of flat areas has many, and up to a third of them flip.
        settle: hashes a picture whose bits would depend on rounding; None if none would.
        check: raises if something that the algorithm needs is not installed.
    """

    name: str
    thresholds: Mapping[int, int]
    measure: Callable[[Grey, int], Measure]
    grid: Callable[[int], tuple[int, int]] | None = None
    colour: bool = False
    flat: tuple[int, ...] = ()
    max_bit_flips: Mapping[int, int] | None = None
    uncertainty: float = 0
    uncertainty_in_luma: float = 0
    max_uncertain_share: float = 1
    tie: float = 0
    max_tied_share: float = 1
    settle: Callable[[Grey, int], Codes] | None = None
    check: Callable[[], object] = bool

    def hash(self, grey: Grey, bits: int) -> Codes:
        """Hash grey pictures, uint8 of shape (n, height, width), to codes, (n, bits / 64)."""
        measure = self.measure(grey, bits)
        codes = pack(measure > 0)
        if self.settle is not None:
            for row in np.flatnonzero((np.abs(measure) < TIE_MARGIN).any(axis=1)):
                codes[row] = self.settle(grey[row], bits)
        return codes

    def hash_preview(self, grey: Grey, bits: int, *, reduced: bool) -> tuple[Codes, Codes]:
        """Hash previews. The second array has the shape of the first and the uncertain bits set."""
        measure = self.measure(grey, bits)
        both = np.empty((2, *measure.shape), np.bool_)
        np.greater(measure, 0, out=both[0])
        both[1] = self.uncertain(measure, reduced=reduced)
        codes = pack(both.reshape(-1, bits))
        return codes[: len(grey)], codes[len(grey) :]

    def uncertain(self, measure: Measure, *, reduced: bool) -> npt.NDArray[np.bool_]:
        """Tell which bits of previews are uncertain, by their measures, shape (n, bits)."""
        size = np.abs(measure)
        uncertain = size <= self.uncertainty_of(reduced=reduced)
        if self.max_tied_share < 1:
            uncertain[(size <= self.tie).mean(axis=1) > self.max_tied_share] = True
        return uncertain

    def uncertainty_of(self, *, reduced: bool) -> float:
        """The largest measure whose bit a preview may flip, at reduced or at full scale."""
        return self.uncertainty if reduced else self.uncertainty_in_luma

    def is_too_uncertain(self, uncertain_bits: PerceptualHash) -> bool:
        """Whether a preview has too many uncertain bits to be used."""
        count = sum(word.bit_count() for word in uncertain_bits.words)
        return count > self.max_uncertain_share * uncertain_bits.bits

    def is_flat(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """Tell which codes, shape (n, words), are those of a blank picture."""
        flat = np.zeros(len(codes), dtype=np.bool_)
        for first in self.flat:
            rest = 0xFF if first == 0xFF else 0
            pattern = bytes([first] + [rest] * (8 * codes.shape[1] - 1))
            flat |= (codes == np.frombuffer(pattern, dtype=">u8").astype(np.uint64)).all(axis=1)
        return flat


def pack(bits: npt.NDArray[np.bool_]) -> Codes:
    """Pack bits, shape (n, bits), MSB first, into codes, uint64 of shape (n, bits / 64)."""
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64)


def measure_phash(grey: Grey, bits: int) -> npt.NDArray[np.float64]:
    """PHash's measure: the low DCT frequencies, minus their median.

    Args:
        grey: shape (n, 4 * size, 4 * size), uint8, where size * size is ``bits``.
        bits: the width of the hash.

    Returns:
        float64, shape (n, bits), in grey levels; its signs equal ``imagehash.phash`` bit for bit.
    """
    size = isqrt(bits)
    basis = _dct_basis(size * PHASH_OVERSAMPLING, size)
    low = (basis @ grey.astype(np.float64) @ basis.T).reshape(len(grey), bits)
    ordered = np.sort(low, axis=1)
    median = (ordered[:, bits // 2 - 1] + ordered[:, bits // 2]) / 2
    measure: npt.NDArray[np.float64] = low - median[:, None]
    return measure


def measure_dhash(grey: Grey, bits: int) -> npt.NDArray[np.int16]:
    """DHash's measure: how much brighter each pixel is than its left neighbour.

    Args:
        grey: shape (n, size, size + 1), uint8, where size * size is ``bits``.
        bits: the width of the hash.

    Returns:
        int16, shape (n, bits), in grey levels; its signs equal ``imagehash.dhash`` bit for bit.
    """
    level = grey.astype(np.int16)
    return (level[:, :, 1:] - level[:, :, :-1]).reshape(len(grey), bits)


def _square(bits: int) -> tuple[int, int]:
    size = isqrt(bits) * PHASH_OVERSAMPLING
    return size, size


def _one_wider(bits: int) -> tuple[int, int]:
    return isqrt(bits) + 1, isqrt(bits)


@cache
def _dct_basis(length: int, rows: int) -> npt.NDArray[np.float64]:
    """The first rows of the DCT-II, scaled so that coefficients are in grey levels."""
    frequency = np.arange(rows)[:, None]
    sample = np.arange(length)[None, :]
    return np.cos(np.pi * frequency * (2 * sample + 1) / (2 * length)) / length


def _phash_by_imagehash(grey: Grey, bits: int) -> Codes:
    """Let ``imagehash`` settle what rounding would decide: other lists are made with it."""
    import imagehash  # noqa: PLC0415 # it imports SciPy, and ties are rare

    # The picture already has the size imagehash resizes to, so it hashes exactly these pixels
    picture = imagehash.Image.fromarray(grey)  # type: ignore[attr-defined] # Pillow, as it sees it
    signs: npt.NDArray[np.bool_] = imagehash.phash(picture, hash_size=isqrt(bits)).hash
    code: Codes = pack(signs.reshape(1, -1))[0]
    return code


def measure_pdq(grey: Grey, bits: int) -> npt.NDArray[np.float64]:
    """PDQ's measure: the low DCT frequencies of the smoothed picture, minus their median.

    Args:
        grey: shape (1, height, width), uint8.
        bits: 256.

    Returns:
        float64, shape (1, 256); its signs equal those of the package ``pdqhash``, the reference
        implementation.

    Raises:
        MissingExtraError: the package is not installed.
    """
    picture = np.broadcast_to(grey[0, :, :, None], (*grey.shape[1:], 3))
    low, _ = _pdqhash().compute_float(np.ascontiguousarray(picture))
    values = np.asarray(low, dtype=np.float64).reshape(1, bits)
    measure: npt.NDArray[np.float64] = values - np.median(values)
    return measure


def _pdqhash() -> Any:
    try:
        return import_module("pdqhash")
    except ImportError:
        raise MissingExtraError("PDQ", "pdq") from None


def from_function(
    name: str,
    bits: int,
    threshold: int,
    compute: Callable[[Grey], npt.NDArray[np.bool_]],
    *,
    colour: bool = False,
) -> Algorithm:
    """Make an algorithm from a function, for a plug-in.

    The package offers it as an entry point of the group ``hashmatch.algorithms``. The name of the
    entry point is the algorithm's, and its object is the ``Algorithm``.

    Args:
        name: as lists and records spell it.
        bits: the width, a multiple of 64.
        threshold: the default threshold, in bits.
        compute: takes one picture, uint8 of shape (height, width), or (height, width, 3) in RGB
            with ``colour``; returns its bits, shape (bits,), most significant first.
        colour: pass RGB to ``compute``.
    """

    def measure(pictures: Grey, _: int) -> npt.NDArray[np.int16]:
        signs = np.asarray(compute(pictures[0]), dtype=np.bool_).reshape(1, bits)
        return np.where(signs, 1, -1).astype(np.int16)

    return Algorithm(name, thresholds={bits: threshold}, measure=measure, colour=colour)


_BUILT_IN = (
    Algorithm(
        name="phash",
        thresholds={64: 8, 256: 32},
        grid=_square,
        measure=measure_phash,
        flat=(0x00, 0xFF, 0x80),
        max_bit_flips={64: 8, 256: 24},
        max_uncertain_share=7 / 16,
        uncertainty=0.3,
        uncertainty_in_luma=0.3,
        settle=_phash_by_imagehash,
    ),
    Algorithm(
        name="dhash",
        thresholds={64: 4, 256: 16},
        grid=_one_wider,
        measure=measure_dhash,
        flat=(0x00, 0xFF),
        max_bit_flips={64: 10, 256: 20},
        max_uncertain_share=13 / 16,
        tie=1,
        max_tied_share=3 / 16,
        uncertainty=10,
        uncertainty_in_luma=10,
    ),
    Algorithm(
        name="pdq",
        thresholds={256: 31},
        measure=measure_pdq,
        flat=(0x00, 0xFF),
        # No previews: on some small pictures they moved measures further than any seen before
        check=_pdqhash,
    ),
)


_BY_NAME = {algorithm.name: algorithm for algorithm in _BUILT_IN}


class _Registry(Mapping[str, Algorithm]):
    """The built-in algorithms, and those that installed packages offer as entry points."""

    @cached_property
    def _all(self) -> dict[str, Algorithm]:
        from importlib.metadata import entry_points  # noqa: PLC0415 # slow to import

        found = dict(_BY_NAME)
        for point in sorted(entry_points(group=PLUGINS), key=lambda point: point.name):
            try:
                algorithm = point.load()
            except Exception as error:
                raise HashmatchError(
                    f"cannot import the plug-in {point.name} ({point.value})"
                    f" ({type(error).__name__}): fix it, or uninstall its package"
                ) from error
            if not isinstance(algorithm, Algorithm) or algorithm.name in found:
                raise SettingsError(
                    f"the plug-in {point.value} is not an Algorithm, or its name is already taken"
                )
            found[algorithm.name] = algorithm
        return found

    def __getitem__(self, name: str) -> Algorithm:
        return _BY_NAME[name] if name in _BY_NAME else self._all[name]  # finding plug-ins is slow

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


ALGORITHMS: Mapping[str, Algorithm] = _Registry()
"""Every algorithm by name, with its widths and default thresholds."""


def check_kind(kind: HashKind) -> HashKind:
    """Return ``kind`` if hashmatch computes it.

    Raises:
        SettingsError: the algorithm is unknown, or does not have this width.
        MissingExtraError: it needs a package that is not installed.
    """
    algorithm = ALGORITHMS.get(kind.algorithm)
    if algorithm is None:
        raise SettingsError(
            f"unknown algorithm {kind.algorithm!r}; choose from {', '.join(ALGORITHMS)}"
        )
    if kind.bits not in algorithm.thresholds:
        widths = " or ".join(str(bits) for bits in algorithm.thresholds)
        raise SettingsError(f"{kind.algorithm} has {widths} bits, not {kind.bits}")
    algorithm.check()
    return kind


def parse_kind(name: str) -> HashKind:
    """Read ``phash-256``, or ``phash`` for its smallest width. Raises what ``check_kind`` does."""
    algorithm, _, width = name.partition("-")
    if width:
        bits = int(width) if width.isdecimal() else 0
    else:
        bits = min(ALGORITHMS[algorithm].thresholds) if algorithm in ALGORITHMS else 0
    return check_kind(HashKind(algorithm, bits))


def default_threshold(kind: HashKind) -> int:
    """The default threshold of a kind of hash, in bits."""
    return ALGORITHMS[check_kind(kind).algorithm].thresholds[kind.bits]
