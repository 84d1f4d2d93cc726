"""Pages of a listing of S3 (ListObjectsV2, https://docs.aws.amazon.com/AmazonS3/latest/API)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

from hashmatch.errors import DecodeError
from hashmatch.model import Reason
from hashmatch.sources.objects.store import ObjectInfo, TransientError

_SECONDS = len("2026-01-31T12:00:00")


class S3Page(NamedTuple):
    """A page."""

    objects: list[ObjectInfo]  # in the order of their keys
    prefixes: list[bytes]  # what keys have in common up to a delimiter, if one was asked for
    more: bool  # whether another page follows
    token: str  # names that page; empty if the server names none


def parse_page(body: bytes) -> S3Page:
    """Read a page. Raises ``TransientError`` if it was cut, ``DecodeError`` if it is no listing."""
    try:
        root = ET.fromstring(body)  # noqa: S314 # expat bounds what entities expand to
    except ET.ParseError:
        raise TransientError(Reason.UNAVAILABLE, "the storage's listing is not valid XML") from None
    name = root.tag
    space = name[: name.index("}") + 1] if name.startswith("{") else ""
    if name != f"{space}ListBucketResult":
        raise DecodeError(Reason.UNAVAILABLE, "the storage did not answer with a listing")
    encoded = root.findtext(f"{space}EncodingType") == "url"
    key, size, etag, modified = (space + name for name in ("Key", "Size", "ETag", "LastModified"))
    objects = []
    try:
        for contents in root.iter(f"{space}Contents"):
            found = {child.tag: child.text or "" for child in contents}
            objects.append(
                ObjectInfo(
                    plain(found[key], encoded=encoded),
                    int(found[size]),
                    found.get(etag, "").strip('"'),
                    found.get(modified, "")[:_SECONDS],
                )
            )
    except (KeyError, ValueError):
        raise DecodeError(
            Reason.UNAVAILABLE, "the storage's listing lacks a key or a size"
        ) from None
    return S3Page(
        objects,
        [
            plain(each.text or "", encoded=encoded)
            for each in root.iterfind(f"{space}CommonPrefixes/{space}Prefix")
        ],
        root.findtext(f"{space}IsTruncated") == "true",
        root.findtext(f"{space}NextContinuationToken") or "",
    )


def plain(text: str, *, encoded: bool) -> bytes:
    """Return a key as it is; S3 encodes it like the value of a form."""
    if not encoded or ("%" not in text and "+" not in text):
        return text.encode("utf-8")
    return unquote_to_bytes(text.replace("+", " "))
