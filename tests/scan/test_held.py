"""Results that wait until nobody who had a hand in them is known to lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import DecodeError, OutputError
from hashmatch.model import MEMBER_MARK, Outcome, Reason, Verdict
from hashmatch.scan.held import Held, Spool, settled
from hashmatch.scan.result import FileResult
from hashmatch.sources import Item
from hashmatch.sources.file_item import FileItem, OpenFolder
from hashmatch.sources.objects.fetcher import Fetcher
from hashmatch.sources.objects.item import ObjectItem
from hashmatch.sources.objects.s3 import S3Store
from hashmatch.sources.objects.s3_connection import S3Connection, S3Options
from hashmatch.sources.objects.store import ObjectInfo

CLEAR = Outcome(Verdict.CLEAR)


class Nodes:
    """Nodes that examine items in turn, some of which lie and may be found out.

    Args:
        lies: for each node, whether it lies; one more, which is honest, never leaves.
        found: for each pass, how many liars it exposes at most.
    """

    def __init__(self, lies: list[bool], found: list[int]) -> None:
        self.lies = [*lies, False]
        self.liars: frozenset[str] = frozenset()
        self._found = iter(found)
        self._turn = count()
        self._answered: set[str] = set()

    def examine(self, items: Iterable[Item]) -> Iterator[Held]:
        """Have each item examined by the next two nodes, one after the other."""
        for item in items:
            left = [n for n in range(len(self.lies)) if str(n) not in self.liars]
            one, two = (left[next(self._turn) % len(left)] for _ in range(2))
            nodes = frozenset({str(one), str(two)})
            self._answered |= nodes
            names = " ".join(nodes).encode()
            paths = item.path + MEMBER_MARK + b"m", item.path
            yield Held(item, nodes, [FileResult(path, CLEAR, root=names) for path in paths])

    def settle(self) -> None:
        """Expose some liars; once no more passes are foreseen, all who answered."""
        lied = sorted(n for n in self._answered - self.liars if self.lies[int(n)])
        self.liars |= set(lied[: next(self._found, len(lied))])


@given(
    st.integers(0, 30), st.lists(st.booleans(), max_size=4), st.lists(st.integers(1, 2), max_size=3)
)
def test_no_result_rests_on_a_liar_that_was_found(
    size: int, lies: list[bool], found: list[int]
) -> None:
    """Each item has its results once, in order, and none of them is from a node that lied."""
    nodes = Nodes(lies, found)
    items = [FileItem(b"%d" % number) for number in range(size)]
    results = list(settled(nodes.examine(items), nodes.examine, nodes))
    paths = [path for item in items for path in (item.path + MEMBER_MARK + b"m", item.path)]
    assert [result.path for result in results] == paths
    for result in results:
        assert result.root is not None
        assert nodes.liars.isdisjoint(result.root.decode().split())


def test_an_interrupt_releases_what_no_liar_touched() -> None:
    """An interrupted pass yields the results of honest nodes, and then the interrupt."""
    nodes = Nodes([], [])
    nodes.liars = frozenset({"liar"})

    def first() -> Iterator[Held]:
        for number, node in enumerate(["honest", "liar", "honest"]):
            item = FileItem(b"%d" % number)
            yield Held(item, frozenset({node}), [FileResult(item.path, CLEAR)])
        raise KeyboardInterrupt

    results = settled(first(), nodes.examine, nodes)
    assert [next(results).path, next(results).path] == [b"0", b"2"]
    with pytest.raises(KeyboardInterrupt):
        next(results)


def test_items_come_back_as_they_were() -> None:
    """Files are reached by their paths, objects through the same store; problems stay."""
    pytest.importorskip("botocore")
    problem = DecodeError(Reason.PERMISSION, "not permitted")
    folder = OpenFolder(-1)
    fetcher = Fetcher(1 << 20)
    store = S3Store(S3Connection(S3Options()), "bucket")
    info = ObjectInfo(b"a//b", 3, "etag", "2026-01-31T12:00:00", "v1")
    items: list[Item] = [
        FileItem(b"up/a", problem, b"a", folder, 7, b"up"),
        ObjectItem(store, fetcher, b"a//b", info, root=b"s3://bucket/"),
        ObjectItem(store, fetcher, b"", problem=problem),
    ]
    with Spool() as spool:
        spool.fill(Held(item, frozenset({"n"}), []) for item in items)
        file, thing, listing = (each.item for each in spool)
        assert isinstance(file, FileItem)
        assert file[2:] == (b"a", None, 7, b"up")
        assert file.problem is not None
        assert (file.problem.reason, file.problem.message) == (problem.reason, problem.message)
        assert isinstance(thing, ObjectItem)
        assert (thing.path, thing.listed, thing.root) == (
            b"s3://bucket/a//b",
            (info, None),
            b"s3://bucket/",
        )
        assert thing._store is store
        assert thing._fetcher is fetcher
        with pytest.raises(DecodeError, match="not permitted"):
            listing.open()
    fetcher.close()


def test_results_that_cannot_be_kept_are_named_as_such() -> None:
    """A disk that is full ends the scan with an error that says so."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    item = FileItem(b"a" * 1000)
    held = [Held(item, frozenset({"n"}), [])] * 1000
    with Spool() as spool:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
        try:
            with pytest.raises(OutputError, match="cannot be kept: File too large"):
                spool.fill(held)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
