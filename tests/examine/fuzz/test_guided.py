from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from counts import LONG
from examine.archive.makers import make_tar, make_zip
from hashlist.test_fuzz import CORPUS
from hashmatch.hashlist.formats import FORMATS

PROGRAM = Path(__file__).with_name("guided.py")
RUNS = 100_000 if LONG else 3_000


def lists() -> list[bytes]:
    """A sound list of each format, behind the byte that chooses it."""
    return [bytes([1 + [*FORMATS].index(form)]) + text for form, (text, *_) in CORPUS.items()]


def archives() -> list[bytes]:
    """Small archives, one within another among them."""
    files = {"a.txt": b"text " * 20, "b/c.bin": bytes(range(256))}
    inner = make_zip(files)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return [
        inner,
        make_zip({"inner.zip": inner}, zipfile.ZIP_STORED),
        make_tar(files),
        make_tar(files, tarfile.GNU_FORMAT),
        packed.getvalue(),
    ]


@pytest.mark.skipif(find_spec("atheris") is None, reason="needs: pip install atheris")
@pytest.mark.parametrize("target", ["list", "archive"])
def test_guided_fuzzing_finds_no_crash(tmp_path: Path, target: str) -> None:
    """No input makes a reader raise anything but the errors that it promises."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(lists() if target == "list" else archives()):
        (corpus / str(number)).write_bytes(seed)
    done = subprocess.run(
        [sys.executable, PROGRAM, target, corpus, f"-runs={RUNS}", "-seed=1", "-max_len=8192"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert b"Done %d runs" % RUNS in done.stderr
