"""The choice between the kinds of index."""

from __future__ import annotations

import re

import pytest

from hashmatch.errors import SettingsError
from hashmatch.index import FEW, build_index, open_index

from .oracle import make


def test_unknown_kind_names_the_choices() -> None:
    """An unknown kind raises SettingsError, which lists the kinds there are."""
    codes = make("uniform", 1, 64, seed=1)
    with pytest.raises(SettingsError, match="'tree'; choose from auto, linear, bktree, multi"):
        build_index(codes, "tree")
    with pytest.raises(SettingsError, match="'tree'; choose from auto, linear, bktree, multi"):
        open_index("tree", codes, {})


@pytest.mark.parametrize(
    ("shape", "count", "bits", "radius", "kind"),
    [
        ("uniform", 20_000, 128, 0, "equal"),
        ("uniform", FEW - 1, 64, 2, "linear"),
        ("uniform", 20_000, 64, 2, "multi"),
        ("uniform", 20_000, 256, 15, "multi"),
        ("uniform", 20_000, 64, 20, "linear"),
        ("equal", 20_000, 64, 2, "linear"),
        ("tiny", 20_000, 256, 2, "linear"),
    ],
)
def test_auto_chooses(shape: str, count: int, bits: int, radius: int, kind: str) -> None:
    """The choice depends on the size, the radius and the list itself; explain() says why."""
    index = build_index(make(shape, count, bits, seed=2), radius=radius)
    assert index.kind == kind
    assert re.search("the fastest|faster than a multi-index|of the cost", index.explain())
    if count > FEW:
        assert f"radius {radius}" in index.explain()
