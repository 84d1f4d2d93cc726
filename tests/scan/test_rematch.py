"""What is stored, looked up in other lists."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from examine.archive.makers import make_zip
from garbage import garbage_kept, living
from hashmatch import HashList, Matcher, SettingsError
from hashmatch.cli.main import run
from hashmatch.errors import InputError
from hashmatch.report.overview import read_results
from hashmatch.scan import State, new_entries
from hashmatch.scan.visit import Visit
from state.tables import rows_of

from .test_rescan import LARGE
from .trees import (
    far_list,
    list_of,
    picture,
    plain_scan,
    put,
    state_rematch,
    state_scan,
    tree,
    watching_opens,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Small pictures, large ones with previews, an archive, and files that are not pictures."""
    root = tree(tmp_path / "files", 8)
    for seed in range(20, 24):
        put(root / "large" / f"{seed}.jpg", picture(seed, LARGE))
    put(root / "b.zip", make_zip({"1.jpg": picture(0), "2.jpg": picture(21, LARGE)}))
    put(root / "text", b"no picture")
    put(root / "torn.jpg", picture(3)[:-300])
    return root


@pytest.fixture
def state(root: Path, tmp_path: Path) -> Path:
    """A state of them, from a scan against a list that nothing is near to."""
    state_scan(root, tmp_path / "scan.db", Matcher(far_list()))
    return tmp_path / "scan.db"


@pytest.mark.parametrize("threshold", [0, 8, 12])
def test_rematch_finds_what_a_scan_would(root: Path, state: Path, threshold: int) -> None:
    """Against a new list, at any threshold, the records are those of a scan with it."""
    matcher = Matcher(list_of(picture(0), picture(21, LARGE)), threshold=threshold)
    found, counts = state_rematch(state, matcher)
    assert found == plain_scan(root, matcher)
    assert [each["verdict"] for each in found].count("match") == 4
    assert counts.recalled == 8 + 4 + 1 + 2


def test_files_are_opened_only_to_confirm_candidates(root: Path, state: Path) -> None:
    """Only files with a preview near to an entry are opened, and each only once."""
    matcher = Matcher(list_of(picture(0), picture(21, LARGE)))
    with watching_opens() as opened:
        first, counts = state_rematch(state, matcher)
    names = {Path(name).name for name in opened if name.startswith(str(root))}
    assert names == {"21.jpg", "b.zip"}
    assert counts.examined == 2
    with watching_opens() as opened:
        second, _ = state_rematch(state, matcher)
    assert not [name for name in opened if name.startswith(str(root))]
    assert second == first
    _, counts = state_scan(root, state, matcher)
    assert (counts.recalled, counts.examined) == (15, 0)


def test_candidate_that_is_gone_is_not_confirmed(root: Path, state: Path) -> None:
    """A match by the preview of a file that is gone says so; its verdict stays a match."""
    (root / "large" / "21.jpg").unlink()
    found, _ = state_rematch(state, Matcher(list_of(picture(21, LARGE))))
    (record,) = [each for each in found if each["path"].endswith("/21.jpg")]
    assert (record["verdict"], record["reason"]) == ("match", "vanished")
    assert [match["confirmed"] for match in record["matches"]] == [False]
    (member,) = [each for each in found if each["path"].endswith("b.zip!/2.jpg")]
    assert [match["confirmed"] for match in member["matches"]] == [True]


def test_candidate_that_changed_is_not_confirmed(root: Path, state: Path) -> None:
    """Other contents in a file's place confirm nothing, and are not matched under its name."""
    put(root / "large" / "21.jpg", picture(50, LARGE))
    put(root / "b.zip", b"another file")
    found, _ = state_rematch(state, Matcher(list_of(picture(21, LARGE))))
    named = {Path(each["path"]).name: each for each in found}
    for name in ("21.jpg", "2.jpg"):
        assert named[name]["reason"] == "changed"
        assert [match["confirmed"] for match in named[name]["matches"]] == [False]
    query = "SELECT exact FROM files WHERE name = CAST('2.jpg' AS BLOB)"
    assert rows_of(state, query) == [(0,)]


