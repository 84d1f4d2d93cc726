"""Turns grey pictures into hashes, and measures the distance between hashes in bits.

``algorithms`` holds the registry: one ``Algorithm`` each for ``phash``, ``dhash`` and ``pdq``, and
one for each algorithm that a plug-in offers. ``distance`` counts the bits in which hashes differ,
and ``detail`` measures how much detail a picture has.

Everything here is arithmetic on arrays. It opens no file, decodes nothing and knows no list. So
both sides use it: the workers that decode untrusted bytes, and the process that holds the list.
An unknown algorithm or width raises ``SettingsError``; a missing package, ``MissingExtraError``.
"""

from hashmatch.hashing.algorithms import (
    ALGORITHMS,
    PHASH_OVERSAMPLING,
    TIE_MARGIN,
    Algorithm,
    Codes,
    Grey,
    check_kind,
    default_threshold,
    from_function,
    measure_dhash,
    measure_pdq,
    measure_phash,
    pack,
    parse_kind,
)
from hashmatch.hashing.codes import from_code, from_codes, to_codes
from hashmatch.hashing.detail import QUALITY_GRID, has_full_quality, quality
from hashmatch.hashing.distance import distances, hamming_distance

__all__ = [
    "ALGORITHMS",
    "PHASH_OVERSAMPLING",
    "QUALITY_GRID",
    "TIE_MARGIN",
    "Algorithm",
    "Codes",
    "Grey",
    "check_kind",
    "default_threshold",
    "distances",
    "from_code",
    "from_codes",
    "from_function",
    "hamming_distance",
    "has_full_quality",
    "measure_dhash",
    "measure_pdq",
    "measure_phash",
    "pack",
    "parse_kind",
    "quality",
    "to_codes",
]
