"""Memory does not grow with the number of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from counts import LONG
from examine.sandbox import plants

from . import commands

_PROGRAM = """
import resource, sys
from pathlib import Path
from hashmatch import HashList, Matcher
from hashmatch.scan import make_pool, scan
from hashmatch.report import Tally, file_record
matcher = Matcher(HashList.load(sys.argv[1]))
for folder in sys.argv[2:]:
    tally = Tally()
    pool = make_pool(2)
    for result in scan([folder.encode()], matcher, pool):
        file_record(result)
        tally.add(result.outcome)
    pool.close()
    print(tally.files, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peaks(listed: Path, *folders: Path) -> list[tuple[int, int]]:
    """How many files each scan met, and the peak memory of their process until then, in KiB."""
    told = subprocess.run(
        [sys.executable, "-c", _PROGRAM, listed, *folders],
        env=commands.environment(),
        capture_output=True,
        check=True,
    )
    return [(int(files), int(most)) for files, most in map(bytes.split, told.stdout.splitlines())]


def fill(folder: Path, first: int, last: int, *, flat: bool) -> None:
    """Links to a few tiny files: texts, and a picture now and then."""
    for number in range(first, last):
        place = folder if flat else folder / f"{number // 1000:03}"
        place.mkdir(exist_ok=True)
        source = folder.parent / ("picture" if number % 50 == 0 else "text")
        name = place / f"{number:06}"
        if number % 5000 == 0:  # a file system has a limit on links to one file
            for kind in ("picture", "text"):
                content = (folder.parent / kind).read_bytes()
                (folder.parent / kind).unlink()
                (folder.parent / kind).write_bytes(content)
        os.link(source, name)


@pytest.mark.parametrize("flat", [True, False])
def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path, flat: bool) -> None:
    """A hundred times as many files, in one folder or in many, take at most 60 MB more."""
    few, many = (2_000, 200_000) if LONG else (200, 4_000)
    (tmp_path / "text").write_bytes(b"no picture")
    (tmp_path / "picture").write_bytes(plants.picture(1, side=32))
    (tmp_path / "list.txt").write_text("# algorithm: phash\n0123456789abcdef a\n")
    folders = []
    for count in (few, many):
        folders.append(tmp_path / str(count))
        folders[-1].mkdir()
        fill(folders[-1], 0, count, flat=flat)
    (_, before), (_, after) = counted = peaks(tmp_path / "list.txt", *folders)
    assert [files for files, _ in counted] == [few, many]
    assert after - before < 60 * 1024 * (1 if LONG else 0.2)
