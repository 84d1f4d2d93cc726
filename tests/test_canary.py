"""No hash, of a list or of a file, ever shows: every door and every error is searched for them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import traceback
from pathlib import Path

import pytest

from commands import COMMAND, SOURCE, environment, hashmatch_command
from hashmatch import HashKind, HashList, HashListError, Matcher, PerceptualHash, hamming_distance
from hashmatch.cli.main import run
from hashmatch.errors import HashmatchError
from hashmatch.examine import examine
from hashmatch.model import ExamineOptions
from pictures import encode, photo

KINDS = tuple(HashKind(name, bits) for name in ("phash", "dhash") for bits in (64, 256))
LISTED = photo(1, 320, 240)
UNLISTED = photo(2, 320, 240)


def hashes_of(picture: object) -> list[str]:
    """All hashes of a picture."""
    options = ExamineOptions(kinds=KINDS, mirrors=True)
    return [str(value) for view in examine(picture, options).views for value in view.hashes]


CANARY = "ca9a11fe0123bead"
SECRETS = [*hashes_of(LISTED), *hashes_of(UNLISTED), CANARY, "d15ea5ed0123beef"]


def assert_silent(*outputs: bytes | str) -> None:
    """None of the hashes is in any output: in hex of either case, in part, or as a number."""
    for output in outputs:
        text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
        for secret in SECRETS:
            assert secret[:12] not in text.lower()
            assert secret[-12:] not in text.lower()
            assert str(int(secret[:16], 16)) not in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures on the list and off it, cut, renamed, and a file that is none."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "listed.png").write_bytes(encode(LISTED, "PNG"))
    (root / "unlisted.jpg").write_bytes(encode(UNLISTED, "JPEG"))
    (root / "cut.png").write_bytes(encode(LISTED, "PNG")[:9000])
    (root / "text.txt").write_text(f"{CANARY}\n")
    return root


@pytest.fixture(scope="module")
def list_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list with every kind of hash, without ids, so that entries are named by their lines."""
    options = ExamineOptions(kinds=KINDS)
    values = examine(LISTED, options).views[0].hashes
    lines = [f"{value.algorithm}:{value}" for value in values]
    path = tmp_path_factory.mktemp("lists") / "hashes.txt"
    path.write_text("\n".join([*lines, f"phash:{CANARY}", "phash:D15EA5ED0123BEEF"]) + "\n")
    return path


BROKEN = [
    f"{CANARY}0 too-long",
    f"{CANARY[:-1]} too-short",
    f"x{CANARY}",
    f"whash:{CANARY} unknown",
    f"{CANARY}\x01 control",
    f"0x{CANARY[:14]}",
    f"{CANARY} twice\n{CANARY} twice",
    f"# algorithm: {CANARY}",
    f"phash:{CANARY}:{CANARY}",
    f"{CANARY}\x00",
    f"\N{CYRILLIC SMALL LETTER A}{CANARY}",
]


@pytest.mark.parametrize("name", ["table", "jsonl", "csv"])
def test_scans_show_no_hash(folder: Path, list_path: Path, tmp_path: Path, name: str) -> None:
    """Whatever the format, neither results nor messages of a scan have a hash."""
    output = tmp_path / "results"
    scan = ["scan", folder, "--list", list_path, "--format", name, "--verbose", "--mirrors"]
    for arguments in ([], ["--output", output]):
        done = hashmatch_command(*scan, *arguments, "--jobs", "1")
        assert done.returncode == 3
        assert_silent(done.stdout, done.stderr)
    assert_silent(output.read_bytes())


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
def test_broken_lists_are_told_without_a_hash(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], line: str
) -> None:
    """A wrong line is told by number alone: by the library, its traceback and the command."""
    path = tmp_path / "hashes.txt"
    path.write_bytes(f"{line}\nd15ea5ed0123beef ok\n".encode())
    with pytest.raises(HashListError) as caught:
        HashList.load(path)
    error = caught.value
    assert_silent(str(error), repr(error), repr(error.problems), *map(str, error.problems))
    assert_silent("".join(traceback.format_exception(error)))
    assert run(["scan", str(folder), "--list", str(path)]) == 65
    assert_silent(*capfd.readouterr())


