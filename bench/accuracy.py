"""Compares what rules find at an equal rate of false matches: ours, and those of other packages.

    python bench/accuracy.py [--pictures N] [--rate R] [--seed S]

Every rule gets the same generated pictures and the same everyday variants of them. For each, the
largest threshold is chosen on one half of the pictures whose rate of false matches there is at most
R; its recall, and the false matches that it really has, are counted on the other half. "Without
views" looks only at the stored pixels, as the other packages do. A package that is not installed
is reported as missing. Generated pictures show how rules compare, not how they do on yours.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import record
from hashmatch.errors import MissingExtraError
from hashmatch.evaluate import Evaluation, EvaluationSettings, RuleFigures, analyse
from hashmatch.evaluate.gather import Measurements, gather
from hashmatch.evaluate.identity import Identities, identify
from hashmatch.evaluate.rules import label
from hashmatch.examine.transform import variants
from hashmatch.model import HashKind

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZE = (320, 240)

Bits = npt.NDArray[np.bool_]
Hasher = Callable[[Image.Image], Bits]


def imagehash_hashers() -> Mapping[str, Hasher]:
    """Hashes by imagehash, which hashmatch equals bit for bit."""
    import imagehash  # noqa: PLC0415 # it may not be there

    return {
        "phash": lambda picture: imagehash.phash(picture).hash.ravel(),
        "dhash": lambda picture: imagehash.dhash(picture).hash.ravel(),
    }


def imagededup_hashers() -> Mapping[str, Hasher]:
    """Hashes by imagededup, which returns hex."""
    from imagededup.methods import DHash, PHash  # noqa: PLC0415 # it may not be there

    def bits(text: str) -> Bits:
        return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8)).astype(np.bool_)

    methods = {"phash": PHash(verbose=False), "dhash": DHash(verbose=False)}
    return {
        name: lambda picture, method=method: bits(
            method.encode_image(image_array=np.asarray(picture))
        )
        for name, method in methods.items()
    }


def perception_hashers() -> Mapping[str, Hasher]:
    """Hashes by perception, which returns vectors of bits."""
    from perception import hashers  # noqa: PLC0415 # it may not be there

    return {
        name: lambda picture, hasher=hasher: np.asarray(
            hasher.compute(picture, hash_format="vector")
        ).astype(np.bool_)
        for name, hasher in (("phash", hashers.PHash()), ("dhash", hashers.DHash()))
    }


def pdqhash_hashers() -> Mapping[str, Hasher]:
    """Hashes by pdqhash, Facebook's own code, whose bits hashmatch uses."""
    import pdqhash  # noqa: PLC0415 # it may not be there

    return {"pdq": lambda picture: pdqhash.compute(np.asarray(picture))[0].astype(np.bool_)}


NARROW = (HashKind("phash", 64), HashKind("dhash", 64))
WIDE = (HashKind("phash", 256), HashKind("dhash", 256))
PDQ = (HashKind("pdq", 256),)

PEERS = {
    NARROW: {
        "imagehash": imagehash_hashers,
        "imagededup": imagededup_hashers,
        "perception": perception_hashers,
    },
    WIDE: {},
    PDQ: {"pdqhash": pdqhash_hashers},
}
"""The other packages, and the kinds of hash that they compute."""


def pack(rows: list[Bits]) -> npt.NDArray[np.uint64]:
    """Pack bits into hashes, shape (n, words)."""
    return np.packbits(np.stack(rows), axis=1).view(">u8").astype(np.uint64)


def measure_peer(
    ours: Measurements, hashers: Mapping[str, Hasher], settings: EvaluationSettings
) -> Measurements:
    """Measure the same pictures and variants with another package's hashes."""
    columns: dict[str, tuple[list[Bits], list[npt.NDArray[np.int64]]]] = {
        name: ([], []) for name in hashers
    }
    for path in ours.names:
        data = Path(path.decode()).read_bytes()
        original = Image.open(path.decode()).convert("RGB")
        changed = list(variants(data, settings.transforms, settings.seed))
        for name, hasher in hashers.items():
            entry = hasher(original)
            columns[name][0].append(entry)
            columns[name][1].append(
                np.array([np.count_nonzero(hasher(one) != entry) for one in changed])
            )
    codes = {kind: pack(columns[kind.algorithm][0]) for kind in settings.kinds}
    return replace(
        ours,
        entries=codes,
        queries=codes,
        owner=np.arange(len(ours)),
        variant=np.stack(
            np.divmod(np.arange(len(ours) * len(settings.transforms)), len(settings.transforms)),
            axis=1,
        ),
        stored=np.ones(len(ours) * len(settings.transforms), np.bool_),
        distance=np.stack(
            [np.concatenate(columns[kind.algorithm][1]) for kind in settings.kinds], axis=1
        ).astype(np.uint16),
    )


