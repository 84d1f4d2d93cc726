"""What a scan is to scan, from its arguments and ``--files-from``."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain, groupby
from typing import TYPE_CHECKING, BinaryIO

from hashmatch.errors import InputError, SettingsError
from hashmatch.files import is_object, raising
from hashmatch.sources import (
    BucketSource,
    FolderSource,
    NamedObjects,
    OpenStores,
    Source,
    WalkCounts,
    WalkOptions,
    check_paths,
    columns_of,
    read_inventory,
    read_paths,
)

if TYPE_CHECKING:
    from hashmatch.cli.scan import ScanWalkSettings


def to_scan(
    walk: ScanWalkSettings,
    stack: ExitStack,
    stores: OpenStores,
    counts: WalkCounts,
    options: WalkOptions,
) -> Iterator[Source]:
    """The paths given, all of which must exist, and those in ``--files-from``.

    Raises:
        SettingsError: options contradict each other.
        InputError: a path does not exist, or a bucket does not let us in.
        MissingExtraError: object storage needs a package that is missing.
    """
    _check(walk)
    paths = [os.fsencode(path) for path in walk.paths or ()]
    check_paths(path for path in paths if not is_object(path))
    folder = partial(FolderSource, counts=counts, options=options)
    given: list[Source] = []
    for path in paths:
        if is_object(path):
            bucket = BucketSource(stores, path, counts, options)
            bucket.check()
            given.append(bucket)
        else:
            given.append(folder(path))
    if any(map(is_object, paths)):
        # botocore's description of S3 is large. The garbage collector would look through it every
        # few pages of a listing, which takes longer than parsing them
        gc.freeze()
    return chain(given, _from_file(walk, stack, stores, folder))


def _check(asked: ScanWalkSettings) -> None:
    if not asked.paths and asked.files_from is None:
        raise SettingsError("nothing to scan: give a PATH or --files-from")
    needing = {"--null": asked.null, "--keys-of": asked.keys_of, "--inventory": asked.inventory}
    for name, value in needing.items():
        if value and asked.files_from is None:
            raise SettingsError(f"{name} needs --files-from")
    if asked.inventory and (asked.keys_of or asked.null):
        raise SettingsError("--inventory takes neither --keys-of nor --null")


def _from_file(
    walk: ScanWalkSettings, stack: ExitStack, stores: OpenStores, folder: Callable[[bytes], Source]
) -> Iterator[Source]:
    name = walk.files_from
    if name is None:
        return iter(())
    file = _opened(name, stack)
    if walk.inventory:
        rows = read_inventory(file, columns_of(walk.inventory), name)
        return iter((NamedObjects(stores, rows),))
    lines = read_paths(file, b"\0" if walk.null else b"\n")
    if walk.keys_of:
        store, prefix = stores.of(os.fsencode(walk.keys_of))
        if prefix:
            raise SettingsError("--keys-of takes a bucket without a prefix")
        return iter((NamedObjects(stores, ((store.url + key, None) for key in lines)),))
    return _mixed(lines, stores, folder)


def _mixed(
    lines: Iterator[bytes], stores: OpenStores, folder: Callable[[bytes], Source]
) -> Iterator[Source]:
    """A source for each local path, and one for objects that follow each other."""
    for objects, paths in groupby(lines, is_object):
        if objects:
            yield NamedObjects(stores, ((path, None) for path in paths))
        else:
            yield from map(folder, paths)


def _opened(name: str, stack: ExitStack) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    with raising(InputError, "cannot be read", name):
        return stack.enter_context(open(name, "rb"))
