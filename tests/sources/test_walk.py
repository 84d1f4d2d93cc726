"""The walk: which files, in which order, and never out of its root."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garbage import open_descriptors
from hashmatch.errors import DecodeError, InputError, SettingsError
from hashmatch.model import Reason
from hashmatch.scan import WalkCounts, WalkOptions, below, check_paths, read_paths
from hashmatch.sources import walk
from hashmatch.sources.file_item import FileItem

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs the rights of root")


def listed(root: Path, counts: WalkCounts | None = None, **options: object) -> list[str]:
    """The paths that a walk takes, relative to its root."""
    walked = walk([bytes(root)], counts or WalkCounts(), WalkOptions(**options))  # type: ignore[arg-type]
    return [os.fsdecode(found.path[len(bytes(root)) + 1 :]) for found in walked]


def make(root: Path, *names: str) -> Path:
    """Files with these names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def reason(found: FileItem) -> Reason | None:
    """Why a file cannot be opened, if it cannot."""
    try:
        os.close(found.open())
    except DecodeError as error:
        return error.reason
    return None


def descriptors() -> int:
    """How many this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_order_is_that_of_the_names_bytes(tmp_path: Path) -> None:
    """Files come folder by folder in the order of their names' bytes, hidden ones included."""
    make(tmp_path, "b", "a/z", "a/B", ".hidden/x", "é", "a.txt", "Z", "a/.dot")
    assert listed(tmp_path) == [".hidden/x", "Z", "a/.dot", "a/B", "a/z", "a.txt", "b", "é"]


def test_names_may_hold_any_bytes(tmp_path: Path) -> None:
    """A name that is not UTF-8 is kept byte by byte, and the file can be opened."""
    name = b"\xff\xfe\n \x01"
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    for found in walk([bytes(tmp_path)], WalkCounts()):
        assert found.path == bytes(tmp_path) + b"/" + name
        assert reason(found) is None


def test_patterns_choose_files_and_leave_out_folders(tmp_path: Path) -> None:
    """Inclusion takes only files that match; exclusion skips files and whole folders."""
    make(tmp_path, "a.jpg", "b.png", "sub/c.jpg", "skip/d.jpg", "sub/skip/e.jpg", "top/f.jpg")
    counts = WalkCounts()
    found = listed(tmp_path, counts, include=("*.jpg",), exclude=("skip/", "/top"))
    assert found == ["a.jpg", "sub/c.jpg"]
    assert counts.excluded == 4
    assert counts.folders == 2


def test_later_patterns_take_back_earlier_ones(tmp_path: Path) -> None:
    """As in .gitignore, a pattern with ! takes files back in."""
    make(tmp_path, "a.jpg", "keep.jpg")
    assert listed(tmp_path, exclude=("*.jpg", "!keep.jpg")) == ["keep.jpg"]


def test_a_wrong_pattern_is_a_setting_that_makes_no_sense(tmp_path: Path) -> None:
    """An invalid pattern is refused before anything is walked."""
    with pytest.raises(SettingsError):
        listed(tmp_path, include=("a/[", "!"))


def test_depth_is_limited(tmp_path: Path) -> None:
    """max_depth 1 is the folder named alone; folders further down are counted."""
    make(tmp_path, "a", "1/b", "1/2/c", "1/2/3/d")
    counts = WalkCounts()
    assert listed(tmp_path, counts, max_depth=1) == ["a"]
    assert counts.too_deep == 1
    assert listed(tmp_path, max_depth=3) == ["1/2/c", "1/b", "a"]
    with pytest.raises(SettingsError):
        WalkOptions(max_depth=0)


def test_symlinks_are_passed_over_and_counted(tmp_path: Path) -> None:
    """Links to files, folders and nothing are not followed, unless they are named themselves."""
    make(tmp_path / "out", "secret")
    make(tmp_path / "in", "a")
    for name, target in (("file", "../out/secret"), ("folder", "../out"), ("broken", "nowhere")):
        (tmp_path / "in" / name).symlink_to(target)
    counts = WalkCounts()
    assert listed(tmp_path / "in", counts) == ["a"]
    assert counts.symlinks == 3
    assert listed(tmp_path / "in" / "folder") == ["secret"]


def test_symlinks_are_followed_on_request_and_loops_end(tmp_path: Path) -> None:
    """Followed links lead to files and folders; those back up, and broken ones, are counted."""
    make(tmp_path / "out", "secret")
    make(tmp_path / "in", "a", "sub/b")
    root = tmp_path / "in"
    (root / "file").symlink_to("../out/secret")
    (root / "folder").symlink_to("../out")
    (root / "broken").symlink_to("nowhere")
    (root / "itself").symlink_to("itself")
    (root / "sub" / "up").symlink_to("..")
    (root / "sub" / "here").symlink_to(".")
    (tmp_path / "out" / "back").symlink_to("../in/sub")
    counts = WalkCounts()
    found = listed(root, counts, follow_symlinks=True)
    assert found == ["a", "file", "folder/back/b", "folder/secret", "sub/b"]
    assert counts.symlinks == 6


