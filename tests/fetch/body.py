"""An HTTPS server that speaks the four APIs, with faults. Its hashes are digests of short texts."""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import hashlib
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = 1_790_000_000
"""When everything here happens, unless a test moves the clock."""

GROUP = "4242"
SECRETS = {
    "user": "planted-user-5f1d",
    "password": "planted-password-77aa",
    "function_key": "planted-function-key-90cc",
    "subscription_key": "planted-subscription-key-31bd",
    "token": "planted-token-e8e8",
}
PATHS = {
    "ncmec": "/hashsharing",
    "stopncii": "/v1",
    "threatexchange": "/graph",
    "tat": "/tat",
}
NEEDS = {
    "ncmec": ("user", "password"),
    "stopncii": ("function_key", "subscription_key"),
    "threatexchange": ("token",),
    "tat": ("user", "password"),
}


@dataclass(frozen=True)
class Change:
    """One record of a body: an id, when it changed, and whether it is withdrawn."""

    id: int
    time: int
    gone: bool = False
    content: bytes = b""

    @property
    def hash(self) -> str:
        """The MD5 of its content, by default a text that no other id has."""
        content = self.content or b"synthetic %d" % self.id
        return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass
class Body:
    """What the server serves.

    Attributes:
        changes: every record, in the order of delivery.
        size: records per page.
        faults: by number of the page, what goes wrong with its next answers; the last one stays.
            0 is the login.
        files: what it serves below /files/.
        now: the server's clock.
        asked: the path and query of every request for a page or a file.
        token: what the login gives; a new one each time.
        kill: is called with the number of each page before the answer.
    """

    changes: list[Change] = field(default_factory=list)
    size: int = 3
    faults: dict[int, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    now: int = NOW
    asked: list[str] = field(default_factory=list)
    token: int = 0
    kill: Any = None
    statuses: list[int] = field(default_factory=list)

    _cache: dict[Any, Any] = field(default_factory=dict)

    def cached(self, key: object, make: Any) -> Any:
        """What was made of these changes before, or is made now: a benchmark has a million."""
        whole = (key, id(self.changes), len(self.changes))
        if whole not in self._cache:
            self._cache = {whole: make()}
        return self._cache[whole]

    def between(self, since: float, until: float = float("inf")) -> list[Change]:
        """The changes of a span of time, in the order of delivery."""
        return self.cached(
            (since, until), lambda: [each for each in self.changes if since <= each.time <= until]
        )

    def fault(self, page: int) -> str:
        """What goes wrong with this answer."""
        waiting = self.faults.get(page, [""])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


class Handler(BaseHTTPRequestHandler):
    """Answers for all APIs, by the path."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # or each answer waits for the client's acknowledgement of its header
    server: BodyServer

    def log_message(self, *_: object) -> None:
        """Write nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The server's clock."""
        skew = 3600 if self.fault == "skew" else 0
        return email.utils.formatdate(timestamp or self.server.body.now + skew, usegmt=True)

    fault = ""

    def do_POST(self) -> None:
        """Log in."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        body = self.server.body
        self.fault = ""
        if form.get("username") != [SECRETS["user"]] or form["password"] != [SECRETS["password"]]:
            self.answer(401, b"{}")
            return
        body.token += 1
        token = None if body.faults.get(0) else jwt(body.token)
        self.answer(200, json.dumps({"user": {}, "token": token}).encode())

    def do_GET(self) -> None:
        """Serve a page or a file."""
        parts, body = urlsplit(self.path), self.server.body
        body.asked.append(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path.startswith("/files/"):
            self.serve_file(parts.path)
            return
        name = next(each for each, path in PATHS.items() if parts.path.startswith(f"{path}/"))
        self.fault = ""
        if not self.is_allowed(name):
            self.answer(401, b"who are you")
            return
        pick = {"ncmec": ncmec, "stopncii": stopncii, "threatexchange": updates, "tat": tat}[name]
        first = pick(body, query, None)
        page = first // body.size + 1
        if body.kill is not None:
            body.kill(page)
        self.fault = body.fault(page)
        if self.fault == "repeat":
            first -= body.size
        self.send(pick(body, query, first, self.fault))

    def is_allowed(self, name: str) -> bool:
        """Whether the secrets are right."""
        got, body = self.headers.get("Authorization", ""), self.server.body
        if name == "ncmec":
            pair = f"{SECRETS['user']}:{SECRETS['password']}".encode()
            return got == f"Basic {base64.b64encode(pair).decode()}"
        if name == "stopncii":
            keys = self.headers["x-functions-key"], self.headers["Ocp-Apim-Subscription-Key"]
            return keys == (SECRETS["function_key"], SECRETS["subscription_key"])
        return got == f"Bearer {jwt(body.token) if name == 'tat' else SECRETS['token']}"

    def send(self, page: bytes) -> None:
        """Answer with a page, or with what goes wrong."""
        fault = self.fault
        if fault == "expired":
            self.server.body.token += 1
            self.answer(401, b"expired")
        elif fault in ("429", "500", "503", "404"):
            later = email.utils.formatdate(self.server.body.now + 9, usegmt=True)
            waits = {"429": {"Retry-After": "7"}, "503": {"Retry-After": later}}
            self.answer(int(fault), page, waits.get(fault))
        elif fault == "redirect":
            self.answer(302, b"", {"Location": "https://elsewhere.example/"})
        elif fault == "truncated":
            self.answer(200, page[: len(page) // 2], length=len(page))
            self.close_connection = True
        else:
            self.answer(200, page[: len(page) // 2] if fault == "malformed" else page)

    def serve_file(self, path: str) -> None:
        """Serve a file, if it has changed."""
        data = self.server.body.files.get(path.removeprefix("/files/"))
        if data is None:
            self.answer(404, b"")
            return
        tag = f'"{hashlib.sha256(data).hexdigest()[:12]}"'
        if self.headers.get("If-None-Match") == tag:
            self.answer(304, b"", {"ETag": tag})
        else:
            self.answer(200, data, {"ETag": tag})

    def answer(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, length: int = -1
    ) -> None:
        """Send an answer."""
        self.server.body.statuses.append(status)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length < 0 else length))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


class BodyServer(ThreadingHTTPServer):
    """The server."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, body: Body, certificates: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem")
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.body = body

    def handle_error(self, *_: object) -> None:
        """Clients are killed here, so broken connections are no news."""


