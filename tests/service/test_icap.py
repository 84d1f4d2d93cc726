"""What ICAP's clients are told."""

from __future__ import annotations

import gzip
import re
import signal
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import pytest

from hashmatch.cli.main import run
from service.conftest import FIXTURES, MATCHING, Service, Start, copy_of_list
from service.icap_messages import HEAD, Peer, Reply, chunks, reqmod, respmod

DATA = MATCHING.read_bytes()
TEXT = b"no picture"
HELD = re.compile(r"Hashmatch\.Held\.([A-Z2-7]{4}-){3}[A-Z2-7]{4}")
REFUSE = ("--action", "unscanned=reject")
FORM = b"Content-Type: multipart/form-data; boundary=bound\r\n"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with an ICAP door for clients that refuse a file on an error."""
    folder = tmp_path_factory.mktemp("icap")
    running = Service(
        *("--list", copy_of_list(folder), "--jobs", "1", "--max-bytes", "1M", *REFUSE),
        *("--icap", "127.0.0.1:0", "--icap-profile", "generic"),
    )
    yield running
    assert running.stop() == 0
    assert not [event for event in running.events if event["event"] == "failed"]


def ask(service: Service, message: bytes, *, end: bool = False) -> Reply:
    """Send a message on a connection of its own, and return the answer."""
    with Peer(service.addresses["icap"]) as peer:
        peer.send(message)
        if end:
            peer.socket.shutdown(socket.SHUT_WR)
        return peer.reply()


def form(*parts: bytes, end: bytes = b"--bound--\r\n", head: bytes = b"") -> bytes:
    """A form with these values."""
    disposition = b'Content-Disposition: form-data; name="x"\r\n' + head
    return b"".join(b"--bound\r\n%b\r\n%b\r\n" % (disposition, part) for part in parts) + end


def test_options_say_what_clients_look_for(door: Service) -> None:
    """Methods, 204 and a quoted tag are there, no preview is asked for, and the headers end so."""
    with Peer(door.addresses["icap"]) as peer:
        peer.send(b"OPTIONS icap://x/any/path?q ICAP/1.0\r\nHost:x\r\nConnection: close\r\n\r\n")
        said = peer.rest()
    assert said.startswith(b"ICAP/1.0 200 OK\r\n")
    assert b"\r\nMethods: REQMOD, RESPMOD\r\n" in said
    assert b"\r\nAllow: 204\r\n" in said
    assert re.search(rb'\r\nISTag: "[!-~]{1,30}"\r\n', said)
    assert b"Preview" not in said
    assert said.endswith(b"Encapsulated: null-body=0\r\n\r\n")


def test_a_match_is_held_and_the_rest_passes(door: Service) -> None:
    """In REQMOD and RESPMOD, with 204 and without, on one connection."""
    with Peer(door.addresses["icap"]) as peer:
        for message in (reqmod, respmod):
            for fields in (b"Allow: 204\r\n", b"Allow: 206, 204\r\n", b""):
                peer.send(message(DATA[:5000], DATA[5000:], fields=fields))
                held = peer.reply()
                assert HELD.fullmatch(held.threat or "")
                assert held.http.startswith(b"HTTP/1.1 403 Forbidden\r\n")
                assert b"Content-Length: %d\r\n" % len(held.body) in held.http
                peer.send(message(TEXT, TEXT, fields=fields))
                passed = peer.reply()
                if fields:
                    assert passed.status == "ICAP/1.0 204 No modifications"
                else:
                    assert (passed.status, passed.body) == ("ICAP/1.0 200 OK", TEXT + TEXT)
                    assert passed.http in message()


def test_a_message_without_a_body_passes(door: Service) -> None:
    """``null-body`` gets 204, or the headers back."""
    message = b"REQMOD x ICAP/1.0\r\n%bEncapsulated: req-hdr=0, null-body=%d\r\n\r\n%b"
    http = HEAD + b"\r\n"
    assert ask(door, message % (b"Allow: 204\r\n", len(http), http)).status.endswith(
        "modifications"
    )
    back = ask(door, message % (b"", len(http), http))
    assert (back.fields["Encapsulated"], back.http) == (f"req-hdr=0, null-body={len(http)}", http)


def test_previews_go_on_or_end(door: Service) -> None:
    """After a preview the rest is asked for, in exactly these bytes; a whole one gets 204."""
    with Peer(door.addresses["icap"]) as peer:
        for body in (DATA, TEXT):
            peer.send(reqmod(body[:4], fields=b"Preview: 4\r\n"))
            go_on = b"ICAP/1.0 100 Continue\r\n\r\n"
            assert peer.socket.recv(len(go_on)) == go_on
            peer.send(chunks(body[4:]))
            said = peer.reply()
            assert HELD.fullmatch(said.threat) if said.threat else said.body == TEXT
        peer.send(reqmod(TEXT, fields=b"Preview: 1024\r\n", end=b"0; ieof\r\n\r\n"))
        assert peer.reply().status == "ICAP/1.0 204 No modifications"
        peer.send(reqmod(DATA, fields=b"Preview: 1048576\r\n", end=b"0; ieof\r\n\r\n"))
        assert peer.reply().threat


def _raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        (b"gzip", gzip.compress),
        (b"X-GZip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        (b"deflate", zlib.compress),
        (b"deflate", _raw_deflate),
        (b"br", brotli.compress),
        (b"gzip, identity, br", lambda data: brotli.compress(gzip.compress(data))),
    ],
)
def test_encodings_are_undone(door: Service, name: bytes, encode: Callable[[bytes], bytes]) -> None:
    """An encoded match is held; what is cut, too large or goes on past its end is an error."""
    http = b"Content-Encoding: %b\r\n" % name
    plain, large = b"x" * 1_000_000, b"x" * 10_000_000
    assert ask(door, reqmod(encode(DATA), http=http)).threat
    assert ask(door, respmod(encode(DATA), http=http)).threat
    assert ask(door, reqmod(encode(plain), http=http)).status.endswith("modifications")
    for wrong in (encode(plain)[:-1], encode(TEXT) + b"and more", encode(large), TEXT):
        assert ask(door, reqmod(wrong, http=http)).status == "ICAP/1.0 500 Server error"
    assert ask(door, reqmod(b"", http=http)).status.endswith("modifications")


@pytest.mark.parametrize(
    "http",
    [
        b"Content-Encoding: zstd\r\n",
        b"Content-Encoding: gzip\r\nContent-Encoding: compress\r\n",
        b"Content-Encoding : gzip\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Content-Range: bytes 5-14/100\r\n",
        b"Content-Type: multipart/form-data\r\n",
        b"Content-Type: text/plain\r\nContent-Type: multipart/form-data; boundary=b\r\n",
        FORM,
    ],
)
def test_what_cannot_be_unpacked_is_an_error(door: Service, http: bytes) -> None:
    """An unknown encoding, a part of a file or a form without an end never passes."""
    assert ask(door, reqmod(TEXT, http=http)).status == "ICAP/1.0 500 Server error"


def test_a_part_of_a_file_is_an_error(door: Service) -> None:
    """A response with status 206 has no whole file."""
    message = respmod(TEXT).replace(b"200 OK", b"206 OK")
    assert ask(door, message).status == "ICAP/1.0 500 Server error"


def test_each_part_of_a_form_is_examined(door: Service) -> None:
    """A match in any part is held, whatever stands beside it; a form without one passes."""
    for parts in ((DATA,), (b"", TEXT, DATA), (DATA, TEXT), (TEXT, DATA, TEXT)):
        assert ask(door, reqmod(form(*parts), http=FORM)).threat
        assert ask(
            door, reqmod(gzip.compress(form(*parts)), http=FORM + b"Content-Encoding: gzip\r\n")
        ).threat
    passed = ask(door, reqmod(form(b"", TEXT), http=FORM, fields=b""))
    assert passed.body == form(b"", TEXT)
    mixed = FORM.replace(b"form-data", b"mixed")
    assert ask(door, reqmod(form(TEXT, DATA), http=mixed)).threat
    uneven = [form(TEXT, DATA)[at : at + 7] for at in range(0, len(form(TEXT, DATA)), 7)]
    assert ask(door, reqmod(*uneven, http=FORM)).threat


@pytest.mark.parametrize(
    "body",
    [
        form(TEXT, end=b""),
        form(end=b"--bound--\r\n"),
        form(TEXT, head=b"Content-Transfer-Encoding: base64\r\n"),
        form(TEXT, head=b"Content-Type: multipart/mixed; boundary=other\r\n"),
        form(TEXT, b"--bound \r\n\r\nseen as text"),
        form(TEXT) + b"--bound\r\n\r\nbehind the end",
        form(*[b""] * 1001),
    ],
    ids=["cut", "empty", "base64", "nested", "ambiguous", "epilogue", "many"],
)
def test_a_form_that_cannot_be_read_for_certain_is_an_error(door: Service, body: bytes) -> None:
    """What another parser may take apart in another way never passes."""
    assert ask(door, reqmod(body, http=FORM)).status == "ICAP/1.0 500 Server error"


def test_errors_end_the_connection_where_they_must(door: Service) -> None:
    """After a whole message that failed the next is answered; after half of one, none is."""
    with Peer(door.addresses["icap"]) as peer:
        peer.send(reqmod(TEXT, http=b"Content-Encoding: gzip\r\n"))
        assert peer.reply().fields["Connection"] == "close"
        assert peer.rest() == b""
    with Peer(door.addresses["icap"]) as peer:
        peer.send(reqmod(b"x" * 1_000_001 + b"x" * 100_000))
        assert peer.reply().fields["Connection"] == "close"
    with Peer(door.addresses["icap"]) as peer:
        peer.send(b"COMPACT x ICAP/1.0\r\nEncapsulated: null-body=0\r\n\r\n")
        assert peer.reply().status == "ICAP/1.0 405 Method not allowed"
    assert ask(door, b"GET / HTTP/1.1\r\n\r\n").status == "ICAP/1.0 400 Bad request"


def test_a_body_that_is_cut_never_passes(door: Service) -> None:
    """A client that stops sending gets an error, wherever it stops."""
    sent = reqmod(TEXT * 30)
    for length in range(1, len(sent), 19):
        said = ask(door, sent[:length], end=True)
        assert said.status == "ICAP/1.0 500 Server error", length


def test_the_tag_changes_with_the_list(start: Start) -> None:
    """Once a list is loaded anew, caches of earlier answers are void."""
    service = start("--icap", "127.0.0.1:0", *REFUSE)
    before = ask(service, reqmod(TEXT)).fields["ISTag"]
    assert ask(service, reqmod(DATA)).fields["ISTag"] == before
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("reloaded")
    assert ask(service, reqmod(TEXT)).fields["ISTag"] != before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--icap needs to know what to do"),
        (("--action", "clamd.unscanned=reject"), "--icap needs to know what to do"),
        (("--action", "icap.unscanned"), "--action takes"),
        (("--action", "mail.unscanned=allow"), "--action takes"),
        (("--action", "match=hold", "--action", "match=hold"), "two actions for match"),
        ((*REFUSE, "--icap-profile", "discourse"), "--icap-profile takes one of"),
        ((*REFUSE, "--clamd-root", "/"), "--clamd-root needs --clamd"),
    ],
)
def test_the_door_needs_the_word_of_its_operator(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a word on what cannot be examined, or with unknown names, it exits 64."""
    hash_list = str(FIXTURES / "hashes.txt")
    assert run(["serve", "--list", hash_list, "--icap", "127.0.0.1:0", *arguments]) == 64
    assert said in capsys.readouterr().err


def test_what_passes_is_said_at_the_start(start: Start, tmp_path: Path) -> None:
    """One door may refuse what cannot be examined while another lets it pass; the log says so."""
    service = start(
        *("--icap", "127.0.0.1:0", "--icap-profile", "squid", "--action", "icap.unscanned=allow"),
        *("--clamd", f"unix:{tmp_path}/c", "--action", "clamd.unscanned=hold"),
    )
    said = {each["door"]: (each["profile"], each["unscanned"]) for each in service.events[:2]}
    assert said == {"clamd": ("strict", "hold"), "icap": ("squid", "allow")}
    assert ask(service, reqmod(b"\x89PNG\r\n\x1a\n")).status.endswith("modifications")
