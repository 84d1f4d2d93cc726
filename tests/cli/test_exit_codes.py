from __future__ import annotations

import csv
import io
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands import COMMAND, SOURCE, environment, hashmatch_command, quick_command, records
from hashmatch import Entry, HashKind, HashList
from hashmatch.examine.examination import examine
from hashmatch.options import ExamineOptions
from hashmatch.text import count
from pictures import encode, photo

FORMATS = ("table", "jsonl", "csv")
FAINT = photo(7, 320, 240).point([176 + level // 8 for level in range(256)] * 3)
FILES = {1: photo(1, 320, 240), 4: FAINT, 0: photo(2, 320, 240)}


@pytest.fixture(scope="module")
def list_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of one picture, and of one with almost no detail."""
    options = ExamineOptions(kinds=(HashKind("phash", 64),))
    entries = [
        Entry(f"entry-{bit}", examine(FILES[bit], options).views[0].hashes[0]) for bit in (1, 4)
    ]
    path = tmp_path_factory.mktemp("lists") / "hashes.txt"
    HashList.from_entries(entries, name="test list").save(path)
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """For each exit code of the bit mask, a folder whose scan ends with it."""
    root = tmp_path_factory.mktemp("folders")
    found = {}
    for bits in itertools.product((0, 1), (0, 2), (0, 4)):
        folder = found[sum(bits)] = root / str(sum(bits))
        folder.mkdir()
        for bit in (0, *(bit for bit in bits if bit)):
            data = encode(FILES.get(bit, FILES[0]), "PNG")
            (folder / f"{bit}.png").write_bytes(data[: len(data) // 2] if bit == 2 else data)
    return found


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("code", range(8))
def test_scan_exits_with_what_it_found(
    folders: dict[int, Path], list_path: Path, code: int, name: str
) -> None:
    """Each sum of 1 (match), 2 (unscanned) and 4 (candidate) is the exit code, in every format."""
    folder = folders[code]
    done = hashmatch_command("scan", folder, "--list", list_path, "--format", name, "--jobs", "1")
    assert done.returncode == code, done.stderr
    if name == "jsonl":
        *files, summary = records(done.stdout)
        assert summary["exit_code"] == code
        assert summary["files"] == len(files) == len(list(folder.iterdir()))
        verdicts = {row["verdict"] for row in files}
    elif name == "csv":
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))
        verdicts = {row["verdict"] for row in rows}
        assert re.search(rb"[0-9]+ files?: ", done.stderr)
    else:
        *lines, summary_line, _ = done.stdout.decode().splitlines()
        assert summary_line.startswith(f"{count(len(list(folder.iterdir())), 'file')}: ")
        verdicts = {"clear", *(line.split()[0] for line in lines)}
    words = {"match": 1, "unscanned": 2, "candidate": 4, "clear": 0}
    assert sum(words[verdict] for verdict in verdicts) == code
    assert "clear" in verdicts


@pytest.mark.parametrize(
    ("show", "shown"),
    [
        ("all", ["unscanned", "candidate", "match"]),
        ("review", ["candidate", "match"]),
        ("match", ["match"]),
        ("unscanned", ["unscanned"]),
    ],
)
def test_table_has_matches_last_and_only_what_is_asked_for(
    folders: dict[int, Path], list_path: Path, show: str, shown: list[str]
) -> None:
    """The match comes just before the summary, whose counts --show does not change."""
    done = hashmatch_command("scan", folders[7], "--list", list_path, "--show", show, "--jobs", "1")
    assert done.returncode == 7
    *lines, summary_line, _ = done.stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == shown
    assert summary_line == (
        "4 files: 1 match, 1 to look at, 1 not fully examined (truncated 1), 1 clear"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["scan", "{folder}", "--list", "{list}", "--show", "clear"],
        ["scan", "{folder}", "--list", "{list}", "--show", "match", "--format", "jsonl"],
        ["--bogus"],
        ["scan"],
        ["scan", "{folder}"],
        ["scan", "--list", "{list}"],
        ["scan", "{folder}", "--list", "{list}", "--jobs", "0"],
        ["scan", "{folder}", "--list", "{list}", "--jobs", "x"],
        ["scan", "{folder}", "--list", "{list}", "--threshold", "near"],
        ["scan", "{folder}", "--list", "{list}", "--threshold", "64"],
        ["scan", "{folder}", "--list", "{list}", "--threshold", "phash=8", "--threshold", "4"],
        ["scan", "{folder}", "--list", "{list}", "--threshold", "whash=4"],
        ["scan", "{folder}", "--list", "{list}", "--format", "xml"],
        ["scan", "{folder}", "--list", "{list}", "--index", "magic"],
        ["scan", "{folder}", "--list", "{list}", "--algorithm", "whash"],
        ["scan", "{folder}", "--list", "{list}", "--deny-format", "eps"],
        ["scan", "{folder}", "--list", "{list}", "--max-pixels", "0"],
        ["scan", "{folder}", "--list", "{list}", "--quality-floor", "101"],
        ["scan", "{folder}", "--list", "{list}", "--stale", "fail"],
        ["scan", "{folder}", "--list", "{list}", "--allow-rollback"],
        ["scan", "{folder}", "--list", "{list}", "-0"],
        ["hash"],
        ["hash", "{folder}", "--algorithm", "whash"],
        ["hash", "{folder}", "--algorithm", "phash-128"],
        ["hash", "{folder}", "--algorithm", "phash-\N{SUPERSCRIPT TWO}"],
        ["hash", "{folder}", "--format", "csv"],
    ],
    ids=lambda arguments: " ".join(arguments[-2:]) or "nothing",
)
def test_wrong_usage_exits_64(
    folders: dict[int, Path], list_path: Path, arguments: list[str]
) -> None:
    """Wrong usage ends with 64, one reason on stderr, and nothing on stdout."""
    filled = [text.format(folder=folders[0], list=list_path) for text in arguments]
    done = hashmatch_command(*filled)
    assert done.returncode == 64, done.stderr
    assert done.stderr.startswith(b"hashmatch: ")
    assert b"Traceback" not in done.stderr
    # The text form begins with its header before anything can go wrong with the pictures
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--jobs", "100000"),
        ("--max-nesting", "0"),
        ("--max-memory", "99999999999999999999"),
        ("--threshold", "phash=8,dhash=4"),
    ],
)
def test_a_number_out_of_bounds_is_told_by_its_option(
    folders: dict[int, Path], list_path: Path, option: str, value: str
) -> None:
    """A number out of bounds ends with 64, and the message names the option."""
    done = hashmatch_command("scan", folders[0], "--list", list_path, option, value)
    assert (done.returncode, done.stdout) == (64, b"")
    assert option.encode() in done.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["scan", "--max-matches", "few"], "'--max-matches': not a whole number"),
        (["scan", "--timeout", "long"], "'--timeout': not a number"),
        (["quarantine", "restore", "1", "q"], "'ID...': not a whole number"),
    ],
)
def test_what_is_not_a_number_is_refused_in_plain_words(arguments: list[str], problem: str) -> None:
    """A value that is not a number ends with 64, and the message says no more than that."""
    done = hashmatch_command(*arguments)
    assert (done.returncode, done.stdout) == (64, b"")
    assert done.stderr.decode().splitlines()[0] == f"hashmatch: Invalid value for {problem}"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["--bogus"], "hashmatch"),
        (["list", "bogus"], "hashmatch list"),
        (["scan", "--bogus"], "hashmatch scan"),
        (["list", "check"], "hashmatch list check"),
    ],
)
def test_wrong_usage_names_the_help_to_look_at(arguments: list[str], command: str) -> None:
    """The first line says what is wrong, and the next names the help of that command."""
    done = hashmatch_command(*arguments)
    assert (done.returncode, done.stdout) == (64, b"")
    first, second = done.stderr.decode().splitlines()
    assert "\\n" not in first
    assert second == f"hashmatch: try '{command} --help'"


@pytest.mark.parametrize(
    "text",
    [
        *(None, b"", b"# name: empty\n", b"no hash at all\n", b"\xff\xfe\x00", b"00ff\n"),
        *(b"0123456789abcdef a\n0123456789abcdee a\n", b"# algorithm: whash\n"),
    ],
)
def test_bad_list_exits_65(folders: dict[int, Path], tmp_path: Path, text: bytes | None) -> None:
    """A list that is missing, empty or wrong ends with 65, and no file is scanned."""
    path = tmp_path / "hashes.txt"
    if text is not None:
        path.write_bytes(text)
    done = hashmatch_command("scan", folders[1], "--list", path, "--format", "jsonl", "--jobs", "1")
    assert (done.returncode, done.stdout) == (65, b"")
    assert b"hashes.txt: " in done.stderr or b"empty: the list has no entry" in done.stderr


def test_hash_lists_only_whole_pictures(folders: dict[int, Path], tmp_path: Path) -> None:
    """A truncated picture is named and not listed, and paths without a picture are reported."""
    done = hashmatch_command("hash", folders[2], "-o", "-", "--jobs", "1")
    assert (done.returncode, done.stderr.count(b"truncated:")) == (2, 1)
    header, *lines = done.stdout.splitlines()
    assert header == b"# algorithm: phash"
    assert [line.endswith(b"0.png") for line in lines] == [True, True]  # a pHash and a dHash
    assert not Path("-").exists()
    made = hashmatch_command("list", "compile", tmp_path / "x", "-o", "-")
    assert (made.returncode, b"needs the name of a file" in made.stderr) == (64, True)
    (tmp_path / "README.md").write_text("words")
    done = hashmatch_command("hash", tmp_path / "README.md", "--jobs", "1")
    assert (done.returncode, done.stderr) == (0, b"hashmatch: found no picture\n")


def test_every_wrong_line_is_told(folders: dict[int, Path], tmp_path: Path) -> None:
    """All wrong lines are reported at once, by number; --skip-bad-entries uses the rest."""
    path = tmp_path / "hashes.txt"
    path.write_text("# algorithm: phash\nxyz\n0123456789abcdef ok\n0123\n")
    done = hashmatch_command("scan", folders[0], "--list", path, "--jobs", "1")
    assert done.returncode == 65
    assert [line.split(b":")[2] for line in done.stderr.splitlines()[:2]] == [b"2", b"4"]
    rest = ["--skip-bad-entries", "--format", "jsonl", "--jobs", "1"]
    done = hashmatch_command("scan", folders[0], "--list", path, *rest)
    assert done.returncode == 0
    assert records(done.stdout)[-1]["lists"][0]["skipped"] == 2
    count = b"hashmatch: hashes.txt: skipped 2 faulty entries\n"
    assert done.stderr.startswith(count)
    assert b"skipped" not in done.stderr.removeprefix(count)
    done = hashmatch_command("scan", folders[0], "--list", path, *rest, "-v")
    told = [line for line in done.stderr.splitlines() if b": skipped: " in line]
    assert [line.split(b":")[2] for line in told] == [b"2", b"4"]
    assert b"xyz" not in done.stderr
    assert count in hashmatch_command("list", "show", path, "--skip-bad-entries").stderr


@pytest.mark.parametrize("path", ["none", "", "file/below"])
def test_no_such_input_exits_66(list_path: Path, tmp_path: Path, path: str) -> None:
    """A missing or empty path ends with 66 before anything is scanned."""
    (tmp_path / "file").write_bytes(b"")
    for arguments in (["scan", path, "--list", list_path], ["hash", path]):
        done = hashmatch_command(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (66, b"")
        assert b": no such file or directory" in done.stderr


@pytest.fixture
def broken_plugin(tmp_path: Path) -> Path:
    """A folder of packages, one of which offers an algorithm that crashes when it is looked at."""
    folder = tmp_path / "packages"
    info = folder / "broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hashmatch.algorithms]\nbroken = broken_module:it\n")
    (folder / "broken_module.py").write_text(
        "class It:\n    @property\n    def __class__(self):\n"
        "        raise LookupError('ca9a11fe0123bead')\n\n\nit = It()\n"
    )
    return folder


def test_internal_error_exits_70(
    folders: dict[int, Path], list_path: Path, broken_plugin: Path
) -> None:
    """A crash, here of a plug-in, ends with 70 and says where, without the error's message."""
    env = environment(PYTHONPATH=os.pathsep.join([SOURCE, str(broken_plugin)]))
    done = hashmatch_command("scan", folders[1], "--list", list_path, "--format", "csv", env=env)
    assert (done.returncode, done.stdout) == (70, b"")
    assert done.stderr == b"hashmatch: internal error: LookupError in broken_module.py:4\n"


def test_broken_installation_exits_70(tmp_path: Path) -> None:
    """If even the command line cannot be imported, the exit code is 70, never a match's."""
    (tmp_path / "typer.py").write_text("raise ImportError('no such typer')\n")
    env = environment(PYTHONPATH=os.pathsep.join([str(tmp_path), SOURCE]))
    done = hashmatch_command("--help", env=env)
    assert (done.returncode, done.stdout) == (70, b"")
    assert done.stderr == b"hashmatch: cannot start: ImportError: no such typer\n"


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["scan", "--help"], ["hash", "-h"], ["list", "-h"], [], ["list"]],
    ids=" ".join,
)
def test_help_and_version_exit_0(arguments: list[str]) -> None:
    """Help and version are shown on stdout and exit 0; a group without a command shows its help."""
    done = hashmatch_command(*arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"hashmatch" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_streams_that_fail_change_no_code_but_say_so(
    folders: dict[int, Path], list_path: Path
) -> None:
    """A full stdout exits 70; a closed or full stderr changes no exit code."""
    scan = ["scan", folders[1], "--list", list_path, "--jobs", "1"]
    missing = ["scan", "none", "--list", list_path]
    quick = quick_command()
    closed = ["sh", "-c", '"$0" "$@" 2>&-', *COMMAND]
    with Path("/dev/full").open("wb") as full:
        for command, options, code in (
            ([*quick, *scan], {"stdout": full, "stderr": subprocess.PIPE}, 70),
            ([*quick, "--help"], {"stdout": full, "stderr": subprocess.PIPE}, 70),
            ([*quick, *missing], {"stderr": full}, 66),
            ([*quick, *scan, "--format", "csv"], {"stderr": full, "stdout": subprocess.PIPE}, 1),
            ([*closed, *missing], {}, 66),
            ([*closed, *scan, "--format", "csv"], {"stdout": subprocess.PIPE}, 1),
        ):
            done = subprocess.run(command, env=environment(), check=False, timeout=60, **options)
            assert done.returncode == code, (command, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["--version"],
            ["--help"],
            ["list", "check", "{list}"],
            ["list", "diff", *["{list}"] * 2],
        ),
        *(["evaluate", "--list-transforms"], ["scan", "{list}", "--list", "{list}", "--jobs", "1"]),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_every_command_says_that_it_cannot_write(list_path: Path, arguments: list[str]) -> None:
    """Full or closed standard output exits 70 and is named; if nobody reads it, the code is 141."""
    filled = [text.format(list=list_path) for text in arguments]
    for command, redirection, code, told in (
        (quick_command(), ">/dev/full", 70, b"No space left on device"),
        (COMMAND, ">&-", 70, b"Bad file descriptor"),
        (quick_command(), "| true; exit ${PIPESTATUS[0]}", 141, None),
    ):
        done = subprocess.run(
            ["bash", "-c", f'"$0" "$@" {redirection}', *command, *filled],
            env=environment(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        place = b"hashmatch: standard output: cannot be written: "
        assert done.stderr == (b"" if told is None else place + told + b"\n")


def test_closed_pipe_ends_quietly(folders: dict[int, Path], list_path: Path) -> None:
    """If the reader of its output is gone, the command ends silently and without a verdict."""
    # Records enough to fill the pipe many times over
    many = [folders[1]] * 400
    command = [*COMMAND, "scan", *many, "--list", list_path, "--format", "jsonl", "--jobs", "1"]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"type": "file"')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_the_module_is_the_command() -> None:
    """``python -m hashmatch`` and the installed command are the same."""
    done = hashmatch_command("--version")
    code = "from hashmatch.cli.main import main; main()"
    other = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == other.stdout
