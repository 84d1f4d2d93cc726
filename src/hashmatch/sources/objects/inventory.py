"""Inventories of S3: what a bucket holds, as CSV that AWS writes once a day or a week."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from hashmatch.errors import InputError, SettingsError
from hashmatch.sources.objects.store import ObjectInfo

_GZIP = b"\x1f\x8b"
_NEEDED = ("bucket", "key")
_SECONDS = len("2026-01-31T12:00:00")


def columns_of(schema: str) -> Sequence[str]:
    """Read the names of columns, as ``fileSchema`` in the inventory's ``manifest.json`` has them.

    Raises ``SettingsError`` without ``Bucket`` and ``Key``.
    """
    columns = [name.strip().lower() for name in schema.split(",")]
    if not set(_NEEDED) <= set(columns):
        raise SettingsError(
            "--inventory takes the columns of the inventory, such as 'Bucket, Key, VersionId,"
            " IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag'"
        )
    return columns


def read_inventory(
    file: BinaryIO, columns: Sequence[str], name: str
) -> Iterator[tuple[bytes, ObjectInfo | None]]:
    """Yield the path of each object's latest version, and what the inventory says of it.

    The file is CSV, packed with gzip or not. The id of the version is left out: an object that was
    replaced since is then found to have changed, rather than its old contents being taken for those
    that are there now. Raises ``InputError`` for a line without these columns, or a damaged file.
    """
    buffered = io.BufferedReader(file)  # type: ignore[type-var] # any binary file will do
    packed = buffered.peek(2)[:2] == _GZIP
    plain = gzip.GzipFile(fileobj=buffered) if packed else buffered
    lines = csv.reader(io.TextIOWrapper(plain, encoding="utf-8", newline=""))
    try:
        for values in lines:
            if len(values) != len(columns):
                raise InputError(
                    f"the line does not have {len(columns)} columns", path=name, line=lines.line_num
                )
            row = dict(zip(columns, values, strict=True))
            if row.get("islatest") != "false" and row.get("isdeletemarker") != "true":
                yield _entry(row)
    except (csv.Error, EOFError, OSError, ValueError) as error:
        raise InputError("the inventory is damaged", path=name, line=lines.line_num) from error


def _entry(row: dict[str, str]) -> tuple[bytes, ObjectInfo | None]:
    key = unquote_to_bytes(row["key"].replace("+", " "))
    path = b"s3://" + row["bucket"].encode() + b"/" + key
    modified, etag = row.get("lastmodifieddate", "")[:_SECONDS], row.get("etag", "").strip('"')
    if not (row.get("size") and modified and etag):
        return path, None
    return path, ObjectInfo(key, int(row["size"]), etag, modified)
