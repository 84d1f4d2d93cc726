"""Listings, inventories and paths: every legal key comes out as it is."""

from __future__ import annotations

import csv
import io
import sys
from contextlib import suppress
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import DecodeError, InputError, MissingExtraError, SettingsError
from hashmatch.sources import FolderSource, OpenStores, WalkCounts, WalkOptions
from hashmatch.sources.objects import columns_of, read_inventory
from hashmatch.sources.objects.fetcher import Fetcher
from hashmatch.sources.objects.s3_pages import parse_page
from hashmatch.state.rows import key_of, keys_below, path_of_key

KEYS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1)
_COLUMNS = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"


def page_of(keys: list[str], *, encode: bool, space: str = "") -> bytes:
    """A page of a listing."""
    rows = "".join(
        f"<Contents><Key>{quote_plus(key, safe='/') if encode else escape(key)}</Key>"
        "<LastModified>2026-01-31T12:00:00.000Z</LastModified><Size>7</Size>"
        "<ETag>&quot;abc-2&quot;</ETag><Owner><ID>x</ID></Owner></Contents>"
        for key in keys
    )
    kind = "<EncodingType>url</EncodingType>" if encode else ""
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>"
    return f"<ListBucketResult{space}>{kind}{more}{rows}</ListBucketResult>".encode()


@given(st.lists(KEYS, max_size=5))
def test_keys_of_a_listing_come_out_as_they_are(keys: list[str]) -> None:
    """Encoded as in a URL, any text comes back."""
    page = parse_page(page_of(keys, encode=True, space=' xmlns="http://s3.amazonaws.com/doc/"'))
    assert [each.key.decode() for each in page.objects] == keys
    assert (page.more, page.token) == (True, "t+/=")
    assert all(each[1:] == (7, "abc-2", "2026-01-31T12:00:00", "") for each in page.objects)


def test_server_that_encodes_nothing_is_believed() -> None:
    """Without the answer's word for it, a plus sign is a plus sign."""
    keys = ["a+b", "100%25", "a&b <c>"]
    assert [each.key.decode() for each in parse_page(page_of(keys, encode=False)).objects] == keys


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<a", b"<Error><Code>x</Code></Error>", b"<ListBucketResult/>x"),
        b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>",
    ],
)
def test_what_is_no_page_is_no_empty_bucket(body: bytes) -> None:
    """A listing that cannot be read is an error."""
    with pytest.raises(DecodeError, match="the storage"):
        parse_page(body)


@given(st.binary())
def test_any_bytes_are_a_page_or_an_error(body: bytes) -> None:
    """Nothing else is raised."""
    with suppress(DecodeError):
        parse_page(body)


@given(st.lists(KEYS, max_size=5))
def test_inventory_has_the_keys_of_current_versions(keys: list[str]) -> None:
    """Older versions and delete markers are left out; keys are decoded."""
    file = io.StringIO(newline="")
    rows = csv.writer(file, quoting=csv.QUOTE_ALL)
    for key in keys:
        tail = ["5", "2026-01-31T12:00:00.000Z", "abc"]
        rows.writerow(["b", quote_plus(key, safe="/"), "v1", "true", "false", *tail])
        rows.writerow(["b", quote(key), "v0", "false", "false", *tail])
        rows.writerow(["b", "gone", "v2", "true", "true", "", "2026-01-31T12:00:00.000Z", ""])
    data = io.BytesIO(file.getvalue().encode())
    found = list(read_inventory(data, columns_of(_COLUMNS), "inventory.csv"))
    assert [path.decode() for path, _ in found] == [f"s3://b/{key}" for key in keys]
    for key, (_, info) in zip(keys, found, strict=True):
        assert info == (key.encode(), 5, "abc", "2026-01-31T12:00:00", "")


@pytest.mark.parametrize("data", [b"a,b\n", b"\x1f\x8bnot gzip", b"\xff\xfe\n", b'"a'])
def test_damaged_inventory_is_an_error(data: bytes) -> None:
    """It names the file, and does not pass for a short inventory."""
    with pytest.raises(InputError, match=r"^inventory.csv:"):
        list(read_inventory(io.BytesIO(data), columns_of("Bucket, Key, Size"), "inventory.csv"))


def test_inventory_without_sizes_names_objects() -> None:
    """The store is asked for what the inventory lacks."""
    found = read_inventory(io.BytesIO(b"b,a%2Fx\n"), columns_of("Bucket, Key"), "i")
    assert list(found) == [(b"s3://b/a/x", None)]
    with pytest.raises(SettingsError, match="--inventory takes the columns"):
        columns_of("Key, Size")


@given(KEYS, KEYS)
def test_state_keeps_objects_by_their_paths(prefix: str, rest: str) -> None:
    """Keys below a prefix are between two bounds, and no others are."""
    root = f"s3://b/{prefix}".encode()
    path = root + rest.encode()
    lower, upper = keys_below(root)
    assert path_of_key(key_of(path)) == path
    assert lower <= key_of(root) < key_of(path) < upper
    assert not lower <= key_of(b"s3://b/") < upper
    assert not lower <= key_of(f"/{prefix}".encode()) < upper


def test_paths_that_name_no_bucket_are_refused() -> None:
    """The message shows the path."""
    with OpenStores() as stores:
        for path in (b"s3://", b"s3:///key", "s3://b\u00fccket/key".encode()):
            with pytest.raises(InputError, match="names no bucket"):
                stores.of(path)
    with pytest.raises(SettingsError, match="object storage"):
        FolderSource(b"s3://bucket", WalkCounts(), WalkOptions())


def test_without_botocore_the_install_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is without files in memory, which only Linux has."""
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with OpenStores() as stores, pytest.raises(MissingExtraError, match=r"'hashmatch\[s3\]'"):
        stores.of(b"s3://bucket/key")
    monkeypatch.delattr("os.memfd_create")
    with pytest.raises(SettingsError, match="only Linux"):
        Fetcher()
