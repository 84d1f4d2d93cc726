"""One verdict for a file, whatever way it comes in."""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import hashmatch
from commands import hashmatch_command
from counts import LONG
from examine.archive.makers import make_zip, marked_as_encrypted
from examine.every_format import in_every_container, in_every_format, listed_picture
from examine.test_what_viewers_show import SHOWN, files_that_viewers_show
from hashmatch import HashList, Matcher
from hashmatch.match.verdict import decide_whole
from hashmatch.model import Verdict
from service.conftest import MATCHING, PICTURES, Service, copy_of_list
from service.icap_messages import Peer, reqmod, respmod
from service.test_clamd_protocol import chunked

Verdicts = Mapping[str, tuple[str, str | None]]


def cases() -> dict[str, bytes]:
    """Fixtures, every format and container, what viewers show, and what is no whole picture."""
    data = MATCHING.read_bytes()
    found = {
        path.relative_to(PICTURES).as_posix().replace("/", "-"): path.read_bytes()
        for path in sorted(PICTURES.rglob("*"))
        if path.is_file()
    }
    found |= {f"format-{name}": content for name, (_, content) in in_every_format().items()}
    found |= {f"container-{name}": content for name, (_, content) in in_every_container().items()}
    found |= {f"shown-{name}": content for name, content in files_that_viewers_show().items()}
    return found | {
        "empty": b"",
        "text": b"no picture",
        "cut": data[: len(data) // 2],
        "head": data[:300],
        "behind": data + make_zip({"0": b"no picture"}),
        "zip": make_zip({"0": b"no picture", "1": data}),
        "zip-in-zip": make_zip({"0": make_zip({"0": data})}),
        "zip-encrypted": marked_as_encrypted(make_zip({"0": data})),
        "zip-cut": make_zip({"0": random.Random(1).randbytes(5000), "1": data})[:6000],
        "gzip": gzip.compress(data),
    }


CASES = cases()


class Doors:
    """A service with all doors, and each way to ask it."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "files"
        self._files.mkdir()
        for name, content in CASES.items():
            (self._files / name).write_bytes(content)
        self.hash_list = copy_of_list(folder)
        with self.hash_list.open("a") as lines:
            for picture in (SHOWN, listed_picture()):
                lines.write(f"phash:{hashmatch.phash(picture)}\n")
        self.service = Service(
            *("--list", self.hash_list, "--jobs", "1", "--action", "unscanned=hold"),
            *("--http", "127.0.0.1:0", "--icap", "127.0.0.1:0"),
            *("--clamd", f"unix:{folder}/clamd.sock", "--clamd-root", self._files),
        )
        self._http = self.service.client()
        self._icap = Peer(self.service.addresses["icap"])

    def close(self) -> None:
        """End the connections."""
        self._http.close()
        self._icap.__exit__()

    def _logged(self, door: str, *, passed: bool) -> tuple[str, str | None]:
        """The verdict in the log; it must be harmless if the client was told so, and only then."""
        event = self.service.wait_for("answered", "unanswered")
        assert event["door"] == door
        assert (event["verdict"] in {"clear", "not_image"}) == passed
        return event["verdict"], event.get("reason")

    def library(self) -> Verdicts:
        """What ``Matcher.match`` says."""
        with Matcher(HashList.load(self.hash_list), workers=1) as matcher:
            said = {name: matcher.match(content) for name, content in CASES.items()}
        return {name: (each.verdict, each.reason) for name, each in said.items()}

    def command(self) -> Verdicts:
        """What ``hashmatch scan`` says."""
        done = hashmatch_command(
            *("scan", self._files, "--list", self.hash_list, "--format", "jsonl", "--jobs", "1")
        )
        found: dict[str, list[tuple[Verdict, str | None]]] = {}
        for each in map(json.loads, done.stdout.splitlines()):
            if each["type"] == "file":  # members have records of their own
                name = Path(each["path"].split("!/")[0]).name
                found.setdefault(name, []).append((Verdict(each["verdict"]), each["reason"]))
        # Of the file itself, whose record is the last, or of the first part that has one
        reasons = {
            name: next((why for _, why in (parts[-1], *parts) if why is not None), None)
            for name, parts in found.items()
        }
        return {
            name: (decide_whole(verdict for verdict, _ in parts), reasons[name])
            for name, parts in found.items()
        }

    def http(self, content: bytes, _name: str) -> tuple[str, str | None]:
        """A raw body."""
        if not content:  # a forgotten file: HTTP refuses it, and other doors cannot
            return "not_image", None
        said = self._http.post("/v1/match", content=content).json()
        assert said["recommended_action"] == "allow" or said["case"]
        self.service.wait_for("answered")
        return said["verdict"], said["reason"]

    def clamd_stream(self, content: bytes, _name: str) -> tuple[str, str | None]:
        """INSTREAM."""
        return self._clamd(b"zINSTREAM\0" + chunked(*([content] if content else [])))

    def clamd_path(self, _content: bytes, name: str) -> tuple[str, str | None]:
        """SCAN."""
        return self._clamd(b"zSCAN " + os.fsencode(self._files / name) + b"\0")

    def clamd_descriptor(self, _content: bytes, name: str) -> tuple[str, str | None]:
        """FILDES."""
        with (self._files / name).open("rb") as file:
            return self._clamd(b"zFILDES\0", file.fileno())

    def _clamd(self, sent: bytes, descriptor: int | None = None) -> tuple[str, str | None]:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.service.addresses["clamd"].removeprefix("unix:"))
            client.sendall(sent)
            if descriptor is not None:
                socket.send_fds(client, [b"\0"], [descriptor])
            said = client.makefile("rb").read()
        return self._logged("clamd", passed=said.endswith(b": OK\0"))

    def icap_request(self, content: bytes, _name: str) -> tuple[str, str | None]:
        """A raw body in REQMOD."""
        return self._ask(reqmod(content))

    def icap_response(self, content: bytes, _name: str) -> tuple[str, str | None]:
        """A raw body in RESPMOD, sent back if it passes."""
        return self._ask(respmod(content, fields=b""))

    def icap_form(self, content: bytes, _name: str) -> tuple[str, str | None]:
        """A form in REQMOD, compressed."""
        head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        form = head + content + b"\r\n--b--\r\n"
        http = b"Content-Type: multipart/form-data; boundary=b\r\nContent-Encoding: gzip\r\n"
        return self._ask(reqmod(gzip.compress(form, 1), http=http))

    def _ask(self, message: bytes) -> tuple[str, str | None]:
        self._icap.send(message)
        return self._logged("icap", passed=self._icap.reply().passes)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A service with all doors."""
    running = Doors(tmp_path_factory.mktemp("doors"))
    yield running
    running.close()
    assert running.service.stop() == 0


@pytest.fixture(scope="module")
def expected(doors: Doors) -> Verdicts:
    """What the library says."""
    verdicts = doors.library()
    assert {verdict for verdict, _ in verdicts.values()} >= {
        *("match", "unscanned", "clear", "not_image", "candidate")
    }
    return verdicts


def test_the_command_gives_the_verdict_of_the_library(doors: Doors, expected: Verdicts) -> None:
    """For every case."""
    assert doors.command() == expected


WAYS: list[Callable[[Doors, bytes, str], tuple[str, str | None]]] = [
    Doors.http,
    Doors.clamd_stream,
    Doors.clamd_path,
    Doors.clamd_descriptor,
    Doors.icap_request,
    Doors.icap_response,
    Doors.icap_form,
]


def cases_of(way: int) -> Mapping[str, bytes]:
    """What a way is asked in a short run: a third of the pictures, and whatever else there is."""
    pictures = [name for name in CASES if name.startswith(("format-", "shown-")) or "." in name]
    others = set(pictures[way % 3 :: 3])
    return {name: CASES[name] for name in CASES if name in others or name not in pictures}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_door_gives_the_verdict_of_the_library(
    doors: Doors, expected: Verdicts, way: Callable[[Doors, bytes, str], tuple[str, str | None]]
) -> None:
    """And the client is told that it passes if and only if it is harmless."""
    cases = CASES if LONG else cases_of(WAYS.index(way))
    said = {name: way(doors, content, name) for name, content in cases.items()}
    assert said == {name: expected[name] for name in cases}
