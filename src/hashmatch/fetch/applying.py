"""Makes a list of the staged pages, and swaps it in.

It writes the revisions, the list and the checkpoint, in this order, and then deletes the staged
pages. If it is killed in between, the next fetch repeats these steps with the same result: the
list's version says that it has these pages already.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hashmatch.errors import HashListError
from hashmatch.fetch.home import Home
from hashmatch.fetch.progress import FetchProgress, Kept
from hashmatch.fetch.settings import FetchSource
from hashmatch.fetch.staging import Staging
from hashmatch.hashlist import HashList
from hashmatch.hashlist.operations import apply_deltas, compile_list, without_withdrawals
from hashmatch.hashlist.revisions import Revisions
from hashmatch.hashlist.signing import SUFFIX, verify_list
from hashmatch.text import count

SHRINK = 0.1
"""The share of entries that a list may lose at once."""


def apply_pages(
    source: FetchSource, home: Home, staging: Staging, old: HashList | None, *, allow_shrink: bool
) -> tuple[HashList, Kept]:
    """Make the new list, and write it in place of the old one; return it, and what to keep.

    Unless ``allow_shrink`` is set, it may lose no more than ``SHRINK`` of its entries.

    Raises:
        HashListError: something is wrong with the pages, or the list would shrink too much.
        OutputError: a file cannot be written.
    """
    at, whole = staging.progress, source.dialect.whole
    version = version_of(at)
    if not whole and old is not None and old.version == version:
        return old, _kept(at, home.revisions(), old)
    revisions = Revisions() if whole or at.full else home.revisions()
    found = [_load(source, staging, file, revisions) for file, _ in at.files]
    base = [] if whole or at.full or old is None else [old]
    first, *rest = [*base, *found]
    new = _named(source, without_withdrawals(apply_deltas(first, rest)), version)
    if old is not None and not allow_shrink:
        _check_size(source, len(old), len(new))
    if not whole:
        home.keep_revisions(revisions)
    compile_list(new, home.list_path)
    written = home.load_list()
    if written is None:
        raise HashListError("the list that was written cannot be read", path=str(home.list_path))
    return HashList(new.contents, source=source.name), _kept(at, revisions, written)


def _load(source: FetchSource, staging: Staging, file: str, revisions: Revisions) -> HashList:
    path = staging.path(file)
    found = HashList.load(
        path,
        list_format=source.dialect.list_format,
        skip_bad_entries=source.skip_bad_entries,
        policy=None,
        revisions=None if source.dialect.whole else revisions,
    )
    if source.public_key is not None:
        verify_list(found, path.with_name(path.name + SUFFIX), source.public_key)
    return found


def _named(source: FetchSource, new: HashList, version: str) -> HashList:
    """The list with its source's name; its version and date are those of the fetch.

    A whole list that has a version or a date of its own keeps it.
    """
    own = source.dialect.whole
    contents = replace(
        new.contents,
        name=source.name,
        version=(own and new.version) or version,
        created=(own and new.created) or version,
        left_out={},
    )
    return HashList(contents, source=source.name)


def _check_size(source: FetchSource, before: int, now: int) -> None:
    if now < before * (1 - SHRINK):
        raise HashListError(
            f"the list would shrink from {count(before, 'entry', 'entries')} to {now:,}: if that is"
            " right, use --allow-shrink",
            path=source.name,
        )


def _kept(at: FetchProgress, revisions: Revisions, written: HashList) -> Kept:
    return Kept(
        source=at.source,
        checkpoint=at.checkpoint,
        began=at.began,
        digest=written.contents.compiled_digest or "",
        entries=len(written),
        withdrawn=revisions.withdrawn,
    )


def version_of(at: FetchProgress) -> str:
    """The version of the list that a fetch makes: when it began, in ISO 8601."""
    return datetime.fromtimestamp(at.began, UTC).isoformat().replace("+00:00", "Z")
