from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import LIMITED, unmeasured
from hashmatch.custody.journal import Journal
from hashmatch.custody.quarantine import HoldState, Quarantine, Where, read_items, verify
from hashmatch.errors import InputError, OutputError, QuarantineError

from .folders import CONTENT, MATCHES, MODE, SHA256, TIMES, Site, a_site, has_two_file_systems


@pytest.fixture(params=["near", "far"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A file, and a quarantine on the same file system or on another."""
    far = request.param == "far"
    if far and not has_two_file_systems(tmp_path):
        pytest.skip("there is no second file system here")
    with a_site(tmp_path, far=far) as made:
        yield made


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Site]:
    """A file, and a quarantine on the same file system."""
    with a_site(tmp_path, far=False) as made:
        yield made


def test_file_is_moved_under_its_digest(site: Site) -> None:
    """A held file is gone from its place and whole under its SHA-256, with mode 0600 in 0700."""
    item = site.hold()
    assert not site.file.exists()
    assert list(site.file.parent.iterdir()) == []
    (held,) = site.held()
    assert held.name == f"{SHA256}.{item.id}"
    assert held.read_bytes() == CONTENT
    assert stat.S_IMODE(held.stat().st_mode) == 0o600
    for folder in (site.quarantine, held.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((site.quarantine / "manifest.jsonl").stat().st_mode) == 0o600


def test_manifest_tells_all_that_restoring_needs(site: Site) -> None:
    """The manifest has the path, owner, mode, times, matches and time of each move."""
    site.hold()
    (item,) = read_items(site.quarantine)
    assert item.path == os.fsencode(site.file)
    assert (item.sha256, item.size, item.mode) == (SHA256, len(CONTENT), MODE)
    assert (item.atime_ns, item.mtime_ns) == TIMES
    assert (item.uid, item.gid) == (os.getuid(), site.root.stat().st_gid)
    assert (item.state, list(item.matches)) == (HoldState.HELD, MATCHES)
    assert item.time.startswith("20")


def test_digest_is_not_shown_by_repr(near: Site) -> None:
    """An item's repr, which ends up in logs, does not hold the digest."""
    assert SHA256 not in repr(near.hold())


def test_restored_file_is_as_it_was(site: Site) -> None:
    """Restoring brings back content, mode, owner and times, and leaves nothing behind."""
    item = site.hold()
    with Quarantine(site.quarantine) as quarantine:
        assert quarantine.restore(item.id) == os.fsencode(site.file)
        assert quarantine.items[item.id].state is HoldState.RESTORED
    assert site.file.stat().st_mtime_ns == TIMES[1]
    assert site.is_as_it_was()
    assert site.held() == []
    assert [entry.name for entry in site.file.parent.iterdir()] == ["picture.jpg"]
    assert verify(site.quarantine).items == ()


def test_time_of_reading_comes_back(site: Site) -> None:
    """Restoring brings back the time of the last access as well."""
    item = site.hold()
    with Quarantine(site.quarantine) as quarantine:
        quarantine.restore(item.id)
    assert site.file.stat().st_atime_ns == TIMES[0]


def test_restoring_never_overwrites(site: Site) -> None:
    """If its place is taken, the file stays in quarantine, and both files are whole."""
    item = site.hold()
    site.file.write_bytes(b"a newer file")
    with Quarantine(site.quarantine) as quarantine:
        with pytest.raises(QuarantineError, match="nothing is overwritten"):
            quarantine.restore(item.id)
        assert quarantine.items[item.id].state is HoldState.HELD
    assert site.file.read_bytes() == b"a newer file"
    (held,) = site.held()
    assert held.read_bytes() == CONTENT
    assert stat.S_IMODE(held.stat().st_mode) == 0o600
    assert [entry.name for entry in site.file.parent.iterdir()] == ["picture.jpg"]


def test_restoring_elsewhere(site: Site) -> None:
    """A file can be restored to another place, for example if its folder is gone."""
    item = site.hold()
    site.file.parent.rmdir()
    other = site.root / "elsewhere.jpg"
    with Quarantine(site.quarantine) as quarantine:
        with pytest.raises(QuarantineError, match="cannot enter the folder"):
            quarantine.restore(item.id)
        assert quarantine.restore(item.id, to=other) == os.fsencode(other)
    assert other.read_bytes() == CONTENT
    assert other.stat().st_mtime_ns == TIMES[1]


def test_equal_files_are_two_items(site: Site) -> None:
    """Two files with the same content are held separately, and each goes back to its place."""
    second = site.file.with_name("copy.jpg")
    second.write_bytes(CONTENT)
    with Quarantine(site.quarantine) as quarantine:
        first_item = quarantine.hold(os.fsencode(site.file))
        second_item = quarantine.hold(os.fsencode(second))
        assert (first_item.id, second_item.id) == (1, 2)
        quarantine.restore(2)
        assert second.exists()
        assert not site.file.exists()
        quarantine.restore(1)
    assert site.is_as_it_was()


def test_other_names_of_a_file_are_left_alone(site: Site) -> None:
    """A file with a second name is copied, so that the second name keeps its content and mode."""
    second = site.root / "second-name"
    second.hardlink_to(site.file)
    item = site.hold()
    assert not site.file.exists()
    assert second.read_bytes() == CONTENT
    assert stat.S_IMODE(second.stat().st_mode) == MODE
    with Quarantine(site.quarantine) as quarantine:
        quarantine.restore(item.id)
    assert site.is_as_it_was()


def test_changed_file_is_not_moved(site: Site) -> None:
    """A file whose bytes differ from those that were examined stays where it is."""
    site.file.write_bytes(CONTENT + b"more")
    with pytest.raises(QuarantineError, match="changed or replaced"):
        site.hold()
    assert site.file.read_bytes() == CONTENT + b"more"
    assert site.held() == []


@pytest.mark.parametrize("what", ["gone", "symlink", "fifo", "folder"])
def test_what_is_no_regular_file_is_not_moved(near: Site, what: str) -> None:
    """Anything but a regular file in the file's place is not touched."""
    near.file.unlink()
    if what == "symlink":
        near.file.symlink_to("/etc/hostname")
    elif what == "fifo":
        os.mkfifo(near.file)
    elif what == "folder":
        near.file.mkdir()
    with pytest.raises(QuarantineError) as caught:
        near.hold()
    assert caught.value.path == str(near.file)
    assert near.held() == []


def test_folder_swapped_for_a_link_is_not_followed(near: Site) -> None:
    """No link below the scanned folder is followed, so nothing outside can be moved."""
    outside = near.root.parent / "outside"
    near.file.parent.rename(outside)
    near.file.parent.symlink_to(outside)
    with pytest.raises(QuarantineError, match="cannot enter the folder"):
        near.hold()
    assert (outside / near.file.name).read_bytes() == CONTENT


def test_link_that_the_operator_named_is_followed(near: Site) -> None:
    """A scanned path may itself be a link; then the file it points to is moved."""
    link = near.root.parent / "link"
    link.symlink_to(near.file)
    with Quarantine(near.quarantine) as quarantine:
        item = quarantine.hold(os.fsencode(link))
        assert item.path == os.fsencode(near.file)
        quarantine.restore(item.id)
    assert near.is_as_it_was()


def test_second_process_is_refused(near: Site) -> None:
    """Only one process moves files at a time; others get an error."""
    with (
        Quarantine(near.quarantine),
        pytest.raises(OutputError, match="another process is writing"),
    ):
        Quarantine(near.quarantine)


def test_open_folder_is_refused(near: Site) -> None:
    """A quarantine that others may enter is refused."""
    near.quarantine.mkdir(mode=0o750)
    with pytest.raises(OutputError, match="chmod 700"):
        Quarantine(near.quarantine)
    near.quarantine.chmod(0o700)
    near.hold()
    near.held()[0].parent.chmod(0o755)
    assert any("others may enter" in problem for problem in verify(near.quarantine).problems)


@pytest.mark.parametrize("what", ["file", "symlink", "nowhere"])
def test_unfit_folder_is_refused(near: Site, what: str) -> None:
    """A quarantine that is not a folder or cannot be created is an error with its path."""
    folder = near.quarantine
    if what == "file":
        folder.touch()
    elif what == "symlink":
        (near.root / "q").mkdir(mode=0o700)
        (near.root / "q" / "files").symlink_to(near.root)
        folder = near.root / "q"
    else:
        folder = folder / "in" / "nowhere"
    with pytest.raises(OutputError) as caught:
        Quarantine(folder)
    assert str(folder) in str(caught.value.path)


@pytest.mark.parametrize("number", [0, 2, -1])
def test_unknown_item_is_an_error(near: Site, number: int) -> None:
    """Restoring an unknown item says so."""
    near.hold()
    with (
        Quarantine(near.quarantine) as quarantine,
        pytest.raises(QuarantineError, match="there is no item"),
    ):
        quarantine.restore(number)


def test_item_is_restored_once(near: Site) -> None:
    """Restoring an item twice says so."""
    item = near.hold()
    with Quarantine(near.quarantine) as quarantine:
        quarantine.restore(item.id)
        with pytest.raises(QuarantineError, match="was restored already"):
            quarantine.restore(item.id)


def test_verify_names_what_is_wrong(site: Site) -> None:
    """A changed, a missing and an unknown file are problems; an intact one is not."""
    for _ in range(3):
        site.fill()
        site.hold()
    intact, changed, missing = site.held()
    changed.write_bytes(b"changed")
    missing.unlink()
    (intact.parent / "stray").touch()
    check = verify(site.quarantine)
    assert [each.where for each in check.items] == [Where.QUARANTINE, Where.NOWHERE, Where.NOWHERE]
    assert [each.problem for each in check.items] == [
        None,
        "its file was changed",
        "its file is gone",
    ]
    assert len(check.problems) == 1
    assert not any(each.interrupted for each in check.items)


def test_changed_file_is_not_restored(near: Site) -> None:
    """A file that was changed in the quarantine is not restored as if it were the original."""
    item = near.hold()
    near.held()[0].write_bytes(b"changed")
    with (
        Quarantine(near.quarantine) as quarantine,
        pytest.raises(QuarantineError, match="was changed in the quarantine"),
    ):
        quarantine.restore(item.id)
    assert not near.file.exists()


def test_tampered_manifest_takes_no_more_files(near: Site) -> None:
    """After tampering, nothing more is moved in, but known items can be restored."""
    item = near.hold()
    manifest = near.quarantine / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(lines[0].replace(b'"mode":416', b'"mode":511') + b"".join(lines))
    assert verify(near.quarantine).problems
    other = near.root / "other.jpg"
    other.write_bytes(b"other")
    with Quarantine(near.quarantine) as quarantine:
        with pytest.raises(OutputError, match="tampered"):
            quarantine.hold(os.fsencode(other))
        quarantine.restore(item.id)
    assert near.is_as_it_was()
    assert other.exists()


def test_lost_manifest_overwrites_nothing(near: Site) -> None:
    """If the manifest is gone, files keep their names, and new files get different ones."""
    near.hold()
    (near.quarantine / "manifest.jsonl").unlink()
    near.fill()
    assert near.hold().id == 2
    assert len(near.held()) == 2
    assert ["with the id 1" in problem for problem in verify(near.quarantine).problems] == [True]


def test_torn_manifest_goes_on(near: Site) -> None:
    """A manifest whose last line a crash tore is continued, and verify says so."""
    near.hold()
    manifest = near.quarantine / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-30])
    with Quarantine(near.quarantine) as quarantine:
        assert [item.state for item in quarantine.settled] == [HoldState.HELD]
    check = verify(near.quarantine)
    assert (check.problems, len(check.gaps)) == ((), 1)