@ROOT_ONLY
def test_other_file_systems_are_left_out_on_request(tmp_path: Path) -> None:
    """A folder on which another file system is mounted is entered, unless asked not to."""
    make(tmp_path, "a", "mounted/hidden")
    mount = ["mount", "-t", "tmpfs", "none", str(tmp_path / "mounted")]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        make(tmp_path, "mounted/b")
        counts = WalkCounts()
        assert listed(tmp_path) == ["a", "mounted/b"]
        assert listed(tmp_path, counts, one_file_system=True) == ["a"]
        assert counts.other_file_systems == 1
    finally:
        subprocess.run(["umount", str(tmp_path / "mounted")], check=True)


def test_what_is_no_file_is_told_and_never_waited_for(tmp_path: Path) -> None:
    """FIFOs, sockets and devices are yielded as special files, and not opened."""
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tmp_path)  # since a socket's path is short
        listener.bind("socket")
    if os.geteuid() == 0:
        os.mknod(tmp_path / "device", 0o600 | 0o020000, os.makedev(1, 3))
    reasons = {reason(found) for found in walk([bytes(tmp_path)], WalkCounts())}
    assert reasons == {Reason.SPECIAL_FILE}
    for name in ("fifo", "socket"):  # named themselves, they are opened, without waiting
        (found,) = walk([bytes(tmp_path / name)], WalkCounts())
        assert reason(found) in {None, Reason.SPECIAL_FILE}


def test_what_cannot_be_opened_keeps_nothing_of_whoever_tried(tmp_path: Path) -> None:
    """However many special files there are, their errors keep no traceback in memory."""
    os.mkfifo(tmp_path / "fifo")
    (found,) = walk([bytes(tmp_path)], WalkCounts())
    assert [reason(found), reason(found)] == [Reason.SPECIAL_FILE] * 2
    assert found.problem is not None
    assert found.problem.__traceback__ is None


def test_a_folder_that_is_held_stays_open_until_the_last_lets_go(tmp_path: Path) -> None:
    """Its files can still be opened, although the walk is over and the folder has moved."""
    before = open_descriptors()
    first, second = walk([bytes(make(tmp_path / "in", "a", "b"))], WalkCounts())
    assert descriptors() == before
    assert (reason(first), reason(second)) == (Reason.UNDECODABLE, Reason.UNDECODABLE)
    walked = walk([bytes(tmp_path / "in")], WalkCounts())
    held = []
    for found in walked:
        found.hold()
        held.append(found)
    (tmp_path / "in").rename(tmp_path / "moved")
    assert held[0].place is held[1].place is not None
    assert descriptors() == before + 1
    for found in held:
        assert descriptors() == before + 1
        assert reason(found) is None
        found.let_go()
    assert descriptors() == before
    another = os.open(tmp_path / "moved", os.O_RDONLY)  # it has the number of the one closed
    try:
        assert reason(held[0]) is Reason.UNDECODABLE
    finally:
        os.close(another)


def test_a_file_swapped_for_a_link_is_not_opened(tmp_path: Path) -> None:
    """Between listing and opening, a symbolic link in the file's place is refused."""
    make(tmp_path, "in/a", "out")
    walked = walk([bytes(tmp_path / "in")], WalkCounts())
    found = next(walked)
    (tmp_path / "in" / "a").unlink()
    (tmp_path / "in" / "a").symlink_to("../out")
    assert reason(found) is Reason.SPECIAL_FILE
    (tmp_path / "in" / "a").unlink()
    assert reason(found) is Reason.VANISHED


def test_a_folder_swapped_for_a_link_is_not_entered(tmp_path: Path) -> None:
    """Between listing and entering, a symbolic link in the folder's place is refused."""
    make(tmp_path, "in/a", "in/sub/b", "out/secret")
    walked = walk([bytes(tmp_path / "in")], WalkCounts())
    assert next(walked).path.endswith(b"/a")
    (tmp_path / "in" / "sub").rename(tmp_path / "elsewhere")
    (tmp_path / "in" / "sub").symlink_to("../out")
    (found,) = walked
    assert found.path.endswith(b"/sub")
    assert reason(found) is Reason.VANISHED


@pytest.mark.parametrize("follow", [False, True])
def test_folders_that_may_not_be_read_are_told(tmp_path: Path, follow: bool) -> None:
    """Whatever may not be listed, entered or read is yielded with the reason."""
    make(tmp_path, "no-list/a", "no-enter/b", "no-read", "ok")
    (tmp_path / "to-b").symlink_to("no-enter/b")
    (tmp_path / "to-nothing").symlink_to("nothing")
    (tmp_path / "to-itself").symlink_to("to-itself")
    modes = {"no-list": 0o701, "no-enter": 0o704, "no-read": 0o600}
    for name, mode in modes.items():
        (tmp_path / name).chmod(mode)
    tmp_path.chmod(0o755)
    program = (
        "from hashmatch.sources import walk, WalkCounts, WalkOptions\n"
        "from hashmatch.errors import DecodeError\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"for found in walk([b'.'], WalkCounts(), WalkOptions(follow_symlinks={follow})):\n"
        "    try: os.close(found.open()); reason = None\n"
        "    except DecodeError as error: reason = error.reason.value\n"
        "    print(found.path.decode(), reason)\n"
    )
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        result = subprocess.run(
            [sys.executable, "-c", f"import os; os.fchdir({descriptor})\n" + program],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            pass_fds=[descriptor],
            capture_output=True,
            check=False,
            text=True,
        )
    finally:
        os.close(descriptor)
        for name in modes:
            (tmp_path / name).chmod(0o700)
    assert result.stdout.splitlines() == [
        "./no-enter/b permission",
        "./no-list permission",
        "./no-read permission",
        "./ok None",
        *(["./to-b permission"] if follow else []),
    ], result.stderr


