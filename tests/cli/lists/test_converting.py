"""``hashmatch list convert``, ``apply`` and ``merge``: lists in any format become one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashlist.feeds import Item, ncmec, vics
from hashmatch import HashList
from hashmatch.cli.main import run
from hashmatch.errors import HashListError
from hashmatch.hashlist import Policy
from hashmatch.hashlist.operations import apply_deltas, merge, save, without_withdrawals

ONE, TWO, THREE = "9ec5d32b1a6c4e35", "0123456789abcdef", "fedcba9876543210"
MD5 = "0" * 31 + "1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a list whose entries have many fields."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text(
        "# name: mine\n# version: 4\n"
        "hash,algorithm,id,label,category,source,expires,withdrawn\n"
        f"{ONE},phash,one,first,A,us,,\n{TWO},dhash,two,,0,,2020-01-01,\n,,gone,,,,,true\n"
    )
    return tmp_path


def everything(path: str) -> set[object]:
    """All entries of a file, whether or not they may match."""
    return set(HashList.load(path, policy=None))


@pytest.mark.parametrize("ending", ["csv", "hml"])
def test_converting_keeps_everything(ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A list comes back complete, including expired entries and those of category 0."""
    target = f"new.{ending}"
    assert run(["list", "convert", "list.csv", "-o", target]) == 0
    assert everything(target) == everything("list.csv")
    assert len(everything(target)) == 2
    converted = HashList.load(target, policy=None)
    assert (converted.name, converted.version) == ("mine", "4")
    if ending == "hml":
        assert "dropped 1 withdrawal, including flat hashes" in capsys.readouterr().err
    else:
        assert converted.contents.withdrawn.texts(0, 1) == ["gone"]


def test_what_a_format_cannot_hold_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text cannot hold categories: the error names them and the format that can."""
    assert run(["list", "convert", "list.csv", "-o", "new.txt"]) == 65
    assert "cannot hold category, expires, source; csv can" in capsys.readouterr().err
    assert not (folder / "new.txt").exists()
    assert run(["list", "convert", "list.csv", "-o", "new.dat"]) == 64
    assert "end the file's name in .txt, .csv, .hml" in capsys.readouterr().err
    assert run(["list", "convert", "list.csv", "-o", "new.dat", "--to", "vics"]) == 64
    assert "choose from text, csv" in capsys.readouterr().err
    assert run(["list", "convert", "list.csv", "-o", "new.dat", "--to", "csv"]) == 0
    assert everything("new.dat") == everything("list.csv")


def test_a_feed_becomes_a_list(folder: Path) -> None:
    """A feed's grades and sources are kept in the CSV that it is converted to."""
    items = [Item("m-1", {"md5": MD5}, "A1", "member one"), Item("m-2", {"md5": MD5}, gone=True)]
    (folder / "page.xml").write_text(ncmec(items))
    assert run(["list", "convert", "page.xml", "-o", "page.csv"]) == 0
    (entry,) = HashList.load("page.csv")
    assert (entry.id, entry.category) == ("m-1", "A1")
    assert HashList.load("page.csv", policy=None).contents.withdrawn.texts(0, 1) == ["m-2"]