@pytest.mark.parametrize("folder", ["", "q"])
def test_no_quarantine_is_an_input_error(tmp_path: Path, folder: str) -> None:
    """Listing or verifying a folder that is not a quarantine is an error with its path."""
    with pytest.raises(InputError):
        verify(tmp_path / folder)
    with pytest.raises(InputError):
        read_items(tmp_path / folder)


def test_quarantine_without_its_files_is_an_input_error(near: Site) -> None:
    """A manifest without the folder of files is an error too."""
    near.hold()
    near.held()[0].parent.rename(near.root / "elsewhere")
    with pytest.raises(InputError):
        verify(near.quarantine)


_NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
)


@settings(max_examples=40)
@given(name=_NAMES, content=st.binary(max_size=50), mode=st.integers(0, 0o777))
def test_any_name_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: bytes, content: bytes, mode: int
) -> None:
    """A file of any name, content and mode is held and restored as it was."""
    root = tmp_path_factory.mktemp("any")
    path = root / os.fsdecode(name)
    path.write_bytes(content)
    path.chmod(mode)
    with Quarantine(tmp_path_factory.mktemp("quarantine") / "q") as quarantine:
        try:
            item = quarantine.hold(os.fsencode(path), root=os.fsencode(root))
        except QuarantineError:
            # Only the superuser can examine a file without permission to read it
            assert os.geteuid()
            return
        assert list(root.iterdir()) == []
        quarantine.restore(item.id)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("limit", [2_000, 8_000])
