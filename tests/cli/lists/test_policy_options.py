"""Which entries may match under the commands' options, and what is said about the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands import hashmatch_command, records
from hashlist.feeds import Item, ncmec, stopncii, vics
from hashmatch.cli.main import run
from hashmatch.errors import HashListError
from hashmatch.examine.examination import examine
from hashmatch.hashlist import read_suppressions
from hashmatch.model import HashKind
from hashmatch.options import ExamineOptions
from pictures import encode, photo

KINDS = (HashKind("phash", 64), HashKind("dhash", 64))
NAMES = ("a", "b", "c")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three pictures."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    for seed, name in enumerate(NAMES, 1):
        (tmp_path / "pictures" / f"{name}.png").write_bytes(encode(photo(seed, 96, 80), "PNG"))
    return tmp_path


def hashes(name: str, kinds: tuple[HashKind, ...] = KINDS, digests: tuple[str, ...] = ()) -> Any:
    """The examination of one of the pictures."""
    return examine(f"pictures/{name}.png", ExamineOptions(kinds=kinds, digests=digests))


def md5(name: str) -> str:
    """The digest of one of the pictures."""
    return str(hashes(name, (), ("md5",)).digests[0])


def phash(name: str) -> str:
    """The hash of one of the pictures."""
    return str(hashes(name).views[0].hashes[0])


def write(name: str, text: str) -> str:
    """Write a list that only its owner can read."""
    Path(name).write_text(text)
    Path(name).chmod(0o600)
    return name


def scanned(*arguments: str) -> tuple[dict[str, set[str]], dict[str, Any]]:
    """The ids that each picture matched, and the summary's record of the first list."""
    done = hashmatch_command("scan", "pictures", "--format", "jsonl", "--jobs", "1", *arguments)
    assert done.returncode in (0, 1), done.stderr
    *files, summary = records(done.stdout)
    found = {Path(file["path"]).stem: {m["entry"] for m in file["matches"]} for file in files}
    return {name: ids for name, ids in found.items() if ids}, summary["lists"][0]


def test_tombstones_of_ncmec_take_entries_out() -> None:
    """On an NCMEC page, entries deleted later do not match and the others do."""
    items = [
        Item("m-1", {"md5": md5("a")}, "A1"),
        Item("m-2", {"md5": md5("b")}, "B2"),
        Item("m-2", gone=True, added="2026-02-01T00:00:00Z"),
        Item("m-3", {"pdna": "0" * 288}, "A1"),
    ]
    entries, told = scanned("--list", write("page.xml", ncmec(items)))
    assert entries == {"a": {"m-1"}}
    assert told["unsupported"] == {"photodna": 1}
    assert told["left_out"]["withdrawn"] == 1


def test_what_stopncii_withdraws_does_not_match() -> None:
    """StopNCII's active records match by PDQ, and withdrawn ones never do."""
    pytest.importorskip("pdqhash")
    pdq = (HashKind("pdq", 256),)
    a, b = (str(hashes(name, pdq).views[0].hashes[0]) for name in "ab")
    page = stopncii([Item("1", {"pdq": a}), Item("2", {"pdq": b}, gone=True)])
    found, told = scanned("--list", write("page.json", page))
    assert list(found) == ["a"]
    assert told["left_out"] == {"withdrawn": 1}


def test_category_0_matches_only_where_it_is_asked_for() -> None:
    """Category 0 of a VICS set is left out and counted, unless the operator names it."""
    items = [Item(str(at), {"md5": md5(name)}, str(at)) for at, name in enumerate(NAMES)]
    path = write("set.json", vics(items, "2.0"))
    entries, told = scanned("--list", path)
    assert entries == {"b": {"1"}, "c": {"2"}}
    assert told["left_out"] == {"not pertinent": 1}
    assert scanned("--list", path, "--category", "0")[0] == {"a": {"0"}}
    assert scanned("--list", path, "--category", "0,2")[0] == {"a": {"0"}, "c": {"2"}}
    assert scanned("--list", path, "--category", "1", "--category", "2")[0].keys() == {"b", "c"}
    assert scanned("--list", path, "--exclude-category", "2")[0] == {"b": {"1"}}
    assert run(["list", "compile", path, "-o", "set.hml"]) == 0
    assert scanned("--list", "set.hml", "--category", "0")[0] == {"a": {"0"}}
    assert scanned("--list", "set.hml")[0] == {"b": {"1"}, "c": {"2"}}


def test_only_the_sources_asked_for_match() -> None:
    """If sources are named, entries of other sources, or of none, are left out."""
    rows = [
        f"{phash(n)},phash,{n},{source}" for n, source in zip(NAMES, ("x", "y", ""), strict=True)
    ]
    path = write("list.csv", "\n".join(["hash,algorithm,id,source", *rows, ""]))
    assert scanned("--list", path, "--source", "x")[0] == {"a": {"a"}}
    entries, told = scanned("--list", path, "--source", "x,y")
    assert entries == {"a": {"a"}, "b": {"b"}}
    assert told["left_out"] == {"source": 1}


