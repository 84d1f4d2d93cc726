"""What clamd's clients are told."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashmatch import HashList
from hashmatch.cli.main import run
from hashmatch.service.profiles import profile_table
from matchers import in_process
from service.conftest import FIXTURES, MATCHING, PICTURES, Service, Start, clamd_client
from service.test_clamd_protocol import chunked
from service.test_file_hosts import until

DATA = MATCHING.read_bytes()
HELD = re.compile(r"Hashmatch\.Held\.([A-Z2-7]{4}-){3}[A-Z2-7]{4} FOUND")
REFUSE = ("--action", "unscanned=reject")


@contextmanager
def connected(service: Service) -> Iterator[socket.socket]:
    """A connection to the door."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(service.addresses["clamd"].removeprefix("unix:"))
        yield client


def say(service: Service, *sent: bytes, end: bool = False) -> str:
    """Send bytes, and read until the door closes."""
    with connected(service) as client:
        for data in sent:
            client.sendall(data)
        if end:
            client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").read().decode()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a clamd door for clients that refuse a file on ERROR."""
    folder = tmp_path_factory.mktemp("clamd")
    hash_list = folder / "hashes.txt"
    shutil.copy(FIXTURES / "hashes.txt", hash_list)
    hash_list.chmod(0o600)
    running = Service(
        *("--list", hash_list, "--jobs", "1", "--max-bytes", "1M", *REFUSE),
        *("--clamd", f"unix:{folder}/clamd.sock", "--clamd-profile", "generic"),
    )
    yield running
    assert running.stop() == 0


def test_the_client_in_python_finds_what_matches(door: Service) -> None:
    """The client in Python finds what ``Matcher.match`` matches or cannot examine, no more."""
    client = clamd_client(door.addresses["clamd"].removeprefix("unix:"))
    with in_process(HashList.load(FIXTURES / "hashes.txt")) as matcher:
        # test_same_verdict has all of them
        for file in sorted(path for path in PICTURES.rglob("*") if path.is_file())[::5]:
            verdict = matcher.match(file).verdict
            status, name = client.instream(io.BytesIO(file.read_bytes()))["stream"]
            expected = "OK" if verdict in ("clear", "not_image") else "FOUND"
            assert status == expected, file
            assert name is None or HELD.fullmatch(f"{name} FOUND")


def test_the_client_in_python_understands_all_answers(door: Service) -> None:
    """It pings, asks for the version, reloads, and knows a file that is too large."""
    from clamd import BufferTooLongError  # noqa: PLC0415 # as in clamd_client

    client = clamd_client(door.addresses["clamd"].removeprefix("unix:"))
    assert client.ping() == "PONG"
    assert re.fullmatch(r"ClamAV [0-9.]+/[0-9]+/\w{3} \w{3} .*", client.version())
    assert client.stats().startswith("POOLS: 1")
    assert client.reload() == "RELOADING"
    assert door.wait_for("reloaded")["cause"] == "clamd"
    with pytest.raises(BufferTooLongError):
        client.instream(io.BytesIO(b"x" * ((1 << 20) + 1)))
    assert client.scan("/a file") == {"/a file": ("ERROR", "send the file by INSTREAM or FILDES")}
    client.shutdown()
    assert client.ping() == "PONG"


def test_a_session_numbers_its_answers(door: Service) -> None:
    """As Discourse sends it: all at once, and read only after the end."""
    file = b"zINSTREAM\0" + chunked(DATA)
    said = say(door, b"zIDSESSION\0", file, b"zPING\0", b"zINSTREAM\0" + chunked(), b"zEND\0")
    first, *others = said.split("\0")
    assert HELD.fullmatch(first.removeprefix("1: stream: "))
    assert others == ["2: PONG", "3: stream: OK", ""]


def test_a_file_of_nextcloud_is_blocked(door: Service) -> None:
    """Nextcloud sends a line and chunks, and blocks by its own pattern."""
    pieces = [DATA[at : at + 8192] for at in range(0, len(DATA), 8192)]
    said = say(door, b"nINSTREAM\n", chunked(*pieces))
    assert re.search(r": (.*) FOUND$", said.removesuffix("\n"))


def test_a_descriptor_is_examined(door: Service) -> None:
    """A file that is handed over open is examined; a folder and nothing are errors."""
    for path, expected in ((MATCHING, " FOUND"), (MATCHING.parent, " ERROR")):
        descriptor = os.open(path, os.O_RDONLY)
        with connected(door) as client:
            client.sendall(b"zFILDES\0")
            socket.send_fds(client, [b"\0"], [descriptor])
            os.close(descriptor)
            said = client.makefile("rb").read().decode()
        assert re.fullmatch(rf"fd\[\d+\]: .*{expected}\0", said)
    assert say(door, b"nFILDES\n", b"\0") == "fd: no descriptor was sent ERROR\n"