def test_no_file_is_kept_in_memory_behind_its_result(root: Path, state: Path) -> None:
    """Millions of files that cannot be opened to confirm a match do not fill the memory."""
    (root / "large" / "21.jpg").unlink()
    put(root / "b.zip", b"another file")
    matcher = Matcher(list_of(picture(21, LARGE)))
    with garbage_kept():
        found, _ = state_rematch(state, matcher)
        assert {"vanished", "changed"} <= {each["reason"] for each in found}
        assert living(Visit) == 0


def test_gone_files_are_left_out_unless_asked_for(root: Path, state: Path) -> None:
    """Files that an earlier scan missed are counted, and matched only on request."""
    (root / "0000.jpg").unlink()
    state_scan(root, state, Matcher(far_list()))
    matcher = Matcher(list_of(picture(0)))
    found, counts = state_rematch(state, matcher)
    assert counts.gone == 1
    assert not [each for each in found if each["path"].endswith("/0000.jpg")]
    found, counts = state_rematch(state, matcher, include_gone=True)
    assert counts.gone == 0
    (record,) = [each for each in found if each["path"].endswith("/0000.jpg")]
    # Its stored hashes are exact, so there was nothing to confirm
    assert [match["confirmed"] for match in record["matches"]] == [True]


def test_hashes_that_were_never_computed_are_not_called_clear(root: Path, state: Path) -> None:
    """A list of another algorithm is refused until a scan has computed its hashes.

    One scan with both lists serves both.
    """
    other = Matcher(HashList.loads("# algorithm: dhash\n# name: d\n0123456789abcdef a\n"))
    with pytest.raises(SettingsError, match=r"no dhash-64 for 15 files: .*\(--list A --list B"):
        state_rematch(state, other)
    md5 = Matcher(HashList.loads(f"# algorithm: phash\n# name: m\nmd5:{'ab' * 16} a\n"))
    with pytest.raises(SettingsError, match="no md5 for"):
        state_rematch(state, md5)
    state_scan(root, state, other)
    found, _ = state_rematch(state, other)
    assert found == plain_scan(root, other)
    first = list_of(picture(0))
    state_scan(root, state, Matcher([first, *other.hash_lists]))
    for matcher in (Matcher(first), other):
        assert state_rematch(state, matcher)[0] == plain_scan(root, matcher)


def test_what_is_not_known_whole_is_examined_again(root: Path, state: Path) -> None:
    """An archive of which some members' rows are missing is opened and examined."""
    with sqlite3.connect(state) as connection:
        connection.execute("DELETE FROM files WHERE name = CAST('1.jpg' AS BLOB)")
    connection.close()
    matcher = Matcher(list_of(picture(0)))
    found, _ = state_rematch(state, matcher)
    assert found == plain_scan(root, matcher)


def test_pictures_that_were_only_digested_are_not_called_clear(root: Path, tmp_path: Path) -> None:
    """After scans for digests alone, a list of perceptual hashes is refused."""
    digests = Matcher(HashList.loads(f"# algorithm: phash\n# name: m\nsha256:{'ab' * 32} a\n"))
    state_scan(root, tmp_path / "digests.db", digests)
    matcher = Matcher(list_of(picture(0)))
    with pytest.raises(SettingsError, match=r"no phash-64 for 1\d files"):
        state_rematch(tmp_path / "digests.db", matcher)
    state_scan(root, tmp_path / "digests.db", matcher)
    found, _ = state_rematch(tmp_path / "digests.db", matcher)
    assert found == plain_scan(root, matcher)


def test_views_that_were_never_made_are_not_called_clear(root: Path, state: Path) -> None:
    """If only the last scan had mirrored views, files of earlier ones must be scanned again."""
    mirrored = Matcher(list_of(picture(0)), mirrors=True)
    state_scan(root / "large", state, mirrored)
    with pytest.raises(SettingsError, match=r"no mirrored views for \d+ files"):
        state_rematch(state, mirrored)
    state_scan(root, state, mirrored)
    assert state_rematch(state, mirrored)[0] == plain_scan(root, mirrored)


