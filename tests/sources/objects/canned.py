"""A server of S3 in this process, with faults on request. It believes every signature."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, unquote_to_bytes, urlsplit

LONG_AGO = 1_700_000_000

_PAGES = {
    "garbage": b"<ListBucketResult><Contents>",
    "stuck": b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
    "endless": b" " * (1 << 24),
    "absurd": b"<ListBucketResult><EncodingType>url</EncodingType>"
    + b"".join(
        b"<Contents><Key>%b</Key><Size>%d</Size><LastModified>%b</LastModified></Contents>" % row
        for row in (
            (b"a%00b", 3, b"2026-01-31T12:00:00.000Z"),
            (b"huge", 10**30, b"2026-01-31T12:00:00.000Z"),
            (b"late", 3, b"9999-12-31T23:59:59.000Z"),
            (b"less", -3, b"yesterday"),
        )
    )
    + b"</ListBucketResult>",
}
"""Pages of a listing that make no sense."""


class Meeting:
    """Counts requests of one kind that are answered at the same time.

    Attributes:
        most: how many there have been at once.
    """

    def __init__(self) -> None:
        self.most = 0
        self._present, self._wanted = 0, 1
        self._changed = threading.Condition()

    def expect(self, wanted: int) -> None:
        """Count anew, and let each wait half a second for others, until so many have met."""
        self.most, self._wanted = 0, wanted

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Take part with one request."""
        with self._changed:
            self._present += 1
            self.most = max(self.most, self._present)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._wanted, timeout=0.5)
        try:
            yield
        finally:
            with self._changed:
                self._present -= 1


class Canned(NamedTuple):
    """An object."""

    data: bytes
    etag: str
    modified: int = LONG_AGO
    version: str = ""


