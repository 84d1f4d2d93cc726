"""Runs every example of the guides, and checks that it prints what the guide shows."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from commands import SOURCE, environment, hashmatch_command, install_command
from films import FORMATS, film, scene
from hashlist.feeds import Item, ncmec, vics

from .examples import DOCS, PICTURES, ROOT, blocks, check, set_up

NIGHTLY = ROOT / "src" / "hashmatch" / "cli" / "nightly"

GUIDES = ["audit.md", "fetch.md", "nightly.md", "quarantine.md", "records.md", "report.md"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The setting of most guides: a folder of uploads, a list, and the command itself."""
    set_up(tmp_path)
    shutil.copy(NIGHTLY / "hashmatch-nightly", install_command(tmp_path))
    return tmp_path


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """The setting of the guide to lists: lists in many formats, one of them dated today."""
    set_up(tmp_path)
    (tmp_path / "film.mp4").write_bytes(film([scene(1), scene(2)], FORMATS["MP4"]))
    shutil.copytree(PICTURES / "originals", tmp_path / "my-pictures")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    text = (ROOT / "fixtures" / "hashes.txt").read_text("utf-8")
    fresh = re.sub("(?m)^# created: .*$", f"# created: {today}", text)
    heather = "5d41d0dd20a5b093a02fbc3cd0fdad36"  # the MD5 of uploads/heather.jpg
    seven, eight = Item("7", {"md5": heather}, "1"), Item("8", {"md5": heather[::-1]}, "0")
    (_, suppressions), *_ = [block for block in blocks("lists.md") if "a logo of ours" in block[1]]
    (dated,) = [text for kind, text in blocks("lists.md") if kind == "csv"]
    files = {
        "hashes.txt": fresh,
        "hashes.txt.age": fresh,
        "paths.txt": "uploads/heather.jpg\n",
        "old.txt": "# algorithm: phash\n0123456789abcdef one\n",
        "new.txt": "# algorithm: phash\n0123456789abcdee one\nfedcba9876543210 two\n",
        "hashes.csv": dated,
        "suppress.csv": suppressions,
        "ncmec.xml": ncmec([Item("1-7", {"md5": heather}, "A1")]),
        "vics.json": vics([seven, eight]),
        "base.csv": f"hash,algorithm,id\n{heather},md5,1-7\n{heather[::-1]},md5,1-8\n",
        "monday.xml": ncmec([Item("1-8", gone=True), Item("1-9", {"sha1": "5" * 40}, "A1")]),
        "tuesday.xml": ncmec([Item("1-7", {"md5": heather}, "B1")]),
        "page.xml": ncmec([Item("1-7", {"md5": heather}, "A1")]),
        "iwf.csv": f"hash,algorithm,id\n{heather},md5,1\n",
        "ncmec.csv": f"hash,algorithm,id\n{heather[::-1]},md5,1\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    # A stand-in for age, which may not be installed here: the "encrypted" file is plain text
    decrypt = install_command(tmp_path) / "age"
    decrypt.write_text('#!/bin/sh\nfor last; do :; done\nexec cat "$last"\n')
    decrypt.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("guide", GUIDES)
def test_examples_do_what_the_guide_says(folder: Path, guide: str) -> None:
    """Each command of a guide prints what the guide shows, and each piece of Python runs."""
    check(guide, folder)


def test_examples_of_lists_do_what_the_guide_says(lists: Path) -> None:
    """So do those of the guide to lists, with lists in all the formats that it names."""
    check("lists.md", lists)


def test_the_plug_in_of_the_guide_works(folder: Path) -> None:
    """Installed unchanged, the example's algorithm hashes pictures and finds them again."""
    examples = dict(blocks("algorithms.md"))
    site = folder / "site"
    (site / "toyhash-1.dist-info").mkdir(parents=True)
    (site / "toyhash.py").write_text(examples["python"], encoding="utf-8")
    (group, points), *_ = tomllib.loads(examples["toml"])["project"]["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (site / "toyhash-1.dist-info" / "entry_points.txt").write_text("\n".join(lines))
    (site / "toyhash-1.dist-info" / "METADATA").write_text("Name: toyhash\nVersion: 1\n")
    known = environment(PYTHONPATH=f"{SOURCE}{os.pathsep}{site}")
    hashed = hashmatch_command("hash", folder, "--algorithm", "toyhash", env=known)
    (folder / "toy.txt").write_bytes(hashed.stdout)
    assert "# algorithm: toyhash" in hashed.stdout.decode()
    scanned = hashmatch_command("scan", folder, "--list", folder / "toy.txt", env=known)
    assert scanned.stdout.count(b"toyhash 0<=3 stored") == 2


def nightly(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the guide's script as a reader would."""
    return subprocess.run(
        ["sh", folder / "bin" / "hashmatch-nightly", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment(PATH=f"{folder / 'bin'}:/usr/bin:/bin"),
        timeout=60,
    )


def test_a_second_night_of_a_day_keeps_the_first(folder: Path) -> None:
    """Run twice on one day, the nightly script leaves the results and the log of both runs."""
    assert nightly(folder, "uploads").returncode == 3
    first = {path: path.read_bytes() for path in (folder / "nights").iterdir()}
    time.sleep(1.1)  # to which names are exact
    assert nightly(folder, "uploads").returncode == 2
    assert {path: path.read_bytes() for path in first} == first
    assert len(list((folder / "nights").iterdir())) == 2 * len(first) == 6


def test_the_nightly_script_never_fails_like_a_scan(folder: Path) -> None:
    """Without a folder, or a place to write to, its exit code is not one that reports results."""
    done = nightly(folder)
    assert (done.returncode, done.stderr) == (64, "usage: hashmatch-nightly FOLDER\n")
    (folder / "nights").touch()
    assert nightly(folder, "uploads").returncode == 70


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_units_are_valid(tmp_path: Path) -> None:
    """Systemd finds nothing wrong with the guide's units."""
    for name in ("hashmatch.service", "hashmatch.timer", "hashmatch-alert.service"):
        text = (NIGHTLY / name).read_text("utf-8")
        # The programs they run need not be installed here
        text = text.replace("/usr/local/bin/hashmatch-nightly", "/bin/true")
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "guide", sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
)
def test_links_lead_somewhere(guide: str) -> None:
    """Everything that a guide links to exists."""
    text = (DOCS / guide).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (DOCS / guide).parent.joinpath(target).exists(), target
