"""The values that pass between packages: hashes, entries, examinations, matches, outcomes.

They are frozen, never show the bits of a hash in ``repr``, and do without NumPy, so that
``import hashmatch`` is quick.
"""

from hashmatch.model.closed_sets import Cause, Kind, Reason, Verdict
from hashmatch.model.examinations import (
    ASKEW,
    GROWN,
    INNER,
    MEMBER_MARK,
    QUARTER,
    Examination,
    Thumbnail,
    ViewHashes,
    is_further,
)
from hashmatch.model.hashes import DIGEST_BITS, WORD_BITS, Entry, HashKind, PerceptualHash
from hashmatch.model.outcomes import Match, Outcome, Part

__all__ = [
    "ASKEW",
    "DIGEST_BITS",
    "GROWN",
    "INNER",
    "MEMBER_MARK",
    "QUARTER",
    "WORD_BITS",
    "Cause",
    "Entry",
    "Examination",
    "HashKind",
    "Kind",
    "Match",
    "Outcome",
    "Part",
    "PerceptualHash",
    "Reason",
    "Thumbnail",
    "Verdict",
    "ViewHashes",
    "is_further",
]
