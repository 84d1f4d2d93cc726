"""Measures how fast stored hashes are matched against a list, on one core, and in how much memory.

::

    python bench/rematch.py [--stored N] [--entries N] [--seed N]

Stored hashes are random, except for a thousand within the threshold of an entry. They are looked up
twice: as exact hashes, and as preview hashes with as many uncertain bits as previews of
generated pictures have. No stored file exists, so a preview that may be near an entry costs no
decoding here; ``opened`` says how many files a rematch would have decoded. It decodes each once,
because it then stores the exact hashes. Records are rendered as JSON lines and discarded.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import record
from hashmatch import HashKind, HashList, Matcher, PerceptualHash, Verdict
from hashmatch.examine.examination import examine
from hashmatch.model import Examination, ViewHashes
from hashmatch.options import ExamineOptions
from hashmatch.report import FORMATS, file_record
from hashmatch.scan import Replay, State, make_pool, rematch
from hashmatch.state.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

KIND = HashKind("phash", 64)
PLANTED = 1000
PLANTED_DISTANCE = 5
PICTURES = 60

Codes = npt.NDArray[np.uint64]


def uncertain_bit_counts() -> list[int]:
    """Count the uncertain bits in previews of generated pictures."""
    counts = []
    for seed in range(PICTURES):
        stream = BytesIO()
        texture(seed, 1024, 768).save(stream, "JPEG", quality=85)
        found = examine(stream.getvalue(), ExamineOptions(kinds=(KIND,), fast=True))
        if not found.exact:
            counts.append(found.views[0].uncertain_bits[0].words[0].bit_count())
    return counts


def make_data(
    stored: int, entries: int, counts: list[int], seed: int
) -> tuple[Codes, Codes, Codes]:
    """Make the list's hashes, the stored ones, and their uncertain bits."""
    rng = np.random.default_rng(seed)
    listed = rng.integers(0, 2**64, entries, dtype=np.uint64)
    codes = rng.integers(0, 2**64, stored, dtype=np.uint64)
    for row in rng.choice(stored, min(PLANTED, stored), replace=False).tolist():
        flips = rng.choice(64, PLANTED_DISTANCE, replace=False).tolist()
        codes[row] = listed[rng.integers(entries)] ^ np.uint64(sum(1 << bit for bit in flips))
    uncertain_bits = np.zeros(stored, np.uint64)
    for row, count in enumerate(rng.choice(counts, stored).tolist()):
        uncertain_bits[row] = sum(1 << bit for bit in rng.choice(64, count, replace=False).tolist())
    return listed, codes, uncertain_bits


def fill(path: Path, codes: Codes, uncertain_bits: Codes | None) -> None:
    """Make a state with these hashes, one per file."""
    options = ExamineOptions(kinds=(KIND,), fast=True, digests=("sha256",))
    with State(path) as state:
        number = state.runs.settings_number(Settings.of(options))
        state.runs.begin("scan", number)
        for row, code in enumerate(codes.tolist()):
            uncertain = (
                ()
                if uncertain_bits is None
                else (PerceptualHash(*KIND, (int(uncertain_bits[row]),)),)
            )
            view = ViewHashes("stored", 90, (PerceptualHash(*KIND, (code,)),), uncertain)
            found = Examination(
                format="JPEG",
                width=1024,
                height=768,
                views=(view,),
                quality=90,
                exact=uncertain_bits is None,
                digests=(f"{row:064x}",),
            )
            key = b"\0no-such-folder\0%04d\0%08d.jpg" % (row // 1000, row)
            state.files.put(key, (5, f"1:{row}", 6), 7, number, [(None, found)])


def measure(path: Path, list_path: Path) -> dict[str, Any]:
    """Rematch once, in this process."""
    began = time.perf_counter()
    matcher = Matcher(HashList.load(list_path))
    loaded = time.perf_counter() - began
    verdicts = dict.fromkeys(Verdict, 0)
    opened = 0
    with (
        State(path, create=False) as state,
        make_pool(1) as pool,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
    ):
        renderer = FORMATS["jsonl"](nowhere)
        began, cpu = time.perf_counter(), time.process_time()
        for result in rematch(matcher, pool, Replay(state, matcher.options)):
            renderer.file(file_record(result))
            verdicts[result.outcome.verdict] += 1
            opened += result.outcome.reason is not None
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    files = sum(verdicts.values())
    return {
        "files": files,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "files_a_second": round(files / seconds),
        "files_a_cpu_second": round(files / cpu),
        "list_and_index_seconds": round(loaded, 2),
        "opened": opened,
        "verdicts": {verdict.value: count for verdict, count in verdicts.items() if count},
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "index": matcher.explain(),
    }


def run_apart(path: Path, list_path: Path) -> dict[str, Any]:
    """Run ``measure`` in a separate process, to see its own peak memory."""
    command = [sys.executable, __file__, "--measure", str(path), str(list_path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=-1, check=True).stdout)
    return found | {"state_mib": round(path.stat().st_size / 2**20)}


def main() -> None:
    """Make the data, measure both kinds, and save the results."""
    parser = argparse.ArgumentParser(description="Match stored hashes against a list.")
    parser.add_argument("--stored", type=int, default=1_000_000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(*asked.measure)))
        return
    counts = uncertain_bit_counts()
    listed, codes, uncertain_bits = make_data(asked.stored, asked.entries, counts, asked.seed)
    results: dict[str, Any] = {
        "stored": asked.stored,
        "entries": asked.entries,
        "doubtful_bits_of_previews": {"mean": float(np.mean(counts)), "most": max(counts)},
    }
    with tempfile.TemporaryDirectory() as folder:
        list_path = Path(folder, "list.txt")
        lines = "\n".join(f"{value:016x}" for value in listed.tolist())
        list_path.write_text(f"# algorithm: phash\n# name: random\n{lines}\n", encoding="utf-8")
        for name, bits in (("exact", None), ("previews", uncertain_bits)):
            path = Path(folder, f"{name}.db")
            fill(path, codes, bits)
            results[name] = run_apart(path, list_path)
            print(name, json.dumps(results[name], indent=1))
    print(record.save("rematch", asked.seed, results))


if __name__ == "__main__":
    main()