def jwt(number: int) -> str:
    """A token like those of a login."""
    return f"planted-jwt.{number}.abcdef"


def iso(seconds: int) -> str:
    """A time as NCMEC writes it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ncmec(body: Body, query: dict[str, str], first: int | None, fault: str = "") -> Any:
    """A page of NCMEC's; without ``first``, the number of its first record."""
    if first is None:
        return int(query.get("start", 0))
    since, until = (dt.datetime.fromisoformat(query[key]).timestamp() for key in ("from", "to"))
    found = body.between(since, until)
    page = found[first : first + body.size]
    entries = "".join(
        f"<{'deletedImage' if each.gone else 'image'}><member id='1'>Example</member>"
        f"<timestamp>{iso(each.time)}</timestamp><id>{each.id}</id>"
        + ("" if each.gone else f"<fingerprints><md5>{_shown(each, fault)}</md5></fingerprints>")
        + f"</{'deletedImage' if each.gone else 'image'}>"
        for each in page
    )
    following = ""
    if first + body.size < len(found):
        span = {"from": query["from"], "to": query["to"]}
        if fault == "range":
            span["from"] = iso(int(since) + 60)
        span |= {"start": str(first + body.size), "size": str(body.size), "max": str(len(found))}
        hosts = {
            "host": "https://elsewhere.example",
            "link": "https://[",
            "control": "/\x7f",
        }
        host = hosts.get(fault, "")
        following = f"<next>{escape(f'{host}/v2/entries?{urlencode(span)}')}</next>"
    number = len(page) + (fault == "count")
    return (
        '<?xml version="1.0" encoding="UTF-8"?><queryResult xmlns="urn:example">'
        f"<images count='{number}' maxTimestamp='{iso(body.now)}'>{entries}</images>"
        f"<paging>{following}</paging></queryResult>\n"
    ).encode()


def _shown(change: Change, fault: str) -> str:
    return change.hash[:-1] + "z" if fault == "hash" else change.hash


