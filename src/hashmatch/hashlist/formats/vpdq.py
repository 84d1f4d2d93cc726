"""vPDQ, as the ``threatexchange`` package writes it: a video a line, as a JSON array of its frames.

A frame is a text ``HEX,QUALITY,SECONDS``. Each becomes an entry that is named after its file, its
line and its time, ``videos.jsonl:3@00:00:07.000``. Frames of a quality under 50 are left out, as
vPDQ's authors do.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator

from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import Chunk, Collector
from hashmatch.hashlist.list_stream import BOM, Options, Tap
from hashmatch.hashlist.text.grammar import LineError
from hashmatch.text import timecode

MAX_LINE = 16 * 1024 * 1024
"""Bytes of a line: some 50 hours of video at a frame a second."""

LEAST_QUALITY = 50

_BEGINS = re.compile(rb'\s*\[\s*"[0-9A-Fa-f]{64},\s*[0-9]')
_NOT_A_VIDEO = "not a JSON array of texts HASH,QUALITY,SECONDS"


def fits(head: bytes) -> bool:
    """Whether a list that begins with these bytes is one."""
    return _BEGINS.match(head) is not None


def read(tap: Tap, options: Options) -> Contents:
    """Read videos. Raises ``HashListError`` if something is wrong."""
    collector = Collector(options, default="pdq")
    lines = io.BufferedReader(tap)
    count, faint = 0, 0
    while raw := lines.readline(MAX_LINE + 1):
        count += 1
        if not (text := raw.removeprefix(BOM).strip()):
            continue
        try:
            frames = list(_frames(text))
        except LineError as error:
            collector.problems.add(count, str(error))
            continue
        kept = {seconds: value for value, quality, seconds in frames if quality >= LEAST_QUALITY}
        faint += len(frames) - len(kept)
        ids = [f"{options.origin}:{count}@{timecode(seconds)}" for seconds in kept]
        collector.add(Chunk([count] * len(ids), {"id": ids}, [""] * len(ids), list(kept.values())))
    notices = (f"left out {faint} frames of a quality under {LEAST_QUALITY}",) if faint else ()
    known = Contents({}, name=options.name, digest=tap.digest(), notices=notices)
    return collector.finish(known, total=count)


def _frames(line: bytes) -> Iterator[tuple[str, int, float]]:
    """Yield the hash, the quality and the time of each frame.

    Raises:
        LineError: the line is something else.
    """
    if len(line) > MAX_LINE:
        raise LineError(f"more than {MAX_LINE} bytes")
    try:
        texts = json.loads(line)
    except (ValueError, RecursionError):
        raise LineError(_NOT_A_VIDEO) from None
    if not isinstance(texts, list):
        raise LineError(_NOT_A_VIDEO)
    for text in texts:
        parts = text.split(",") if isinstance(text, str) else []
        try:
            value, quality, seconds = parts[0].strip(), int(parts[1]), float(parts[2])
        except (IndexError, ValueError):
            raise LineError(_NOT_A_VIDEO) from None
        if len(parts) != 3 or not 0 <= quality <= 100 or not 0 <= seconds < math.inf:
            raise LineError(_NOT_A_VIDEO)
        yield value, quality, seconds
