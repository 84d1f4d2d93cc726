from __future__ import annotations

import errno
import json
import os
import resource
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import LIMITED, unmeasured
from counts import examples
from hashmatch import __version__
from hashmatch.custody.audit import AuditLog, verify
from hashmatch.errors import OutputError

from .trails import LISTS, events_of, lines_of, write_run

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Including what os.fsdecode makes from bytes that are not UTF-8
    | st.text()
    | st.binary(max_size=9).map(os.fsdecode),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


# Without coverage, which hangs if a signal interrupts its locks, and leaves damaged files if it is
# killed


def _python(code: str, *arguments: object) -> list[str]:
    return [*LIMITED, "-c", code, *map(str, arguments)]


def test_run_is_told_from_start_to_finish(tmp_path: Path) -> None:
    """The start says who, where and with what; the end counts; the head is the last digest."""
    path = tmp_path / "trail.jsonl"
    head = write_run(path, 2)
    start, first, _, finish = events_of(path)
    assert start["who"]["uid"] == os.getuid()
    assert start["who"]["user"]
    assert start["who"]["host"] == os.uname().nodename
    assert start["versions"]["hashmatch"] == __version__
    assert start["lists"] == LISTS
    assert start["settings"] == {"thresholds": {"phash-64": 8}}
    assert first == {"type": "file", "path": "folder/0.jpg", "verdict": "match"}
    assert (finish["exit_code"], finish["events"]) == (3, {"file": 2})
    assert finish["counts"] == {"files": 10, "match": 2}
    assert json.loads(lines_of(path)[-1])["digest"] == head


def test_second_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    """A trail grows from run to run as one chain, and each end counts its own run."""
    path = tmp_path / "trail.jsonl"
    write_run(path, 1)
    write_run(path, 2)
    assert [record["seq"] for record in map(json.loads, lines_of(path))] == list(range(1, 8))
    assert events_of(path)[-1]["events"] == {"file": 2}
    assert verify(path).problem_count == 0


