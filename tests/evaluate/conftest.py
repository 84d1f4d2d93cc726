"""A small folder of pictures, evaluated once for all tests that only read the result."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from hashmatch.evaluate import Evaluation, EvaluationSettings, evaluate
from pictures import flat, photo

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

TRANSFORMS = ("jpeg-50", "half-size", "crop-5-aside", "pad-10", "mirror", "noise")
SETTINGS = EvaluationSettings(
    transforms=TRANSFORMS, list_size=100, files_per_day=10, max_false_per_day=200, seed=3
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """26 different pictures, two copies, and three unusable files."""
    path = tmp_path_factory.mktemp("pictures")
    for number in range(26):
        photo(900 + number, 96, 72).save(path / f"{number:02}.png")
    (path / "copy-of-03.png").write_bytes((path / "03.png").read_bytes())
    Image.open(path / "05.png").save(path / "near-05.jpg", quality=70)
    flat(64, 64).save(path / "z-flat.png")
    (path / "z-cut.png").write_bytes((path / "00.png").read_bytes()[:900])
    (path / "z-text.txt").write_text("no picture")
    return path


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of the evaluation, which spares others of the same settings the measuring."""
    return tmp_path_factory.mktemp("measured") / "cache"


@pytest.fixture(scope="session")
def evaluation(folder: Path, measured: Path) -> Evaluation:
    """The evaluation of that folder."""
    return evaluate([folder], SETTINGS, cache=measured)
