"""``hashmatch doctor``."""

from __future__ import annotations

import json
import math
import platform
import struct
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hashmatch._version import __version__
from hashmatch.cli import options as opt
from hashmatch.cli.command import single
from hashmatch.cli.cores import allowed_cores
from hashmatch.errors import HashmatchError
from hashmatch.examine.decode import decoders
from hashmatch.examine.extras import readers
from hashmatch.examine.sandbox import WorkerLimits, make_pool, protection_in_words
from hashmatch.examine.sandbox.selftest import available_options, decode_every_format
from hashmatch.hashing import ALGORITHMS
from hashmatch.hashlist import HashList
from hashmatch.match.matcher import Matcher
from hashmatch.model import Entry, PerceptualHash, Verdict
from hashmatch.options import ArchiveLimits, Limits, VideoLimits
from hashmatch.scan import scan

_FAILED = 70

_GOLDEN = {"phash": "e1f8f1071e42b41f", "dhash": "1e1717e5686ecb18"}
"""The hashes that ``imagehash`` 4.3 makes of the test picture, to show a drift of the decoder."""


def doctor_command(as_json: opt.AsJson = False) -> int:
    """Show what this installation can do, what protects it, and whether it works.

    Exit codes: 0 the self-test passed, 70 it failed.
    """
    tests, protection = _self_test()
    report = {
        "versions": {
            "hashmatch": __version__,
            "python": platform.python_version(),
            "system": platform.platform(terse=True),
            **{name: _version(name) for name in ("numpy", "pillow", "imagehash")},
        },
        "decoders": decoders(),
        "containers": readers(),
        "algorithms": {
            f"{name}-{bits}": f"default threshold {threshold}"
            for name, algorithm in ALGORITHMS.items()
            for bits, threshold in algorithm.thresholds.items()
        },
        "protection": protection,
        "limits": {
            "cores": allowed_cores(),
            **asdict(Limits()),
            **asdict(ArchiveLimits()),
            **asdict(VideoLimits()),
            "max_memory": WorkerLimits().max_memory,
            "max_seconds": WorkerLimits().max_seconds,
        },
        "self_test": tests,
    }
    sys.stdout.write(json.dumps(report) + "\n" if as_json else _text(report))
    return 0 if all(result == "passed" for result in tests.values()) else _FAILED


def _self_test() -> tuple[dict[str, str], dict[str, Any]]:
    """Scan two small files through a worker, and check the results."""
    entries = [
        Entry(f"test-{name}", PerceptualHash.from_hex(text, name)) for name, text in _GOLDEN.items()
    ]
    with tempfile.TemporaryDirectory(prefix="hashmatch-doctor-") as folder:
        picture = _test_picture()
        Path(folder, "cut.bmp").write_bytes(picture[:-100])
        Path(folder, "whole.bmp").write_bytes(picture)
        pool = make_pool(1)
        try:
            matcher = Matcher(
                HashList.from_entries(entries, name="self-test"), quality_floor=0, isolate=False
            )
            cut, whole = (result.outcome for result in scan([folder.encode()], matcher, pool))
            protection = pool.protection
            formats = _decode_every_format()
        except HashmatchError as error:
            return {"decoding process": f"failed: {error}"}, {"separate_processes": False}
        finally:
            pool.close()
    exact = {match.algorithm for match in whole.matches if match.distance == 0}
    return {
        **{f"{name} equals imagehash": "passed" if name in exact else "failed" for name in _GOLDEN},
        "a match is found": "passed" if whole.verdict is Verdict.MATCH else "failed",
        "a truncated file is not cleared": (
            "passed" if cut.verdict is Verdict.UNSCANNED else "failed"
        ),
        "every format decodes in the sandbox": formats,
    }, protection | protection_in_words(protection)


def _decode_every_format() -> str:
    """Whether workers find in every format what is found without walls."""
    options = available_options()
    with make_pool(1) as pool:
        found = decode_every_format(pool.configure(options), options)
    wrong = [f"{name} {result}" for name, result in found.items() if result != "passed"]
    return "; ".join(wrong) or "passed"


def _test_picture() -> bytes:
    """A grey pattern of waves, 96 x 64, as an uncompressed BMP."""
    width, height = 96, 64
    rows = b"".join(
        bytes(
            128 + int(60 * math.sin(x * x / 400 + y / 9)) + int(60 * math.cos(y * y / 300 - x / 13))
            for x in range(width)
            for _ in range(3)
        )
        for y in reversed(range(height))
    )
    header = struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
    return header + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + rows


def _text(report: dict[str, Any]) -> str:
    lines = []
    for heading, values in report.items():
        lines.append(f"{heading.replace('_', ' ')}:")
        lines += [
            f"  {name.replace('_', ' '):<34} {_said(value)}" for name, value in values.items()
        ]
    return "\n".join(lines) + "\n"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "no" if value is None else str(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


app = single("doctor", doctor_command)
