"""``hashmatch list``, and how ``hashmatch scan`` chooses which lists to rely on."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from hashmatch import HashKind, HashList, PerceptualHash
from hashmatch.cli.main import run
from hashmatch.hashlist import operations
from hashmatch.hashlist.operations import difference, facts
from hashmatch.model import Entry
from pictures import encode, photo
from synthetic_list import synthesize

pytest.importorskip("cryptography")

HASH = "9ec5d32b1a6c4e35"
LIST = f"# algorithm: phash\n# name: mine\n# version: 4\n# created: 2026-01-01\n{HASH} one first\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a list and two pictures."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text(LIST)
    (tmp_path / "list.txt").chmod(0o600)
    (tmp_path / "pictures").mkdir()
    for seed in (1, 2):
        (tmp_path / "pictures" / f"{seed}.jpg").write_bytes(encode(photo(seed, 320, 240), "JPEG"))
    return tmp_path


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> SimpleNamespace:
    """Run the command in this process, and return its exit code and output."""
    code = run(arguments)
    out, err = capsys.readouterr()
    return SimpleNamespace(code=code, out=out, err=err)


def test_check_passes_a_list_that_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    """A list without mistakes is counted, with exit 0."""
    result = command(capsys, "list", "check", "list.txt")
    assert (result.code, "1 entry," in result.out) == (0, True)


@pytest.mark.parametrize(
    ("mode", "exposed"),
    [
        (0o600, None),
        (0o644, "can be read by its group and everyone; run"),
        (0o620, "can be changed by its group; run"),
        (0o664, "can be read by its group and everyone, and changed by its group; run"),
    ],
)
def test_check_and_show_warn_of_a_list_that_others_can_read(
    folder: Path, capsys: pytest.CaptureFixture[str], mode: int, exposed: str | None
) -> None:
    """The warning says who can do what with the file."""
    (folder / "list.txt").chmod(mode)
    for name in ("check", "show"):
        result = command(capsys, "list", name, "list.txt")
        assert result.code == 0
        assert (exposed in result.err) if exposed else ("can be" not in result.err)


def test_check_names_every_wrong_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All wrong lines are named by number in one go, none is quoted, and the exit code is 65."""
    (folder / "bad.txt").write_text(LIST + f"nohash two\n{HASH} one again\n{HASH[:-1]}\n")
    result = command(capsys, "list", "check", "bad.txt")
    assert result.code == 65
    for line in (6, 7, 8):
        assert f"bad.txt:{line}:" in result.err
    assert HASH[:-1] not in result.err
    assert "nohash" not in result.err


def test_show_counts_without_showing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts, duplicates, neighbours and the index are shown; no hash is."""
    near = f"{int(HASH, 16) ^ 7:016x}"
    (folder / "more.txt").write_text(LIST + f"{HASH} twin\n{near} near\n0123456789abcdef far\n")
    shown = json.loads(command(capsys, "list", "show", "more.txt", "--json").out)
    (section,) = shown["sections"]
    assert (section["entries"], section["duplicates"], section["near"]) == (4, 1, 3)
    assert (section["hubs"], section["named_hubs"]) == (0, [])
    assert (shown["name"], shown["version"]) == ("mine", "4")
    text = command(capsys, "list", "show", "more.txt").out
    assert HASH not in text + json.dumps(shown)
    assert "linear scan" in text


def test_a_compiled_list_scans_as_its_text_does(capsys: pytest.CaptureFixture[str]) -> None:
    """A compiled list gives the records that its text gives."""
    assert command(capsys, "hash", "pictures", "--output", "own.txt").code == 0
    assert command(capsys, "list", "compile", "own.txt", "-o", "own.hml").code == 0
    records = []
    for name in ("own.txt", "own.hml"):
        result = command(capsys, "scan", "pictures", "--list", name, "--format", "jsonl")
        assert result.code == 1
        found = [json.loads(line)["matches"] for line in result.out.splitlines()[:-1]]
        for matches in found:
            for match in matches:
                del match["list"]  # without a header, it is the file's name
        records.append(found)
    assert records[0] == records[1]
    assert records[0][0][0]["distance"] == 0


def test_diff(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Diff tells by id what was added, withdrawn and changed."""
    (folder / "new.txt").write_text("0123456789abcdef one renewed\nfedcba9876543210 two\n")
    changes = json.loads(command(capsys, "list", "diff", "list.txt", "new.txt", "--json").out)
    assert changes == {"added": ["two"], "withdrawn": [], "changed": ["one"]}
    text = command(capsys, "list", "diff", "new.txt", "list.txt").out
    assert "withdrawn two" in text
    assert "0 added, 1 withdrawn, 1 changed" in text