def test_wrong_commands_are_told(door: Service) -> None:
    """Unknown commands and what is none get an answer, and the connection ends."""
    assert say(door, b"nFLY\n") == "UNKNOWN COMMAND\n"
    assert say(door, b"\x16\x03\x01") == "UNKNOWN COMMAND\n"
    assert say(door, b"zSHUTDOWN\0") == "SHUTDOWN is refused. ERROR\0"


def test_paths_are_examined_in_allowed_folders_alone(start: Start, tmp_path: Path) -> None:
    """Files and folders under a root get answers with the path as sent; nothing else is opened."""
    root = tmp_path / "up loads"
    (root / "inner").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(DATA)
    for name in ("a.jpg", "inner/b.jpg"):
        (root / name).write_bytes(DATA)
    (root / "text").write_text("no picture")
    (root / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "outside").symlink_to(tmp_path)
    os.mkfifo(root / "inner" / "pipe")
    service = start(
        *("--clamd", f"unix:{tmp_path}/c", "--clamd-profile", "generic", *REFUSE),
        *("--clamd-root", root, "--audit", tmp_path / "audit.jsonl"),
    )
    error = "not a file that can be read in an allowed folder ERROR\n"

    def scan(path: str, command: str = "SCAN") -> str:
        return re.sub(r"Held\.[^ ]*", "Held", say(service, f"n{command} {path}\n".encode()))

    assert scan(f"{root}/text") == f"{root}/text: OK\n"
    assert scan(f"{root}//inner/../a.jpg") == f"{root}//inner/../a.jpg: Hashmatch.Held FOUND\n"
    for path in (
        *(f"{tmp_path}/secret.jpg", f"{root}/../secret.jpg", f"{root}/link.jpg", "text", ""),
        *(f"{root}/outside/secret.jpg", f"{root}/missing", f"{root}/inner/pipe", f"{root}x"),
        *("/etc/hostname", "/proc/self/mem"),
    ):
        assert scan(path) == f"{path}: {error}", path
    assert scan(f"{root}", "CONTSCAN") == (
        f"{root}/a.jpg: Hashmatch.Held FOUND\n"
        f"{root}/inner/b.jpg: Hashmatch.Held FOUND\n"
        f"{root}/inner/pipe: {error}"
    )
    assert scan(f"{root}") == f"{root}/a.jpg: Hashmatch.Held FOUND\n"
    (root / "inner/pipe").unlink()
    (root / "inner/b.jpg").unlink()
    assert scan(f"{root}/inner/", "MULTISCAN") == f"{root}/inner/: OK\n"
    whys = (tmp_path / "audit.jsonl").read_text()
    assert (whys.count('"not_a_file"'), whys.count('"outside_clamd_root"')) == (3, 9)


def test_a_path_without_a_root_is_logged(start: Start, tmp_path: Path) -> None:
    """The log, the audit trail and the figures tell of a client that sends paths."""
    service = start(
        *("--clamd", f"unix:{tmp_path}/c", "--http", "127.0.0.1:0", *REFUSE),
        *("--audit", tmp_path / "audit.jsonl"),
    )
    said = say(service, b"nSCAN /srv/a.jpg\n")
    assert HELD.search(said)
    event = service.wait_for("unanswered")
    assert event["why"] == "outside_clamd_root"
    assert event["case"] in said
    assert "a.jpg" not in str(event)
    with service.client() as client:
        figures = client.get("/metrics").text
    assert 'unanswered_total{door="clamd",reason="outside_clamd_root"} 1.0' in figures
    trail = (tmp_path / "audit.jsonl").read_text().splitlines()
    (told,) = [line for line in trail if event["case"] in line]
    assert '"outside_clamd_root"' in told


def test_a_file_that_is_cut_is_no_ok(door: Service) -> None:
    """A client that stops sending gets an error, wherever it stops."""
    sent = b"nINSTREAM\n" + chunked(DATA)
    for length in (10, 12, 14, 5000, len(sent) - 4, len(sent) - 1):
        assert say(door, sent[:length], end=True).endswith(" ERROR\n"), length


