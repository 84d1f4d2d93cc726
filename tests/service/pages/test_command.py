"""``hashmatch review serve`` as operators start it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from commands import COMMAND, environment, hashmatch_command, quick_command
from hashmatch.cases import Cases
from hashmatch.custody.audit import verify
from hashmatch.service.keys import new_key
from service.conftest import copy_of_list

from .desk import PICTURES, finding


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A store with one case."""
    path = tmp_path / "cases.db"
    with Cases(path) as store:
        store.record([finding(PICTURES / "dune.jpg", 4)])
    return path


def test_a_page_is_served_until_it_is_stopped(cases: Path, tmp_path: Path) -> None:
    """It says where, and a key for this run; what happened is in its log and in a whole trail."""
    audit = tmp_path / "audit.log"
    process = subprocess.Popen(
        [*COMMAND, "review", "serve", "--cases", cases, "--http", "127.0.0.1:0", "--audit", audit],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    key = re.search(r"until the page stops: (\S+)", process.stderr.readline())
    assert key is not None
    address = json.loads(process.stdout.readline())["address"]
    assert json.loads(process.stdout.readline())["event"] == "started"
    base = f"http://{address}/review"
    with httpx.Client(base_url=base, trust_env=False, timeout=60) as browser:
        assert browser.post("/login", data={"key": key[1]}).status_code == 303
        token = re.search(r'name="token" value="([^"]+)"', browser.get("/").text)
        assert token is not None
        form = {"token": token[1], "decision": "unsure", "reason": "too dark", "show": "blurred"}
        for path in ("/case/1/take", "/case/1/preview", "/case/1/decide"):
            assert browser.post(path, data=form).status_code in {200, 303}
    process.send_signal(signal.SIGTERM)
    rest, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    events = [json.loads(line)["event"] for line in rest.splitlines()]
    assert events == ["review_login", "viewed", "decided", "stopped"]
    assert key[1] not in audit.read_text() + rest
    assert not verify(audit).problems
    recorded = [json.loads(line)["event"]["type"] for line in audit.read_text().splitlines()]
    assert recorded == ["start", "viewing", "decision", "finish"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--http", "0.0.0.0:0"), "give --keys or --proxy"),
        (("--http", "nowhere"), "--http takes HOST:PORT"),
        (("--keys", "KEYS"), "no key permits reviewing"),
        (("--proxy", "somewhere"), "--proxy takes an IP address"),
        (("--proxy", "10.0.0.1", "--user-header", "a b"), "--user-header takes"),
        (("--proxy", "::1", "--socket-mode", "9"), "octal"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    cases: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """The message says what to give instead, and nothing is served."""
    keys = tmp_path / "keys.toml"
    keys.write_text(new_key("shop", ["match"])[1])
    given = [str(keys) if each == "KEYS" else each for each in options]
    run = subprocess.run(
        [*quick_command(), "review", "serve", "--cases", str(cases), *given],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 64
    assert said in run.stderr
    assert run.stdout == ""


def test_a_service_serves_the_page_only_to_those_it_can_name(tmp_path: Path) -> None:
    """Serve --review needs cases, and a key for reviewers or a proxy."""
    (tmp_path / "keys.toml").write_text(new_key("shop", ["match"])[1])
    serve = ("serve", "--list", copy_of_list(tmp_path), "--review", "127.0.0.1:0")
    cases, keys = ("--cases", tmp_path / "c.db"), ("--keys", tmp_path / "keys.toml")
    for options, said in (((), "needs --cases"), ((*cases, *keys), "permits reviewing")):
        run = hashmatch_command(*serve, "--http", "127.0.0.1:0", *options)
        assert run.returncode == 64
        assert said in run.stderr.decode()


def test_the_cases_beside_a_state_are_served(tmp_path: Path) -> None:
    """Without --cases, --state names them; without either there is nothing to serve."""
    run = hashmatch_command("review", "serve")
    assert run.returncode == 64
    assert b"--cases" in run.stderr
    assert hashmatch_command("review", "serve", "--state", tmp_path / "no.db").returncode == 66


def test_there_must_be_cases(tmp_path: Path) -> None:
    """A store that does not exist is not made up: it would be an empty queue."""
    run = subprocess.run(
        [*quick_command(), "review", "serve", "--cases", str(tmp_path / "no.db")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 66
    assert "cannot open the cases" in run.stderr
    assert not (tmp_path / "no.db").exists()