@pytest.mark.parametrize("far", [False, True])
def test_full_disk_loses_nothing(tmp_path: Path, limit: int, far: bool) -> None:
    """Without room for the manifest or the copy there is an error, and all files are whole."""
    if far and not has_two_file_systems(tmp_path):
        pytest.skip("there is no second file system here")
    code = """
import os, resource, sys
from hashmatch.errors import OutputError
from hashmatch.custody.quarantine import Quarantine
quarantine = Quarantine(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    for number in range(100):
        quarantine.hold(os.fsencode(f"{sys.argv[3]}/{number}"))
        print(number, flush=True)
except OutputError as error:
    print(error, file=sys.stderr)
    sys.exit(70)
"""
    with a_site(tmp_path, far=far) as site:
        contents = {number: bytes([number]) * (3000 if far else 10) for number in range(100)}
        for number, content in contents.items():
            (site.root / str(number)).write_bytes(content)
        done = subprocess.run(
            [*LIMITED, "-c", code, site.quarantine, str(limit), site.root],
            capture_output=True,
            text=True,
            check=False,
            env=unmeasured(),
        )
        assert done.returncode == 70, done.stderr
        assert "cannot write to the " in done.stderr
        reported = set(map(int, done.stdout.split()))
        with Quarantine(site.quarantine) as quarantine:
            items = {
                int(Path(os.fsdecode(item.path)).name): item for item in quarantine.items.values()
            }
            for number, content in contents.items():
                outside = site.root / str(number)
                if number in reported:
                    assert not outside.exists()
                if not outside.exists():
                    quarantine.restore(items[number].id)
                assert outside.read_bytes() == content
        assert site.held() == []