@pytest.mark.usefixtures("real_zygotes")
@pytest.mark.parametrize("profile", ["strict", "generic", "rspamd"])
def test_failures_are_told_as_each_client_needs_it(
    start: Start, tmp_path: Path, profile: str
) -> None:
    """What is too large or too slow, a full queue and a frozen pool get the profile's answer."""
    service = start(
        *("--clamd", f"unix:{tmp_path}/c", "--clamd-profile", profile, *REFUSE),
        *("--max-waiting", "1", "--max-bytes", str(len(DATA)), "--deadline", "1"),
    )
    expected = {
        "strict": HELD.pattern,
        "generic": ".* ERROR",
        "rspamd": r"Heuristics\.Limits\.Exceeded\.Hashmatch FOUND",
    }[profile]
    pattern = re.compile(f"(stream: )?{expected}\n")
    until(lambda: bool(HELD.search(say(service, b"nINSTREAM\n", chunked(DATA)))))
    assert pattern.fullmatch(say(service, b"nINSTREAM\n", chunked(DATA + b"x")))
    with connected(service) as slow:
        slow.sendall(b"nINSTREAM\n" + chunked(DATA)[:100])
        until(lambda: bool(HELD.search(say(service, b"nINSTREAM\n", chunked(DATA)))))
        assert pattern.fullmatch(slow.makefile("rb").readline().decode())
    for pid in service.descendants():
        os.kill(pid, signal.SIGSTOP)
    with connected(service) as frozen:
        frozen.sendall(b"nINSTREAM\n" + chunked(DATA))
        assert pattern.fullmatch(say(service, b"nINSTREAM\n", chunked(DATA)))
        assert pattern.fullmatch(frozen.makefile("rb").readline().decode())


def test_many_silent_clients_stop_nobody(door: Service) -> None:
    """Two hundred connections that say nothing, or half a command, leave the door open."""
    idle = []
    try:
        for number in range(200):
            client = socket.socket(socket.AF_UNIX)
            client.connect(door.addresses["clamd"].removeprefix("unix:"))
            client.sendall(b"zINST" if number % 2 else b"")
            idle.append(client)
        assert HELD.search(say(door, b"nINSTREAM\n", chunked(DATA)))
    finally:
        for client in idle:
            client.close()


@pytest.mark.skipif(shutil.which("clamdscan") is None, reason="there is no clamdscan here")
@pytest.mark.parametrize("how", [["--stream"], ["--fdpass"], ["--fdpass", "--multiscan"]])
def test_clamdscan_finds_what_matches(door: Service, tmp_path: Path, how: list[str]) -> None:
    """The program clamdscan reports the matching file of a folder and no other, and exits 1."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    shutil.copy(MATCHING, folder)
    (folder / "text.txt").write_text("no picture")
    config = tmp_path / "clamd.conf"
    config.write_text(f"LocalSocket {door.addresses['clamd'].removeprefix('unix:')}\n")
    command = ["clamdscan", f"--config-file={config}", "--no-summary", *how, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert HELD.search(done.stdout)
    assert done.stdout.count("FOUND") == 1
    clean = [*command[:-1], str(folder / "text.txt")]
    assert subprocess.run(clean, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(shutil.which("clamdscan") is None, reason="there is no clamdscan here")
def test_clamdscan_names_a_folder(start: Start, tmp_path: Path) -> None:
    """Without an option it sends paths, and reports what matches under an allowed root."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    shutil.copy(MATCHING, folder)
    (folder / "text.txt").write_text("no picture")
    service = start("--clamd", f"unix:{tmp_path}/c", *REFUSE, "--clamd-root", folder)
    config = tmp_path / "clamd.conf"
    config.write_text(f"LocalSocket {service.addresses['clamd'].removeprefix('unix:')}\n")
    command = ["clamdscan", f"--config-file={config}", "--no-summary", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (line,) = done.stdout.splitlines()
    assert re.fullmatch(rf"{re.escape(str(folder))}/{MATCHING.name}: {HELD.pattern}", line)


@pytest.mark.parametrize("name", ["clamd", "icap"])
def test_the_table_of_the_guide_is_that_of_the_code(name: str) -> None:
    """docs/doors.md has the tables; if not, the message tells how to make them anew."""
    guide = (FIXTURES.parent / "docs" / "doors.md").read_text("utf-8")
    assert profile_table(name) in guide, "run: python -m hashmatch.service.profiles"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "needs to know what to do"),
        (("--action", "match=hold"), "needs to know what to do"),
        ((*REFUSE, "--clamd-profile", "other"), "--clamd-profile takes one of"),
    ],
)
def test_a_door_needs_the_word_of_its_operator(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a word on what cannot be examined, or with an unknown profile, it exits 64."""
    hash_list = str(FIXTURES / "hashes.txt")
    assert run(["serve", "--list", hash_list, "--clamd", "unix:/nowhere/c", *arguments]) == 64
    assert said in capsys.readouterr().err
