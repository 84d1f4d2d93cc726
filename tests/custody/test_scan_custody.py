from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from commands import LIMITED, unmeasured
from hashmatch.cli.main import run
from hashmatch.custody.audit import verify as verify_audit
from hashmatch.custody.quarantine import HoldState, Quarantine, read_items, verify

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
PICTURES = FIXTURES / "benign_images"


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """A folder with a picture that matches, one that does not, and one that is cut short."""
    folder = tmp_path / "uploads"
    (folder / "a").mkdir(parents=True)
    shutil.copy(PICTURES / "variants" / "harbour-brighter.jpg", folder / "a" / "match.jpg")
    shutil.copy(PICTURES / "unrelated" / "heather.jpg", folder / "clear.jpg")
    cut = (PICTURES / "unrelated" / "pebbles.jpg").read_bytes()[:2000]
    (folder / "cut.jpg").write_bytes(cut)
    return folder


def _listed(folder: Path) -> tuple[str, str]:
    """A folder to scan that is named by a file instead of an argument."""
    names = folder.parent / "names.txt"
    names.write_text(f"{folder}\n")
    return "--files-from", str(names)


def _scan(folder: Path, *options: object, listed: bool = False) -> tuple[int, list[dict[str, Any]]]:
    """Scan a folder, and return the exit code and the records."""
    results = folder.parent / "results.jsonl"
    named = _listed(folder) if listed else (folder,)
    arguments = ["scan", *named, "--list", FIXTURES / "hashes.txt"]
    code = run([*map(str, (*arguments, "--format", "jsonl", "--output", results, *options))])
    records = [json.loads(line) for line in results.read_text().splitlines()]
    return code, records


def _events(trail: Path) -> list[dict[str, Any]]:
    return [json.loads(line)["event"] for line in trail.read_text().splitlines()]


def _zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.write(PICTURES / name, name)