def stopncii(body: Body, query: dict[str, str], first: int | None, fault: str = "") -> Any:
    """A page of StopNCII's."""
    if first is None:
        return int(query.get("nextPageToken", "0"))
    start = int(query["startTimestamp"])
    found = body.between(start)
    page, last = found[first : first + body.size], first + body.size >= len(found)
    latest = max((each.time for each in page), default=start) if last else start
    moment = max(start, latest)
    moment = {"future": body.now + 86_400, "past": 1}.get(fault, moment)
    records = [
        {
            "lastModtimestamp": each.time,
            "signalType": "VideoMD5",
            "hashValue": _shown(each, fault),
            "hashStatus": "Withdrawn" if each.gone else "Active",
            "caseNumbers": {},
            "CSPFeedbacks": [],
        }
        for each in page
    ]
    said = {
        "count": len(page) + (fault == "count"),
        "nextPageToken": None if last else str(first + body.size),
        "nextSetTimestamp": moment,
        "hasMoreRecords": not last,
        "hashRecords": records,
    }
    return json.dumps(said).encode() + b"\n"


def updates(body: Body, query: dict[str, str], first: int | None, fault: str = "") -> Any:
    """A page of ThreatExchange's."""
    if first is None:
        return int(query.get("after", "0"))
    found = body.between(int(query["start_time"]))
    page = found[first : first + body.size]
    records = [
        {
            "id": str(each.id),
            "indicator": _shown(each, fault),
            "type": "HASH_MD5",
            "creation_time": each.time,
            "last_updated": each.time + 86_400 * (fault == "future"),
            "should_delete": each.gone,
            "tags": ["synthetic"],
            "status": "MALICIOUS",
        }
        for each in page
    ]
    said: dict[str, Any] = {"data": records}
    if first + body.size < len(found):
        again = query | {"access_token": SECRETS["token"], "after": str(first + body.size)}
        said["paging"] = {"next": f"https://graph.example/x?{urlencode(again)}"}
    return json.dumps(said).encode() + b"\n"


def tat(body: Body, query: dict[str, str], first: int | None, fault: str = "") -> Any:
    """A page of Tech Against Terrorism's. Where it begins is the place of the checkpoint."""
    if first is None:
        after = query.get("after", "")
        places = body.cached(
            "tat", lambda: {_mark(each): at for at, each in enumerate(body.changes)}
        )
        return places[after] + 1 if after else 0
    page = body.changes[first : first + body.size]
    more = first + body.size < len(body.changes)
    records = [
        {
            "hash_digest": _shown(each, fault),
            "algorithm": "MD5",
            "ideology": "none",
            "file_type": "mp4",
            "deleted": each.gone,
            "updated_on": each.time,
            "created_on": each.time,
            "id": each.id,
        }
        for each in page
    ]
    said = {
        "count": len(body.changes) - first + (fault == "count"),
        "next": "https://tat.example/next" if more else None,
        "checkpoint": _mark(page[-1]) if page else "",
        "results": records,
    }
    return json.dumps(said).encode() + b"\n"


def _mark(change: Change) -> str:
    return f"{change.time},{change.id}"


def make_certificates(folder: Path) -> None:
    """Write the certificate of an authority, and the server's with its key."""
    ours = ec.generate_private_key(ec.SECP256R1())
    theirs = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    today = dt.datetime.now(dt.UTC)

    def certificate(subject: x509.Name, key: Any, *extensions: Any) -> bytes:
        made = x509.CertificateBuilder(name, subject, key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(today - dt.timedelta(1)).not_valid_after(
            today + dt.timedelta(30)
        )
        for extension in extensions:
            made = made.add_extension(extension, critical=False)
        return made.sign(ours, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ca = certificate(name, ours, x509.BasicConstraints(ca=True, path_length=None))
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    (folder / "ca.pem").write_bytes(ca)
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    key = theirs.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "server.pem").write_bytes(certificate(server, theirs, host) + key)


@contextmanager
def serving(body: Body, certificates: Path) -> Iterator[BodyServer]:
    """Serve in a thread."""
    with BodyServer(body, certificates) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def sources_file(port: int) -> str:
    """The sources of this server, in TOML. Secrets are in the environment."""
    tables = []
    for name, path in PATHS.items():
        secrets = ", ".join(f'{each} = "env:PLANTED_{each.upper()}"' for each in NEEDS[name])
        group = f'group = "{GROUP}"\n' if name == "threatexchange" else ""
        tables.append(
            f'[{name}]\nurl = "https://127.0.0.1:{port}{path}"\nca = "ca.pem"\n{group}'
            f"secrets = {{ {secrets} }}\n"
        )
    return "\n".join(tables)


def in_environment() -> dict[str, str]:
    """The secrets, as variables of the environment."""
    return {f"PLANTED_{name.upper()}": value for name, value in SECRETS.items()}
