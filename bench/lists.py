"""Measures how long hash lists take to load and index, and how much memory, format by format.

    python bench/lists.py [--entries N] [--only FORMAT ...] [--seed S]

The same synthetic entries, every other one an MD5 and a PDQ hash, are written in every format that
is read; a list of pHash entries in those that hashmatch writes itself. Each is then read by a
separate process on one core: loaded, which checks it, and indexed. The times leave out the
start of Python and the imports. The shortest of several rounds counts; if its CPU time is much
less than its time, something else was running. The hashes and ids (if the
format has any) must be the same from every format before a figure is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import record
from hashmatch.hashlist import HashList
from hashmatch.match import Matcher

ROUNDS = 2
TARGETS = {"text": 2.0, "csv": 6.0, "ncmec": 20.0, "vics": 20.0}
"""Seconds for a million entries."""

TARGET_MB = 1000
OWN = ("text", "csv")
WITHOUT_IDS = ("stopncii", "threatexchange")


class Item(NamedTuple):
    """An entry: its number, its algorithm, its hash in hex, and its category."""

    number: int
    algorithm: str
    value: str
    category: str

    @property
    def date(self) -> str:
        """When it was added; no two at the same time."""
        hours, seconds = divmod(self.number % 86_400, 3600)
        day = 1 + self.number // 86_400 % 28
        return f"2026-01-{day:02}T{hours:02}:{seconds // 60:02}:{seconds % 60:02}Z"

    @property
    def id(self) -> str:
        """Its id in every format that has ids: a member and a number, as in NCMEC's."""
        return f"1007-{self.number}"


def items(count: int, algorithms: dict[str, int], seed: int) -> Iterator[Item]:
    """Random entries, their algorithms in turn.

    Args:
        count: how many.
        algorithms: by name, how many bytes a hash has.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    turns = list(algorithms.items())
    longest = max(algorithms.values())
    for first in range(0, count, 1 << 14):
        block = rng.bytes(longest << 14)
        for place in range(min(1 << 14, count - first)):
            algorithm, width = turns[(first + place) % len(turns)]
            value = block[place * longest : place * longest + width].hex()
            yield Item(first + place, algorithm, value, f"A{1 + place % 3}")


def text(entries: Iterator[Item]) -> Iterator[str]:
    """Text, as hashmatch defines it."""
    yield "# name: bench\n"
    for each in entries:
        yield f"{each.algorithm}:{each.value} {each.id}\n"


def plain_text(entries: Iterator[Item]) -> Iterator[str]:
    """The text format again, but all entries have one algorithm, which the header names."""
    yield "# algorithm: phash\n"
    for each in entries:
        yield f"{each.value} {each.id}\n"


def csv(entries: Iterator[Item]) -> Iterator[str]:
    """A CSV with every column that hashmatch knows."""
    yield "hash,algorithm,id,label,category,source,added,expires,withdrawn\n"
    for each in entries:
        yield f"{each.value},{each.algorithm},{each.id},,{each.category},bench,{each.date},,\n"


def ncmec(entries: Iterator[Item]) -> Iterator[str]:
    """NCMEC's pages, a thousand entries each."""
    page = '<?xml version="1.0" encoding="UTF-8"?>\n<queryResult xmlns="urn:x">\n'
    page += '<images count="1000" maxTimestamp="2026-02-01T00:00:00Z">\n'
    for each in entries:
        yield page if each.number % 1000 == 0 else ""
        yield (
            f' <image>\n  <member id="1007">bench</member>\n  <timestamp>{each.date}</timestamp>\n'
            f"  <id>{each.number}</id>\n  <classification>{each.category}</classification>\n"
            f"  <fingerprints>\n   <{each.algorithm}>{each.value}</{each.algorithm}>\n"
            "  </fingerprints>\n </image>\n"
        )
        yield "</images>\n</queryResult>\n" if each.number % 1000 == 999 else ""
    yield "" if each.number % 1000 == 999 else "</images>\n</queryResult>\n"


def vics(entries: Iterator[Item]) -> Iterator[str]:
    """Media of Project VIC, with the fields that hash sets have."""
    yield '{"odata.metadata": "http://x/ProjectVic/DataModels/1.3.xml#Media", "value": [\n'
    for each in entries:
        found: dict[str, Any] = {"MediaID": each.id, "Category": each.category, "MediaSize": 12345}
        if each.algorithm == "md5":
            found["MD5"] = each.value.upper()
        else:
            found["AlternativeHashes"] = [
                {"HashName": each.algorithm.upper(), "HashValue": each.value}
            ]
        found |= {
            "DateUpdated": each.date,
            "VictimIdentified": "False",
            "OffenderIdentified": "False",
        }
        found |= {"IsDistributed": "True", "IsPrecategorized": "True", "Series": "", "Tags": None}
        yield (",\n" if each.number else "") + json.dumps(found)
    yield "\n]}\n"


def stopncii(entries: Iterator[Item]) -> Iterator[str]:
    """StopNCII's pages, a thousand records each."""
    signals = {"md5": "VideoMD5", "pdq": "ImagePDQ"}
    end = '], "nextPageToken": "x", "nextSetTimestamp": 1700000000, "hasMoreRecords": false}\n'
    for each in entries:
        found = {"lastModtimestamp": 1700000000, "signalType": signals[each.algorithm]}
        found |= {"hashValue": each.value, "hashStatus": "Active"}
        found |= {"caseNumbers": {each.id: "Active"}, "CSPFeedbacks": []}
        yield ", " if each.number % 1000 else '{"hashRecords": ['
        yield json.dumps(found)
        yield end if each.number % 1000 == 999 else ""
    yield "" if each.number % 1000 == 999 else end