def test_state_without_a_scan_is_refused(tmp_path: Path) -> None:
    """A state without a scan has nothing to match."""
    State(tmp_path / "scan.db").close()
    with State(tmp_path / "scan.db") as state, pytest.raises(InputError, match="no scan has used"):
        state.runs.latest_settings()


def test_new_entries_are_those_of_new_hashes_or_ids() -> None:
    """Other lines and labels do not make an entry new; another hash, id or kind does."""
    old = HashList.loads(
        "# algorithm: phash\n0123456789abcdef a\n1123456789abcdef b\n2123456789abcdef\n"
    )
    new = HashList.loads(
        "# algorithm: phash\n# name: n\n\n2123456789abcdef\n0123456789abcdef a other label\n"
        "1123456789abcdef c\n3123456789abcdef\n4123456789abcdef a2\ndhash:0123456789abcdef a3\n"
        f"phash:{'5123456789abcdef' * 4} wide\n"
    )
    found = new_entries(new, old)
    assert found.name == "n"
    assert sorted(str(entry.hash)[0] + entry.id for entry in found) == sorted(
        ["1c", "3<memory>:7", "4a2", "0a3", "5wide"]
    )
    again = new_entries(new, new)
    assert len(again) == 0


def test_command(root: Path, state: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    """The command writes a scan's records and exit codes, and can look for new entries alone."""
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    list_of(picture(0)).save(old)
    list_of(picture(0), picture(1)).save(new)
    base = ["rematch", "--state", str(state), "--list", str(new), "-q", "--format", "jsonl"]
    assert run(base) == 3
    *files, summary = map(json.loads, capfd.readouterr().out.splitlines())
    assert files == json.loads(json.dumps(plain_scan(root, Matcher(HashList.load(new)))))
    assert summary["run"]["state"] == {
        "recalled": 15,
        **dict.fromkeys(("adopted", "examined", "gone", "gone_matched", "no_longer"), 0),
        "gone_matches": [],
    }
    assert run([*base, "--only-new-entries-since", str(old)]) == 3
    *files, summary = map(json.loads, capfd.readouterr().out.splitlines())
    matched = {match["entry"] for each in files for match in each["matches"]}
    assert matched == {"entry-1"}
    results = tmp_path / "results.jsonl"
    results.write_text("yesterday's")
    assert run([*base, "--only-new-entries-since", str(new), "--output", str(results)]) == 0
    assert "no new entries" in capfd.readouterr().err
    (summary,) = map(json.loads, results.read_text().splitlines())
    assert (summary["type"], summary["files"], summary["lists"]) == ("summary", 0, [])
    assert read_results(results).warnings() == []
    output = tmp_path / "out.csv"
    assert run([*base[:-3], "--format", "csv", "--output", str(output)]) == 3
    assert output.read_text().startswith("path,")
    assert "3 match" in capfd.readouterr().err
    with State(state):
        assert run(base) == 70
    summaries = rows_of(state, "SELECT command, summary NOT NULL FROM runs ORDER BY id")
    assert summaries[0] == ("scan", 0)
    assert ("rematch", 1) in summaries


@pytest.mark.usefixtures("root")
def test_hashes_are_in_no_output(state: Path, tmp_path: Path, capfd) -> None:
    """Neither records nor messages of a re-match hold a hash of the list or of a file."""
    hash_list = list_of(picture(0), picture(21, LARGE))
    hash_list.save(tmp_path / "list.txt")
    for name in ("table", "jsonl", "csv"):
        run(
            [
                "rematch",
                "--state",
                str(state),
                "--list",
                str(tmp_path / "list.txt"),
                "--format",
                name,
            ]
        )
    printed = "".join(capfd.readouterr()).lower()
    for entry in hash_list:
        assert str(entry.hash) not in printed
    for (sha256,) in rows_of(state, "SELECT sha256 FROM files WHERE sha256 NOT NULL"):
        assert sha256.hex() not in printed
