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
from typing import TYPE_CHECKING, Any

from hashmatch._version import __version__
from hashmatch.cli import options as opt
from hashmatch.cli.command import single
from hashmatch.cli.deferred import deferred
from hashmatch.cli.sizes import format_size
from hashmatch.errors import HashmatchError
from hashmatch.examine.sandbox.cores import allowed_cores
from hashmatch.model import Entry, PerceptualHash, Verdict
from hashmatch.options import ArchiveLimits, Limits, VideoLimits

if TYPE_CHECKING:
    from hashmatch import hashing, hashlist, match, scan
    from hashmatch.examine import decode, extras, sandbox
    from hashmatch.examine.sandbox import selftest
else:
    hashing, hashlist = deferred("hashmatch.hashing"), deferred("hashmatch.hashlist")
    match, scan = deferred("hashmatch.match"), deferred("hashmatch.scan")
    decode, extras = deferred("hashmatch.examine.decode"), deferred("hashmatch.examine.extras")
    sandbox = deferred("hashmatch.examine.sandbox")
    selftest = deferred("hashmatch.examine.sandbox.selftest")

_FAILED = 70

_IN_SECONDS = frozenset({"max_seconds", "max_length", "max_decoding"})
_IN_BYTES = frozenset({"max_bytes", "max_total_bytes", "max_memory", "address_space"})

_GOLDEN = {"phash": "e1f8f1071e42b41f", "dhash": "1e1717e5686ecb18"}
"""The hashes that ``imagehash`` 4.3 gives for the test picture, to reveal a drifting decoder."""


def doctor_command(as_json: opt.AsJson = False) -> int:
    """Show what this installation reads, what protects it, and whether it works.

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
        "decoders": decode.decoders(),
        "containers": extras.readers(),
        "algorithms": {
            f"{name}-{bits}": f"default threshold {threshold}"
            for name, algorithm in hashing.ALGORITHMS.items()
            for bits, threshold in algorithm.thresholds.items()
        },
        "protection": protection,
        "limits": {
            "cores": allowed_cores(),
            **asdict(Limits()),
            **asdict(ArchiveLimits()),
            **asdict(VideoLimits()),
            "max_memory": sandbox.WorkerLimits().max_memory,
            "max_seconds": sandbox.WorkerLimits().max_seconds,
        },
        "self_test": tests,
    }
    sys.stdout.write(json.dumps(report) + "\n" if as_json else _text(report))
    return 0 if all(result == "passed" for result in tests.values()) else _FAILED


def _self_test() -> tuple[dict[str, str], dict[str, Any]]:
    entries = [
        Entry(f"test-{name}", PerceptualHash.from_hex(text, name)) for name, text in _GOLDEN.items()
    ]
    with tempfile.TemporaryDirectory(prefix="hashmatch-doctor-") as folder:
        picture = _test_picture()
        Path(folder, "cut.bmp").write_bytes(picture[:-100])
        Path(folder, "whole.bmp").write_bytes(picture)
        pool = sandbox.make_pool(1)
        try:
            matcher = match.Matcher(
                hashlist.HashList.from_entries(entries, name="self-test"),
                quality_floor=0,
                isolate=False,
            )
            cut, whole = (result.outcome for result in scan.scan([folder.encode()], matcher, pool))
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
    }, protection | sandbox.protection_in_words(protection)


def _decode_every_format() -> str:
    """Whether confined workers find the same in every format as without walls."""
    options = selftest.available_options()
    with sandbox.make_pool(1) as pool:
        found = selftest.decode_every_format(pool.configure(options), options)
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
            f"  {name.replace('_', ' '):<36} {_said(name, value)}" for name, value in values.items()
        ]
    return "\n".join(lines) + "\n"


def _said(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name in _IN_BYTES:
        size = format_size(value)
        return f"{value:,} bytes" if size.isdigit() else f"{size[:-1]} {size[-1]}iB"
    if isinstance(value, int | float):
        return f"{value:,g} s" if name in _IN_SECONDS else f"{value:,}"
    return "no" if value is None else str(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


app = single("doctor", doctor_command)