def test_the_operator_can_insist_on_a_format() -> None:
    """A list is read as the named format, and refused if it does not have it."""
    path = write("list.txt", f"{phash('a')} one\n")
    assert scanned("--list", path, "--list-format", "text", "--algorithm", "phash")[0]
    done = hashmatch_command("scan", "pictures", "--list", path, "--list-format", "csv")
    assert (done.returncode, b"no column 'hash'" in done.stderr) == (65, True)
    done = hashmatch_command("scan", "pictures", "--list", path, "--list-format", "xls")
    assert (done.returncode, b"unknown list format" in done.stderr) == (64, True)


def events(trail: str) -> list[dict[str, Any]]:
    """The events of an audit trail."""
    return [json.loads(line)["event"] for line in Path(trail).read_text().splitlines()]


def two_lists() -> tuple[str, str]:
    """Two lists with one id in both, and a hash by line."""
    first = write("one.txt", f"# name: one\n# algorithm: phash\n{phash('a')} x\n{phash('b')}\n")
    return first, write(
        "two.txt", f"# name: two\n# algorithm: phash\n{phash('c')} x\n{'0123456789abcdef'} y\n"
    )


def test_suppressed_entries_do_not_match_and_leave_a_trace() -> None:
    """Suppressed entries do not match, in their own list only, and the summary names them."""
    first, second = two_lists()
    table = "entry,list,reason,by,date\n{},harmless,me,2026-01-02\n"
    lists = ("--list", first, "--list", second)
    assert scanned(*lists)[0] == {"a": {"x"}, "b": {"one.txt:4"}, "c": {"x"}}
    write("s.csv", table.format("x,"))
    entries, told = scanned(*lists, "--suppress", "s.csv")
    assert entries == {"b": {"one.txt:4"}}
    assert (told["suppressed"], told["left_out"]) == (["x"], {"suppressed": 1})
    write("s.csv", table.format("x,two"))
    assert scanned(*lists, "--suppress", "s.csv")[0] == {"a": {"x"}, "b": {"one.txt:4"}}


def test_no_entry_is_suppressed_by_its_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Suppressing an entry by its line is refused, since lines change, with advice."""
    first, second = two_lists()
    write("s.csv", "entry,reason,by,date\none.txt:4,harmless,me,2026-01-02\n")
    scan = ["scan", "pictures", "--jobs", "1", "--suppress", "s.csv", "--list"]
    assert run([*scan, first]) == 65
    assert "cannot suppress one.txt:4: the list gives it no id" in capfd.readouterr().err
    assert run([*scan, second]) == 1
    write(first, f"# algorithm: phash\n{phash('a')} x\n{phash('b')} one.txt:4\n")
    assert scanned("--suppress", "s.csv", "--list", first)[0] == {"a": {"x"}}


def test_the_trail_says_what_was_suppressed() -> None:
    """The audit trail has the table's name, and each list's suppressed entries by id."""
    first, _ = two_lists()
    write("s.csv", "entry,reason,by,date\nx,harmless,me,2026-01-02\n")
    scanned(
        "--list", first, "--suppress", "s.csv", "--exclude-category", "A", "--audit", "trail.jsonl"
    )
    event = events("trail.jsonl")[0]
    assert event["settings"]["suppress"] == "s.csv"
    assert event["settings"]["exclude_category"] == ["A"]
    assert event["lists"][0]["suppressed"] == ["x"]


def test_entries_on_no_list_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    """A suppression of an entry on no list may be a typo, so it is reported."""
    first, _ = two_lists()
    write("s.csv", "entry,reason,by,date\nnone,harmless,me,2026-01-02\nx,no,me,2026-01-02\n")
    assert run(["scan", "pictures", "--list", first, "--suppress", "s.csv", "--jobs", "1"]) == 1
    told = capfd.readouterr().err
    assert "s.csv: 1 entry is not on any list: line 2\n" in told
    assert "one: skipped 1 suppressed entry" in told


def test_names_of_no_entry_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    """A category, a source or a list's name that no entry has may be a typo, so it is reported."""
    header = "hash,algorithm,id,category,source"
    for name, picture in (("one", "a"), ("two", "b")):
        write(
            f"{name}.csv",
            f"# name: {name}\n{header}\n{phash(picture)},phash,x,{name},us\n"
            f"0123456789abcdef,phash,y,{name},us\n",
        )
    lists = ["scan", "pictures", "--list", "one.csv", "--list", "two.csv", "--jobs", "1"]
    run([*lists, "--category", "one,two", "--source", "us"])
    assert "no list has" not in capfd.readouterr().err
    run([*lists, "--category", "one,tow", "--exclude-category", "noe", "--source", "us,them"])
    told = capfd.readouterr().err
    assert "--category: no list has the category 'tow'\n" in told
    assert "--exclude-category: no list has the category 'noe'\n" in told
    assert "--source: no list has the source 'them'\n" in told
    assert told.count("no list has") == 3
    rows = ["x,one,harmless,me,2026-01-02", "x,tow,harmless,me,2026-01-02"]
    write("s.csv", "\n".join(["entry,list,reason,by,date", *rows, ""]))
    assert run([*lists, "--suppress", "s.csv"]) == 1
    assert "1 entry is not on any list: line 3\n" in capfd.readouterr().err


