"""No hash of a list or a file ever shows: these tests search every output and error for them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import traceback
from pathlib import Path

import pytest

from commands import COMMAND, SOURCE, environment, hashmatch_command
from hashlist.feeds import Item, ncmec, stopncii, tat, vics
from hashmatch import HashKind, HashList, HashListError, Matcher, PerceptualHash, hamming_distance
from hashmatch.cli.main import run
from hashmatch.errors import HashmatchError
from hashmatch.examine.examination import examine
from hashmatch.options import ExamineOptions
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
    """Check that no hash is in any output: in hex of either case, in part, or as a number."""
    for output in outputs:
        text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
        for secret in SECRETS:
            assert secret[:12] not in text.lower()
            assert secret[-12:] not in text.lower()
            assert str(int(secret[:16], 16)) not in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures on the list and off it, truncated and renamed ones, and a file that is not one."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "listed.png").write_bytes(encode(LISTED, "PNG"))
    (root / "unlisted.jpg").write_bytes(encode(UNLISTED, "JPEG"))
    (root / "cut.png").write_bytes(encode(LISTED, "PNG")[:9000])
    (root / "text.txt").write_text(f"{CANARY}\n")
    return root


@pytest.fixture(scope="module")
def list_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list with every kind of hash and without ids, so that entries are named by line."""
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
    """In any format, neither results nor messages of a scan contain a hash."""
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
    """The library, its traceback and the command report a wrong line only by its number."""
    path = tmp_path / "hashes.txt"
    path.write_bytes(f"{line}\nd15ea5ed0123beef ok\n".encode())
    with pytest.raises(HashListError) as caught:
        HashList.load(path)
    error = caught.value
    assert_silent(str(error), repr(error), repr(error.problems), *map(str, error.problems))
    assert_silent("".join(traceback.format_exception(error)))
    assert run(["scan", str(folder), "--list", str(path)]) == 65
    assert_silent(*capfd.readouterr())


MD5 = f"{CANARY}d15ea5ed0123beef"


def feeds() -> dict[str, str]:
    """A valid list in every format that can be read, with canaries as hashes."""
    items = [
        Item("m-1", {"md5": MD5}, "1", "us"),
        Item("m-2", {"md5": MD5[::-1]}, "0"),
        Item("m-3", gone=True),
    ]
    row = f"{CANARY},phash,1,,,,,,\n{MD5},md5,2,,1,us,,2020-01-01,\n,,3,,,,,,true\n"
    return {
        "text": f"# algorithm: phash\n{CANARY} 1\nmd5:{MD5} 2\n",
        "csv": f"hash,algorithm,id,label,category,source,added,expires,withdrawn\n{row}",
        "ncmec": ncmec(items),
        "vics": vics(items[:2]),
        "stopncii": stopncii(items[:2]),
        "tat": tat(items[:2]),
        "threatexchange": f"md5 {MD5}\nmd5 {MD5[::-1]}\n",
    }


FEEDS = feeds()


