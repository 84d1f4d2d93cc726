"""File hosts that cannot be installed here: the bytes that they send, and how they read answers.

Each returns ``clean``, ``infected``, or ``failed`` where the client refuses the upload for now.
Sources: the code of files_antivirus of Nextcloud and ownCloud, of the antivirus service of oCIS and
its ICAP client, of discourse-antivirus, and of rspamd's ``icap.lua``.
"""

from __future__ import annotations

import re
import socket
import struct

CHUNK = 8192


def connect(address: str) -> socket.socket:
    """A connection to a door."""
    if address.startswith("unix:"):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(address.removeprefix("unix:"))
        return client
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def pieces(data: bytes) -> list[bytes]:
    """A file as it is read."""
    return [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]


def nextcloud_icap(address: str, data: bytes) -> str:
    """REQMOD without a preview; reads up to Encapsulated, then the headers of the page."""
    return _php_icap(address, [b"%x\r\n%b\r\n" % (len(each), each) for each in pieces(data)])


def owncloud_icap(address: str, data: bytes) -> str:
    """As Nextcloud, in one chunk; it may well pass an upload on errors."""
    said = _php_icap(address, [b"%x\r\n%b\r\n" % (len(data), data)])
    return "clean" if said == "failed" else said


def _php_icap(address: str, body: list[bytes]) -> str:
    host = address.rpartition(":")[0].encode()
    sent = (
        b"REQMOD icap://" + host + b"/avscan ICAP/1.0\r\nAllow: 204\r\nHost: " + host + b"\r\n"
        b"User-Agent: NC-ICAP-CLIENT/0.5.0\r\nConnection: close\r\n"
        b"Encapsulated: req-hdr=0, req-body=35\r\n\r\nPUT / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
    )
    with connect(address) as client:
        for each in [sent, *body, b"0\r\n\r\n"]:
            client.sendall(each)
        file = client.makefile("rb")
        status = re.match(rb"ICAP/(\d+)\.(\d+) (\d+) (\S+)", file.readline().strip())
        if status is None:
            return "failed"
        fields: dict[bytes, bytes] = {}
        while status[3] != b"204" and b"Encapsulated" not in fields:
            name, _, value = file.readline().strip().partition(b": ")
            fields[name] = value
        offsets = re.findall(rb"=(\d+)", fields.get(b"Encapsulated", b""))
        http = file.read(int(offsets[1])) if len(offsets) > 1 else b""
    if status[3] not in (b"200", b"204"):
        return "failed"
    infected = b"X-Infection-Found" in fields or b" 403 Forbidden" in http.strip().split(b"\r\n")[0]
    return "infected" if infected else "clean"


def ocis_icap(address: str, data: bytes) -> str:
    """OPTIONS, then REQMOD in one write; only X-Infection-Found counts."""
    _go_icap(address, b"OPTIONS icap://x/avscan ICAP/1.0\r\nAllow: 204\r\nHost: x\r\n", b"", b"")
    http = b"POST http://ocis/file HTTP/1.1\r\nHost: ocis\r\nContent-Type: image/jpeg\r\n\r\n"
    start = b"REQMOD icap://x/avscan ICAP/1.0\r\nAllow: 204\r\nHost: x\r\n"
    said = _go_icap(address, start, http, b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
    return "infected" if b"\r\nX-Infection-Found: " in said else "clean"


def _go_icap(address: str, start: bytes, http: bytes, body: bytes) -> bytes:
    """Read until the answer ends as one may, or the connection does."""
    where = b"req-hdr=0, req-body=%d" % len(http) if http else b"null-body=0"
    with connect(address) as client:
        client.sendall(start + b"Encapsulated: " + where + b"\r\n\r\n" + http + body)
        said = b""
        while not said.endswith(b"\r\n\r\n") and b"ICAP/1.0 204 No modifications" not in said:
            data = client.recv(4096)
            if not data:
                break
            said += data
    return said


def rspamd_icap(address: str, data: bytes) -> str:
    """OPTIONS and RESPMOD on one connection, without HTTP headers; reads the ICAP headers."""
    with connect(address) as client:
        client.sendall(
            b"OPTIONS icap://x/scan ICAP/1.0\r\nHost:x\r\nUser-Agent: Rspamd\r\n"
            b"Encapsulated: null-body=0\r\n\r\n"
        )
        options = _until(client, b"\r\n\r\n")
        if not re.search(rb"Methods: .*RESPMOD", options) or b"Allow: 204" not in options:
            return "failed"
        client.sendall(
            b"RESPMOD icap://x/scan ICAP/1.0\r\nAllow: 204\r\nEncapsulated: res-body=0\r\n\r\n"
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
        )
        said = _until(client, b"\r\n\r\n")
    if re.search(rb"X-Infection-Found: Type=\d; .* Threat=.*;\r\n", said):
        return "infected"
    return "clean" if re.match(rb"ICAP/1.. 2\d\d", said) else "failed"


def nextcloud_clamd(address: str, data: bytes) -> str:
    """A line, chunks, and a pattern; ERROR is not clean but passes."""
    said = _clamd(address, b"nINSTREAM\n", data)
    return "infected" if re.search(rb"/?: (.*) FOUND$", said.strip()) else "clean"


def ocis_clamd(address: str, data: bytes) -> str:
    """Only FOUND counts."""
    return (
        "infected" if _clamd(address, b"nINSTREAM\n", data).strip().endswith(b"FOUND") else "clean"
    )


def rspamd_clamd(address: str, data: bytes) -> str:
    """One chunk; a name that begins with Heuristics.Limits.Exceeded is a failed scan."""
    said = _clamd(address, b"zINSTREAM\0", data)
    if said == b"stream: OK\0":
        return "clean"
    found = re.search(rb"stream: (.+) FOUND", said)
    return "infected" if found and not found[1].startswith(b"Heuristics.Limits") else "failed"


def discourse_clamd(address: str, data: bytes) -> str:
    """A session of which it reads nothing before the end; only FOUND counts."""
    with connect(address) as client:
        client.sendall(b"zIDSESSION\0zINSTREAM\0")
        for each in pieces(data):
            client.sendall(struct.pack("!I", len(each)) + each)
        client.sendall(struct.pack("!I", 0) + b"zEND\0")
        said = client.makefile("rb").read()
    return "infected" if b"FOUND" in said else "clean"


def _clamd(address: str, command: bytes, data: bytes) -> bytes:
    with connect(address) as client:
        client.sendall(command)
        try:
            for each in pieces(data):
                client.sendall(struct.pack("!I", len(each)) + each)
            client.sendall(struct.pack("!I", 0))
        except BrokenPipeError:
            pass
        return client.makefile("rb").read()


def _until(client: socket.socket, end: bytes) -> bytes:
    said = b""
    while end not in said and (data := client.recv(1)):
        said += data
    return said


ICAP_HOSTS = {
    "nextcloud": nextcloud_icap,
    "owncloud": owncloud_icap,
    "ocis": ocis_icap,
    "rspamd": rspamd_icap,
}
CLAMD_HOSTS = {
    "nextcloud": nextcloud_clamd,
    "owncloud": nextcloud_clamd,
    "ocis": ocis_clamd,
    "rspamd": rspamd_clamd,
    "discourse": discourse_clamd,
}
