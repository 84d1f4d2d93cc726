"""ICAP messages as clients send them, and what comes back, taken apart."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Self

HEAD = b"PUT /upload HTTP/1.1\r\nHost: files.example\r\n"


def chunks(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces if each) + end


def reqmod(
    *pieces: bytes,
    fields: bytes = b"Allow: 204\r\n",
    http: bytes = b"",
    end: bytes = b"0\r\n\r\n",
) -> bytes:
    """A REQMOD of an upload, in chunks."""
    head = HEAD + http + b"\r\n"
    return (
        b"REQMOD icap://127.0.0.1/avscan ICAP/1.0\r\nHost: 127.0.0.1\r\n"
        + fields
        + b"Encapsulated: req-hdr=0, req-body=%d\r\n\r\n" % len(head)
        + head
        + chunks(*pieces, end=end)
    )


def respmod(*pieces: bytes, fields: bytes = b"Allow: 204\r\n", http: bytes = b"") -> bytes:
    """A RESPMOD of a download, in chunks."""
    request = b"GET / HTTP/1.1\r\nHost: files.example\r\n\r\n"
    response = b"HTTP/1.1 200 OK\r\n" + http + b"\r\n"
    places = len(request), len(request) + len(response)
    return (
        b"RESPMOD icap://127.0.0.1/avscan ICAP/1.0\r\nHost: 127.0.0.1\r\n"
        + fields
        + b"Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n" % places
        + request
        + response
        + chunks(*pieces)
    )


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        status: the first line.
        fields: the headers, by name as sent.
        http: the encapsulated headers.
        body: the encapsulated body, without its chunks.
    """

    status: str
    fields: dict[str, str]
    http: bytes
    body: bytes

    @property
    def threat(self) -> str | None:
        """The name in X-Infection-Found."""
        found = self.fields.get("X-Infection-Found")
        if found is None:
            return None
        match = re.fullmatch(r"Type=0; Resolution=2; Threat=(.*);", found)
        assert match
        assert self.fields["X-Virus-ID"] == match[1]
        return match[1]

    @property
    def passes(self) -> bool:
        """Whether any client at all takes this answer for clean."""
        return self.threat is None and b" 403 " not in self.http and b" 503 " not in self.http


class Peer:
    """A client that sends bytes and reads answers, as the standard has it."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def reply(self) -> Reply:
        """The next answer."""
        lines = self._head()
        assert lines, "the door closed without an answer"
        fields = dict(line.split(": ", 1) for line in lines[1:])
        assert not fields or list(fields)[-1] == "Encapsulated"
        places = [each.split("=") for each in fields.get("Encapsulated", "null-body=0").split(", ")]
        http = self._file.read(int(places[-1][1]))
        body = b"" if places[-1][0] == "null-body" else self._chunks()
        return Reply(lines[0], fields, http, body)

    def rest(self) -> bytes:
        """What comes until the door closes."""
        return self._file.read()

    def _head(self) -> list[str]:
        lines = []
        while line := self._file.readline().decode("ascii").removesuffix("\r\n"):
            lines.append(line)
        return lines

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._file.readline(), 16):
            body += self._file.read(size)
            assert self._file.read(2) == b"\r\n"
        assert self._file.read(2) == b"\r\n"
        return body