@pytest.mark.parametrize("name", FEEDS)
def test_list_commands_show_no_hash(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any list format, no list command shows a hash of the list."""
    monkeypatch.chdir(tmp_path)
    Path("list").write_text(FEEDS[name])
    Path("other.txt").write_text(f"# algorithm: phash\nd15ea5ed0123beef 1\n{CANARY} 9\n")
    as_told = ["--list-format", name, "--algorithm", "md5"]
    text = 0 if name in {"text", "threatexchange"} else 65  # it has no room for categories
    merged = 65 if name in {"text", "csv"} else 0  # they give other.txt's ids to others
    for code, arguments in (
        (0, ["check", "list", *as_told]),
        (0, ["show", "list", *as_told]),
        (0, ["show", "list", "--json"]),
        (0, ["convert", "list", "-o", "new.csv"]),
        (0, ["compile", "list", "-o", "new.hml"]),
        (text, ["convert", "list", "-o", "new.txt"]),
        (0, ["apply", "other.txt", "list", "-o", "applied.csv"]),
        (0, ["apply", "list", "other.txt", "-o", "applied.csv", "--keep-withdrawals"]),
        (merged, ["merge", "list", "other.txt", "-o", "merged.csv"]),
        (0, ["merge", "list", "other.txt", "-o", "merged.csv", "--prefix"]),
        (0, ["diff", "list", "other.txt"]),
        (0, ["diff", "new.csv", "new.hml", "--json"]),
        (64, ["convert", "list", "-o", f"{name}.{MD5}"]),
        (64, ["convert", "list", "-o", "new", "--to", MD5]),
        (64, ["check", "list", "--list-format", MD5]),
    ):
        assert run(["list", *arguments]) == code, arguments
        assert_silent(*capfd.readouterr())


@pytest.mark.parametrize("name", FEEDS)
def test_broken_feeds_are_told_without_a_hash(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """If a hash in any format is wrong, or the file is cut off, no command quotes it."""
    path, sound = tmp_path / "list", FEEDS[name]
    other = tmp_path / "other.txt"
    other.write_text("# algorithm: phash\nfedcba9876543210 1\n")
    cut = sound[: sound.rindex(CANARY[:8]) + 20]
    for text in (sound.replace(CANARY, f"{CANARY[:-1]}z"), sound.replace(CANARY, CANARY * 2), cut):
        path.write_text(text)
        for arguments in (
            ["check", str(path)],
            ["show", str(path), "--skip-bad-entries"],
            ["convert", str(path), "-o", str(tmp_path / "new.csv")],
            ["apply", str(other), str(path), "-o", str(tmp_path / "new.csv")],
            ["merge", str(path), str(other), "-o", str(tmp_path / "new.csv")],
            ["diff", str(other), str(path)],
        ):
            skipped = arguments[0] == "show"  # unless the file itself is wrong
            assert run(["list", *arguments]) in ({0, 65} if skipped else {65}), arguments
            assert_silent(*capfd.readouterr())


def test_what_is_left_out_is_told_without_a_hash(
    folder: Path, list_path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A hash given as a category, a source or a suppressed entry is not repeated."""
    table = tmp_path / "s.csv"
    scan = ["scan", str(folder), "--list", str(list_path), "--jobs", "1"]
    for row in (f"{CANARY},no,me,2026-01-02", f"x,{CANARY},me,{CANARY}", f"{CANARY},,me"):
        table.write_text(f"entry,reason,by,date\n{row}\n")
        run([*scan, "--suppress", str(table)])
        assert_silent(*capfd.readouterr())
    for option in ("--exclude-category", "--category", "--source", "--list-format", "--algorithm"):
        run([*scan, option, CANARY])
        assert_silent(*capfd.readouterr())


def test_wrong_usage_shows_no_hash(
    folder: Path, list_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A hash given in the wrong place is not repeated in the message."""
    for arguments in (
        ["scan", str(folder), "--list", str(list_path), "--threshold", "many"],
        ["scan", str(folder), "--list", str(list_path), "--index", "none"],
        ["hash", str(folder), "--algorithm", "none"],
    ):
        assert run(arguments) == 64
        assert_silent(*capfd.readouterr())


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """An environment in which looking up algorithms crashes with a hash in the error."""
    info = tmp_path / "packages" / "broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hashmatch.algorithms]\nbroken = broken_module:it\n")
    (info.parent / "broken_module.py").write_text(
        "class It:\n    @property\n    def __class__(self):\n"
        f"        raise LookupError({CANARY!r})\n\n\nit = It()\n"
    )
    return environment(PYTHONPATH=os.pathsep.join([SOURCE, str(info.parent)]))


def test_crashes_show_no_hash(folder: Path, list_path: Path, plugin: dict[str, str]) -> None:
    """A crash report has the kind and the place of the error, and not its message."""
    done = hashmatch_command("scan", folder, "--list", list_path, "--verbose", env=plugin)
    assert done.returncode == 70
    assert b"LookupError in broken_module.py:4" in done.stderr
    assert_silent(done.stdout, done.stderr)


def test_errors_of_values_show_no_hash() -> None:
    """Errors about wrong or incomparable hashes do not show their bits."""
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


def size_of(path: Path) -> int:
    """The size of a file in bytes; 0 once it is gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def test_what_an_interrupted_run_leaves_shows_no_hash(
    folder: Path, list_path: Path, tmp_path: Path
) -> None:
    """Neither an interrupted run nor its arguments, which everybody can see, contain a hash."""
    output = tmp_path / "results"
    command = [*COMMAND, "scan", *[str(folder)] * 300, "--list", str(list_path)]
    command += ["--format", "jsonl", "--output", str(output)]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        # Before the first results are written, an interrupt leaves no file
        while process.poll() is None and not any(map(size_of, tmp_path.glob(".hashmatch-*"))):
            time.sleep(0.02)
        arguments = Path(f"/proc/{process.pid}/cmdline")
        seen = arguments.read_bytes() if arguments.exists() else b""
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert_silent(seen, said, told, output.read_bytes())


def test_the_hash_command_alone_shows_hashes(folder: Path) -> None:
    """Only ``hashmatch hash`` writes hashes, and only as its result, not in messages."""
    done = hashmatch_command(
        "hash", folder, "--algorithm", "phash", "--format", "jsonl", "--jobs", "1"
    )
    assert done.returncode == 2
    assert hashes_of(LISTED)[0].encode() in done.stdout
    assert_silent(done.stderr)
