from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from commands import LIMITED, environment, unmeasured
from hashmatch.errors import OutputError
from hashmatch.report import open_output


def test_a_file_is_there_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    """At the end the file is complete, in UTF-8, with mode 0600 and nothing beside it."""
    path = tmp_path / "results.txt"
    path.write_text("before")
    with open_output(path) as stream:
        stream.write("é\r\n")
        stream.flush()
        assert path.read_text() == "before"
    assert path.read_bytes() == "é\r\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, BrokenPipeError])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    """If the block raises, the old file stays, and the error comes through."""
    path = tmp_path / "results.txt"
    path.write_text("before")

    def write() -> None:
        with open_output(path) as stream:
            stream.write("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    """Results written through a symbolic link are in the file it points to."""
    (tmp_path / "other").mkdir()
    target, link = tmp_path / "other" / "results.txt", tmp_path / "link"
    target.write_text("before")
    link.symlink_to(target)
    with open_output(link) as stream:
        stream.write("after")
    assert link.is_symlink()
    assert target.read_text() == "after"


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    """The longest name that the file system allows can be written."""
    path = tmp_path / ("é" * 127)
    with open_output(path) as stream:
        stream.write("x")
    assert path.read_text() == "x"


def test_no_device_or_folder_is_replaced(tmp_path: Path) -> None:
    """A folder, a FIFO and a device are refused at once, and stay what they are."""
    fifo, device = tmp_path / "fifo", tmp_path / "null"
    os.mkfifo(fifo)
    device.symlink_to(os.devnull)
    for path in (tmp_path, fifo, device, Path(os.devnull)):
        before = path.stat()
        with pytest.raises(OutputError, match="not a regular file"), open_output(path):
            pytest.fail("it was opened")
        assert path.stat().st_mode == before.st_mode
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("name", ["none/results.txt", "file/results.txt", "x" * 300])
def test_impossible_places_are_told(tmp_path: Path, name: str) -> None:
    """A path where no file can be is an error before anything is done, and names the path."""
    (tmp_path / "file").write_text("")
    path = tmp_path / name
    with pytest.raises(OutputError, match="cannot be written") as caught, open_output(path):
        pytest.fail("it was opened")
    assert caught.value.path == str(path)


def run_limited(code: str, **options: object) -> subprocess.CompletedProcess:
    """Run Python in a process of its own."""
    command = [*LIMITED, "-c", code]
    return subprocess.run(command, env=unmeasured(), check=False, timeout=60, **options)


FULL = """
import resource, signal, sys
from pathlib import Path
from hashmatch.errors import OutputError
from hashmatch.report import open_output
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with open_output(Path(sys.argv[1]) if len(sys.argv) > 1 else None) as stream:
        for _ in range(100_000): stream.write("line\\n")
except OutputError as error:
    sys.exit(f"told: {error}")
"""


def test_a_full_medium_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    """A full medium is an error, and only the old results remain."""
    path = tmp_path / "results.txt"
    path.write_text("before")
    code = FULL.replace("sys.argv[1]", repr(str(path))).replace("len(sys.argv) > 1", "True")
    done = run_limited(code, capture_output=True)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"told: {path}: cannot be written: File too large")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_output_is_told() -> None:
    """A full standard output is an error."""
    with Path("/dev/full").open("wb") as full:
        done = run_limited(FULL, stdout=full, stderr=subprocess.PIPE)
    assert b"told: standard output: cannot be written: No space left" in done.stderr


def test_standard_output_is_utf8_whatever_the_locale() -> None:
    """Names come through standard output as UTF-8 even where the locale is ASCII."""
    code = (
        "from hashmatch.report import open_output\n"
        "with open_output(None) as stream: stream.write('\\xe9\\n')\n"
        "print('and on')"
    )
    options = {"env": environment(LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, **options)
    assert done.stdout == "é\nand on\n".encode()
