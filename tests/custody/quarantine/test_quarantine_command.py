from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashmatch.cli.main import run
from hashmatch.custody.audit import verify as verify_audit
from hashmatch.custody.quarantine import Quarantine

from .crash_points import hooked
from .folders import CONTENT, SHA256, Site, a_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A file in quarantine."""
    with a_site(tmp_path, far=False) as made:
        made.hold()
        yield made


def test_list_shows_where_files_came_from(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """The list shows id, state, path and nearest entry of each file, and no digest."""
    assert run(["quarantine", "list", str(site.quarantine)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("     1  ")
    assert "held" in printed
    assert f"{site.file}  synthetic/synthetic-0001" in printed
    assert SHA256 not in printed


def test_list_as_records(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON lines, each item is an object without a digest."""
    assert run(["quarantine", "list", str(site.quarantine), "--format", "jsonl"]) == 0
    printed = capsys.readouterr().out
    record = json.loads(printed)
    assert (record["id"], record["state"], record["path"]) == (1, "held", str(site.file))
    assert record["size"] == len(CONTENT)
    assert record["matches"][0]["entry"] == "synthetic-0001"
    assert SHA256 not in printed


def test_list_can_show_what_is_gone(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Restored items are shown only on request; names are escaped and matches counted."""
    odd = site.root / "odd\x1b[31m\n.jpg"
    odd.write_bytes(CONTENT)
    matches = [{"list": "l", "entry": str(number)} for number in range(3)]
    with Quarantine(site.quarantine) as quarantine:
        quarantine.hold(os.fsencode(odd), matches=matches)
        quarantine.restore(2)
    assert run(["quarantine", "list", str(site.quarantine)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert run(["quarantine", "list", str(site.quarantine), "--all"]) == 0
    printed = capsys.readouterr().out
    assert "restored" in printed
    assert "odd\\x1b[31m\\n.jpg" in printed
    assert "l/0 None None and 2 more" in printed


def test_restore_brings_files_back(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Restoring prints where each file is now, exits with 0, and can be recorded in a trail."""
    trail = site.root / "trail.jsonl"
    arguments = ["quarantine", "restore", str(site.quarantine), "1", "--audit", str(trail)]
    assert run(arguments) == 0
    assert site.is_as_it_was()
    printed = capsys.readouterr()
    assert printed.out == f"1  {site.file}\n"
    found = verify_audit(trail)
    assert f"audit head: {found.head}" in printed.err
    assert (found.records, found.problem_count, found.gaps) == (3, 0, ())


def test_restore_tells_what_it_could_not(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """If some items cannot be restored, the others are, and the exit code is 70."""
    assert run(["quarantine", "restore", str(site.quarantine), "7", "1", "1"]) == 70
    assert "item 7 was not restored: there is no item 7" in capsys.readouterr().err
    assert site.is_as_it_was()


def test_restore_elsewhere(site: Site) -> None:
    """One item can be restored to another place, but not two to the same."""
    there = site.root / "there.jpg"
    both = ["quarantine", "restore", str(site.quarantine), "--to", str(there)]
    assert run([*both, "1", "2"]) == 64
    assert run([*both, "1"]) == 0
    assert there.read_bytes() == CONTENT


def test_verify_exits_with_what_it_found(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole quarantine exits with 0; changed files exit with 1, and each is named."""
    assert run(["quarantine", "verify", str(site.quarantine)]) == 0
    assert capsys.readouterr().out == "whole in quarantine: 1\n"
    site.held()[0].write_bytes(b"changed")
    (site.quarantine / "files" / "stray").touch()
    assert run(["quarantine", "verify", str(site.quarantine)]) == 1
    printed = capsys.readouterr().out
    assert f"item 1: its file was changed; not whole anywhere: {site.file}" in printed
    assert "there is a file that is not in the manifest" in printed


def test_interrupted_move_is_told_and_finished(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interrupted move exits with 2 and says where the file is; the next opening finishes it."""

    def stop(step: str) -> None:
        if step == "rename":
            raise KeyboardInterrupt

    site.fill()
    with hooked(stop), pytest.raises(KeyboardInterrupt):
        site.hold()
    assert run(["quarantine", "verify", str(site.quarantine)]) == 2
    expected = f"item 2: its move was interrupted; whole in its original place: {site.file}"
    assert expected in capsys.readouterr().out
    site.file.rename(site.root / "aside")
    assert run(["quarantine", "restore", str(site.quarantine), "1"]) == 0
    assert "item 2, interrupted earlier, is not_moved" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "items"), [("list", []), ("verify", []), ("restore", ["1"])])
def test_no_quarantine_exits_66(tmp_path: Path, command: str, items: list[str]) -> None:
    """If there is no quarantine, each command says so and does not create one."""
    folder = tmp_path / "nowhere"
    assert run(["quarantine", command, str(folder), *items]) == 66
    assert not folder.exists()


def test_unknown_format_exits_64(site: Site) -> None:
    """An unknown format exits with 64."""
    assert run(["quarantine", "list", str(site.quarantine), "--format", "csv"]) == 64