class CannedS3(ThreadingHTTPServer):
    """One bucket, ``bucket``.

    Attributes:
        objects: by key.
        faults: by key, or ``b"?list"`` for pages of listings: what goes wrong with the next
            requests, first things first.
        deleted: what was to be deleted: paths, with the version that was named. It stays.
        requests: how often each method was used, ``LIST`` being one.
        paid: how many requests said that whoever makes them pays, and how many did not.
        page: objects on a page.
        delay: seconds that an object takes.
        from_start: heed no key to start after, as some servers do.
        lists: the pages of listings that are asked for at the same time.
        reads: the same of objects.
        region: where the bucket is; requests signed for another are sent there. None: anywhere.
        redirect: the status and code of these answers.
        names_region: whether their header names the region, as AWS's does; else only their body.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[bytes, Canned] = {}
        self.faults: defaultdict[bytes, list[str]] = defaultdict(list)
        self.deleted: list[str] = []
        self.requests: Counter[str] = Counter()
        self.paid: Counter[bool] = Counter()
        self.page = 1000
        self.delay = 0.0
        self.from_start = False
        self.region: str | None = None
        self.redirect = "400 AuthorizationHeaderMalformed"
        self.names_region = True
        self.lists, self.reads = Meeting(), Meeting()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, key: bytes, data: bytes, modified: int = LONG_AGO) -> None:
        """Store an object; its ETag is no digest."""
        etag = hashlib.sha256(data + b"%d" % modified).hexdigest()[:30] + "-2"
        self.objects[key] = Canned(data, etag, modified)

    def handle_error(self, *_: Any) -> None:
        """Say nothing: a client that hangs up is part of the tests."""


@contextmanager
def running() -> Iterator[CannedS3]:
    """A server that answers until the block ends."""
    server = CannedS3()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CannedS3

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        if not self._is_elsewhere():
            self._object()

    def do_GET(self) -> None:
        if self._is_elsewhere():
            return
        self.server.paid[self.headers.get("x-amz-request-payer") == "requester"] += 1
        split = urlsplit(self.path)
        if "list-type" in split.query:
            with self.server.lists.joined():
                self._list({name: values[0] for name, values in parse_qs(split.query).items()})
        else:
            self._object()

    def do_DELETE(self) -> None:
        self.server.deleted.append(self.path)
        self._answer(204, b"")

    def _is_elsewhere(self) -> bool:
        """Say where the bucket is, if the request is signed for another region."""
        server = self.server
        signed = self.headers.get("Authorization", "") + unquote(self.path)
        if server.region is None or f"/{server.region}/s3/" in signed:
            return False
        server.requests["elsewhere"] += 1
        status, code = server.redirect.split()
        body = f"<Error><Code>{code}</Code><Message>no</Message><Region>{server.region}</Region>"
        headers = {"x-amz-bucket-region": server.region} if server.names_region else {}
        self._answer(int(status), f"{body}</Error>".encode(), headers)
        return True

    def _key(self) -> bytes:
        # Not the path of a parsed URL, which makes one slash of two
        return unquote_to_bytes(
            self.path.partition("?")[0].removeprefix("/bucket").removeprefix("/")
        )

    def _list(self, asked: dict[str, str]) -> None:
        server = self.server
        server.requests["LIST"] += 1
        if self._goes_wrong(b"?list"):
            return
        prefix = asked.get("prefix", "").encode()
        start = "" if server.from_start else asked.get("start-after", "")
        after = asked.get("continuation-token", start).encode()
        keys = sorted(key for key in server.objects if key.startswith(prefix) and key > after)
        folders: list[bytes] = []
        if "delimiter" in asked:
            keys, folders = _folded(keys, len(prefix))
        page = keys[: server.page]
        rows = "".join(
            f"<Contents><Key>{quote(key, safe='/').replace('%20', '+')}</Key>"
            f"<LastModified>{_iso(found.modified)}</LastModified>"
            f"<ETag>&quot;{found.etag}&quot;</ETag><Size>{len(found.data)}</Size></Contents>"
            for key in page
            for found in [server.objects[key]]
        )
        more = len(keys) > len(page)
        token = ""
        if more:
            token = f"<NextContinuationToken>{page[-1].decode()}</NextContinuationToken>"
        self._answer(
            200,
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token}{rows}{_shown(folders)}</ListBucketResult>".encode(),
        )

    def _object(self) -> None:
        server, key = self.server, self._key()
        server.requests[self.command if key else "HEAD bucket"] += 1
        with server.reads.joined() if key and self.command == "GET" else nullcontext():
            time.sleep(server.delay)
            self._send_object(key)

    def _send_object(self, key: bytes) -> None:
        found = self.server.objects.get(key)
        if self._goes_wrong(key, found):
            return
        if not key:
            self._answer(200, b"")
        elif found is None:
            self._fail(404, "NoSuchKey")
        elif self.headers.get("If-Match", f'"{found.etag}"') != f'"{found.etag}"':
            self._fail(412, "PreconditionFailed")
        else:
            self._send(found)

    def _send(self, found: Canned, *, data: bytes | None = None, etag: str | None = None) -> None:
        headers = {
            "ETag": f'"{found.etag if etag is None else etag}"',
            "Last-Modified": formatdate(found.modified, usegmt=True),
        }
        if found.version:
            headers["x-amz-version-id"] = found.version
        body = found.data if data is None else data
        self._answer(200, body, headers, length=len(found.data))

    def _goes_wrong(self, key: bytes, found: Canned | None = None) -> bool:
        """Do what the next fault for this key says, if there is one."""
        if not self.server.faults[key]:
            return False
        fault = self.server.faults[key].pop(0)
        if fault.isdigit():
            self._fail(int(fault), "SlowDown")
        elif fault == "reset":
            self.close_connection = True
        elif fault in _PAGES:
            self._answer(200, _PAGES[fault])
        elif fault == "slow":
            time.sleep(0.5)
            return False
        elif fault in {"short", "wrong etag", "other body", "bad headers"}:
            assert found is not None
            if fault == "short":
                self._send(found, data=found.data[: len(found.data) // 2])
                self.close_connection = True
            elif fault == "bad headers":
                headers = {"Last-Modified": "yesterday", "ETag": f'"{found.etag}"'}
                self._answer(200, found.data, headers)
            elif fault == "wrong etag":
                self._send(found, etag="0" * 30)
            else:  # it ignores If-Match, and sends what is there now
                other = found.data[::-1] + b"more"
                self._send(Canned(other, "1" * 30))
        else:
            status, code, message = fault.split(" ", 2)
            self._fail(int(status), code, message)
        return True

    def _fail(self, status: int, code: str, message: str = "no") -> None:
        self._answer(
            status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        )

    def _answer(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _folded(keys: list[bytes], start: int) -> tuple[list[bytes], list[bytes]]:
    """The keys that are in no folder beyond a prefix of this length, and the folders."""
    folders = {key[: key.index(b"/", start) + 1] for key in keys if b"/" in key[start:]}
    return [key for key in keys if b"/" not in key[start:]], sorted(folders)


def _shown(folders: list[bytes]) -> str:
    return "".join(
        f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>" for name in folders
    )


def _iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