@pytest.mark.parametrize(
    "change",
    [
        {"type": "moving"},
        {"type": "moving", "id": 7},
        {"type": "held"},
        {"type": "held", "id": 1},
        {"type": "held", "id": "x"},
        {"type": "restored", "id": 1},
        {"type": "else", "id": 1},
    ],
)
def test_events_out_of_turn_are_problems(near: Site, change: dict[str, object]) -> None:
    """An event that contradicts those before it is reported, and has no effect."""
    near.hold()
    manifest = near.quarantine / "manifest.jsonl"
    journal = Journal(manifest)
    journal.append(change)
    journal.close()
    assert len(verify(near.quarantine).problems) == 1
    assert [item.state for item in read_items(near.quarantine)] == [HoldState.HELD]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("sha256", "../../x"), ("passing_name", "../x"), ("path_b64", "%%"), ("id", 1)),
        ("matches", ["x"]),
    ],
)
def test_hostile_manifest_names_nothing_outside(near: Site, key: str, value: object) -> None:
    """A manifest whose names lead out of their folders, or that repeats an id, is refused."""
    item = near.hold()
    journal = Journal(near.quarantine / "manifest.jsonl")
    journal.append({**item.event(), "id": 2, key: value})
    journal.close()
    assert len(verify(near.quarantine).problems) == 1
    assert [item.id for item in read_items(near.quarantine)] == [1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")
def test_what_belongs_to_another_is_refused_or_restored_to_them(site: Site) -> None:
    """Another user's quarantine is refused; another user's file is restored as theirs."""
    os.chown(site.file, 12345, 23456)
    item = site.hold()
    with Quarantine(site.quarantine) as quarantine:
        quarantine.restore(item.id)
    assert (site.file.stat().st_uid, site.file.stat().st_gid) == (12345, 23456)
    os.chown(site.quarantine, 12345, 23456)
    with pytest.raises(OutputError, match="belongs to another"):
        Quarantine(site.quarantine)
