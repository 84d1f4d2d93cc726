from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from commands import unmeasured
from hashmatch.custody.quarantine import HoldState, Quarantine, Where, verify
from hashmatch.errors import OutputError, QuarantineError

from . import crash_points
from .crash_points import act, hooked
from .folders import CONTENT, MODE, SHA256, Site, a_site, has_two_file_systems

Run = Callable[..., dict[str, Any]]
KINDS = ["near", "far", "two names"]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Makes moves in processes that die at some step."""
    with subprocess.Popen(
        [sys.executable, crash_points.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=unmeasured(),
    ) as runner:
        assert runner.stdin is not None
        assert runner.stdout is not None
        stdin, stdout = runner.stdin, runner.stdout

        def run_job(site: Site, action: str, **more: Any) -> dict[str, Any]:
            job = {
                "action": action,
                "quarantine": str(site.quarantine),
                "file": str(site.file),
                "root": str(site.root),
                "sha256": SHA256,
                **more,
            }
            stdin.write(json.dumps(job) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer

        yield run_job
        stdin.close()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Callable[[str], Site]]:
    """Makes fresh sites."""
    with ExitStack() as stack:
        count = 0

        def make(kind: str) -> Site:
            nonlocal count
            count += 1
            if kind == "far" and not has_two_file_systems(tmp_path):
                pytest.skip("there is no second file system here")
            folder = tmp_path / str(count)
            folder.mkdir()
            site = stack.enter_context(a_site(folder, far=kind == "far"))
            if kind == "two names":
                (site.root / "second-name").hardlink_to(site.file)
            return site

        yield make


def _whole_in_one_place(site: Site) -> Where:
    """Check that verify says correctly where the file is, and return that."""
    check = verify(site.quarantine) if (site.quarantine / "manifest.jsonl").exists() else None
    assert check is None or (not check.problems and not any(each.problem for each in check.items))
    where = check.items[0].where if check is not None and check.items else Where.ORIGINAL
    if where is Where.ORIGINAL:
        assert site.is_as_it_was()
    else:
        assert not site.file.exists()
        assert any(path.read_bytes() == CONTENT for path in site.held())
    return where


def _comes_to_an_end(site: Site, where: Where, *, may_chmod: bool = True) -> None:
    """Check that the next opening cleans up, and that the file can be restored as it was."""
    with Quarantine(site.quarantine) as quarantine:
        items = quarantine.items
        held = any(item.state is HoldState.HELD for item in items.values())
        assert held == (where is Where.QUARANTINE)
        if held:
            (path,) = site.held()
            assert path.read_bytes() == CONTENT
            assert path.stat().st_mode & 0o777 == 0o600 or not may_chmod
            assert [entry.name for entry in site.file.parent.iterdir()] == []
            quarantine.restore(1)
    assert site.is_as_it_was()
    assert site.held() == []
    assert [entry.name for entry in site.file.parent.iterdir()] == [site.file.name]
    check = verify(site.quarantine)
    assert (check.items, check.problems) == ((), ())


def _prepare(site: Site, action: str) -> None:
    if action == "restore":
        site.hold()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ["hold", "restore"])
def test_kill_at_every_step(run: Run, sites: Callable[[str], Site], kind: str, action: str) -> None:
    """After a kill at any step of a move, the file is whole in one place and verify says where."""
    site = sites(kind)
    _prepare(site, action)
    whole = run(site, action)
    assert whole["exit"] == 0
    seen = set()
    for number in range(len(whole["steps"])):
        site = sites(kind)
        _prepare(site, action)
        died = run(site, action, kill_at=number)
        assert (died["exit"], len(died["steps"])) == (-signal.SIGKILL, number)
        where = _whole_in_one_place(site)
        seen.add(where)
        _comes_to_an_end(site, where)
    assert seen == {Where.ORIGINAL, Where.QUARANTINE}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ["hold", "restore"])
def test_kill_while_tidying_up(
    run: Run, sites: Callable[[str], Site], kind: str, action: str
) -> None:
    """Another kill, at any step of cleaning up after a killed move, loses nothing either."""
    site = sites(kind)
    _prepare(site, action)
    steps = run(site, action)["steps"]
    # In the last steps something was already moved; every sixth of the others will do
    for number in sorted({*range(0, len(steps), 6), *range(len(steps) - 6, len(steps))}):
        for second in range(3, 30, 3):
            site = sites(kind)
            _prepare(site, action)
            run(site, action, kill_at=number)
            where = _whole_in_one_place(site)
            died = run(site, "open", kill_at=second)
            assert _whole_in_one_place(site) is where
            _comes_to_an_end(site, where)
            if died["exit"] == 0:
                break


def _taking(run: Run, site: Site) -> int:
    """The number of the step that takes the file from its place."""
    steps = run(site, "hold")["steps"]
    renames = [number for number, step in enumerate(steps) if step == "rename"]
    # To another file system, the first rename fails, and the last gives the copy its name
    return renames[-2] if len(renames) > 1 else renames[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trick", ["replace", "link", "folder", "append"])
def test_file_swapped_at_the_last_moment(
    run: Run, sites: Callable[[str], Site], kind: str, trick: str
) -> None:
    """A file that is replaced or changed just before its move is put back, whatever it is."""
    moment = _taking(run, sites(kind))
    site = sites(kind)
    play = {"before": moment, "kind": trick, "file": str(site.file)}
    with hooked(trick=play), pytest.raises(QuarantineError, match="changed or replaced"):
        site.hold()
    assert site.held() == []
    assert [entry.name for entry in site.file.parent.iterdir()] == [site.file.name]
    if trick == "replace":
        assert site.file.read_bytes() == b"another file"
    elif trick == "link":
        assert site.file.is_symlink()
    elif trick == "folder":
        assert site.file.is_dir()
    else:
        assert site.file.read_bytes() == CONTENT + b"more"
        assert site.file.stat().st_mode & 0o777 == MODE
    assert verify(site.quarantine).problems == ()


def test_file_changed_while_it_is_copied(run: Run, sites: Callable[[str], Site]) -> None:
    """A file that grows while it is copied stays where it is, and the copy is removed."""
    moment = run(sites("far"), "hold")["steps"].index("rename")
    site = sites("far")
    play = {"before": moment, "kind": "append", "file": str(site.file)}
    with hooked(trick=play), pytest.raises(QuarantineError, match="while it was copied"):
        site.hold()
    assert site.file.read_bytes() == CONTENT + b"more"
    assert site.held() == []


def test_last_copy_is_kept(run: Run, sites: Callable[[str], Site]) -> None:
    """If the original is gone after a crash and the copy is whole, the copy is held."""
    for gone in ("file", "folder"):
        moment = _taking(run, sites("far"))
        site = sites("far")
        run(site, "hold", kill_at=moment)
        site.file.unlink()
        if gone == "folder":
            site.file.parent.rmdir()
        assert verify(site.quarantine).items[0].where is Where.QUARANTINE
        with Quarantine(site.quarantine) as quarantine:
            assert quarantine.items[1].state is HoldState.HELD
        assert [path.read_bytes() for path in site.held()] == [CONTENT]


def test_file_that_is_gone_after_a_crash_is_a_problem(
    run: Run, sites: Callable[[str], Site]
) -> None:
    """If someone removed the original after a crash and there is no copy, verify says so."""
    site = sites("near")
    run(site, "hold", kill_at=_taking(run, sites("near")))
    site.file.unlink()
    (item,) = verify(site.quarantine).items
    assert (item.where, item.interrupted) == (Where.NOWHERE, True)
    assert item.problem == "its file is in neither place"
    with Quarantine(site.quarantine) as quarantine:
        assert quarantine.items[1].state is HoldState.NOT_MOVED


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trick", ["replace", "link", "folder"])
def test_killed_before_a_swapped_file_is_put_back(
    run: Run, sites: Callable[[str], Site], kind: str, trick: str
) -> None:
    """Another file that was taken by mistake is put back, even if a crash comes in between."""
    moment = _taking(run, sites(kind))
    for later in range(1, 9):
        site = sites(kind)
        play = {"before": moment, "kind": trick, "file": str(site.file)}
        died = run(site, "hold", trick=play, kill_at=moment + later)
        assert died["exit"] in {1, -signal.SIGKILL}
        with Quarantine(site.quarantine) as quarantine:
            assert quarantine.items[1].state is HoldState.NOT_MOVED
        assert [entry.name for entry in site.file.parent.iterdir()] == [site.file.name]
        assert site.held() == []
        if trick == "replace":
            assert site.file.read_bytes() == b"another file"


@pytest.mark.parametrize("kind", KINDS)
def test_file_placed_at_the_last_moment_is_not_overwritten(
    run: Run, sites: Callable[[str], Site], kind: str
) -> None:
    """A file that takes the name just before a restore keeps that name."""
    site = sites(kind)
    site.hold()
    steps = run(site, "restore")["steps"]
    moment = max(number for number, step in enumerate(steps) if step == "link")
    site = sites(kind)
    site.hold()
    play = {"before": moment, "kind": "replace", "file": str(site.file)}
    with (
        hooked(trick=play),
        Quarantine(site.quarantine) as quarantine,
        pytest.raises(QuarantineError, match="nothing is overwritten"),
    ):
        quarantine.restore(1)
    assert site.file.read_bytes() == b"another file"
    assert [path.read_bytes() for path in site.held()] == [CONTENT]
    assert [entry.name for entry in site.file.parent.iterdir()] == [site.file.name]


def test_file_whose_place_is_taken_twice_is_kept(run: Run, sites: Callable[[str], Site]) -> None:
    """A file taken by mistake that cannot go back, because its name is taken, is not lost."""
    moment = _taking(run, sites("near"))
    site = sites("near")
    play = {"before": moment, "kind": "replace", "file": str(site.file)}

    def tell(step: str) -> None:
        if step == "link":
            site.file.write_bytes(b"a third file")

    with hooked(tell, trick=play), pytest.raises(QuarantineError, match="was left as"):
        site.hold()
    assert site.file.read_bytes() == b"a third file"
    assert [path.read_bytes() for path in site.held()] == [b"another file"]
    assert len(verify(site.quarantine).problems) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ["hold", "restore"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES])
def test_failure_at_every_step(
    run: Run, sites: Callable[[str], Site], kind: str, action: str, error: int
) -> None:
    """If any step of a move fails, that is reported, and the file is whole in one place."""
    site = sites(kind)
    _prepare(site, action)
    for number in range(len(run(site, action)["steps"])):
        site = sites(kind)
        _prepare(site, action)
        job = {
            "action": action,
            "quarantine": site.quarantine,
            "file": site.file,
            "root": site.root,
            "sha256": SHA256,
        }
        told = False
        try:
            with hooked(trick={"before": number, "errno": error}):
                act(job)
        except (OutputError, QuarantineError):
            told = True
        where = _whole_in_one_place(site)
        if not told:
            assert (where is Where.QUARANTINE) == (action == "hold")
        _comes_to_an_end(site, where, may_chmod=error != errno.EACCES)
