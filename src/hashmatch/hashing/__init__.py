"""Grey pictures in, hashes out, and the distance between two hashes in bits.

``algorithms`` holds the registry: one ``Algorithm`` for each of ``phash``, ``dhash`` and ``pdq``,
and one for each that a plug-in offers. ``distance`` counts the bits in which hashes differ.

Everything here is arithmetic on arrays. It opens no file, decodes nothing and knows no list, so
the worker processes that decode untrusted bytes and the process that holds the list both use it.
"""

from hashmatch.hashing.algorithms import (
    ALGORITHMS,
    PHASH_OVERSAMPLING,
    QUALITY_GRID,
    TIE_MARGIN,
    Algorithm,
    Codes,
    Grey,
    check_kind,
    default_threshold,
    from_code,
    from_codes,
    from_function,
    measure_dhash,
    measure_pdq,
    measure_phash,
    pack,
    parse_kind,
    quality,
    to_codes,
)
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
    "measure_dhash",
    "measure_pdq",
    "measure_phash",
    "pack",
    "parse_kind",
    "quality",
    "to_codes",
]