def stored_alone(measured: Measurements) -> Measurements:
    """Keep only the stored view of each variant."""
    return replace(
        measured,
        variant=measured.variant[measured.stored],
        stored=measured.stored[measured.stored],
        distance=measured.distance[measured.stored],
    )


def score(figures: RuleFigures, kinds: tuple[HashKind, ...], rate: float) -> dict[str, Any]:
    """Choose a level on one half, and count on the other."""
    bearable = np.flatnonzero(figures.choose.pairs.rate.value <= rate)
    if not len(bearable):
        return {"thresholds": None}
    level = int(bearable[-1])
    recall = figures.score.recall
    return {
        "thresholds": {
            label(kinds[column]): int(bits)
            for column, bits in zip(
                figures.rule.columns, figures.rule.thresholds[level], strict=True
            )
        },
        "laxest_looked_at": level == figures.rule.levels - 1,
        "recall": [round(float(end[level]), 4) for end in recall],
        "false_matches": int(figures.score.pairs.matches[level]),
        "pairs": figures.score.pairs.pairs,
        "recall_by_transform": {
            name: round(float(share), 3)
            for name, share in zip(
                ALL.transforms, figures.score.recall_by_transform.value[level], strict=True
            )
        },
    }


ALL = EvaluationSettings()


def table(name: str, evaluation: Evaluation, rate: float) -> dict[str, Any]:
    """Score all rules of one contestant, and print them."""
    rows = {}
    for figures in evaluation.rules:
        row = score(figures, evaluation.pictures.kinds, rate)
        rows[figures.rule.name] = row
        if row["thresholds"] is not None:
            value, low, high = row["recall"]
            print(
                f"{name:<28} {figures.rule.name:<24} {row['thresholds']!s:<34}"
                f" {value:.3f} ({low:.3f} to {high:.3f})  {row['false_matches']} false"
            )
    return rows


def contest(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Show the same pictures to all contestants."""
    results: dict[str, Any] = {}
    identities: Identities | None = None
    for kinds, peers in PEERS.items():
        try:
            settings = replace(ALL, seed=options.seed, kinds=kinds)
        except MissingExtraError as error:
            results[label(kinds[0])] = {"missing": str(error)}
            print(error)
            continue
        measured, _, _ = gather([str(folder).encode()], settings, jobs=options.jobs)
        identities = identities or identify(measured, options.seed)
        bits = kinds[0].bits
        for views, looked_at in (("views", measured), ("without views", stored_alone(measured))):
            name = f"hashmatch, {bits} bits, {views}"
            found = table(name, analyse(looked_at, identities, settings), options.rate)
            results[name] = results.get(name, {}) | found
        for peer, make in peers.items():
            try:
                hashers = make()
            except ImportError as error:
                results[peer] = {"missing": f"pip install {peer}", "why": str(error)}
                print(f"{peer}: missing, pip install {peer}")
                continue
            theirs = measure_peer(measured, hashers, settings)
            results[peer] = table(peer, analyse(theirs, identities, settings), options.rate)
    return results


def main() -> None:
    """Make pictures, measure all contestants on them, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=1e-4, help="false matches per comparison")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.pictures):
            picture = texture(2_000_000 * options.seed + number, *SIZE, roughness=0.66)
            picture.save(Path(folder) / f"{number:05}.jpg", quality=88)
        results = contest(Path(folder), options)
    versions = {name: record.version(name) for name in ("imagededup", "perception", "pdqhash")}
    found = vars(options) | {"versions": versions, "rules": results}
    print(f"saved as {record.save('accuracy', options.seed, found)}")


if __name__ == "__main__":
    main()
