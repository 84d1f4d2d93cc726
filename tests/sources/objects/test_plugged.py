"""Storage that fsspec reaches: the same records, and nothing clear that was not read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hashmatch import Matcher
from hashmatch.errors import InputError, MissingExtraError
from hashmatch.examine.sandbox import ThreadPool
from hashmatch.report import file_record
from hashmatch.scan import WalkCounts, WalkOptions, scan_sources
from hashmatch.sources import BucketSource, OpenStores
from hashmatch.sources.objects import store as store_module
from scan.trees import list_of, picture

fsspec = pytest.importorskip("fsspec")
memory = pytest.importorskip("fsspec.implementations.memory")


class Failing(memory.MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
    """Storage in memory, in which some keys fail."""

    cachable = False
    replaced: str | None = None

    def _open(self, path: str, *arguments: Any, **options: Any) -> Any:
        if options.get("mode") != "rb":
            return super()._open(path, *arguments, **options)
        kinds = {"forbidden": PermissionError, "broken": RuntimeError, "gone": FileNotFoundError}
        for name, kind in kinds.items():
            if name in path:
                raise kind(path)
        file = super()._open(path, *arguments, **options)
        if self.replaced is not None and self.replaced in path:
            self.pipe_file(path, b"another")
        return file


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket in memory, which stands in for Google's."""
    fsspec.register_implementation("gs", Failing, clobber=True)
    monkeypatch.setattr(store_module, "_DELAYS", (0.01,))
    system = Failing()
    for seed in range(3):
        system.pipe_file(f"bucket/a/{seed}.jpg", picture(seed))
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def scanned(root: bytes) -> dict[str, tuple[str, str | None]]:
    """The verdict and the reason for each key."""
    with OpenStores() as stores, ThreadPool(2) as pool:
        source = BucketSource(stores, root, WalkCounts(), WalkOptions())
        source.check()
        results = list(scan_sources([source], Matcher(list_of(picture(1))), pool))
    records = [file_record(result) for result in results]
    return {each["path"]: (each["verdict"], each["reason"]) for each in records}


def test_objects_have_the_verdicts_of_files(bucket: Any) -> None:
    """All that begin with a prefix come, in the order of their keys."""
    bucket.pipe_file("bucket/ab.jpg", picture(1))
    bucket.pipe_file("bucket/b", b"text")
    found = {
        "gs://bucket/a/0.jpg": ("clear", None),
        "gs://bucket/a/1.jpg": ("match", None),
        "gs://bucket/a/2.jpg": ("clear", None),
        "gs://bucket/ab.jpg": ("match", None),
    }
    assert list(scanned(b"gs://bucket/a").items()) == list(found.items())
    assert len(scanned(b"gs://bucket")) == 5


def test_what_fails_is_unscanned(bucket: Any) -> None:
    """Each kind of error has its reason, and the others are scanned."""
    for name in ("forbidden", "broken", "gone", "replaced"):
        bucket.pipe_file(f"bucket/a/{name}", b"text")
    Failing.replaced = "/replaced"
    try:
        found = scanned(b"gs://bucket/a/")
    finally:
        Failing.replaced = None
    reasons = {path.rpartition("/")[2]: reason for path, (_, reason) in found.items()}
    del reasons["0.jpg"], reasons["1.jpg"], reasons["2.jpg"]
    assert reasons == {
        "broken": "unavailable",
        "forbidden": "permission",
        "gone": "vanished",
        "replaced": "changed",
    }


@pytest.mark.usefixtures("bucket")
def test_what_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is storage without a plug-in, which says what to install."""
    with pytest.raises(InputError, match="cannot be listed: there is none"):
        scanned(b"gs://nowhere/")
    monkeypatch.setitem(sys.modules, "adlfs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"].__dict__["_registry"], "az", raising=False)
    with OpenStores() as stores, pytest.raises(MissingExtraError, match=r"hashmatch\[az\]"):
        stores.of(b"az://container/x")
