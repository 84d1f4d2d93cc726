"""Amazon S3, and what speaks its protocol: botocore signs and reads.

Listing through botocore's own parser takes 15 times as long, so a page is asked for by a presigned
URL and parsed by ``s3_pages``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import sleep
from typing import Any

from hashmatch.errors import DecodeError, InputError
from hashmatch.model import Reason
from hashmatch.sources.objects.s3_connection import S3Connection
from hashmatch.sources.objects.s3_errors import WORDS, code_in, failure, region_in
from hashmatch.sources.objects.s3_pages import parse_page
from hashmatch.sources.objects.store import ObjectInfo, Pause, TransientError, persist
from hashmatch.text import printable

_PIECE = 1 << 18
_URL_SECONDS = 900
_LEVELS = 8
_MOST_PAGE_BYTES = 1 << 24
_MOST_EMPTY_PAGES = 1000

_UNVERSIONED = ("", "null")  # "null": versions are kept, but were not when this was written


class S3Store:
    """A bucket; see ``Store``."""

    def __init__(self, connection: S3Connection, bucket: str) -> None:
        self._connection = connection
        self._bucket = bucket
        self._client = connection.client()
        self.url = f"s3://{bucket}/".encode()

    @property
    def endpoint(self) -> str:
        """See ``Store.endpoint``. AWS has one bucket of a name, whatever the region."""
        url = str(self._client.meta.endpoint_url)
        return "aws" if ".amazonaws.com" in url else url

    def check(self) -> None:
        """See ``Store.check``. It also finds out the bucket's region.

        An answer to ``HEAD`` would have no body, in which some servers alone name the region.
        """
        try:
            persist(partial(self._get, {"MaxKeys": 1}), _go_on)
        except DecodeError as error:
            why = f"the bucket cannot be listed: {error.message}"
            if error.reason is Reason.VANISHED:
                why = "there is no such bucket"
            raise InputError(why, path=printable(self.url)) from error

    def pages(
        self, prefix: bytes, after: bytes, until: bytes | None, pause: Pause
    ) -> Iterator[list[ObjectInfo]]:
        """See ``Store.pages``."""
        last, token, empty = after, "", 0
        while empty < _MOST_EMPTY_PAGES:
            page = persist(partial(self._page, prefix, last, token), pause)
            previous = last
            for info in page.objects:
                if info.key <= previous:
                    raise DecodeError(
                        Reason.UNAVAILABLE, "the storage does not list keys in their order"
                    )
                previous = info.key
            if until is not None and previous > until:
                yield [info for info in page.objects if info.key <= until]
                return
            yield page.objects
            if not page.more:
                return
            if not page.objects and not page.token:
                break
            empty = 0 if page.objects else empty + 1
            last, token = previous, page.token
        raise DecodeError(Reason.UNAVAILABLE, "the storage's listing makes no progress")

    def folders(self, prefix: bytes, after: bytes, pause: Pause) -> list[bytes]:
        """See ``Store.folders``. Those beside each folder that the key is in, level by level."""
        found: set[bytes] = set()
        folder = prefix
        for _ in range(_LEVELS):
            page = persist(partial(self._page, folder, after, "", "/"), pause)
            names = [*page.prefixes, *(info.key for info in page.objects)]
            if any(name <= after and not after.startswith(name) for name in names):
                return []  # the server takes no key to start after
            found.update(name for name in page.prefixes if name > after)
            end = after.find(b"/", len(folder))
            if end < 0:
                break
            folder = after[: end + 1]
        return sorted(found)

    def look(self, key: bytes) -> ObjectInfo:
        """See ``Store.look``."""
        answer = self._call("head_object", Key=_text(key))
        return ObjectInfo(
            key,
            int(answer.get("ContentLength", 0)),
            answer.get("ETag", "").strip('"'),
            f"{answer['LastModified']:%Y-%m-%dT%H:%M:%S}" if "LastModified" in answer else "",
            answer.get("VersionId", ""),
        )

    def taken(self, key: bytes) -> bool:
        """Whether the key is taken; raises ``DecodeError`` if the store does not say."""
        try:
            persist(partial(self.look, key), _go_on)
        except DecodeError as error:
            if error.reason is not Reason.VANISHED:
                raise
            return False
        return True

    def read(self, info: ObjectInfo, write: Callable[[bytes], None]) -> None:
        """See ``Store.read``. Not every server heeds ``If-Match``, so its answer is compared."""
        which = {"VersionId": info.version} if info.version not in _UNVERSIONED else {}
        if info.etag and not which:
            which["IfMatch"] = f'"{info.etag}"'
        answer = self._call("get_object", Key=_text(info.key), **which)
        with answer["Body"] as body:
            self._compare(info, answer)
            while piece := self._piece(body):
                write(piece)

    def _piece(self, body: Any) -> bytes:
        with self._errors():
            return bytes(body.read(_PIECE))

    def listed(self, prefix: bytes) -> Iterator[ObjectInfo]:
        """Yield the objects whose keys begin with a prefix, or raise ``DecodeError``."""
        for page in self.pages(prefix, b"", None, _go_on):
            yield from page

    def load(self, found: ObjectInfo) -> bytes:
        """Read an object; raises ``DecodeError`` if that fails, or it is another one by now."""

        def attempt() -> bytes:
            pieces: list[bytes] = []
            self.read(found, pieces.append)
            return b"".join(pieces)

        return persist(attempt, _go_on)

    def sha256(self, found: ObjectInfo) -> str:
        """Read an object, and return its digest as hex; raises as ``load`` does."""

        def attempt() -> str:
            digest = hashlib.sha256()
            self.read(found, digest.update)
            return digest.hexdigest()

        return persist(attempt, _go_on)

    def write(self, key: bytes, data: bytes) -> None:
        """Write an object, unless the key is taken, or raise ``DecodeError``."""
        # A bucket that locks what is written wants a checksum
        more = {"Body": data, "IfNoneMatch": "*", "ChecksumAlgorithm": "SHA256"}
        step = partial(self._call, "put_object", Key=_text(key), **more)
        try:
            persist(step, _go_on)
        except DecodeError as error:
            if error.reason is not Reason.CHANGED:  # the key is taken
                raise

    def copy(self, source: S3Store, found: ObjectInfo, key: bytes) -> None:
        """Copy this version of an object of another bucket here, without reading it.

        Where the storage knows conditional copies, nothing is overwritten. Raises ``DecodeError``
        if it cannot be copied, is another one by now, or the key is taken.
        """
        which = {"Bucket": source._bucket, "Key": _text(found.key)}  # our own class
        if found.version not in _UNVERSIONED:
            which["VersionId"] = found.version
        matching = {"CopySourceIfMatch": f'"{found.etag}"'} if found.etag else {}
        step = partial(self._call, "copy_object", Key=_text(key), CopySource=which, **matching)
        try:
            persist(partial(step, IfNoneMatch="*"), _go_on)
        except DecodeError:
            if self.taken(key):
                raise
            persist(step, _go_on)  # Swift, for one, applies the condition to the source

    def remove(self, found: ObjectInfo) -> None:
        """Delete this version of an object, and no other, or raise ``DecodeError``."""
        which = {"VersionId": found.version} if found.version else {"IfMatch": f'"{found.etag}"'}
        named = {"Key": _text(found.key), **which}

        def attempt() -> None:
            if found.version == "null":  # the one version that another object can take the place of
                self._compare(found, self._call("head_object", **named))
            self._call("delete_object", **named)

        try:
            persist(attempt, _go_on)
        except DecodeError as error:
            if error.reason is not Reason.VANISHED:  # nor is it there any more
                raise

    def _compare(self, info: ObjectInfo, answer: Mapping[str, Any]) -> None:
        etag, version = answer.get("ETag", "").strip('"'), answer.get("VersionId")
        if (
            etag != info.etag
            or answer.get("ContentLength") != info.size
            or (info.version and version not in {None, info.version})
        ):
            raise DecodeError(Reason.CHANGED, WORDS[Reason.CHANGED])

    def _page(self, prefix: bytes, after: bytes, token: str, delimiter: str = "") -> Any:
        asked: dict[str, Any] = {"EncodingType": "url", "MaxKeys": 1000}
        if delimiter:
            asked["Delimiter"] = delimiter
        if prefix:
            asked["Prefix"] = _text(prefix)
        if token:
            asked["ContinuationToken"] = token
        elif after:
            asked["StartAfter"] = _text(after)
        return parse_page(self._get(asked))

    def _get(self, asked: Mapping[str, Any]) -> bytes:
        """Get a page of a listing; where the bucket is in another region, from there."""
        status, region, body = self._fetch(asked)
        if status != 200 and region not in ("", self._client.meta.region_name):
            self._client = self._connection.client(region)
            status, _, body = self._fetch(asked)
        if status != 200:
            raise failure(status, code_in(body), "")
        return body

    def _fetch(self, asked: Mapping[str, Any]) -> tuple[int, str, bytes]:
        """Get a page by a presigned URL: the status, the region that it names, and the body."""
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415 # an extra

        with self._errors():
            url = self._client.generate_presigned_url(
                "list_objects_v2",
                {"Bucket": self._bucket, **asked, **self._connection.paying},
                ExpiresIn=_URL_SECONDS,
            )
            paying = {"x-amz-request-payer": "requester"} if self._connection.paying else {}
            request = AWSRequest("GET", url, headers=paying, stream_output=True).prepare()
            answer = self._connection.http.send(request)
            body = bytes(answer.raw.read(_MOST_PAGE_BYTES))
        if len(body) == _MOST_PAGE_BYTES:
            answer.raw.close()
            raise DecodeError(Reason.UNAVAILABLE, "the storage's listing is too long")
        region = region_in(answer.headers.get("x-amz-bucket-region", ""), body)
        return int(answer.status_code), region, body

    def _call(self, name: str, **asked: Any) -> Any:
        with self._errors():
            paying = self._connection.paying
            return getattr(self._client, name)(Bucket=self._bucket, **asked, **paying)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from botocore import exceptions as said  # noqa: PLC0415 # an extra
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 # as above
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 # as above

        try:
            yield
        except said.ClientError as error:
            answer = error.response
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            found = answer.get("Error", {})
            raise failure(status, found.get("Code", ""), found.get("Message", "")) from None
        except (said.NoCredentialsError, said.PartialCredentialsError, said.TokenRetrievalError):
            raise DecodeError(Reason.PERMISSION, "there are no AWS credentials") from None
        except (HTTPError, said.BotoCoreError, ResponseParserError, ValueError) as error:
            raise TransientError(
                Reason.UNAVAILABLE, f"the storage does not answer ({type(error).__name__})"
            ) from None
        except RecursionError:  # botocore asks for the region by a request that is redirected, too
            raise DecodeError(
                Reason.UNAVAILABLE, "the storage redirects requests endlessly"
            ) from None


def _go_on(seconds: float) -> bool:
    sleep(seconds)
    return False


def _text(key: bytes) -> str:
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError(
            Reason.UNAVAILABLE, "its key is not UTF-8, so no request can name it"
        ) from None
