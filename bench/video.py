"""Measures what videos cost, how well stills in them are found, and what chance finds in them.

    python bench/video.py [cost] [recall] [chance] [--clips N] [--seed S]

``cost``: CPU of the examination per second of video at 720p, by how far apart key frames are, of
scenes whose key frames are very large and of a camera that pans, beside the ffmpeg program, which
decodes the same frames, or all of them, and does nothing with them.
``recall``: a still is shown for two seconds in a clip, which is encoded in ten ways; how often a
scan's thresholds find it. ``chance``: which verdicts clips that are on no list get, and as many
pictures.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as in a worker

from PIL import Image

import record
from hashmatch import Entry, HashList, Matcher, Verdict
from hashmatch.examine.examination import examine
from hashmatch.hashing import default_threshold
from hashmatch.model import Examination, HashKind
from hashmatch.options import ExamineOptions

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from films import Encoding, film
from textures import texture

KINDS = (HashKind("phash", 64), HashKind("dhash", 64), HashKind("phash", 256))
OPTIONS = ExamineOptions(kinds=KINDS)
SIZE = (320, 180)
SHOWN = 2.0  # seconds
COST_ROUNDS = 3

BASE = Encoding("mp4", "libx264", gop=250, rate=25, options=(("preset", "veryfast"),))
ENCODINGS = {
    "h264, key frames by scene": BASE,
    "h264, one key frame": BASE._replace(gop=9999, options=(("sc_threshold", "0"),)),
    "h264, every second": BASE._replace(gop=25),
    "h264, poor": BASE._replace(options=(("crf", "38"), ("preset", "veryfast"))),
    "h264, 12 frames a second": BASE._replace(rate=12),
    "h264, half the size": BASE._replace(size=(160, 90)),
    "Matroska": BASE._replace(container="matroska"),
    "MPEG-4 in AVI": BASE._replace(container="avi", codec="mpeg4", options=()),
    "MPEG-2 stream": BASE._replace(container="mpegts", codec="mpeg2video", options=()),
    "letterboxed": BASE,
}


def main() -> None:
    """Run what is asked for, and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="cost, recall, chance; all by default"
    )
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    parts = {"cost": cost, "recall": recall, "chance": chance}
    examine(film([texture(0, *SIZE)], BASE), OPTIONS)  # loads what is loaded once
    results = {name: parts[name](asked.clips, asked.seed) for name in asked.parts or parts}
    print("saved", record.save("-".join(["video", *results]), asked.seed, results))


