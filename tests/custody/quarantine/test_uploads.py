"""Uploads that are written into a quarantine, because they exist nowhere else."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from commands import hashmatch_command
from hashmatch.custody.quarantine import HoldState, Quarantine, Where, read_items, verify
from hashmatch.custody.quarantine.sealing import Seal
from hashmatch.errors import OutputError, QuarantineError, SettingsError

from .crash_points import act, hooked
from .folders import CONTENT, MATCHES, SHA256, Site, a_site
from .test_crashes import Run, run  # noqa: F401 # a fixture


def held(folder: Path) -> list[Path]:
    """The files in a quarantine."""
    return sorted((folder / "files").iterdir())


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    """The bytes of an upload."""
    path = tmp_path / "upload"
    path.write_bytes(CONTENT)
    return path


def test_an_upload_is_kept_under_the_rules_of_moved_files(tmp_path: Path, upload: Path) -> None:
    """It has mode 0600, its digest as its name and a line in the manifest; verify finds it."""
    folder = tmp_path / "q"
    with upload.open("rb") as file, Quarantine(folder) as quarantine:
        item = quarantine.hold_upload(file.fileno(), case="ABCD", matches=MATCHES)
    [path] = held(folder)
    assert (path.name, path.read_bytes()) == (f"{SHA256}.1", CONTENT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_items(folder) == [item]
    assert (item.path, item.case, item.state, item.encrypted) == (None, "ABCD", "held", False)
    assert list(item.matches) == MATCHES
    check = verify(folder)
    assert [each.where for each in check.items] == [Where.QUARANTINE]
    assert not check.problems


def test_an_upload_is_restored_where_you_say(tmp_path: Path, upload: Path) -> None:
    """Without --to there is no place to restore it to; with it, its bytes are there."""
    folder, place = tmp_path / "q", tmp_path / "back.jpg"
    with upload.open("rb") as file, Quarantine(folder) as quarantine:
        quarantine.hold_upload(file.fileno(), case="ABCD")
        with pytest.raises(QuarantineError, match="--to"):
            quarantine.restore(1)
    listed = hashmatch_command("quarantine", "list", folder)
    assert b"upload ABCD" in listed.stdout
    shown = hashmatch_command("quarantine", "list", folder, "--format", "jsonl")
    assert json.loads(shown.stdout)["case"] == "ABCD"
    done = hashmatch_command("quarantine", "restore", folder, "1", "--to", place)
    assert done.returncode == 0, done.stderr
    assert place.read_bytes() == CONTENT
    assert held(folder) == []


@pytest.mark.skipif(not shutil.which("age"), reason="age is not installed")
def test_age_decrypts_what_was_sealed(tmp_path: Path, upload: Path) -> None:
    """The standard tool opens a sealed file with any one of the keys, and not with another."""
    keys = {}
    for name in ("first", "second", "other"):
        made = subprocess.run(
            ["age-keygen", "-o", tmp_path / name], capture_output=True, check=True
        )
        keys[name] = made.stderr.decode().split()[-1]
    sealed = tmp_path / "sealed.age"
    with upload.open("rb") as source, sealed.open("wb") as target:
        source.read(5)
        Seal([keys["first"], keys["second"]]).encrypt(source, target)
    assert CONTENT[:64] not in sealed.read_bytes()
    for name, code in (("first", 0), ("second", 0), ("other", 1)):
        command = ["age", "--decrypt", "-i", tmp_path / name, sealed]
        done = subprocess.run(command, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (code, b"" if code else CONTENT)


def test_only_public_keys_are_taken() -> None:
    """A secret key, or a word that is not a public key, is refused and not repeated."""
    secret = "AGE-SECRET-KEY-1" + "Q" * 58
    for wrong in ("age1nonsense", secret):
        with pytest.raises(SettingsError) as caught:
            Seal([wrong])
        assert wrong not in str(caught.value)


def test_a_kill_at_every_step_keeps_all_or_nothing(tmp_path: Path, run: Run) -> None:  # noqa: F811
    """After a kill at any step, the upload is held whole, or not at all with nothing left over."""
    (tmp_path / "whole").mkdir()
    with a_site(tmp_path / "whole", far=False) as site:
        steps = run(site, "hold_upload")["steps"]
    outcomes = []
    for step in range(len(steps)):
        (tmp_path / str(step)).mkdir()
        with a_site(tmp_path / str(step), far=False) as site:
            assert run(site, "hold_upload", kill_at=step)["exit"] == -signal.SIGKILL
            outcomes.append(_settles(site))
    assert {HoldState.HELD, None} <= set(outcomes)


def _settles(site: Site) -> HoldState | None:
    """The state of the upload once the quarantine was opened again."""
    if (site.quarantine / "manifest.jsonl").exists():
        assert not [each.problem for each in verify(site.quarantine).items if each.problem]
    with Quarantine(site.quarantine) as quarantine:
        states = [item.state for item in quarantine.items.values()]
    check = verify(site.quarantine)
    assert not check.problems
    if states == [HoldState.HELD]:
        assert [path.read_bytes() for path in site.held()] == [CONTENT]
        return HoldState.HELD
    assert site.held() == []
    return None


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES])
def test_a_failure_at_every_step_is_told(tmp_path: Path, run: Run, error: int) -> None:  # noqa: F811
    """If any step fails, the upload is held whole, or the caller gets an error."""
    (tmp_path / "whole").mkdir()
    with a_site(tmp_path / "whole", far=False) as site:
        steps = run(site, "hold_upload")["steps"]
    told = 0
    for step in range(len(steps)):
        (tmp_path / str(step)).mkdir()
        with a_site(tmp_path / str(step), far=False) as site:
            job = {"action": "hold_upload", "quarantine": site.quarantine, "file": site.file}
            try:
                with hooked(trick={"before": step, "errno": error}):
                    act(job)
            except (OutputError, QuarantineError):
                told += 1
                _settles(site)
            else:
                assert _settles(site) is HoldState.HELD
    assert told
