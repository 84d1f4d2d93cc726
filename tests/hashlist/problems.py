"""Read the problems of a list from its error."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hashmatch import HashList
from hashmatch.errors import HashListError


def problems_of(
    data: bytes | str, secrets: Sequence[str] = (), **options: object
) -> list[tuple[int | None, str]]:
    """The problems of a list by line, or its whole error if that lists none.

    Args:
        data: the list.
        secrets: beginnings of its hashes, none of which the error may show.
        **options: those of ``HashList.loads``.
    """
    with pytest.raises(HashListError) as caught:
        HashList.loads(data, **{"name": "list", **options})
    error = caught.value
    shown = f"{error} {error!r} {[str(problem) for problem in error.problems]}".lower()
    assert not [secret for secret in secrets if secret in shown]
    return [(each.line, each.message) for each in error.problems] or [(error.line, error.message)]
