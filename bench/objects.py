"""Measures what it costs to list object storage, and to scan it a second time.

    python bench/objects.py [--keys N] [--many N] [--objects N]

A local HTTP server in another process answers as S3 does, from a canned listing of pages of 1,000
keys. One process lists ``--keys`` of them for CPU time, another ``--many`` for memory, and the
command scans ``--objects`` small files twice with a state. CPU is of the listing process alone:
HTTP, signing, XML and items. The server counts requests.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import record
from hashmatch.sources import BucketSource, OpenStores, WalkCounts, WalkOptions

PAGE = 1_000
TARGET_MICROSECONDS, TARGET_MB = 15, 100
_LIST = "# algorithm: phash\n0123456789abcdef far-away\n"


def main() -> None:
    """Serve, measure each part in a process of its own, and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--list", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.list:
        print(json.dumps(list_keys(asked.list)))
        return
    listed = [serve_and_list(count) for count in (asked.keys, asked.many)]
    results = {"listings": listed, "scans": scan_twice(asked.objects)}
    print(record.save("objects", 0, results))


def serve_and_list(keys: int) -> dict[str, Any]:
    """List so many keys in another process."""
    with Served(keys) as served:
        found = json.loads(served.run(sys.executable, __file__, "--list", str(keys)))
    print(found, flush=True)
    return found


def list_keys(keys: int) -> dict[str, Any]:
    """List them all, and count what it costs this process."""
    with OpenStores() as stores:
        source = BucketSource(stores, b"s3://bucket/", WalkCounts(), WalkOptions())
        source.check()
        gc.freeze()  # as the command does
        before, begun, cpu = _peak(), time.perf_counter(), time.process_time()
        count = sum(1 for item in source if item.identity() is not None)
    assert count == keys, count
    return {
        "keys": keys,
        "microseconds_cpu_a_key": round((time.process_time() - cpu) / keys * 1e6, 2),
        "target_microseconds": TARGET_MICROSECONDS,
        "seconds": round(time.perf_counter() - begun, 2),
        "mb_before": before,
        "peak_mb": _peak(),
        "target_mb": TARGET_MB,
    }


def scan_twice(objects: int) -> list[dict[str, Any]]:
    """Scan with a state, twice."""
    runs = []
    with tempfile.TemporaryDirectory() as folder, Served(objects) as served:
        hash_list = Path(folder) / "list.txt"
        hash_list.write_text(_LIST)
        hash_list.chmod(0o600)
        state = ("--state", f"{folder}/state", "--list", hash_list, "-o", f"{folder}/records.txt")
        for number in (1, 2):
            before, begun, cpu = served.requests(), time.perf_counter(), _children()
            served.run(sys.executable, "-m", "hashmatch", "scan", "s3://bucket/", *state)
            after = served.requests()
            runs.append(
                {
                    "scan": number,
                    "objects": objects,
                    "requests": {name: after[name] - before[name] for name in after},
                    "seconds": round(time.perf_counter() - begun, 2),
                    "cpu_seconds": round(_children() - cpu, 2),
                }
            )
            print(runs[-1], flush=True)
    assert runs[1]["requests"]["get"] == 0
    return runs


class Served:
    """A server in another process, for as long as the block lasts."""

    def __init__(self, keys: int) -> None:
        context = get_context("fork")
        self._counts = context.Array("q", 2)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(keys, self._counts))
        self._server.request_queue_size = 256
        self._process = context.Process(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._server.server_close()

    def requests(self) -> dict[str, int]:
        """How many requests there were."""
        return dict(zip(("list", "get"), self._counts, strict=True))

    def run(self, *command: str | Path) -> str:
        """Run a command that finds this server, and return what it writes."""
        identity = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        environment = os.environ | identity | {"AWS_ENDPOINT_URL_S3": url}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode()


def _handler(keys: int, counts: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._answer(b"", {})

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            listing = "list-type" in split.query
            with counts.get_lock():
                counts[0 if listing else 1] += 1
            if listing:
                asked = parse_qs(split.query)
                self._answer(_page(int(asked.get("continuation-token", ["0"])[0]), keys), {})
            else:
                number = int(split.path[-16:-4])
                body = _body(number)
                self._answer(body, {"ETag": f'"{_etag(number)}"', "Last-Modified": _HTTP_DATE})

        def _answer(self, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


_HTTP_DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


def _page(first: int, keys: int) -> bytes:
    last = min(first + PAGE, keys)
    rows = "".join(
        f"<Contents><Key>uploads/2023/{number:012}.txt</Key>"
        "<LastModified>2023-11-14T22:13:20.000Z</LastModified>"
        f"<ETag>&quot;{_etag(number)}&quot;</ETag><Size>{len(_body(number))}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for number in range(first, last)
    )
    more = last < keys
    token = f"<NextContinuationToken>{last}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
        f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
        f"{token}{rows}</ListBucketResult>"
    ).encode()


def _body(number: int) -> bytes:
    return b"text number %d\n" % number


def _etag(number: int) -> str:
    return hashlib.md5(_body(number)).hexdigest()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