def test_deltas_are_applied_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Later lists replace by id and withdraw, whatever their formats; the last version counts."""
    (folder / "base.txt").write_text(
        f"# algorithm: phash\n# name: base\n# version: 1\n{ONE} m-1\n{TWO} m-2\n{THREE} m-3\n"
    )
    (folder / "page.xml").write_text(ncmec([Item("m-1", gone=True), Item("m-2", {"md5": MD5})]))
    (folder / "day.csv").write_text(
        f"# name: day\n# version: 7\nhash,algorithm,id,withdrawn\n{ONE},phash,m-1,\n,,m-9,true\n"
    )
    assert run(["list", "apply", "base.txt", "page.xml", "-o", "new.csv"]) == 0
    assert "3 entries before, 2 now" in capsys.readouterr().out
    assert {entry.id: entry.hash.algorithm for entry in HashList.load("new.csv")} == {
        "m-2": "md5",
        "m-3": "phash",
    }
    assert run(["list", "apply", "base.txt", "page.xml", "day.csv", "-o", "new.csv"]) == 0
    new = HashList.load("new.csv")
    assert {entry.id for entry in new} == {"m-1", "m-2", "m-3"}
    assert (new.name, new.version) == ("base", "7")


@pytest.mark.parametrize("command", ["apply", "merge"])
def test_lists_without_ids_lose_nothing_to_each_other(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Bare hashes in files of the same name are all on the new list, under names of their own."""
    for day, hashes in (("monday", [ONE, TWO]), ("tuesday", [THREE, MD5])):
        (folder / day).mkdir()
        (folder / day / "hashes.txt").write_text(
            "".join(f"{'md5' if value == MD5 else 'phash'}:{value}\n" for value in hashes)
        )
    files = ["monday/hashes.txt", "tuesday/hashes.txt"]
    assert run(["list", command, *files, "-o", "new.txt"]) == 0
    assert "2 entries before, 4 now" in capsys.readouterr().out or command == "merge"
    new = HashList.load("new.txt")
    assert {str(entry.hash) for entry in new} == {ONE, TWO, THREE, MD5}
    assert len({entry.id for entry in new}) == 4


def test_a_delta_takes_out_what_it_makes_not_pertinent(folder: Path) -> None:
    """An entry that a delta moves to category 0 is on the new list, and does not match."""
    (folder / "base.json").write_text(vics([Item("5", {"md5": MD5}, "1")]))
    (folder / "delta.json").write_text(vics([Item("5", {"md5": MD5}, "0")]))
    assert run(["list", "apply", "base.json", "delta.json", "-o", "new.csv"]) == 0
    assert len(HashList.load("new.csv")) == 0
    assert len(HashList.load("new.csv", policy=None)) == 1