def cpu(who: int = resource.RUSAGE_SELF) -> float:
    """CPU seconds so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def cost(_: int, seed: int) -> dict[str, Any]:
    """CPU in milliseconds per second of video at 720p."""
    results: dict[str, Any] = {}
    seconds = 24
    with tempfile.TemporaryDirectory() as folder:
        for (name, gop, options), (what, pan, rough, quality) in product(
            (
                ("a key frame each second", 25, ()),
                ("a key frame each 2 seconds", 50, ()),
                ("one key frame", 9999, (("sc_threshold", "0"),)),
            ),
            (
                ("2.5 Mbit/s, all of it for still scenes of much detail", 0, 0.72, ("b", "2500k")),
                ("a panning camera at constant quality", 4, 0.55, ("crf", "23")),
            ),
        ):
            encoding = BASE._replace(
                gop=gop, size=(1280, 720), options=(*options, quality, ("preset", "veryfast"))
            )
            scenes = [
                texture(seed + number, 1280, 720, roughness=rough) for number in range(seconds // 3)
            ]
            path = Path(folder, "clip.mp4")
            path.write_bytes(film(scenes, encoding, pan=pan))
            used: dict[str, list[float]] = {"ours": [], "ffmpeg": []}
            for _ in range(COST_ROUNDS):
                used["ours"].append(_ours(path))
                if shutil.which("ffmpeg"):
                    used["ffmpeg"].append(_ffmpeg(path, keys_only=gop < 100))
            row = {
                who: round(min(values) / seconds * 1000, 2)
                for who, values in used.items()
                if values
            }
            results[f"{name}, {what}"] = row
            print(f"{name}, {what}: {row} ms of CPU per second of video", flush=True)
    return results


def _ours(path: Path) -> float:
    before = cpu()
    assert examine(path, OPTIONS).reason is None
    return cpu() - before


def _ffmpeg(path: Path, *, keys_only: bool) -> float:
    skip = ["-skip_frame", "nokey"] if keys_only else []
    command = ["ffmpeg", "-v", "error", "-threads", "1", *skip, "-i", str(path), "-f", "null", "-"]
    before = cpu(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    return cpu(resource.RUSAGE_CHILDREN) - before


def recall(clips: int, seed: int) -> dict[str, Any]:
    """The share of stills that are found in each encoding."""
    rng = random.Random(seed)
    found: Counter[str] = Counter()
    for number in range(clips):
        still = texture(rng.randrange(2**32), *SIZE)
        others = [texture(rng.randrange(2**32), *SIZE) for _ in range(2)]
        listed = examine(_png(still), OPTIONS)
        for name, encoding in ENCODINGS.items():
            shown = _letterboxed(still) if name == "letterboxed" else still
            clip = film([others[0], shown, others[1]], encoding, SHOWN)
            found[name] += _is_near(examine(clip, OPTIONS), listed)
        if number % 50 == 49:
            print(
                f"{number + 1} clips: at least {min(found.values()) / (number + 1):.3f}", flush=True
            )
    total = sum(found.values()) / (clips * len(ENCODINGS))
    print(f"found {total:.4f} of {clips} stills in {len(ENCODINGS)} encodings")
    return {"clips": clips, "found": total, "each": {n: found[n] / clips for n in ENCODINGS}}


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _letterboxed(still: Image.Image) -> Image.Image:
    frame = Image.new("RGB", SIZE, "black")
    height = SIZE[1] * 3 // 4
    frame.paste(still.resize((SIZE[0], height)), (0, (SIZE[1] - height) // 2))
    return frame


def _is_near(clip: Examination, listed: Examination) -> bool:
    return any(
        one - other <= default_threshold(one.kind)
        for view in clip.views
        for one, other in zip(view.hashes, listed.views[0].hashes, strict=True)
    )


CHANCE_SIZE = (96, 54)
CHANCE_SHOTS = 8
CHANCE_ENTRIES = 20_000
CHANCE_ENCODING = BASE._replace(size=CHANCE_SIZE, rate=4, gop=4)


def chance(clips: int, seed: int) -> dict[str, Any]:
    """Verdicts of clips and of as many pictures, the first still of each, that are on no list."""
    rng = random.Random(seed)
    entries = [
        Entry(str(number), value)
        for number in range(CHANCE_ENTRIES)
        for value in examine(_png(texture(rng.randrange(2**32), *CHANCE_SIZE)), OPTIONS)
        .views[0]
        .hashes
    ]
    matchers = {}
    for kind in (*KINDS, None):
        some = [entry for entry in entries if kind in {None, entry.hash.kind}]
        matchers[str(kind or "all")] = Matcher(
            HashList.from_entries(some, name="chance"), isolate=False
        )
    verdicts: dict[str, Counter[str]] = {name: Counter() for name in matchers}
    for number in range(1, clips + 1):
        stills = [texture(rng.randrange(2**32), *CHANCE_SIZE) for _ in range(CHANCE_SHOTS)]
        clip = examine(film(stills, CHANCE_ENCODING, SHOWN), OPTIONS)
        picture = examine(_png(stills[0]), OPTIONS)
        for name, matcher in matchers.items():
            verdicts[name][f"clips {_judged(matcher, clip)}"] += 1
            verdicts[name][f"pictures {_judged(matcher, picture)}"] += 1
        if number % 1_000 == 0:
            print(number, {name: dict(row) for name, row in verdicts.items()}, flush=True)
    return {
        "entries": CHANCE_ENTRIES,
        "clips": clips,
        "shots": CHANCE_SHOTS,
        **{name: dict(row) for name, row in verdicts.items()},
    }


def _judged(matcher: Matcher, found: Examination) -> Verdict:
    kinds = [value.kind for value in found.views[0].hashes]
    places = [kinds.index(kind) for kind in matcher.options.kinds]
    views = [
        replace(view, hashes=tuple(view.hashes[place] for place in places)) for view in found.views
    ]
    return matcher.judge([replace(found, views=tuple(views))])[0].verdict


if __name__ == "__main__":
    main()