def test_trail_tells_the_whole_run(
    uploads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The trail has settings, lists, matches, unscanned files and counts; the head is printed."""
    trail = tmp_path / "trail.jsonl"
    code, records = _scan(uploads, "--audit", trail)
    start, match, gap, finish = _events(trail)
    assert start["type"] == "start"
    assert start["command"] == "scan"
    assert start["settings"]["paths"] == [str(uploads)]
    assert start["settings"]["thresholds"]["phash-64"] == 8
    assert start["lists"] == records[-1]["lists"]
    assert start["versions"].keys() == {"hashmatch", "pillow", "python"}
    assert {**records[0], "type": "match"} == match
    assert {**records[2], "type": "unscanned"} == gap
    assert (finish["exit_code"], code) == (3, 3)
    assert finish["counts"]["verdicts"] == records[-1]["verdicts"]
    assert finish["events"] == {"match": 1, "unscanned": 1}
    found = verify_audit(trail)
    assert (found.problem_count, found.gaps) == (0, ())
    assert f"audit head: {found.head}" in capsys.readouterr().err


def test_trail_holds_no_hash(uploads: Path, tmp_path: Path) -> None:
    """No hash from the list and no digest of a file is in the trail, even for moves."""
    trail = tmp_path / "trail.jsonl"
    _scan(uploads, "--audit", trail, "--quarantine", tmp_path / "q")
    text = trail.read_text()
    (item,) = read_items(tmp_path / "q")
    assert item.sha256 not in text
    for line in (FIXTURES / "hashes.txt").read_text().splitlines():
        if not line.startswith("#"):
            assert line.split()[0].rpartition(":")[2] not in text


def test_matched_files_are_moved(uploads: Path, tmp_path: Path) -> None:
    """A matched file is moved, its record names the item, and it can be restored."""
    trail = tmp_path / "trail.jsonl"
    before = (uploads / "a" / "match.jpg").read_bytes()
    code, records = _scan(uploads, "--quarantine", tmp_path / "q", "--audit", trail)
    assert code == 3
    assert records[0]["quarantine"] == 1
    assert records[-1]["quarantine"] == {"moved": 1, "not_moved": 0, "left": 0}
    assert sorted(path.name for path in uploads.rglob("*.jpg")) == ["clear.jpg", "cut.jpg"]
    assert [event["type"] for event in _events(trail)][1:3] == ["match", "quarantine"]
    (item,) = read_items(tmp_path / "q")
    assert list(item.matches) == records[0]["matches"]
    assert run(["quarantine", "restore", str(tmp_path / "q"), "1"]) == 0
    assert (uploads / "a" / "match.jpg").read_bytes() == before
    page = tmp_path / "report.html"
    assert run(["report", str(tmp_path / "results.jsonl"), "-o", str(page)]) == 0
    assert "match.jpg" in page.read_text("utf-8")


def test_dry_run_touches_nothing(
    uploads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --dry-run, moves are only printed and recorded, and no folder is created."""
    trail = tmp_path / "trail.jsonl"
    options = ("--quarantine", tmp_path / "q", "--dry-run", "--audit", trail)
    code, records = _scan(uploads, *options)
    assert code == 3
    assert (uploads / "a" / "match.jpg").exists()
    assert not (tmp_path / "q").exists()
    assert f"{uploads}/a/match.jpg: would be moved" in capsys.readouterr().err
    assert records[-1]["quarantine"] == {"moved": 0, "not_moved": 0, "left": 1}
    assert _events(trail)[2] == {
        "type": "quarantine",
        "path": f"{uploads}/a/match.jpg",
        "dry_run": True,
    }


def test_archives_are_moved_only_on_request(
    uploads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a member matches, its archive stays, unless --quarantine-archives is given."""
    archive = uploads / "a" / "album.zip"
    _zip(archive, "variants/harbour-brighter.jpg", "unrelated/heather.jpg")
    (uploads / "a" / "match.jpg").unlink()
    before = archive.read_bytes()
    _, records = _scan(uploads, "--quarantine", tmp_path / "q")
    assert archive.exists()
    assert "--quarantine-archives would move the archive" in capsys.readouterr().err
    assert records[-1]["quarantine"] == {"moved": 0, "not_moved": 0, "left": 1}
    _, records = _scan(uploads, "--quarantine", tmp_path / "q", "--quarantine-archives")
    assert not archive.exists()
    moved = [record for record in records if record.get("quarantine")]
    assert [record.get("path", "") for record in moved[:1]] == [str(archive)]
    (item,) = read_items(tmp_path / "q")
    assert item.matches[0]["entry"] == "synthetic-0001"
    assert run(["quarantine", "restore", str(tmp_path / "q"), "1"]) == 0
    assert archive.read_bytes() == before


@pytest.mark.timing
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_archive_whose_digest_is_not_known_stays(
    uploads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], dry: tuple[str, ...]
) -> None:
    """An archive that was not read completely stays although a member matches, and is reported."""
    archive = uploads / "a" / "album.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(uploads / "a" / "match.jpg", "match.jpg")
    (uploads / "a" / "match.jpg").unlink()
    # A sparse file takes too long to digest without filling the disk
    os.truncate(archive, 1 << 33)
    trail = tmp_path / "trail.jsonl"
    options = ("--quarantine", tmp_path / "q", "--quarantine-archives", "--audit", trail, *dry)
    code, records = _scan(uploads, "--timeout", "1", *options)
    assert archive.exists()
    assert (records[0]["verdict"], records[1]["reason"]) == ("match", "timeout")
    assert records[-1]["quarantine"] == {"moved": 0, "not_moved": 1, "left": 0}
    assert code == records[-1]["exit_code"] == 1 | 2 | 8
    assert f"not moved: {archive}: it was not read completely" in capsys.readouterr().err
    (event,) = (event for event in _events(trail) if event["type"] == "quarantine")
    assert event["why"] == "it was not read completely"


def test_archive_is_moved_though_a_review_took_the_named_matches_back(
    uploads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An archive is moved or reported even if its matching member has no match left to name."""
    archive = uploads / "a" / "album.zip"
    _zip(archive, "variants/harbour-brighter.jpg")
    (uploads / "a" / "match.jpg").unlink()
    also = tmp_path / "also.txt"
    also.write_text(
        (FIXTURES / "hashes.txt").read_text().replace("# name: synthetic", "# name: also")
    )
    state = ("--state", tmp_path / "scan.db")
    options = ("--list", also, "--max-matches", "1", *state)
    _scan(uploads, *options)
    decisions = tmp_path / "decisions.csv"
    decisions.write_text("id,verdict,by,at\n1,false_positive,reviewer,2026-01-31\n")
    assert run(["review", "import", str(decisions), *map(str, state)]) == 0
    _, records = _scan(uploads, *options, "--quarantine", tmp_path / "q")
    assert (records[0]["verdict"], len(records[0]["suppressed"])) == ("match", 1)
    assert records[-1]["quarantine"] == {"moved": 0, "not_moved": 0, "left": 1}
    assert "--quarantine-archives would move the archive" in capsys.readouterr().err
    _, records = _scan(uploads, *options, "--quarantine", tmp_path / "q", "--quarantine-archives")
    assert records[-1]["quarantine"] == {"moved": 1, "not_moved": 0, "left": 0}
    assert not archive.exists()


def test_folder_named_like_an_archive_is_none(uploads: Path, tmp_path: Path) -> None:
    """A file in a folder with a name like an archive's path is treated like any other file."""
    folder = uploads / "album.zip!"
    folder.mkdir()
    shutil.move(uploads / "a" / "match.jpg", folder / "match.jpg")
    _, records = _scan(uploads, "--quarantine", tmp_path / "q")
    assert records[-1]["quarantine"] == {"moved": 1, "not_moved": 0, "left": 0}
    assert not (folder / "match.jpg").exists()


@pytest.mark.parametrize(("listed", "stateful"), [(False, False), (True, False), (True, True)])
def test_match_that_cannot_be_moved_adds_8(
    uploads: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    listed: bool,
    stateful: bool,
) -> None:
    """A match behind a link below the scanned folder stays, is reported, and adds exit bit 8."""
    link = uploads / "linked"
    link.symlink_to(uploads / "a")
    for name in ("clear.jpg", "cut.jpg"):
        (uploads / name).unlink()
    trail = tmp_path / "trail.jsonl"
    options = ("--quarantine", tmp_path / "q", "--audit", trail, "--follow-symlinks")
    options += ("--state", tmp_path / "scan.db") if stateful else ()
    code, records = _scan(uploads, *options, "--exclude", "/a", listed=listed)
    assert code == records[-1]["exit_code"] == 1 | 8
    assert records[-1]["quarantine"] == {"moved": 0, "not_moved": 1, "left": 0}
    assert "not moved" in capsys.readouterr().err
    assert _events(trail)[2]["moved"] is False
    assert (uploads / "a" / "match.jpg").exists()


def test_quarantine_within_the_scanned_folder_is_refused(uploads: Path) -> None:
    """A quarantine that would itself be scanned is wrong usage."""
    for folder in (uploads, uploads / "q", uploads / "a" / ".." / "q"):
        arguments = ["scan", str(uploads), "--list", str(FIXTURES / "hashes.txt")]
        assert run([*arguments, "--quarantine", str(folder)]) == 64
    assert not (uploads / "q").exists()


@pytest.mark.parametrize("option", [(), ("--dry-run",)])
def test_quarantine_within_a_listed_folder_is_refused(
    uploads: Path, tmp_path: Path, option: tuple[str, ...]
) -> None:
    """If a file names that folder, the scan stops there and moves nothing out of it."""
    trail = tmp_path / "trail.jsonl"
    arguments = ["scan", *_listed(uploads), "--list", str(FIXTURES / "hashes.txt")]
    arguments += ["--quarantine", str(uploads / "q"), "--audit", str(trail), *option]
    assert run(arguments) == 64
    assert (uploads / "a" / "match.jpg").exists()
    assert _events(trail)[-1] == {"type": "abort", "error": "SettingsError"}


def test_candidates_are_moved_only_on_request(uploads: Path, tmp_path: Path) -> None:
    """A candidate stays where it is, unless --quarantine-candidates is given."""
    shutil.copy(PICTURES / "originals" / "mist.png", uploads / "a" / "candidate.png")
    code, records = _scan(uploads, "--quarantine", tmp_path / "q")
    assert (code, records[-1]["quarantine"]["moved"]) == (7, 1)
    assert (uploads / "a" / "candidate.png").exists()
    code, records = _scan(uploads, "--quarantine", tmp_path / "q", "--quarantine-candidates")
    assert (code, records[-1]["quarantine"]["moved"]) == (6, 1)
    assert not (uploads / "a" / "candidate.png").exists()


@pytest.mark.parametrize(
    "option", ["--dry-run", "--quarantine-archives", "--quarantine-candidates"]
)
def test_options_of_a_quarantine_need_one(uploads: Path, option: str) -> None:
    """Options that need --quarantine are wrong usage without it."""
    assert run(["scan", str(uploads), "--list", str(FIXTURES / "hashes.txt"), option]) == 64


def test_trail_or_quarantine_in_use_is_refused(uploads: Path, tmp_path: Path) -> None:
    """A second scan with the same quarantine is refused before it scans anything."""
    with Quarantine(tmp_path / "q"):
        arguments = ["scan", str(uploads), "--list", str(FIXTURES / "hashes.txt")]
        assert run([*arguments, "--quarantine", str(tmp_path / "q")]) == 70
    assert (uploads / "a" / "match.jpg").exists()


def test_file_named_itself_is_moved(uploads: Path, tmp_path: Path) -> None:
    """A file that is itself an argument, not found in a folder, is moved as well."""
    named = (uploads / "a" / "match.jpg", "--quarantine", tmp_path / "q")
    _, records = _scan(uploads / "clear.jpg", *named)
    assert records[-1]["quarantine"] == {"moved": 1, "not_moved": 0, "left": 0}


def test_second_scan_with_a_state_moves_what_comes_back(uploads: Path, tmp_path: Path) -> None:
    """A known matching file that was moved is not missed; if it comes back, it is moved again."""
    options = ("--state", tmp_path / "scan.db", "--quarantine", tmp_path / "q")
    _scan(uploads, *options)
    _, records = _scan(uploads, *options)
    state = records[-1]["run"]["state"]
    assert (state["gone"], state["gone_matched"], state["gone_matches"]) == (1, 0, [])
    run(["quarantine", "restore", str(tmp_path / "q"), "1"])
    _, records = _scan(uploads, *options)
    assert records[-1]["quarantine"]["moved"] == 1
    assert not (uploads / "a" / "match.jpg").exists()


def test_full_disk_ends_with_70(uploads: Path, tmp_path: Path) -> None:
    """If the trail can no longer be written, the scan ends with 70, and nothing is lost."""
    for number in range(10):
        shutil.copy(uploads / "a" / "match.jpg", uploads / "a" / f"{number}.jpg")
    code = """
import resource, sys
from hashmatch.cli.main import run
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))
sys.exit(run(sys.argv[1:]))
"""
    arguments = [
        "scan",
        uploads,
        "--list",
        FIXTURES / "hashes.txt",
        "--format",
        "csv",
        "--jobs",
        "1",
    ]
    arguments += ["--audit", tmp_path / "trail", "--quarantine", tmp_path / "q"]
    done = subprocess.run(
        [*LIMITED, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=unmeasured(),
    )
    assert done.returncode == 70, done.stderr
    assert "cannot write to the " in done.stderr
    with Quarantine(tmp_path / "q") as quarantine:
        held = [item for item in quarantine.items.values() if item.state is HoldState.HELD]
        assert len(held) + len(list((uploads / "a").iterdir())) == 11
        for item in held:
            quarantine.restore(item.id)
    assert len(list((uploads / "a").iterdir())) == 11
    assert verify(tmp_path / "q").problems == ()
    assert verify_audit(tmp_path / "trail").problem_count == 0
