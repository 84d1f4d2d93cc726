"""Fuzzes a reader with inputs that are kept where they reach code that none before them reached.

    python tests/fuzz/guided.py list|archive [CORPUS ...] [-runs=N] [-seed=N]

Needs ``pip install atheris``, and takes libFuzzer's options. Whatever is raised besides the errors
that a reader promises ends it, with the input written to a file ``crash-...``.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "src"))

with atheris.instrument_imports(include=["hashmatch"]):
    from hashmatch.errors import DecodeError, HashListError
    from hashmatch.examine.archive import sniff_archive
    from hashmatch.examine.container import read_members
    from hashmatch.hashlist import HashList
    from hashmatch.hashlist.formats import FORMATS
    from hashmatch.options import ArchiveLimits

LIMITS = ArchiveLimits(max_members=100, max_total_bytes=1 << 20, max_ratio=200, max_depth=3)
MAX_MEMBER = 1 << 16


def read_list(data: bytes) -> None:
    """Read a list, in a format that the first byte chooses, and look at every entry of it."""
    if not data:
        return
    forms = [None, *FORMATS]
    try:
        found = HashList.loads(
            data[1:],
            name="fuzzed",
            list_format=forms[data[0] % len(forms)],
            skip_bad_entries=data[0] >= 128,
            policy=None,
        )
    except HashListError:
        return
    if len(list(found)) != len(found):
        raise AssertionError("an entry is not there")


def read_members(data: bytes) -> None:
    """Read all members of an archive, and again but the first."""
    if sniff_archive(data[:512]) is None:
        return
    for skip in (0, 1):
        try:
            for member in read_members(io.BytesIO(data), LIMITS, MAX_MEMBER, skip):
                if member.data is not None and len(member.data) > MAX_MEMBER:
                    raise AssertionError("a member is over the limit")
        except DecodeError:
            continue


TARGETS = {"list": read_list, "archive": read_members}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
