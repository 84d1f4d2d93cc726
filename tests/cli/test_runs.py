"""Whole runs of the command: names, results in a file, interruptions, and its own hash lists."""

from __future__ import annotations

import csv
import io
import os
import signal
from pathlib import Path

import pytest

from commands import environment, hashmatch_command, records
from hashmatch import HashList
from hashmatch.files import path_of
from hashmatch.text import printable
from pictures import animation, encode, photo
from scan.commands import BEFORE, hanging_folder, start_hanging

ROOT = Path(__file__).resolve().parents[2] / "fixtures"
PICTURE = encode(photo(1, 120, 90), "PNG")
NAMES = [
    *(
        b"plain.png",
        b"a b",
        b" a ",
        b"new\nline",
        b"\r\n",
        b"tab\t",
        b'"quoted"',
        b"it's",
        b"a,b;c",
    ),
    *(b"-rf", b"--format=csv", b"back\\slash", b"\\n", b"$HOME", b"*", b"?", b"~", b"#", b"%s"),
    *(b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80", b"\x01\x1b[31mred\x7f", b"=1+1", b"@x", b"!"),
    *("é".encode(), "e\u0301".encode(), "\u202egnp.exe".encode(), "\u2028".encode()),
    *("\U0001f600".encode(), "\u200b".encode(), b"x" * 255, b"\xc3\xa9" * 127),
]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures with strange names, inside a folder with a strange name."""
    root = tmp_path_factory.mktemp("named") / os.fsdecode(b"\xff odd\nfolder")
    root.mkdir()
    for name in NAMES:
        (root / os.fsdecode(name)).write_bytes(PICTURE)
    return root


@pytest.fixture(scope="module")
def list_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list with this picture, made by the command."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "one.png").write_bytes(PICTURE)
    path = folder / "hashes.txt"
    done = hashmatch_command("hash", folder / "one.png", "--algorithm", "phash", "--output", path)
    assert done.returncode == 0, done.stderr
    return path


def expected_names(root: Path) -> list[bytes]:
    """The paths in the expected order, sorted by the bytes of their names."""
    return [os.fsencode(root) + b"/" + name for name in sorted(NAMES)]


def test_jsonl_has_any_name_unharmed(named: Path, list_path: Path) -> None:
    """Every name that the file system allows comes through JSONL to the byte."""
    done = hashmatch_command("scan", named, "--list", list_path, "--format", "jsonl")
    assert done.returncode == 1
    assert done.stdout.isascii()
    *files, summary = records(done.stdout)
    assert [path_of(row) for row in files] == expected_names(named)
    assert {row["verdict"] for row in files} == {"match"}
    assert summary["files"] == len(NAMES)


def test_csv_has_any_name_unharmed(named: Path, list_path: Path) -> None:
    """Every name comes through CSV to the byte, also where the locale knows only ASCII."""
    env = environment(LC_ALL="C", PYTHONUTF8="0")
    done = hashmatch_command("scan", named, "--list", list_path, "--format", "csv", env=env)
    rows = csv.DictReader(io.StringIO(done.stdout.decode(), newline=""))
    found = [path_of({key: row[key] for key in ("path", "path_b64") if row[key]}) for row in rows]
    assert found == expected_names(named)


def test_table_has_any_name_escaped(named: Path, list_path: Path) -> None:
    """In the table every name has its own line, escaped so that it has no effect."""
    done = hashmatch_command("scan", named, "--list", list_path)
    *lines, summary, _ = done.stdout.decode().split("\n")[:-1]
    assert len(lines) == len(NAMES)
    assert summary.startswith(f"{len(NAMES)} files: {len(NAMES)} match")
    for line, path in zip(lines, expected_names(named), strict=True):
        assert line.isprintable()
        named_there, told, _ = line.partition("  is near  ")
        assert told
        assert named_there.rstrip().endswith(f"  {printable(path)}".rstrip())


def test_files_of_strange_names_can_be_given(named: Path, list_path: Path) -> None:
    """Strange names are read from the command line and from NUL-terminated lists of files."""
    names = [b"-rf", b"caf\xe9", b"new\nline"]
    arguments = ["--list", list_path, "--format", "jsonl", "--jobs", "1"]
    done = hashmatch_command("scan", *arguments, "--", *names, cwd=named)
    assert [path_of(row) for row in records(done.stdout)[:-1]] == names
    piped = b"".join(name + b"\0" for name in names)
    arguments += ["--files-from", "-", "-0"]
    done = hashmatch_command("scan", *arguments, cwd=named, input=piped)
    assert [path_of(row) for row in records(done.stdout)[:-1]] == names


def test_hash_of_any_names_is_a_list(named: Path, tmp_path: Path) -> None:
    """``hashmatch hash`` of such a folder is a valid list; equal files are one entry."""
    path = tmp_path / "hashes.txt"
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b\n.png").write_bytes(encode(photo(2, 120, 90), "PNG"))
    done = hashmatch_command(
        *("hash", named, tmp_path / "more", "--algorithm", "phash", "--algorithm", "dhash-256"),
        *("--output", path),
    )
    assert (done.returncode, done.stdout) == (0, b"")
    assert path.stat().st_mode & 0o777 == 0o600
    hash_list = HashList.load(path)
    assert len(hash_list) == 4
    assert hash_list.notices == ()
    assert {entry.label for entry in hash_list} == {printable(min(NAMES)), "b\\n.png"}
    text = path.read_text()
    assert text.count("# same file as ") == len(NAMES) - 1


def test_a_folder_matches_the_list_made_of_it(tmp_path: Path) -> None:
    """Every example picture that shows something is found again at distance 0."""
    path = tmp_path / "hashes.txt"
    images = ROOT / "benign_images" / "originals"
    assert hashmatch_command("hash", images, "--output", path).returncode == 0
    assert not any("/" in (entry.label or "") for entry in HashList.load(path))
    done = hashmatch_command("scan", images, "--list", path, "--format", "jsonl")
    *files, _ = records(done.stdout)
    assert len(files) == 12
    assert all(row["matches"][0]["distance"] == 0 for row in files)
    assert {row["verdict"] for row in files} == {"match", "candidate"}


def test_hash_records_have_every_view(tmp_path: Path) -> None:
    """``--format jsonl`` has every view and algorithm; what fails is named, and the code is 2."""
    frames = animation([photo(1, 90, 60), photo(2, 90, 60)], "TIFF")
    (tmp_path / "pages.tiff").write_bytes(frames)
    (tmp_path / "cut.png").write_bytes(PICTURE[:500])
    (tmp_path / "text.txt").write_bytes(b"no picture")
    done = hashmatch_command("hash", tmp_path, "--format", "jsonl", "--jobs", "1")
    assert done.returncode == 2
    rows = records(done.stdout)
    assert [(row["path"], row["view"], row["algorithm"], len(row["hash"])) for row in rows] == [
        ("pages.tiff", view, algorithm, digits)
        for view in ("stored", "frame:1")
        for algorithm, digits in (("phash", 64), ("dhash", 16))
    ]
    assert b"cut.png: truncated" in done.stderr
    assert b"text.txt" not in done.stderr


@pytest.mark.parametrize("name", ["table", "jsonl", "csv"])
def test_results_in_a_file_are_those_on_stdout(list_path: Path, tmp_path: Path, name: str) -> None:
    """``--output`` gets what stdout would get; the summary for people is then on stderr."""
    path = tmp_path / "results"
    scan = ["scan", list_path.parent / "one.png", "--list", list_path, "--format", name]
    done = hashmatch_command(*scan, "--jobs", "1", "--output", path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"1 file: 1 match" in done.stderr
    shown = hashmatch_command(*scan, "--jobs", "1").stdout
    assert path.read_bytes().splitlines()[0] == shown.splitlines()[0]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["jsonl", "table"])
def test_interrupted_scans_say_so(list_path: Path, tmp_path: Path, name: str) -> None:
    """Ctrl-C ends with 130; what was found so far is written, with a summary that says so."""
    path = tmp_path / "results"
    hanging_folder(tmp_path)
    process, _ = start_hanging(tmp_path, "--list", list_path, "--format", name, "--output", path)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in told
    assert told.splitlines()[-2].startswith(b"hashmatch: interrupted: ")
    assert not list(tmp_path.glob(".hashmatch-*"))
    if name == "jsonl":
        *files, summary = records(path.read_bytes())
        assert summary["run"]["interrupted"] is True
        assert summary["exit_code"] == 130
        assert summary["files"] == len(files) == sum(summary["verdicts"].values()) == BEFORE
    else:
        assert path.read_text().splitlines()[-2].startswith("interrupted: ")


def test_killed_scans_leave_the_old_results(list_path: Path, tmp_path: Path) -> None:
    """A scan that is killed leaves an earlier results file as it was."""
    path = tmp_path / "results"
    path.write_text("before")
    hanging_folder(tmp_path)
    process, _ = start_hanging(tmp_path, "--list", list_path, "--format", "jsonl", "--output", path)
    assert list(tmp_path.glob(".hashmatch-*"))
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert path.read_text() == "before"


def test_a_scan_of_nothing_says_so(list_path: Path, tmp_path: Path) -> None:
    """A scan that finds no file exits 0 and says so on stderr, even if quiet."""
    (tmp_path / "empty").mkdir()
    scan = ["scan", tmp_path / "empty", "--list", list_path, "--jobs", "1"]
    done = hashmatch_command(*scan)
    assert (done.returncode, done.stderr) == (0, b"hashmatch: found no file to scan\n")
    assert hashmatch_command(*scan, "--quiet").stderr == done.stderr


def test_jobs_change_no_record(list_path: Path) -> None:
    """One job or four give the same records in the same order, and the same summary."""
    found = []
    for jobs in ("1", "4"):
        done = hashmatch_command(
            *("scan", ROOT / "benign_images", "--list", list_path, "--format", "jsonl"),
            *("--jobs", jobs),
        )
        rows = records(done.stdout)
        del rows[-1]["run"]
        found.append(rows)
    assert found[0] == found[1]
    assert len(found[0]) == 62


def test_verbose_explains_and_quiet_is_quiet(list_path: Path, tmp_path: Path) -> None:
    """``--verbose`` says which index was chosen, and ``--quiet`` nothing at all."""
    (tmp_path / "a.txt").write_bytes(b"a")
    scan = ["scan", tmp_path, "--list", list_path, "--format", "csv", "--jobs", "1"]
    assert b"phash-64: " in hashmatch_command(*scan, "--verbose").stderr
    assert hashmatch_command(*scan, "--quiet").stderr == b""