def tat(entries: Iterator[Item]) -> Iterator[str]:
    """The array of Tech Against Terrorism."""
    for each in entries:
        found = {"hash_digest": each.value, "algorithm": each.algorithm.upper()}
        found |= {"ideology": each.category, "file_type": "mp4", "deleted": False}
        found |= {"updated_on": each.date, "created_on": each.date, "id": each.id}
        yield (", " if each.number else "[") + json.dumps(found)
    yield "]\n"


def threatexchange(entries: Iterator[Item]) -> Iterator[str]:
    """The table of ``threatexchange dataset --csv``."""
    yield "signal_type,signal_str,collab,category,tags\n"
    for each in entries:
        yield f"{each.algorithm},{each.value},bench,{each.category},tag_a tag_b\n"


WRITERS: tuple[Callable[[Iterator[Item]], Iterator[str]], ...] = (
    *(text, csv, ncmec, vics, stopncii, tat, threatexchange),
)


def write(path: Path, pieces: Iterator[str]) -> None:
    """Write a list."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(pieces)


def read(path: str) -> dict[str, Any]:
    """Load, check and index a list in this process, and report the result."""
    before = peak_mb()
    began, cpu_began = time.perf_counter(), time.process_time()
    hash_list = HashList.load(path)
    loaded = time.perf_counter()
    matcher = Matcher(hash_list, quality_floor=0, isolate=False)
    indexed, cpu_indexed = time.perf_counter(), time.process_time()
    peak = peak_mb()
    sections = hash_list.sections
    ids = [name for kind in sorted(sections) for name in sections[kind].ids(0, len(sections[kind]))]
    codes = b"".join(sections[kind].codes.tobytes() for kind in sorted(sections))
    return {
        "entries": len(hash_list),
        "load_seconds": round(loaded - began, 2),
        "index_seconds": round(indexed - loaded, 2),
        "seconds": round(indexed - began, 2),
        "cpu_seconds": round(cpu_indexed - cpu_began, 2),
        "peak_mb": round(peak),
        "python_mb": round(before),
        "indexes": matcher.explain(),
        "hashes": hashlib.sha256(codes).hexdigest(),
        "ids": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
    }


def peak_mb() -> float:
    """The peak memory of this process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure(path: Path) -> dict[str, Any]:
    """The best of several readings, each in a separate process."""
    command = [sys.executable, __file__, "--read", str(path)]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    rounds = [
        json.loads(
            subprocess.run(
                command,
                check=True,
                stdout=subprocess.PIPE,
                env=os.environ | dict.fromkeys(names, "1"),
            ).stdout
        )
        for _ in range(ROUNDS)
    ]
    return min(rounds, key=lambda found: found["seconds"])


def run(folder: Path, count: int, seed: int, only: list[str] | None) -> list[dict[str, Any]]:
    """Measure every format, and compare the result with that of the text format."""
    mixed = [(write.__name__, write) for write in WRITERS]
    groups = {
        "md5 and pdq": ({"md5": 16, "pdq": 32}, mixed),
        "phash": ({"phash": 8}, [("text", plain_text), ("csv", csv)]),
    }
    rows = []
    for data, (algorithms, formats) in groups.items():
        answers: dict[str, str] = {}
        for form, pieces in [*formats, ("compiled", None)]:
            if only and form not in only:
                continue
            path = folder / form
            if pieces is None:
                write(folder / "source", formats[0][1](items(count, algorithms, seed)))
                compile_list(folder / "source", path)
            else:
                write(path, pieces(items(count, algorithms, seed)))
            row = {"format": form, "data": data, "megabytes": round(path.stat().st_size / 1e6)}
            row |= measure(path)
            path.unlink()
            if row["entries"] != count:
                raise RuntimeError(f"{form}: {row['entries']} of {count} entries")
            for what in ("hashes", "ids"):
                answer = row.pop(what)
                compared = what == "hashes" or form not in WITHOUT_IDS
                if compared and answers.setdefault(what, answer) != answer:
                    raise RuntimeError(f"{form} gives different {what}")
            report(row, count)
            rows.append(row)
    return rows


def compile_list(path: Path, target: Path) -> None:
    """Compile a list, the index included."""
    command = [sys.executable, "-m", "hashmatch", "list", "compile", str(path), "-o", str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def report(row: dict[str, Any], count: int) -> None:
    """Print one reading beside its target."""
    target = TARGETS.get(row["format"])
    asked = f", {target:g} s asked for a million" if target else ""
    print(
        f"{row['format']}, {count:,} entries of {row['data']}, {row['megabytes']} MB: "
        f"loaded {row['load_seconds']} s + indexed {row['index_seconds']} s = {row['seconds']} s "
        f"({row['cpu_seconds']} s of CPU)"
        f"{asked}; at most {row['peak_mb']} MB, {TARGET_MB} asked",
        flush=True,
    )


def main() -> None:
    """Measure the requested formats, and save the results."""
    parser = argparse.ArgumentParser(description="Read a list in every format.")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--only", action="append", help="only this format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read(options.read)))
        return
    with tempfile.TemporaryDirectory() as name:
        rows = run(Path(name), options.entries, options.seed, options.only)
    saved = record.save("lists", options.seed, {"rounds": ROUNDS, "formats": rows})
    print(f"saved as {saved}")


if __name__ == "__main__":
    main()
