"""The state's file: its lock, its version, and what happens if it is something else."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import environment
from hashmatch import Matcher
from hashmatch.cli.main import run
from hashmatch.errors import InputError, OutputError
from hashmatch.model import Examination
from hashmatch.scan import History, State, make_pool, scan, scan_sources
from hashmatch.sources import Item
from hashmatch.state.schema import SCHEMA_VERSION
from hashmatch.state.settings import Settings
from scan.trees import far_list, list_of, picture, state_scan, tree

from .tables import change


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state of three files."""
    state_scan(tree(tmp_path / "files", 3), tmp_path / "scan.db", Matcher(far_list()))
    return tmp_path / "scan.db"


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """All files of a state have mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with State(tmp_path / "scan.db") as opened:
            opened.runs.settings_number(Settings("", (), ()))
            names = sorted(path.name for path in tmp_path.iterdir())
            assert names == ["scan.db", "scan.db-shm", "scan.db-wal", "scan.db.lock"]
            for path in tmp_path.iterdir():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    finally:
        os.umask(before)


def test_second_scan_at_a_time_is_refused(state: Path) -> None:
    """While a scan uses a state, another scan is refused with a reason; readers are not."""
    with State(state):
        with pytest.raises(OutputError, match="another scan is using this state"):
            State(state)
        with State(state, create=False, lock=False) as reader:
            assert len(list(reader.files.everything())) == 3
    State(state).close()


def test_second_scan_exits_70(state: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    """The command says that another scan is running, names the state, and exits with 70."""
    (tmp_path / "list.txt").write_text("# algorithm: phash\n0123456789abcdef\n")
    arguments = ["scan", str(tmp_path / "files"), "--list", str(tmp_path / "list.txt")]
    with State(state):
        assert run([*arguments, "--state", str(state), "-q"]) == 70
    said = capfd.readouterr().err
    assert f"{state}: another scan is using this state" in said


def test_rows_of_a_file_are_replaced_together_or_not_at_all(state: Path) -> None:
    """If one of an archive's rows cannot be written, the earlier rows stay, whatever follows."""
    found = Examination(format="ZIP", digests=("ab" * 32,))
    parts = [(b"1", found), (b"2", found), (None, found)]
    with State(state) as opened:
        (number,) = opened.runs.settings
        opened.files.put(b"key", None, 1, number, parts)
        opened.commit()
        change(
            state,
            "CREATE TRIGGER full BEFORE INSERT ON files WHEN NEW.member = 2"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
        opened.files.put(b"key", None, 2, number, parts)
        with pytest.raises(InputError, match="no room"):
            opened.commit()
    with State(state) as opened:
        rows = opened.files.group(b"key")
        assert [(row.member, row.name, row.members) for row in rows] == [
            (0, None, 2),
            (1, b"1", None),
            (2, b"2", None),
        ]
        assert rows[0].examined == 1


def test_a_batch_holds_the_last_of_each_file_with_its_verdict(state: Path) -> None:
    """A batch stores each file's last rows and verdict, whatever order they came in."""
    found = Examination(format="ZIP", digests=("ab" * 32,))
    with State(state) as opened:
        (number,) = opened.runs.settings
        (known, *_) = opened.files.everything()
        opened.files.note_verdict(7, known[0].key, 0, "match")
        opened.files.put(b"key", None, 1, number, [(b"1", found), (b"2", found), (None, found)])
        opened.files.note_verdict(7, b"key", 2, "unscanned")
        opened.files.put(b"key", None, 2, number, [(b"1", found), (None, found)])
        opened.files.note_verdict(7, b"key", 1, "clear")
        opened.commit()
        assert opened.files.group(known[0].key)[0].verdict == "match"
        rows = [(row.member, row.examined, row.verdict) for row in opened.files.group(b"key")]
        assert rows == [(0, 2, None), (1, 2, "clear")]


def test_state_is_free_for_others_while_results_are_taken(tmp_path: Path) -> None:
    """However long the caller pauses between results, a decision can be written meanwhile."""
    root = tree(tmp_path / "files", 8)
    matcher = Matcher(list_of(picture(3), picture(5)))
    with State(tmp_path / "scan.db") as opened, make_pool(1) as pool:
        memory = History(opened, matcher.options)
        taken = 0
        for _ in scan([bytes(root)], matcher, pool, history=memory):
            other = sqlite3.connect(tmp_path / "scan.db", timeout=0)
            other.execute("BEGIN IMMEDIATE")
            other.close()
            taken += 1
        assert taken == memory.counts.examined


def test_lock_ends_with_its_process(state: Path) -> None:
    """A killed scan holds no lock: the next one begins at once."""
    program = (
        "import sys, time; from hashmatch.scan import State; s = State(sys.argv[1]);"
        " print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(state)], stdout=subprocess.PIPE, env=environment()
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"held\n"
    with pytest.raises(OutputError):
        State(state)
    holder.kill()
    holder.wait()
    began = time.monotonic()
    State(state).close()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("step", [-1, 1])
def test_other_schemas_are_refused(state: Path, step: int) -> None:
    """A state of an older or newer schema is refused, with what to do, and stays as it is."""
    change(state, f"PRAGMA user_version = {SCHEMA_VERSION + step}")
    before = state.read_bytes()
    with pytest.raises(InputError, match="scan with a new state file"):
        State(state)
    assert state.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all, " * 100, b"x"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is not a database is refused and stays as it is."""
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a hashmatch state"):
        State(path)
    assert path.read_bytes() == content


def test_other_databases_are_refused(tmp_path: Path) -> None:
    """A database of another program is refused."""
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE something (x)")
    connection.close()
    with pytest.raises(InputError, match="not a hashmatch state"):
        State(tmp_path / "other.db")


def test_missing_state_is_an_input_error(tmp_path: Path) -> None:
    """Readers create no state, and a missing folder is reported."""
    with pytest.raises(InputError, match="No such file"):
        State(tmp_path / "none.db", create=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="No such file"):
        State(tmp_path / "none" / "scan.db")


def test_symbolic_link_is_not_followed_when_made(tmp_path: Path) -> None:
    """A symbolic link in the state's place is not followed."""
    (tmp_path / "scan.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(OutputError):
        State(tmp_path / "scan.db")
    assert not (tmp_path / "elsewhere.db").exists()


def test_damaged_hashes_are_told(state: Path, tmp_path: Path) -> None:
    """Tampered hashes end the scan with an error that names the state."""
    change(state, "UPDATE files SET hashes = x'0105'")
    with pytest.raises(InputError, match="the stored hashes are damaged"):
        state_scan(tmp_path / "files", state, Matcher(far_list()))


def test_damaged_pages_are_told(state: Path, tmp_path: Path) -> None:
    """A file with overwritten pages is an error that names it, and no other error."""
    data = bytearray(state.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    state.write_bytes(data)
    with pytest.raises(InputError, match="damaged") as caught:
        state_scan(tmp_path / "files", state, Matcher(far_list()))
    assert caught.value.path == str(state)


def test_states_say_nothing_of_hashes(state: Path) -> None:
    """The representation of a state is its path."""
    with State(state, lock=False) as opened:
        assert repr(opened) == f"<State {str(state)!r}>"


class Elsewhere:
    """A source that has no items now, and does not know what is gone."""

    root = b"s3://bucket/"
    ordered = True

    def __init__(self, gone: bytes) -> None:
        self._gone = gone

    def __iter__(self) -> Iterator[Item]:
        """It has no items."""
        return iter(())

    def is_gone(self, path: bytes) -> bool:
        """One is gone."""
        return path == self._gone


def test_a_source_says_what_is_gone(tmp_path: Path) -> None:
    """The system is not asked about paths that mean nothing to it, nor about other sources'."""
    matcher = Matcher(list_of(picture(3)))
    keys = [b"\0files\0a", b"s3://bucket/a", b"s3://bucket/b", b"s3://buckets/a"]
    with State(tmp_path / "scan.db") as opened, make_pool(1) as pool:
        memory = History(opened, matcher.options)
        for key in keys:
            opened.files.put(key, (1, "mark", None), 1, 1, [(None, Examination())])
        list(scan_sources([Elsewhere(b"s3://bucket/b")], matcher, pool, memory))
        gone = [row[0].key for row in opened.files.everything() if row[0].gone is not None]
    assert gone == [b"s3://bucket/b"]