def deep(root: Path, levels: int, every: int = 1) -> None:
    """Nested folders, some with a file before the next folder and one after it."""
    descriptor = os.open(root, os.O_RDONLY)
    for level in range(levels):
        for name in ("a", "z") if level % every == 0 else ():
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        os.mkdir("m", dir_fd=descriptor)
        below_it = os.open("m", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below_it
    os.close(descriptor)


def flatten(root: Path) -> None:
    """Remove folders that are too deep for anything else to remove."""
    while (root / "m").exists():
        (root / "m").rename(root / "old")
        if (root / "old" / "m").exists():
            (root / "old" / "m").rename(root / "m")
        for path in (root / "old").iterdir():
            path.unlink()
        (root / "old").rmdir()


@pytest.mark.parametrize("follow", [False, True])
def test_folders_may_be_nested_deeper_than_descriptors_reach(tmp_path: Path, follow: bool) -> None:
    """A thousand levels and more, longer than a path may be, are walked with few descriptors."""
    levels = 1_100
    deep(tmp_path, levels, 10)
    open_before = open_descriptors()
    most = total = 0
    for found in walk([bytes(tmp_path)], WalkCounts(), WalkOptions(follow_symlinks=follow)):
        assert reason(found) is None
        total += 1
        if total % 10 == 0:
            most = max(most, descriptors())
    flatten(tmp_path)
    assert total == 2 * levels / 10
    assert most - open_before < 80


def test_what_the_walk_cannot_come_back_to_is_told(tmp_path: Path) -> None:
    """Files in folders that moved away while the walk was far below them count as changed."""
    (tmp_path / "x").mkdir()
    deep(tmp_path / "x", 100)
    make(tmp_path, "zz")
    walked = walk([bytes(tmp_path)], WalkCounts())
    for _ in range(100):  # down to the bottom: by then the folders above are closed
        next(walked)
    (tmp_path / "x/m/m").rename(tmp_path / "y")
    (tmp_path / "x").rename(tmp_path / "w")
    reasons = [(found.path[len(bytes(tmp_path)) :], reason(found)) for found in walked]
    assert len(reasons) == 101
    assert reasons[-3:] == [
        (b"/x/m/z", Reason.CHANGED),
        (b"/x/z", Reason.CHANGED),
        (b"/zz", None),
    ]
    assert {why for _, why in reasons[:-3]} == {None}
    flatten(tmp_path / "y")


def test_an_early_end_closes_every_folder(tmp_path: Path) -> None:
    """An unfinished walk leaves no descriptor open."""
    make(tmp_path, "1/2/3/a", "1/2/3/b")
    before = descriptors()
    walked = walk([bytes(tmp_path)], WalkCounts())
    next(walked)
    assert descriptors() == before + 4
    walked.close()  # type: ignore[attr-defined] # it is a generator
    assert descriptors() == before


def test_paths_that_are_not_there_are_refused_at_once(tmp_path: Path) -> None:
    """A path that does not exist is reported before anything is scanned."""
    make(tmp_path, "a")
    assert check_paths([tmp_path / "a"]) == [bytes(tmp_path / "a")]
    with pytest.raises(InputError, match="no such file"):
        check_paths([tmp_path / "a", tmp_path / "b"])


@given(st.lists(st.binary(min_size=1, max_size=40)), st.sampled_from([b"\n", b"\0"]), st.booleans())
def test_paths_are_read_one_behind_another(
    paths: list[bytes], separator: bytes, ended: bool
) -> None:
    """Each path in a file ends with the separator, except perhaps the last."""
    paths = [path.replace(separator, b"") or b"x" for path in paths]
    data = separator.join(paths) + (separator if ended and paths else b"")
    assert list(read_paths(io.BytesIO(data), separator)) == paths


def test_paths_come_through_a_pipe_as_they_are_written() -> None:
    """A path is scanned before the next one is written."""
    reader, writer = os.pipe()
    with open(reader, "rb") as file:
        paths = read_paths(file)
        for number in range(3):
            os.write(writer, f"{number}\n".encode())
            assert next(paths) == str(number).encode()
        os.close(writer)
        assert list(paths) == []


def test_below_takes_the_root_off_a_path() -> None:
    """A path is shown relative to its root, and a file that was named itself by its name."""
    assert below(b"/a/b/c", [b"/x", b"/a"]) == b"b/c"
    assert below(b"/a/b", [b"/a/b"]) == b"b"
    assert below(b"/ab/c", [b"/a"]) == b"/ab/c"