def test_wrong_usage_shows_no_hash(
    folder: Path, list_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A hash put where none belongs is not repeated in what is said of it."""
    for arguments in (
        ["scan", str(folder), "--list", str(list_path), "--threshold", "many"],
        ["scan", str(folder), "--list", str(list_path), "--index", "none"],
        ["hash", str(folder), "--algorithm", "none"],
    ):
        assert run(arguments) == 64
        assert_silent(*capfd.readouterr())


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """An environment in which looking up algorithms crashes over a hash."""
    info = tmp_path / "packages" / "broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hashmatch.algorithms]\nbroken = broken_module:it\n")
    (info.parent / "broken_module.py").write_text(
        f"secret = {CANARY!r}\nraise LookupError(secret)\n"
    )
    return environment(PYTHONPATH=os.pathsep.join([SOURCE, str(info.parent)]))


def test_crashes_show_no_hash(folder: Path, list_path: Path, plugin: dict[str, str]) -> None:
    """A crash over a hash tells its kind and its place, and not what it choked on."""
    done = hashmatch_command("scan", folder, "--list", list_path, "--verbose", env=plugin)
    assert done.returncode == 70
    assert b"LookupError in broken_module.py:2" in done.stderr
    assert_silent(done.stdout, done.stderr)


def test_errors_of_values_show_no_hash() -> None:
    """Wrong hashes, and hashes that cannot be compared, are told without their bits."""
    value = PerceptualHash.from_hex(CANARY)
    for mistake in (
        lambda: PerceptualHash.from_hex(f"{CANARY}zz"),
        lambda: PerceptualHash.from_hex(CANARY, "md5"),
        lambda: PerceptualHash("phash", 128, value.words),
        lambda: hamming_distance(value, PerceptualHash.from_hex(CANARY, "dhash")),
    ):
        with pytest.raises(HashmatchError) as caught:
            mistake()
        assert_silent("".join(traceback.format_exception(caught.value)), repr(caught.value))


def test_values_show_no_hash(list_path: Path) -> None:
    """Lists, sections, matchers, outcomes and entries show no hash in ``repr``."""
    hash_list = HashList.load(list_path)
    matcher = Matcher(hash_list)
    outcome = matcher.match(encode(LISTED, "PNG"))
    shown = [hash_list, *hash_list.sections.values(), *hash_list, matcher, outcome]
    shown += [*outcome.matches, matcher.options, matcher.settings(), matcher.explain()]
    assert_silent(*map(repr, shown), str(outcome), f"{outcome.matches}")


def test_what_an_interrupted_run_leaves_shows_no_hash(
    folder: Path, list_path: Path, tmp_path: Path
) -> None:
    """Neither an interrupted run, nor its arguments, which everybody sees, have a hash."""
    output = tmp_path / "results"
    command = [*COMMAND, "scan", *[str(folder)] * 300, "--list", str(list_path)]
    command += ["--format", "jsonl", "--output", str(output)]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None and not list(tmp_path.glob(".hashmatch-*")):
            time.sleep(0.02)
        arguments = Path(f"/proc/{process.pid}/cmdline")
        seen = arguments.read_bytes() if arguments.exists() else b""
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert_silent(seen, said, told, output.read_bytes())


def test_the_hash_command_alone_shows_hashes(folder: Path) -> None:
    """Only ``hashmatch hash``, which is asked for them, writes hashes; its messages have none."""
    done = hashmatch_command("hash", folder, "--format", "jsonl", "--jobs", "1")
    assert done.returncode == 2
    assert hashes_of(LISTED)[0].encode() in done.stdout
    assert_silent(done.stderr)
