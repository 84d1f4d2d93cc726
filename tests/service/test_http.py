"""What clients of the HTTP door are told."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from commands import hashmatch_command
from examine.archive.makers import make_zip
from hashmatch import HashList, Reason, Verdict
from hashmatch.cli.main import run
from hashmatch.service.http import openapi
from hashmatch.service.policy import Action
from matchers import in_process
from service.conftest import FIXTURES, MATCHING, PICTURES, Service, Start, copy_of_list

FILES = sorted(path for path in PICTURES.rglob("*") if path.is_file())


def test_an_answer_says_what_the_matcher_found(service: Service) -> None:
    """It has the verdict, reason, entries and distances that ``Matcher.match`` gives."""
    matcher = in_process(HashList.load(FIXTURES / "hashes.txt"))
    with service.client() as client:
        for file in FILES[::5]:  # test_same_verdict has all of them
            expected = matcher.match(file)
            answer = client.post("/v1/match", content=file.read_bytes())
            found = answer.json()
            assert answer.status_code == 200, file
            assert (found["verdict"], found["reason"]) == (expected.verdict, expected.reason), file
            assert [(each["entry"], each["distance"]) for each in found["matches"]] == [
                (each.entry.id, each.distance) for each in expected.matches
            ], file
            assert (found["case"] is None) is (found["verdict"] in ("clear", "not_image"))


def test_an_archive_is_opened(service: Service) -> None:
    """A matching member makes the upload a match."""
    with service.client() as client:
        found = client.post(
            "/v1/match",
            content=make_zip({path.name: path.read_bytes() for path in (FILES[0], MATCHING)}),
        ).json()
    assert found["verdict"] == "match"
    assert found["recommended_action"] == "reject"


def test_a_form_with_one_file_is_the_same_as_a_raw_body(service: Service) -> None:
    """One part of a form is examined; so is one that curl sends."""
    with service.client() as client:
        found = client.post("/v1/match", files={"file": MATCHING.read_bytes()}).json()
    assert found["verdict"] == "match"
    url = f"http://{service.addresses['http']}/v1/match"
    if shutil.which("curl"):
        command = ["curl", "-s", "--noproxy", "*", "-F", f"file=@{MATCHING}", url]
        done = subprocess.run(command, capture_output=True, check=True)
        assert json.loads(done.stdout)["verdict"] == "match"


def test_a_form_with_two_parts_is_refused(service: Service) -> None:
    """A form with a second part gets no verdict, in whatever order the parts come."""
    with service.client() as client:
        for files in (
            [("a", b"text"), ("b", MATCHING.read_bytes())],
            [("a", MATCHING.read_bytes()), ("b", b"text")],
        ):
            assert_problem(client.post("/v1/match", files=files), 400, "malformed")


Headers = dict[str, str] | list[tuple[str, str]]
TWO_TYPES = [("content-type", "image/png"), ("content-type", "multipart/form-data; boundary=b")]


@pytest.mark.parametrize(
    ("content", "headers", "status", "reason"),
    [
        (b"", {}, 400, "empty"),
        (b"x" * (2 << 20) + b"x", {}, 413, "too_large"),
        (b"x", {"content-encoding": "br"}, 415, "encoded"),
        (b"x", {"content-type": "multipart/form-data"}, 400, "malformed"),
        (b"x", {"content-type": "multipart/mixed; boundary=b"}, 400, "malformed"),
        (b"x", {"content-type": "multipart/form-data; boundary=b"}, 400, "malformed"),
        (b"x", [("content-encoding", "identity"), ("content-encoding", "br")], 415, "encoded"),
        (b"x", TWO_TYPES, 400, "malformed"),
        (b"--b--\r\n", {"content-type": "multipart/form-data; boundary=b"}, 400, "malformed"),
        (
            b"--b\r\nContent-Disposition: form-data; name=f\r\n\r\nxyz",
            {"content-type": "multipart/form-data; boundary=b"},
            400,
            "cut",
        ),
    ],
)
def test_what_is_no_upload_gets_no_verdict(
    service: Service, content: bytes, headers: Headers, status: int, reason: str
) -> None:
    """An empty, oversized, encoded or damaged body is a problem with a reason."""
    with service.client() as client:
        assert_problem(client.post("/v1/match", content=content, headers=headers), status, reason)


def test_unknown_paths_and_methods_are_problems(service: Service) -> None:
    """Whatever is asked wrongly is answered as a problem, too."""
    with service.client() as client:
        assert_problem(client.get("/"), 404, "not_found")
        assert_problem(client.get("/v1/match"), 405, "method_not_allowed")


def test_a_body_that_is_cut_gets_no_verdict(start: Start) -> None:
    """A client that closes in the middle of a body is logged as cut, and the next is served."""
    service, data = start(), MATCHING.read_bytes()
    host, _, port = service.addresses["http"].partition(":")
    with socket.create_connection((host, int(port))) as client:
        head = f"POST /v1/match HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        client.sendall(head.encode() + data[: len(data) // 2])
        client.shutdown(socket.SHUT_WR)
        assert b" 200 " not in client.recv(4096)
    assert service.wait_for("unanswered")["why"] == "cut"
    with service.client() as following:
        assert following.post("/v1/match", content=data).json()["verdict"] == "match"


def test_operators_see_lists_and_figures(service: Service) -> None:
    """The lists, the metrics and the states are there, and none of it shows a hash."""
    with service.client() as client:
        client.post("/v1/match", content=MATCHING.read_bytes())
        assert client.get("/live").json() == {"live": True}
        assert client.get("/ready").json() == {"ready": True, "troubles": [], "reload": "ok"}
        [shown] = client.get("/v1/lists").json()["lists"]
        assert (shown["name"], shown["entries"]) == ("synthetic", 212)
        figures = client.get("/metrics").text
    assert 'hashmatch_verdicts_total{door="http",verdict="match"}' in figures
    assert 'hashmatch_list_entries{list="synthetic"} 212.0' in figures
    said = figures + json.dumps(shown) + json.dumps(service.events)
    hashes = re.findall("[0-9a-f]{16,}", (FIXTURES / "hashes.txt").read_text())
    assert len(hashes) > 200
    assert not [each for each in hashes if each in said]
    assert "harbour" not in said


def test_the_openapi_document_is_that_of_the_service(service: Service) -> None:
    """It names each route, verdict and action, and is served."""
    document = openapi()
    with service.client() as client:
        assert client.get("/openapi.json").json() == document
        for path, methods in document["paths"].items():
            for method in methods:
                assert client.request(method, path).status_code not in (404, 405)
    ruling = document["components"]["schemas"]["Ruling"]["properties"]
    assert set(ruling["verdict"]["enum"]) == set(Verdict)
    assert set(ruling["recommended_action"]["enum"]) == set(Action)
    examples = document["paths"]["/v1/match"]["post"]["responses"]["200"]["content"]
    for example in examples["application/json"]["examples"].values():
        assert example["value"]["reason"] in {None, *Reason}
        assert set(example["value"]) == set(ruling)


def test_keys_say_who_may_ask_what(start: Start, tmp_path: Path) -> None:
    """Only a key with the scope is served, and its name is in the log and the audit trail."""
    keys, tokens = tmp_path / "keys.toml", {}
    with keys.open("w") as file:
        for name, scope in (("uploads", "match"), ("ops", "admin")):
            made = hashmatch_command("key", name, "--scope", scope)
            tokens[name] = made.stderr.decode().split()[-1]
            file.write(made.stdout.decode())
    assert not [token for token in tokens.values() if token in keys.read_text()]
    trail = tmp_path / "audit.log"
    service = start("--keys", keys, "--audit", trail)
    as_client = {name: {"Authorization": f"Bearer {each}"} for name, each in tokens.items()}
    content = MATCHING.read_bytes()
    with service.client() as client:
        assert_problem(client.post("/v1/match", content=content), 401, "unauthorized")
        wrong = {"Authorization": "Bearer " + tokens["ops"][:-1]}
        assert_problem(client.get("/metrics", headers=wrong), 401, "unauthorized")
        refused = client.post("/v1/match", content=content, headers=as_client["ops"])
        assert_problem(refused, 403, "forbidden")
        assert_problem(client.get("/metrics", headers=as_client["uploads"]), 403, "forbidden")
        assert client.get("/metrics", headers=as_client["ops"]).status_code == 200
        answer = client.post("/v1/match", content=content, headers=as_client["uploads"])
        assert client.get("/ready").status_code == 200
    assert service.wait_for("answered")["client"] == "uploads"
    assert service.stop() == 0
    events = [json.loads(line)["event"] for line in trail.read_text().splitlines()]
    assert [event["type"] for event in events] == ["start", "match", "finish"]
    assert events[1]["client"] == "uploads"
    assert events[1]["case"] == answer.json()["case"]
    assert hashmatch_command("audit", "verify", trail).returncode == 0


def test_a_unix_socket_has_the_mode_asked_for(start: Start, tmp_path: Path) -> None:
    """The door opens as a socket file, and the file goes when the service ends."""
    path = tmp_path / "http.sock"
    service = start("--http", f"unix:{path}", "--socket-mode", "0620")
    assert stat.S_IMODE(path.stat().st_mode) == 0o620
    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, base_url="http://x") as client:
        assert client.post("/v1/match", content=MATCHING.read_bytes()).json()["verdict"] == "match"
    service.stop()
    assert not path.exists()


def test_a_file_sets_the_options(tmp_path: Path) -> None:
    """Options come from a TOML file, and the command line overrides it."""
    config = tmp_path / "serve.toml"
    config.write_text(
        f'list = ["{copy_of_list(tmp_path)}"]\nhttp = "127.0.0.1:0"\nmax-bytes = "1K"\n'
        'action = ["match=hold"]\nmirrors = true\n'
    )
    service = Service("--config", config, "--max-bytes", "1M")
    try:
        with service.client() as client:
            answer = client.post("/v1/match", content=MATCHING.read_bytes())
            assert answer.json()["recommended_action"] == "hold"
    finally:
        service.stop()


@pytest.mark.parametrize(
    "text",
    ["nonsense = 1", "max-bytes = true", "list = 'a'", "mirrors = 1", "help = true", "list ="],
)
def test_a_wrong_file_of_options_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """An unknown key, a value of the wrong type and what is not TOML exit 64."""
    config = tmp_path / "serve.toml"
    config.write_text(text)
    assert run(["serve", "--config", str(config)]) == 64
    assert str(config) in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--http", "8080"),
        ("--http", "0.0.0.0:0"),
        ("--http", "127.0.0.1:0", "--socket-mode", "999"),
        ("--http", "127.0.0.1:0", "--action", "match=publish"),
        ("--http", "127.0.0.1:0", "--deadline", "0"),
        ("--http", "127.0.0.1:0", "--keys", os.devnull),
        ("--http", "unix:/nowhere/a.sock"),
    ],
)
def test_wrong_options_are_refused(arguments: tuple[str, ...]) -> None:
    """No door, an address open to all without keys, and other nonsense exit 64."""
    assert run(["serve", "--list", str(FIXTURES / "hashes.txt"), *arguments]) == 64


def assert_problem(answer: httpx.Response, status: int, reason: str) -> None:
    """The answer is a problem, and no client can take it for a verdict."""
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "verdict" not in answer.json()


def test_answers_do_not_wait_for_acknowledgements(service: Service) -> None:
    """Connections send at once: the quickest of some small answers takes under 20 ms."""
    with service.client() as client:
        assert min(client.get("/live").elapsed for _ in range(20)).total_seconds() < 0.02
