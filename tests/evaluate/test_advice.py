"""What an evaluation says to type, first of all."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hashmatch import Entry, HashList, PerceptualHash
from hashmatch.evaluate import Evaluation, record, write
from hashmatch.evaluate.samples import SampleCounts
from hashmatch.match.cutoffs import MILLION
from hashmatch.match.own_rates import load_rates
from matchers import in_process


@pytest.mark.parametrize("entries", [100, 10_000, 1_000_000])
def test_what_to_type_fits_the_list(evaluation: Evaluation, entries: int, tmp_path: Path) -> None:
    """For any length of list there is something to type, and what to expect is in the limit."""
    settings = replace(
        evaluation.settings, list_size=entries, files_per_day=10_000, max_false_per_day=10
    )
    found = record(replace(evaluation, settings=settings))
    advice = found["advice"]
    assert advice["options"] == "--rates evaluation.json --max-false-per-million 1000"
    assert advice["sentence"].startswith(f"Scan with {advice['options']}: ")
    assert 0 < advice["per_million_files"] <= 1_000
    assert "pairs of crops and mirror images of your pictures" in advice["sentence"]
    assert advice["bound"] >= advice["per_million_files"]
    assert ("extrapolated" in advice["sentence"]) is advice["extrapolated"]
    bare = record(replace(evaluation, samples=SampleCounts(0, 0, {}), settings=settings))["advice"]
    assert "the rates of photographs take their place" in bare["sentence"]
    assert bare["extrapolated"] is (entries > 100)
    if entries > 100:
        return
    (path, *_) = write(found, tmp_path)
    words = np.random.default_rng(1).integers(1, 2**63, size=(2, entries)).tolist()
    hashes = HashList.from_entries(
        Entry(f"e{row}", PerceptualHash(name, 64, (word,)))
        for name, column in zip(("phash", "dhash"), words, strict=True)
        for row, word in enumerate(column)
    )
    matcher = in_process(hashes, rates=load_rates(path), max_false_per_million=1_000)
    key = lambda each: sorted(each.items())  # noqa: E731 # one line, used twice
    within = matcher.settings()["match_within"]
    assert sorted(within, key=key) == sorted(advice["match_within"], key=key)
    expected = matcher.expected_false().per_file.times(MILLION).rate
    assert expected == pytest.approx(advice["per_million_files"])


def test_what_to_type_names_the_folder(evaluation: Evaluation, tmp_path: Path) -> None:
    """The advice names the file where it will be, quoted for a shell."""
    folder = tmp_path / "my report"
    options = record(evaluation, folder)["advice"]["options"]
    assert Path(shlex.split(options)[1]) == folder / "evaluation.json"