def test_trail_is_for_its_owner_only(tmp_path: Path) -> None:
    """A new trail has mode 0600, whatever the umask."""
    path = tmp_path / "trail.jsonl"
    before = os.umask(0)
    try:
        write_run(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_error_ends_the_run_with_an_abort(tmp_path: Path) -> None:
    """A run that ends in an error is recorded as aborted, with the error's kind, no message."""
    path = tmp_path / "trail.jsonl"

    def fail() -> None:
        with AuditLog.open(path) as log:
            log.start(command="scan", settings={})
            raise KeyError("0123456789abcdef")

    with pytest.raises(KeyError):
        fail()
    assert events_of(path)[-1] == {"type": "abort", "error": "KeyError"}
    assert "0123456789abcdef" not in path.read_text()
    assert verify(path).gaps == ()


def test_nothing_is_added_where_no_run_began(tmp_path: Path) -> None:
    """Opening and closing a trail writes nothing."""
    path = tmp_path / "trail.jsonl"
    with AuditLog.open(path):
        pass
    assert path.read_bytes() == b""


def test_second_writer_is_refused(tmp_path: Path) -> None:
    """While one process writes, another one gets an error, at once or after waiting."""
    path = tmp_path / "trail.jsonl"
    with AuditLog.open(path) as log:
        log.start(command="scan", settings={})
        with pytest.raises(OutputError, match="another process is writing"):
            AuditLog.open(path)
        begun = time.monotonic()
        with pytest.raises(OutputError, match="another process is writing"):
            AuditLog.open(path, wait=0.1)
        assert time.monotonic() - begun >= 0.1
    AuditLog.open(path).close()


@pytest.mark.parametrize("what", ["symlink", "fifo", "folder", "shared", "nowhere"])
def test_unfit_files_are_refused(tmp_path: Path, what: str) -> None:
    """A link, a FIFO, a folder and a file that others may write to are refused by path."""
    path = tmp_path / "trail.jsonl"
    if what == "symlink":
        (tmp_path / "target").touch()
        path.symlink_to(tmp_path / "target")
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "shared":
        path.touch()
        path.chmod(0o620)
    else:
        path = tmp_path / "no" / "folder"
    with pytest.raises(OutputError) as caught:
        AuditLog.open(path)
    assert caught.value.path == str(path)


def test_damaged_end_is_refused(tmp_path: Path) -> None:
    """A trail whose last line was edited, not torn by a crash, is not continued."""
    path = tmp_path / "trail.jsonl"
    write_run(path)
    data = path.read_bytes()
    path.write_bytes(data[:-10] + b"x" + data[-9:])
    with pytest.raises(OutputError, match="damaged"):
        AuditLog.open(path)


@pytest.mark.parametrize("content", [b"SQLite format 3\0", b"a note\n", b"\n", b"{}"])
def test_another_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file that is not a trail is reported as such, and nothing is appended to it."""
    path = tmp_path / "notes"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(OutputError, match="not an audit trail"):
        AuditLog.open(path)
    assert path.read_bytes() == content


def test_every_cut_is_survived_and_named(tmp_path: Path) -> None:
    """At whatever length a crash cuts a trail, the next run continues and reports it."""
    path = tmp_path / "trail.jsonl"
    write_run(path, 1)
    data = path.read_bytes()
    ends = {len(data[:end]) for end in range(len(data) + 1) if data[:end].endswith(b"\n")} | {0}
    for length in range(0, len(data) + 1, 7):
        path.write_bytes(data[:length])
        write_run(path, 1)
        assert path.read_bytes().startswith(data[:length])
        found = verify(path)
        assert found.problem_count == 0
        # A record that lacks only its newline is whole
        torn = length not in ends and length + 1 not in ends
        assert [event["type"] for event in _good_events(path)].count("torn") == torn
        assert any("torn" in gap.what for gap in found.gaps) == torn


def _good_events(path: Path) -> list[dict[str, Any]]:
    events = []
    for line in lines_of(path):
        try:
            events.append(json.loads(line)["event"])
        except ValueError:
            continue
    return events


def test_twice_torn_end_is_one_gap(tmp_path: Path) -> None:
    """A trail torn again while it reports the first tear continues, with both in one gap."""
    path = tmp_path / "trail.jsonl"
    write_run(path, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    AuditLog.open(path).close()
    torn_twice = path.read_bytes()[:-40]
    path.write_bytes(torn_twice)
    assert [gap.line for gap in verify(path).gaps] == [3, 1]
    write_run(path, 1)
    found = verify(path)
    assert found.problem_count == 0
    assert [gap.line for gap in found.gaps if "torn" in gap.what] == [3]


def test_trail_torn_in_its_first_line_goes_on(tmp_path: Path) -> None:
    """If a trail begins with a torn line, the first record reports it."""
    path = tmp_path / "trail.jsonl"
    path.write_bytes(b"\0" * 300_000)
    write_run(path, 1)
    found = verify(path)
    assert (found.problem_count, found.records, len(found.gaps)) == (0, 4, 1)


def test_long_records_are_found_again(tmp_path: Path) -> None:
    """A last record longer than the first read from the end is still continued."""
    path = tmp_path / "trail.jsonl"
    with AuditLog.open(path) as log:
        log.start(command="scan", settings={"paths": ["x" * 100] * 5_000})
        log.finish(exit_code=0, counts={"x": "y" * 300_000})
    write_run(path)
    assert verify(path).problem_count == 0


def test_two_processes_append_in_turns(tmp_path: Path) -> None:
    """1,000 appends by two processes that wait for each other make one whole chain."""
    path = tmp_path / "trail.jsonl"
    code = """
import sys
from hashmatch.custody.audit import AuditLog
for number in range(500):
    with AuditLog.open(sys.argv[1], wait=60) as log:
        log.add({"type": "note", "by": sys.argv[2], "number": number}, sync=False)
"""
    writers = [subprocess.Popen(_python(code, path, name), env=unmeasured()) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = verify(path)
    assert (found.records, found.problem_count, found.gaps) == (1000, 0, ())
    by = [event["by"] for event in events_of(path)]
    assert by.count("a") == 500
    for name in "ab":
        numbers = [event["number"] for event in events_of(path) if event["by"] == name]
        assert numbers == list(range(500))


def test_killed_writer_loses_nothing_it_reported(tmp_path: Path) -> None:
    """Records reported as added before a SIGKILL are in the trail, and the next run continues."""
    path = tmp_path / "trail.jsonl"
    code = """
import sys
from hashmatch.custody.audit import AuditLog
log = AuditLog.open(sys.argv[1], wait=5)
log.start(command="scan", settings={})
for number in range(10**9):
    log.add({"type": "note", "number": number})
    print(number, flush=True)
"""
    for attempt in range(4):
        with subprocess.Popen(
            _python(code, path), stdout=subprocess.PIPE, text=True, env=unmeasured()
        ) as writer:
            assert writer.stdout is not None
            for _ in range(50 * attempt + 1):
                last = int(writer.stdout.readline())
            writer.kill()
            last = max([last, *map(int, writer.stdout.read().split()[:-1])])
        numbers = [event["number"] for event in _good_events(path) if event["type"] == "note"]
        assert last in numbers[numbers.index(0) :]
    head = write_run(path)
    found = verify(path, anchor=head)
    assert found.problem_count == 0
    assert len([gap for gap in found.gaps if "has no end" in gap.what]) == 4


@pytest.mark.parametrize("limit", [2900, 2950, 3000])
def test_full_disk_is_an_error_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    """A file that cannot grow gives an error and keeps reported records; later runs continue."""
    path = tmp_path / "trail.jsonl"
    code = """
import resource, sys
from hashmatch.custody.audit import AuditLog
from hashmatch.errors import OutputError
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with AuditLog.open(sys.argv[1]) as log:
        log.start(command="scan", settings={})
        for number in range(1000):
            log.add({"type": "note", "number": number})
            print(number, flush=True)
except OutputError as error:
    print(error, file=sys.stderr)
    sys.exit(70)
"""
    done = subprocess.run(
        _python(code, path, limit), capture_output=True, text=True, check=False, env=unmeasured()
    )
    assert done.returncode == 70
    assert "cannot write to the file" in done.stderr
    reported = list(map(int, done.stdout.split()))
    assert path.stat().st_size <= limit
    write_run(path)
    notes = [event["number"] for event in _good_events(path) if event["type"] == "note"]
    # A record that lacks only its newline is whole, although it was never reported
    assert notes in (reported, [*reported, len(reported)])
    assert verify(path).problem_count == 0


def test_space_that_comes_back_mends_the_run(tmp_path: Path) -> None:
    """After a write fails for lack of space, the same log continues once there is some."""
    path = tmp_path / "trail.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with AuditLog.open(path) as log:
        log.start(command="scan", settings={})
        size = path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
        try:
            with pytest.raises(OutputError):
                log.add({"type": "note"})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        log.finish(exit_code=0, counts={})
    found = verify(path)
    assert (found.problem_count, found.records) == (0, 3)
    assert [gap.line for gap in found.gaps] == [2]


def test_a_disk_that_fails_again_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the end of the trail cannot be read after a failed write, that is an OutputError, too."""
    path = tmp_path / "trail.jsonl"

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with AuditLog.open(path) as log:
        log.add({"type": "note"})
        for name in ("write", "pread"):
            with monkeypatch.context() as patched:
                patched.setattr(os, name, fail)
                with pytest.raises(OutputError, match="Input/output error"):
                    log.add({"type": "note"})
        log.add({"type": "note"})
    assert verify(path).records == 2


def test_interruptions_never_break_the_chain(tmp_path: Path) -> None:
    """Wherever a signal interrupts an append, the log continues as one chain."""
    path = tmp_path / "trail.jsonl"
    code = """
import signal, sys
from hashmatch.custody.audit import AuditLog

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
done = 0
with AuditLog.open(sys.argv[1]) as log:
    log.start(command="scan", settings={})
    for attempt in range(300):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0002 + attempt / 600_000)
            for _ in range(1000):
                log.add({"type": "note", "number": done})
                done += 1
        except KeyboardInterrupt:
            pass
    log.finish(exit_code=130, counts={})
print(done)
"""
    done = subprocess.run(
        _python(code, path), capture_output=True, text=True, check=True, env=unmeasured()
    )
    found = verify(path)
    assert (found.problem_count, found.gaps) == (0, ())
    assert found.records >= int(done.stdout) + 2


@examples(60)
@given(events=st.lists(st.dictionaries(st.text(max_size=4), _JSON, max_size=3), max_size=5))
def test_any_event_is_kept(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]]
) -> None:
    """The trail keeps any JSON in an event, odd names included, and stays whole."""
    path = tmp_path_factory.mktemp("any") / "trail"
    events = [{**event, "type": "any"} for event in events]
    with AuditLog.open(path) as log:
        for event in events:
            log.add(event)
    assert events_of(path) == json.loads(json.dumps(events))
    assert verify(path).problem_count == (not events)  # a trail without any record is not a trail