def test_a_table_with_mistakes_suppresses_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Every wrong row is reported by line and none is quoted, and the exit code is 65."""
    rows = [",why,me,2026-01-02", "x,,me,2026-01-02", "x,why,,2026-01-02", "x,why,me,soon", "x,why"]
    write("s.csv", "\n".join(["entry,reason,by,date", *rows, "x,why,me,2026-01-02", ""]))
    with pytest.raises(HashListError) as caught:
        read_suppressions("s.csv")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 5, 6]
    first, _ = two_lists()
    assert run(["scan", "pictures", "--list", first, "--suppress", "s.csv"]) == 65
    told = capfd.readouterr().err
    assert "s.csv:5: date is not an ISO 8601 date" in told
    assert "soon" not in told
    write("s.csv", "entry,reason\nx,why\n")
    assert run(["scan", "pictures", "--list", first, "--suppress", "s.csv"]) == 65
    assert run(["scan", "pictures", "--list", first, "--suppress", "none.csv"]) == 65
    Path("s.csv").write_bytes(b"entry,reason,by,date\nx\xff,why,me,2026-01-02\n")
    with pytest.raises(HashListError):
        read_suppressions("s.csv")


def test_a_rematch_minds_the_same_options() -> None:
    """A rematch leaves out what its options exclude, and its trail says so."""
    first, second = two_lists()
    scanned("--list", first, "--list", second, "--state", "scan.db")
    write("s.csv", "entry,reason,by,date\nx,harmless,me,2026-01-02\n")
    rematch = ("rematch", "--state", "scan.db", "--list", first, "--format", "jsonl", "--jobs", "1")
    done = hashmatch_command(*rematch, "--suppress", "s.csv", "--audit", "trail.jsonl")
    assert done.returncode == 1
    *files, summary = records(done.stdout)
    assert {m["entry"] for file in files for m in file["matches"]} == {"one.txt:4"}
    assert summary["lists"][0]["suppressed"] == ["x"]
    assert hashmatch_command("audit", "verify", "trail.jsonl").returncode == 0
    start, match, finish = events("trail.jsonl")
    assert (start["type"], start["command"]) == ("start", "rematch")
    assert match["type"] == "match"
    assert (finish["type"], finish["exit_code"]) == ("finish", 1)


def test_a_state_minds_what_is_in_force_now() -> None:
    """An entry that one scan with a state leaves out matches in the next one that includes it."""
    first, _ = two_lists()
    scan = ("--list", first, "--state", "scan.db")
    write("s.csv", "entry,reason,by,date\nx,harmless,me,2026-01-02\n")
    everything = {"a": {"x"}, "b": {"one.txt:4"}}
    assert scanned(*scan, "--suppress", "s.csv")[0] == {"b": {"one.txt:4"}}
    assert scanned(*scan)[0] == everything
    assert scanned(*scan, "--suppress", "s.csv")[0] == {"b": {"one.txt:4"}}
    assert scanned(*scan)[0] == everything


def test_an_entry_that_became_pertinent_is_new() -> None:
    """An entry that the older list had in category 0, where it never matched, is a new one."""
    spare = "0123456789abcdef,phash,y,1"
    rows = "hash,algorithm,id,category\n{},phash,x,{}\n" + spare + "\n"
    old = write("old.csv", rows.format(phash("a"), "0"))
    new = write("new.csv", rows.format(phash("a"), "1"))
    assert scanned("--list", old, "--list", two_lists()[1], "--state", "scan.db")[0].keys() == {"c"}
    rematch = ("rematch", "--state", "scan.db", "--format", "jsonl", "--jobs", "1", "--list", new)
    done = hashmatch_command(*rematch, "--only-new-entries-since", old)
    *files, summary = records(done.stdout)
    assert [m["entry"] for file in files for m in file["matches"]] == ["x"]
    assert summary["lists"][0]["left_out"] == {}
    (summary,) = records(hashmatch_command(*rematch, "--only-new-entries-since", new).stdout)
    assert (summary["files"], summary["lists"]) == (0, [])


def test_a_rematch_without_new_entries_is_on_record() -> None:
    """If a list has nothing new, the trail has a run of no files rather than a gap."""
    first, _ = two_lists()
    scanned("--list", first, "--state", "scan.db")
    rematch = ("rematch", "--state", "scan.db", "--list", first, "--audit", "trail.jsonl")
    assert hashmatch_command(*rematch, "--only-new-entries-since", first).returncode == 0
    start, finish = events("trail.jsonl")
    assert (start["command"], start["lists"]) == ("rematch", [])
    assert start["settings"]["only_new_entries_since"] == first
    assert (finish["exit_code"], finish["counts"]["files"]) == (0, 0)


def test_options_about_lists_need_one(capfd: pytest.CaptureFixture[str]) -> None:
    """A command that needs no list refuses options about lists when there is none."""
    assert run(["evaluate", "pictures", "--category", "A"]) == 64
    assert "need --list" in capfd.readouterr().err
