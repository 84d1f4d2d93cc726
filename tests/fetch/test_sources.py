"""The file of sources, and what is no API: files on a server, and commands."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hashmatch import HashList
from hashmatch.errors import HashListError, MissingExtraError, SettingsError
from hashmatch.fetch import FetchError, FetchSource, read_sources
from hashmatch.fetch.secret import Secret, read_secret
from hashmatch.hashlist.signing import make_keys, sign_list

from .body import SECRETS
from .conftest import Desk

ONE = b"0123456789abcdef one\nfedcba9876543210 two\n"
MORE = b"phash:00ff00ff00ff00ff three\n"


def https(desk: Desk, path: str, **settings: object) -> FetchSource:
    """A source of files on the server."""
    tat = desk.sources["tat"]
    url = tat.url.replace("/tat", f"/files/{path}")
    desk.sources["plain"] = FetchSource("plain", "https", url, ca=tat.ca, **settings)  # type: ignore[arg-type]
    return desk.sources["plain"]


def test_a_file_is_fetched_if_it_has_changed(desk: Desk) -> None:
    """An unchanged file is not sent again, and its list stays byte for byte."""
    https(desk, "hashes.txt")
    desk.body.files = {"hashes.txt": ONE}
    assert desk.fetch("plain").kept.entries == 2
    before = (desk.folder / "plain.hml").read_bytes()
    desk.body.now += 100
    assert desk.fetch("plain").kept.began == desk.body.now
    assert desk.body.statuses == [200, 304]
    assert (desk.folder / "plain.hml").read_bytes() == before
    desk.body.files = {"hashes.txt": ONE + MORE}
    assert desk.fetch("plain").kept.entries == 3
    (desk.folder / "plain.hml").unlink()
    assert desk.fetch("plain").kept.entries == 3


def test_an_index_of_files(desk: Desk) -> None:
    """All files of an index make one list, in their order; a change of one is a change of all."""
    https(desk, "list/index.txt", index=True)
    desk.body.files = {"list/index.txt": b"# files\na.txt\n\nb.csv\n", "list/a.txt": ONE}
    desk.body.files["list/b.csv"] = b"hash,algorithm,id,withdrawn\n,,one,true\n"
    assert set(desk.fetch("plain") and desk.entries("plain")) == {"two"}
    desk.body.asked.clear()
    desk.fetch("plain")
    assert [path.rpartition("/")[2] for path in desk.body.asked] == ["index.txt", "a.txt", "b.csv"]
    desk.body.files["list/b.csv"] = b"hash,algorithm,id\n00ff00ff00ff00ff,phash,one\n"
    desk.fetch("plain")
    assert desk.entries("plain")["one"] == "00ff00ff00ff00ff"
    for wrong in (b"", b"a.txt\nx/a.txt\n", b"\xff"):
        desk.body.files["list/index.txt"] = wrong
        with pytest.raises(FetchError, match="page 1: the index"):
            desk.fetch("plain", attempts=1)
    desk.body.files["list/index.txt"] = b"https://elsewhere.example/a.txt\n"
    with pytest.raises(FetchError, match="page 2: it links to a host"):
        desk.fetch("plain", attempts=1)


def test_a_signature_is_demanded(desk: Desk, tmp_path: Path) -> None:
    """With a public key, a file counts only with its signature."""
    make_keys(tmp_path / "key", tmp_path / "key.pub")
    signed = tmp_path / "hashes.txt"
    signed.write_bytes(ONE)
    signature = sign_list(signed, tmp_path / "key").read_bytes()
    https(desk, "hashes.txt", public_key=tmp_path / "key.pub")
    desk.body.files = {"hashes.txt": ONE, "hashes.txt.sig": signature}
    assert desk.fetch("plain").kept.entries == 2
    desk.body.files["hashes.txt"] = ONE + MORE
    with pytest.raises(HashListError, match="another list, or the list was changed"):
        desk.fetch("plain")
    del desk.body.files["hashes.txt.sig"]
    with pytest.raises(FetchError, match=r"page 2: the server does not know .*\(404\)"):
        desk.fetch("plain")
    assert len(desk.load("plain")) == 2


def test_whole_lists_may_not_shrink_unasked(desk: Desk) -> None:
    """What a failed publication leaves does not replace a list."""
    https(desk, "hashes.txt")
    desk.body.files = {"hashes.txt": ONE}
    desk.fetch("plain")
    for left in (b"", b"0123456789abcdef one\n", b"<html>sorry</html>"):
        desk.body.files = {"hashes.txt": left}
        with pytest.raises(HashListError, match=r"^plain: "):
            desk.fetch("plain")
    assert len(desk.load("plain")) == 2


def test_a_bad_list_is_told_by_its_source(desk: Desk) -> None:
    """Each line begins with the source's name, and the advice is a setting that sources have."""
    https(desk, "hashes.txt")
    desk.body.files = {"hashes.txt": ONE + b"0123 short\n"}
    with pytest.raises(HashListError) as caught:
        desk.fetch("plain")
    (problem,) = caught.value.problems
    assert str(problem).startswith("plain:")
    assert str(caught.value).endswith("fix it, or set skip_bad_entries = true to load the rest")
    assert desk.fetch("plain", skip_bad_entries=True).kept.entries == 2


