"""PDQ through the package ``pdqhash``, and algorithms from other packages."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hashmatch
from commands import SOURCE, environment, hashmatch_command
from hashmatch import Entry, HashKind, HashList, PerceptualHash, Verdict, hamming_distance
from hashmatch.examine.examination import examine
from hashmatch.hashing import ALGORITHMS, pack
from hashmatch.model import Reason
from hashmatch.options import ExamineOptions
from matchers import in_process
from pictures import encode, flat, letterboxed, photo, with_orientation

pdqhash = pytest.importorskip("pdqhash")

PDQ = HashKind("pdq", 256)


def reference(picture: Image.Image) -> tuple[PerceptualHash, int]:
    """The hash and quality that the package itself computes for a picture in colour."""
    bits, quality = pdqhash.compute(np.asarray(picture.convert("RGB")))
    words = pack(np.asarray(bits, dtype=np.bool_).reshape(1, 256))[0].tolist()
    return PerceptualHash("pdq", 256, tuple(words)), quality


@pytest.mark.parametrize("seed", range(20))
def test_pdq_conforms(seed: int) -> None:
    """At quality 80 and up, a hash is at most 10 bits from the reference implementation's."""
    random = np.random.default_rng(seed)
    picture = photo(seed, int(random.integers(130, 1200)), int(random.integers(130, 1200)))
    expected, quality = reference(picture)
    found = examine(picture, ExamineOptions(kinds=(PDQ,))).views[0].hashes[0]
    assert quality >= 80
    assert hamming_distance(found, expected) <= 10


def test_pdq_matches_through_views_and_previews() -> None:
    """A list of PDQ hashes finds letterboxed and turned copies, in fast and exact alike."""
    picture = photo(7, 900, 700)
    hash_list = HashList.from_entries([Entry("a", reference(picture)[0])], name="pdq")
    fast, exact = in_process(hash_list), in_process(hash_list, decode="exact")
    for data, view in (
        (encode(picture, "JPEG", quality=70), "stored"),
        (encode(letterboxed(picture), "JPEG", quality=80), "trimmed"),
        (with_orientation(picture, 6), "upright"),
    ):
        outcome = fast.match(data)
        assert outcome == exact.match(data)
        assert (outcome.verdict, outcome.matches[0].view) == (Verdict.MATCH, view)
    assert fast.match(encode(photo(8, 900, 700), "JPEG")).verdict is Verdict.CLEAR


def test_the_zero_hash_is_flat() -> None:
    """The all-zero PDQ hash, which once broke another project's index, is left out and counted."""
    entries = [
        Entry("zero", PerceptualHash("pdq", 256, (0, 0, 0, 0))),
        Entry("a", reference(photo(1, 300, 300))[0]),
    ]
    hash_list = HashList.from_entries(entries, name="pdq")
    assert (len(hash_list), hash_list.flat) == (1, 1)
    assert in_process(hash_list).match(encode(flat(), "PNG")).verdict is Verdict.CLEAR


def test_a_tall_picture_is_hashed() -> None:
    """A picture of extreme shape is hashed or gets a reason, and never raises."""
    for size in ((3, 3000), (3000, 3), (1, 1), (64, 64)):
        found = examine(photo(1, *size), ExamineOptions(kinds=(PDQ,)))
        assert found.views or found.reason is Reason.UNDECODABLE


PLUGIN = """
import numpy as np
from hashmatch.hashing import from_function

def bits(picture):
    assert picture.shape[2] == 3
    means = [block.mean() for row in np.array_split(picture[:, :, 0], 8)
             for block in np.array_split(row, 8, axis=1)]
    return np.array(means) > np.mean(means)

algorithm = from_function("toyhash", 64, 3, bits, colour=True)
"""

SCRIPT = """
import sys
from pathlib import Path
from hashmatch.cli.main import run
assert run(["hash", "picture.jpg", "--algorithm", "toyhash", "--output", "toy.txt"]) == 0
text = Path("toy.txt").read_text()
assert text.startswith("# algorithm: toyhash"), text
sys.exit(run(["scan", "picture.jpg", "copy.png", "--list", "toy.txt", "-q"]))
"""


def install(place: Path, code: str) -> None:
    """Make a package that offers an algorithm."""
    (place / "toyhash.py").write_text(code)
    info = place / "toyhash-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toyhash\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hashmatch.algorithms]\ntoyhash = toyhash:algorithm\n")


def test_a_plug_in_that_is_broken_is_named(tmp_path: Path) -> None:
    """If a plug-in raises anything on import, the error says which plug-in to fix."""
    install(tmp_path, "raise RuntimeError('broken')\n")
    (tmp_path / "list.txt").write_text("# algorithm: phash\n0123456789abcdef\n")
    found = hashmatch_command(
        *("scan", tmp_path, "--list", tmp_path / "list.txt"),
        env=environment(PYTHONPATH=os.pathsep.join([SOURCE, str(tmp_path)])),
    )
    assert found.returncode == 70
    assert b"cannot import the plug-in toyhash (toyhash:algorithm) (RuntimeError)" in found.stderr


def test_a_plug_in_is_one_more_algorithm(tmp_path: Path) -> None:
    """An algorithm that a package offers as an entry point is hashed, listed and matched."""
    install(tmp_path, PLUGIN)
    (tmp_path / "picture.jpg").write_bytes(encode(photo(3, 400, 300), "JPEG"))
    (tmp_path / "copy.png").write_bytes(encode(photo(3, 400, 300).resize((300, 225)), "PNG"))
    source = Path(hashmatch.__file__).parent.parent
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(tmp_path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, "2 match" in result.stdout) == (1, True), result.stderr


def test_algorithms_are_a_closed_table() -> None:
    """Every algorithm has a threshold, under half its bits, for each of its widths."""
    for algorithm in ALGORITHMS.values():
        for bits, threshold in algorithm.thresholds.items():
            assert bits % 64 == 0
            assert 0 < threshold < bits // 2
