"""Chance rates that the operator's own evaluation replaces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashmatch import HashKind
from hashmatch.errors import InputError
from hashmatch.match.own_rates import load_rates
from hashmatch.match.rates import PHOTOGRAPHS

PHASH, DHASH, PDQ = HashKind("phash", 64), HashKind("dhash", 64), HashKind("pdq", 256)


def evaluation(**changes: object) -> dict[str, object]:
    """The part of an evaluation's record that holds rates: 1,001 pictures, half a million pairs."""
    near = [0] * 8 + [20, 0, 100, 0, 1_000] + [0] * 52
    return {
        "type": "evaluation",
        "schema": 1,
        "pictures": {"different": 1_001},
        "distances": [
            {"algorithm": "phash", "bits": 64, "different": near},
            {"algorithm": "dhash", "bits": 64, "different": [0] * 65},
        ],
        "agreeing": [
            {"kinds": ["phash-64", "dhash-64"], "different": [0] * 10 + [40] + [0] * 8},
        ],
    } | changes


def test_own_counts_replace_those_of_photographs(tmp_path: Path) -> None:
    """Each pair counts once; kinds with nothing counted keep the rates of photographs."""
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(evaluation()))
    rates = load_rates(path)
    pairs = 1_001 * 1_000 // 2
    for distance, near in ((8, 10), (10, 60), (12, 560)):
        found = rates.of({PHASH: distance})
        assert found is not None
        assert (found.rate, found.extrapolated) == (pytest.approx(near / pairs), False)
    assert rates.of({DHASH: 4}) == PHOTOGRAPHS.of({DHASH: 4})
    assert rates.of({PDQ: 31}) == PHOTOGRAPHS.of({PDQ: 31})
    both = rates.of({PHASH: 10, DHASH: 10})
    assert both is not None
    assert both.rate <= 20 / pairs
    assert rates.name == "evaluation of 1,001 pictures"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps(evaluation(type="report")),
        json.dumps(evaluation(schema=99)),
        json.dumps(evaluation(distances=[{"algorithm": "phash", "bits": 64, "different": [-1]}])),
        json.dumps(
            evaluation(distances=[{"algorithm": "phash", "bits": 64, "different": [9, -1]}])
        ),
        json.dumps(evaluation(distances=[{"algorithm": "phash", "different": []}])),
        json.dumps(evaluation(pictures={})),
        json.dumps(evaluation(agreeing=[{"kinds": ["phash"], "different": [1]}])),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    """What is no evaluation is refused with its name."""
    path = tmp_path / "evaluation.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"evaluation\.json: not the record of an evaluation"):
        load_rates(path)
    with pytest.raises(InputError, match="cannot read it"):
        load_rates(tmp_path / "none.json")