def test_merging_loses_no_entry(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If an id names two hashes, lists merge only with their names as prefixes of ids."""
    (folder / "a.txt").write_text(f"# name: a\n# algorithm: phash\n{ONE} 1\n{TWO} 2\n")
    (folder / "b.txt").write_text(f"# name: b\n# algorithm: phash\n{ONE} 1\n{THREE} 2\n")
    assert run(["list", "merge", "a.txt", "b.txt", "-o", "both.txt"]) == 65
    assert "1 id clashes" in capsys.readouterr().err
    assert not (folder / "both.txt").exists()
    assert run(["list", "merge", "a.txt", "b.txt", "-o", "both.txt", "--prefix"]) == 0
    assert {entry.id for entry in HashList.load("both.txt")} == {"a/1", "a/2", "b/1", "b/2"}
    (folder / "c.txt").write_text(f"# name: c\n# algorithm: phash\n{ONE} 1\nmd5:{MD5} 3\n")
    assert run(["list", "merge", "a.txt", "c.txt", "-o", "both.txt"]) == 0
    assert {entry.id for entry in HashList.load("both.txt")} == {"1", "2", "3"}


def test_merging_minds_every_algorithm() -> None:
    """An id with a hash of another algorithm in the other list is a clash too."""
    first = HashList.loads(f"phash:{ONE} 1\n", name="a")
    second = HashList.loads(f"dhash:{ONE} 1\n", name="b")
    with pytest.raises(HashListError, match="1 id clashes"):
        merge([first, second])
    with pytest.raises(HashListError, match="two lists have this name"):
        merge([first, HashList.loads(f"dhash:{ONE} 2\n", name="a")], prefix=True)


LISTED = f"hash,algorithm,id,category,expires,withdrawn\n{ONE},phash,1,A,,\n{TWO},phash,2,A,,\n"


@pytest.mark.parametrize(
    "row",
    [",,1,,,true", f"{ONE},phash,1,0,,", f"{ONE},phash,1,A,2020-01-01,", f"{'0' * 16},phash,1,,,"],
    ids=["withdrawn", "not pertinent", "expired", "flat"],
)
@pytest.mark.parametrize("first", [True, False])
def test_no_list_takes_out_what_another_has(row: str, first: bool) -> None:
    """What one list rules out does not affect another list's entry with the same id."""
    header = LISTED.partition("\n")[0]
    other = HashList.loads(f"{header}\n{THREE},phash,3,A,,\n{row}\n", name="b", policy=None)
    lists = [HashList.loads(LISTED, name="a", policy=None), other]
    with pytest.raises(HashListError, match="1 id clashes"):
        merge(lists if first else lists[::-1])
    merged = merge(lists if first else lists[::-1], prefix=True)
    assert {"a/1", "a/2", "b/3"} <= {entry.id for entry in merged.select(Policy())}


def test_lists_of_three_are_merged_whole() -> None:
    """What the first of several withdraws still clashes with an entry of the last."""
    gone = HashList.loads("hash,algorithm,id,withdrawn\n,,9,true\n", name="a", policy=None)
    middle = HashList.loads(f"phash:{ONE} 1\n", name="b", policy=None)
    last = HashList.loads(f"phash:{TWO} 9\n", name="c", policy=None)
    with pytest.raises(HashListError, match="1 id clashes"):
        merge([gone, middle, last])
    merged = merge([gone, middle, last], prefix=True)
    assert merged.contents.withdrawn.texts(0, 1) == ["a/9"]


def test_a_list_is_brought_up_to_date_in_its_place() -> None:
    """The updated list may replace the base, but not a delta."""
    Path("base.txt").write_text(f"# algorithm: phash\n# name: base\n{'0123456789abcdef'} a\n")
    Path("delta.txt").write_text(f"# algorithm: phash\n# name: base\n{'fedcba9876543210'} b\n")
    assert run(["list", "apply", "base.txt", "delta.txt", "-o", "./base.txt"]) == 0
    assert [entry.id for entry in HashList.load("base.txt")] == ["a", "b"]
    assert run(["list", "apply", "base.txt", "delta.txt", "-o", "./delta.txt"]) == 64
    assert len(HashList.load("delta.txt")) == 1


def test_deltas_in_one_withdraw_what_each_withdrew(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two days' deltas joined into one have the same effect as one after the other."""
    header = "hash,algorithm,id,withdrawn\n"
    (folder / "base.txt").write_text(f"# algorithm: phash\n{ONE} 1\n{TWO} 2\n{THREE} 3\n")
    (folder / "monday.csv").write_text(f"{header},,1,true\n,,2,true\n{'0' * 16},phash,3,\n")
    (folder / "tuesday.csv").write_text(f"{header}{THREE},phash,2,\n")
    run(["list", "apply", "base.txt", "monday.csv", "tuesday.csv", "-o", "new.txt"])
    week = ["list", "apply", "monday.csv", "tuesday.csv", "-o"]
    assert run([*week, "week.csv", "--keep-withdrawals"]) == 0
    assert run(["list", "apply", "base.txt", "week.csv", "-o", "same.txt"]) == 0
    assert everything("same.txt") == everything("new.txt")
    assert {entry.id for entry in HashList.load("same.txt")} == {"2"}
    capsys.readouterr()
    assert run([*week, "short.csv"]) == 0
    assert "dropped 2 withdrawals; --keep-withdrawals keeps them" in capsys.readouterr().err
    assert not len(HashList.load("short.csv", policy=None).contents.withdrawn)
    for ending in ("txt", "hml"):
        assert run([*week, f"week.{ending}", "--keep-withdrawals"]) == 65
        assert "cannot hold withdrawals; csv can" in capsys.readouterr().err
        assert not (folder / f"week.{ending}").exists()


@pytest.mark.parametrize("ending", ["txt", "csv"])
def test_a_converted_delta_does_what_it_did(folder: Path, ending: str) -> None:
    """An id that a delta gives a flat hash stops matching, however the delta was written since.

    On a whole list it says nothing.
    """
    (folder / "base.txt").write_text(f"# algorithm: phash\n{ONE} 1\n{TWO} 2\n{THREE} 3\n")
    flat = f"{'0' * 16} 1\ndhash:{'f' * 16} 1\n{'0' * 16} 2\ndhash:{ONE} 2\n{'f' * 16}\n"
    (folder / "delta.txt").write_text(f"# algorithm: phash\n{flat}{TWO} 4\n")
    target = f"new.{ending}"
    assert run(["list", "convert", "delta.txt", "-o", target]) == 0
    assert run(["list", "convert", target, "-o", f"again.{ending}"]) == 0
    for delta in ("delta.txt", target, f"again.{ending}"):
        assert run(["list", "apply", "base.txt", delta, "-o", "out.csv"]) == 0
        assert {entry.id for entry in HashList.load("out.csv")} == {"2", "3", "4"}
        assert HashList.load("out.csv").find("2")[0].hash.algorithm == "dhash"
        assert not len(HashList.load("out.csv").contents.withdrawn)
    assert everything(target) == everything("delta.txt")
    assert run(["list", "merge", target, "-o", "whole.csv"]) == 0
    assert not len(HashList.load("whole.csv", policy=None).contents.withdrawn)


def test_a_compiled_delta_would_lose_what_its_flat_hashes_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The library refuses to write such a list, and the commands say what is dropped."""
    (folder / "delta.txt").write_text(f"phash:{'0' * 16} 1\nphash:{'0' * 16}\nphash:{TWO} 4\n")
    with pytest.raises(HashListError, match="A flat hash withdraws its id"):
        save(HashList.load("delta.txt", policy=None), "new.hml")
    assert not (folder / "new.hml").exists()
    assert run(["list", "compile", "delta.txt", "-o", "new.hml"]) == 0
    assert "dropped 1 withdrawal, including flat hashes" in capsys.readouterr().err


def test_text_cannot_hold_every_id_of_a_flat_hash(folder: Path) -> None:
    """An id with a blank is refused in text also where only its flat hash is left out."""
    delta = HashList.loads(f"hash,id\n{'0' * 16},a b\n", policy=None)
    with pytest.raises(HashListError, match="left out: its id has a blank"):
        save(delta, "new.txt")
    assert not (folder / "new.txt").exists()


def test_the_library_keeps_withdrawals() -> None:
    """In the library, applying keeps withdrawals, and a second call drops them."""
    old = HashList.loads("hash,algorithm,id,withdrawn\n,,gone,true\n", name="a", policy=None)
    new = apply_deltas(old, [HashList.loads(f"phash:{ONE} 1\n", name="b", policy=None)])
    assert new.contents.withdrawn.texts(0, 1) == ["gone"]
    with pytest.raises(HashListError, match="cannot hold withdrawals"):
        save(new, "new.hml")
    save(without_withdrawals(new), "new.hml")
    assert len(HashList.load("new.hml")) == 1


def test_the_algorithm_of_lists_that_name_none_can_be_told() -> None:
    """A list that names no algorithm is updated, merged and compared as what the operator says."""
    Path("a.txt").write_text(f"{ONE} 1\n")
    Path("b.txt").write_text(f"{TWO} 2\n")
    dhash = ["--algorithm", "dhash"]
    for command in ("apply", "merge"):
        assert run(["list", command, "a.txt", "b.txt", "-o", "new.csv", *dhash]) == 0
        assert {entry.hash.algorithm for entry in HashList.load("new.csv")} == {"dhash"}
    assert run(["list", "diff", "a.txt", "new.csv", *dhash]) == 0


@pytest.mark.parametrize("ending", ["txt", "csv", "hml"])
def test_only_the_owner_reads_what_is_written(folder: Path, ending: str) -> None:
    """Every command that writes a list makes it readable only by its owner."""
    (folder / "a.txt").write_text(f"# algorithm: phash\n{ONE} 1\n")
    for command in (["convert", "a.txt"], ["apply", "a.txt", "a.txt"], ["merge", "a.txt", "a.txt"]):
        target = folder / f"new.{ending}"
        target.write_text("")
        target.chmod(0o644)
        assert run(["list", *command, "-o", str(target)]) == 0
        assert target.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in folder.glob(".new*")] == []
