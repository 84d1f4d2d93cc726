"""The choice between the kinds of index."""

from __future__ import annotations

import pytest

from hashmatch.errors import SettingsError
from hashmatch.index import TREE_ENTRIES, build_index

from .oracle import make


def test_unknown_kind_names_the_choices() -> None:
    """An unknown kind raises SettingsError, which lists what there is."""
    with pytest.raises(SettingsError, match="'tree'; choose from auto, linear, bktree"):
        build_index(make("uniform", 1, 64, seed=1), "tree")


@pytest.mark.parametrize(
    ("count", "radius", "kind"),
    [(1_000, 2, "linear"), (TREE_ENTRIES, 2, "bktree"), (TREE_ENTRIES, 12, "linear")],
)
def test_auto_chooses_by_size_and_radius(count: int, radius: int, kind: str) -> None:
    """Small lists and large radii are scanned, the rest goes to the tree; explain() says why."""
    index = build_index(make("uniform", count, 64, seed=2), radius=radius)
    assert index.kind == kind
    assert "chosen since" in index.explain()
