"""Damages files, and looks for pictures that a viewer still shows and a scan clears.

    python bench/viewers.py [--files N] [--seed S]

Each file holds a listed picture. It is cut, has bits flipped or its pieces edited. Then Pillow,
Pillow set to put up with cut files, and OpenCV (libjpeg-turbo, libpng, libwebp, libtiff, libavif,
OpenJPEG), where ``opencv-python-headless`` is installed, say whether they still show the whole
picture; of zips, tars and compressed files Python's own modules say whether the member is whole.
If one does, the file must not be clear, and not ``not_image``. It exits with 1 if one is.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import lzma
import random
import sys
import tarfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

import record
from hashmatch import Entry, HashList, Matcher, PerceptualHash, Verdict
from hashmatch.examine.decode import DECODERS

sys.path.insert(0, str(record.RUNS.parents[1] / "fixtures"))
sys.path.insert(0, str(record.RUNS.parents[1] / "tests"))
from damage import damaged
from examine.every_format import in_every_container, in_every_format, listed_picture

Shown = npt.NDArray[Any] | bytes | None
CLEARED = {Verdict.CLEAR, Verdict.NOT_IMAGE}
SAME_SHARE, SAME_LEVELS = 0.99, 8
"""A picture is whole if all but one in a hundred of its samples are within so many levels."""


def by_pillow(data: bytes, name: str, *, lenient: bool = False) -> Shown:
    """The picture that Pillow shows first."""
    ImageFile.LOAD_TRUNCATED_IMAGES = lenient
    with Image.open(io.BytesIO(data), formats=(DECODERS[name].pillow,)) as picture:
        return np.asarray(picture if picture.mode == "F" else picture.convert("RGBA"))


def by_lenient_pillow(data: bytes, name: str) -> Shown:
    """The same, with whatever is missing filled up."""
    return by_pillow(data, name, lenient=True)


def by_opencv(data: bytes, _: str) -> Shown:
    """The picture that OpenCV shows."""
    import cv2  # noqa: PLC0415 # it need not be installed

    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def by_python(data: bytes, name: str) -> Shown:
    """The only, or largest, member of an archive."""
    unpack = {"GZIP": gzip.decompress, "BZIP2": bz2.decompress, "XZ": lzma.decompress}
    unpack["LZMA"] = unpack["XZ"]
    if name in unpack:
        return unpack[name](data)
    members: list[bytes] = []
    if name == "ZIP":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members += (archive.read(each) for each in archive.namelist())
    elif name == "TAR":
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            files = (tar.extractfile(each) for each in tar.getmembers())
            members += (file.read() for file in files if file is not None)
    return max(members, key=len, default=None)


ORACLES: tuple[Callable[[bytes, str], Shown], ...] = (
    by_pillow,
    by_lenient_pillow,
    by_opencv,
    by_python,
)


def shown(oracle: Callable[[bytes, str], Shown], data: bytes, name: str) -> Shown:
    """What an oracle shows; None if that is nothing."""
    if (oracle is by_python) is (name in DECODERS):
        return None
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return oracle(data, name)
    return None


def is_whole(found: Shown, wanted: Shown) -> bool:
    """Whether what an oracle shows of a damaged file is what it shows of the whole one."""
    if found is None or wanted is None:
        return False
    if isinstance(found, bytes) or isinstance(wanted, bytes):
        return found is not None and found == wanted
    if found.shape != wanted.shape:
        return False
    levels = SAME_LEVELS * (257 if wanted.dtype == np.uint16 else 1)
    near = np.abs(found.astype(np.float64) - wanted.astype(np.float64)) <= levels
    return bool(near.mean() >= SAME_SHARE)


def oracles(files: dict[str, tuple[str, bytes]]) -> Iterator[tuple[str, Any, Shown]]:
    """Which oracle shows the listed picture of which whole file, and how."""
    wanted = imagehash.phash(listed_picture())
    for name, (kind, data) in files.items():
        for oracle in ORACLES:
            whole = shown(oracle, data, kind)
            if isinstance(whole, np.ndarray):
                colours = whole[..., :3] if whole.ndim == 3 else whole
                levels = 255 if whole.dtype.kind == "f" and whole.max() <= 1 else 1
                levels = 1 / 257 if whole.dtype == np.uint16 else levels
                picture = Image.fromarray((colours * levels).clip(0, 255).astype(np.uint8))
                if imagehash.phash(picture) - wanted > 8:
                    continue  # the first of several, which is another picture
            if whole is not None:
                yield name, oracle, whole


def main() -> int:
    """Damage, match, ask the oracles, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    files = in_every_format() | in_every_container()
    wholes: dict[str, list[tuple[Any, Shown]]] = {name: [] for name in files}
    for name, oracle, whole in oracles(files):
        wholes[name].append((oracle, whole))
    entry = Entry("it", PerceptualHash.from_imagehash(imagehash.phash(listed_picture())))
    verdicts: dict[str, Counter[str]] = {}
    seen: Counter[str] = Counter()
    cleared = []
    with Matcher(HashList.from_entries([entry], name="one"), workers=2) as matcher:
        for number in range(options.files):
            name = [*files][number % len(files)]
            kind, data = files[name]
            broken = damaged(data, random.Random(f"{options.seed}:{number}"))
            verdict = matcher.match(broken).verdict
            showing = [
                oracle.__name__
                for oracle, whole in wholes[name]
                if is_whole(shown(oracle, broken, kind), whole)
            ]
            seen.update(showing or ["by none"])
            what = f"{kind}, {'shown' if showing else 'not shown'}"
            verdicts.setdefault(what, Counter())[verdict.value] += 1
            if showing and verdict in CLEARED:
                cleared.append([number, name, verdict.value, *showing])
    results = {
        "files": options.files,
        "shown_in_full": dict(seen),
        "verdicts": {what: dict(counts) for what, counts in sorted(verdicts.items())},
        "shown_and_cleared": cleared,
    }
    for what, counts in sorted(verdicts.items()):
        print(f"{what}: " + ", ".join(f"{verdict} {n}" for verdict, n in sorted(counts.items())))
    print(f"{options.files} files: {dict(seen)}; shown and cleared: {len(cleared)}")
    for each in cleared:
        print(*each)
    print(f"saved as {record.save('viewers', options.seed, results)}")
    return 1 if cleared else 0


if __name__ == "__main__":
    sys.exit(main())
