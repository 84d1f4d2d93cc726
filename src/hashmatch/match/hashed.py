"""Looks up pictures that were hashed elsewhere: there is nothing but their hashes."""

from __future__ import annotations

from collections.abc import Sequence

from hashmatch.errors import HashMismatchError
from hashmatch.match.lookup import Lookup
from hashmatch.model import DIGEST_BITS, Examination, HashKind, PerceptualHash, ViewHashes

FORMAT = "hashes"
"""Stands in for the format, which is not known."""

VIEW = "given"


def examination_of(
    hashes: Sequence[PerceptualHash], quality: int, lookup: Lookup
) -> tuple[Lookup, Examination]:
    """Make an examination of one view's hashes, and the lookup for it.

    ``quality`` is 0 to 100. Hashes of kinds that the lists do not have are ignored.

    Raises:
        HashMismatchError: two hashes are of one kind.
    """
    given = {each.kind: each for each in hashes}
    if len(given) < len(hashes):
        raise HashMismatchError("give one hash of each kind")
    lookup = lookup.only(given.keys())
    values = tuple(given[kind] for kind in lookup.kinds)
    digests = tuple(str(given[HashKind(name, DIGEST_BITS[name])]) for name in lookup.digests)
    views = (ViewHashes(VIEW, quality, values),) if values else ()
    return lookup, Examination(format=FORMAT, views=views, quality=quality, digests=digests)


def check_complete(hashes: Sequence[PerceptualHash], lookup: Lookup) -> None:
    """Refuse hashes that leave out a kind that the lists have: an entry may be near by that one.

    Raises:
        HashMismatchError: it names the kinds.
    """
    given = {each.kind for each in hashes}
    missing = [str(kind) for kind in lookup.every_kind if kind not in given]
    if missing:
        which = "that kind" if len(missing) == 1 else "each of these kinds"
        raise HashMismatchError(
            f"the lists also have {', '.join(missing)}: give the picture's hash of {which} too"
        )
