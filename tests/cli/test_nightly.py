"""Setting up a nightly scan."""

from __future__ import annotations

from pathlib import Path

from commands import hashmatch_command
from hashmatch.cli import nightly


def test_init_writes_every_file_once(tmp_path: Path) -> None:
    """The files are those of the package, the script can be run, and a second try changes none."""
    folder = tmp_path / "new"
    assert hashmatch_command("nightly", "init", folder).returncode == 0
    source = Path(nightly.__file__).parent
    shipped = {path.name for path in source.iterdir() if path.suffix not in {".py", ""}}
    assert {path.name for path in folder.iterdir()} >= shipped - {"__pycache__"}
    for path in folder.iterdir():
        assert path.read_bytes() == (source / path.name).read_bytes()
    assert (folder / "hashmatch-nightly").stat().st_mode & 0o777 == 0o755
    for path in folder.iterdir():
        path.unlink()
    (folder / "hashmatch.timer").write_text("mine")
    again = hashmatch_command("nightly", "init", folder)
    assert again.returncode == 70
    assert b"already exists" in again.stderr
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]


def test_a_match_that_cannot_be_moved_fails_the_unit() -> None:
    """The unit lists no exit code as success that has bit 8, nor an error."""
    unit = Path(nightly.__file__).with_name("hashmatch.service").read_text("utf-8")
    (line,) = (line for line in unit.splitlines() if line.startswith("SuccessExitStatus="))
    assert sorted(map(int, line.partition("=")[2].split())) == [1, 2, 3, 4, 5, 6, 7]
