from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.cli.main import run
from hashmatch.custody.audit import verify

from .trails import lines_of, write_run


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    """A trail with complete runs."""
    path = tmp_path / "trail.jsonl"
    write_run(path)
    return path


def test_whole_trail_exits_0(trail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole trail exits with 0, shows its head, and says what only an anchor could show."""
    assert run(["audit", "verify", str(trail)]) == 0
    printed = capsys.readouterr().out
    assert "6 records, 1 run; the chain is whole" in printed
    assert f"head: {verify(trail).head}" in printed
    assert "Without --anchor" in printed


def test_anchored_trail_says_how_far(trail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the right anchor, the command says up to which line nothing has changed."""
    head = verify(trail).head
    write_run(trail)
    assert run(["audit", "verify", str(trail), "--anchor", str(head)]) == 0
    printed = capsys.readouterr().out
    assert "The anchor is the head at line 6" in printed
    assert "Without --anchor" not in printed


def test_tampered_trail_exits_1(trail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A removed record exits with 1 and is reported by line, whatever the anchor."""
    head = verify(trail).head
    lines = lines_of(trail)
    trail.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert run(["audit", "verify", str(trail), "--anchor", str(head)]) == 1
    printed = capsys.readouterr().out
    assert f"{trail}:3: does not follow" in printed
    assert "the chain is broken" in printed
    assert "The anchor is the head" not in printed


def test_unfinished_run_exits_2(trail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run without an end exits with 2."""
    trail.write_bytes(b"".join(lines_of(trail)[:-1]))
    assert run(["audit", "verify", str(trail)]) == 2
    assert f"{trail}:1: begins a run that has no end" in capsys.readouterr().out


def test_both_add_up(trail: Path) -> None:
    """A tampered trail with an unfinished run exits with 3."""
    trail.write_bytes(b"".join([lines_of(trail)[0], *lines_of(trail)[2:-1]]))
    assert run(["audit", "verify", str(trail)]) == 3


def test_rubbish_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If there are very many problems, the first hundred are named and the others are counted."""
    path = tmp_path / "rubbish\x1b[31m"
    path.write_bytes(b'{"digest":"rubbish\n' * 150)
    assert run(["audit", "verify", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "... and 50 more problems" in printed
    assert "\x1b" not in printed
    assert "head:" not in printed


@pytest.mark.parametrize("content", [b"", b"\0no trail", b"neither\n"])
def test_what_is_no_trail_exits_1(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without records has exit bit 1, and is never called whole."""
    path = tmp_path / "trail.jsonl"
    path.write_bytes(content)
    assert run(["audit", "verify", str(path)]) & 1
    printed = capsys.readouterr().out
    assert f"{path}: no records\n" in printed
    assert "whole\n" not in printed


def test_another_file_is_not_called_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not a trail gets one line that says so, and no line is called edited."""
    path = tmp_path / "notes.txt"
    path.write_text("one\ntwo\nthree")
    assert run(["audit", "verify", str(path)]) == 1
    assert capsys.readouterr().out == f"{path}:1: not an audit trail\n{path}: no records\n"


def test_missing_trail_exits_66(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing trail exits with 66."""
    assert run(["audit", "verify", str(tmp_path / "nowhere")]) == 66
    assert "nowhere" in capsys.readouterr().err


def test_wrong_anchor_exits_64(trail: Path) -> None:
    """A malformed anchor exits with 64."""
    assert run(["audit", "verify", str(trail), "--anchor", "12"]) == 64