def test_sign_and_verify(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A signed list verifies, a changed one does not, and a scan can insist on a signature."""
    scan = ("scan", "pictures", "--list", "list.txt", "--require-signature", "k.pub", "-q")
    assert command(capsys, "list", "keygen", "--key", "k", "--public-key", "k.pub").code == 0
    unsigned = command(capsys, *scan)
    assert (unsigned.code, "no readable signature" in unsigned.err) == (65, True)
    assert command(capsys, "list", "sign", "list.txt", "--key", "k").code == 0
    assert command(capsys, "list", "verify", "list.txt", "--public-key", "k.pub").code == 0
    assert command(capsys, *scan).code == 0
    (folder / "list.txt").write_text(LIST.replace("first", "worst"))
    assert command(capsys, "list", "verify", "list.txt", "--public-key", "k.pub").code == 65
    assert command(capsys, *scan).code == 65


@pytest.mark.parametrize(("stale", "code"), [("warn", 0), ("fail", 65)])
def test_an_old_list_is_warned_of_or_refused(
    capsys: pytest.CaptureFixture[str], stale: str, code: int
) -> None:
    """A list older than --max-list-age is used with a warning, or refused."""
    result = command(
        capsys, "scan", "pictures", "--list", "list.txt", "--max-list-age", "1h", "--stale", stale
    )
    assert (result.code, "(limit 1 h)" in result.err) == (code, True)


def test_a_rolled_back_list_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A version below the last one used is refused unless you allow it."""
    scan = ("scan", "pictures", "--list", "list.txt", "--seen-versions", "seen.json")
    assert command(capsys, *scan).code == 0
    (folder / "list.txt").write_text(LIST.replace("version: 4", "version: 3"))
    refused = command(capsys, *scan)
    assert (refused.code, "version 4 was used before" in refused.err) == (65, True)
    assert command(capsys, *scan, "--allow-rollback").code == 0


@pytest.mark.parametrize(("permissions", "code"), [("warn", 0), ("fail", 65)])
def test_a_list_that_others_can_read(
    folder: Path, capsys: pytest.CaptureFixture[str], permissions: str, code: int
) -> None:
    """A list that others can read is warned of, or refused."""
    (folder / "list.txt").chmod(0o644)
    result = command(capsys, "scan", "pictures", "--list", "list.txt", "--permissions", permissions)
    assert (result.code, "chmod 600" in result.err) == (code, True)


def test_lists_come_through_pipes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list is read from an open descriptor as from a file."""
    assert command(capsys, "hash", "pictures", "--output", "own.txt").code == 0
    ours, theirs = os.pipe()
    os.write(theirs, (folder / "own.txt").read_bytes())
    os.close(theirs)
    result = command(capsys, "scan", "pictures", "--list", f"fd:{ours}")
    assert (result.code, "2 match" in result.out) == (1, True)


@pytest.mark.parametrize("name", ["fd:x", "fd:999", f"fd:{10**20}"])
def test_a_descriptor_that_is_none_is_an_error(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A descriptor that is not a number, or not open, is a clear error."""
    assert command(capsys, "scan", "pictures", "--list", name).code in (64, 65)


def test_facts_of_a_long_list_come_from_a_sample() -> None:
    """If a section is longer than the sample, the sample's size is shown."""
    hash_list = HashList.from_entries(synthesize(300, HashKind("phash", 64)), name="long")
    old, operations.SAMPLE = operations.SAMPLE, 100
    try:
        (found,) = facts(hash_list)
    finally:
        operations.SAMPLE = old
    assert (found.entries, found.sampled) == (300, 100)


def test_equal_lists_do_not_differ() -> None:
    """A list compared with itself shows no difference."""
    hash_list = HashList.loads(LIST)
    found = difference(hash_list, HashList.loads(LIST))
    assert (found.added, found.withdrawn, found.changed) == ((), (), ())


FIELDS = ("label", "category", "source", "added", "expires")


@pytest.mark.parametrize("changed", [None, "hash", "another", *FIELDS])
def test_whatever_differs_of_an_entry_is_a_change(changed: str | None) -> None:
    """Every field of an entry and the number of its hashes are compared; their order is not."""
    first, second = PerceptualHash("phash", 64, (5,)), PerceptualHash("dhash", 64, (5,))
    entry = Entry("one", first, *FIELDS[:-1], "2040-01-01")
    other = entry
    if changed == "hash":
        other = replace(entry, hash=PerceptualHash("phash", 64, (4,)))
    elif changed in FIELDS:
        other = replace(entry, **{changed: "2041-01-01"})
    twin = replace(entry, hash=second)
    new = [twin, other] if changed != "another" else [other]
    lists = [HashList.from_entries(each, name="list") for each in ([entry, twin], new)]
    found = difference(*lists)
    assert found.changed == (() if changed is None else ("one",))
    assert (found.added, found.withdrawn) == ((), ())