def test_a_command_writes_a_list(desk: Desk, tmp_path: Path) -> None:
    """What a command writes becomes the list; its failure, its delay and its errors do not."""
    program = tmp_path / "get.py"
    desk.sources["own"] = FetchSource("own", "exec", command=(sys.executable, str(program)))
    program.write_text(f"print({ONE.decode()!r})")
    assert desk.fetch("own").kept.entries == 2
    for text, seconds, message in (
        (
            "print('0123456789abcdef'); raise SystemExit(3)",
            60,
            "failed with exit code 3: run it by hand",
        ),
        ("import time; time.sleep(60)", 1, "took over 1 s"),
    ):
        program.write_text(text)
        with pytest.raises(FetchError, match=f"^own: the command {message}"):
            desk.fetch("own", timeout=seconds)
    desk.sources["own"] = replace(desk.sources["own"], command=("/nowhere/at/all",))
    with pytest.raises(FetchError, match="cannot run the command: No such file"):
        desk.fetch("own")
    assert len(desk.load("own")) == 2


USER = "secrets={user='env:X', password='env:X'}"
WRONG = [
    ("", "it has no sources"),
    ("x = [", "not TOML"),
    ("[a]\nurl = 'https://x'", "[a]: kind takes one of ncmec, stopncii"),
    ("[tat]\nurl = 'http://x'", "[tat]: url takes a URL that begins with https://"),
    ("[tat]\nurl = 'https://[planted'", "[tat]: url takes a URL that begins with https://"),
    ("[tat]\nurl = 'https://x:planted/'", "[tat]: url takes a URL that begins with https://"),
    ("[tat]\nurl = 'https://u:planted@x'", "must hold no user and no password"),
    ("[tat]\nurl = 'https://x'", "the secret 'user' is missing"),
    ("[tat]\nurl='https://x'\nsecrets={user='planted', password='env:X'}", "never what it is"),
    ("[tat]\nurl='https://x'\nsecrets={planted='env:X'}", "there is no secret"),
    ("[x]\nkind='https'\nurl='https://x/y'\nsecrets={token=\"file:\\u0000\"}", "say where"),
    ("[x]\nkind='https'\nurl='https://x/y'\nsecrets={user='env:X'}", "a user needs a password"),
    ("[x]\nkind='https'\nurl='https://x/y'\ncolour=1", "there is no setting 'colour'"),
    ("[x]\nkind='https'\nurl='https://x/y'\ngroup='1'", "of kind https has no setting 'group'"),
    ("[x]\nkind='https'\nurl='https://x/y'\ntimeout='1'", "timeout takes a whole number"),
    ("[x]\nkind='https'\nurl='https://x/y'\nattempts=0", "attempts must be at least 1"),
    ("[x]\nkind='https'\nurl='https://x/y'\nevery='soon'", "'soon' is not a duration"),
    ("[x]\nkind='exec'", "say what to run"),
    ("[x]\nkind='exec'\ncommand=['y']\nattempts=2", "of kind exec has no setting 'attempts'"),
    (f"[tat]\nurl='https://x'\nindex=true\n{USER}", "of kind tat has no setting 'index'"),
    ("['../x']\nkind='exec'\ncommand=['y']", "a source is a table named in letters"),
    (
        "[threatexchange]\nurl='https://x'\nsecrets={token='env:X'}",
        "the setting 'group' is missing",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_sources_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """Every mistake in the file is named by source, and no value is repeated."""
    path = tmp_path / "sources.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_sources(path)
    assert message in str(caught.value)
    assert "planted" not in str(caught.value).replace("'planted'", "")


def test_secrets_come_from_private_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is read from a file that only its owner can read, a variable, or a descriptor."""
    path = tmp_path / "secret"
    path.write_text(f"{SECRETS['token']}\n")
    path.chmod(0o600)
    monkeypatch.setenv("PLANTED", SECRETS["token"])
    with path.open("rb") as file:
        import os  # noqa: PLC0415

        references = [f"file:{path}", "env:PLANTED", f"fd:{os.dup(file.fileno())}"]
        found = [read_secret("token", reference) for reference in references]
    assert [each.reveal() for each in found] == [SECRETS["token"]] * 3
    assert "planted" not in f"{found} {found[0]!s}"
    path.chmod(0o640)
    for reference, message in (
        (f"file:{path}", "others can read the secret"),
        (f"file:{path}.no", "No such file"),
        ("env:PLANTED_NOT", "is empty or missing"),
        ("fd:x", "needs the number"),
        ("fd:999", "Bad file descriptor"),
        (f"fd:{10**20}", "needs the number"),
    ):
        with pytest.raises(SettingsError, match=message):
            read_secret("token", reference)
    with pytest.raises(TypeError):
        Secret("x").__reduce__()


def test_without_the_extra_the_install_command_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where httpx is missing, the message says how to install it."""
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hashmatch\[fetch\]'"):
        desk.fetch("tat")


def test_a_list_keeps_its_own_version(desk: Desk) -> None:
    """A whole list that says its version and date keeps them, under its source's name."""
    https(desk, "hashes.txt")
    desk.body.files = {"hashes.txt": b"# name: body\n# version: 7\n# created: 2026-01-02\n" + ONE}
    desk.fetch("plain")
    found: HashList = desk.load("plain")
    assert (found.name, found.version, found.created) == ("plain", "7", "2026-01-02")
