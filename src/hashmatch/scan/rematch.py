"""Looks up stored hashes in other lists or at another threshold, without opening files.

The hashes of a preview may be near an entry although the exact ones are not. Only such files are
opened and decoded in full, as in a scan. If one is gone or has changed, its matches say that their
distances are not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from hashmatch.errors import DecodeError, SettingsError
from hashmatch.examine.sandbox import AnyPool
from hashmatch.files import is_object
from hashmatch.hashlist import HashList, ListSection
from hashmatch.match.matcher import Matcher
from hashmatch.model import Examination, Reason
from hashmatch.options import VIEWS, ExamineOptions
from hashmatch.scan.history import History
from hashmatch.scan.result import FileResult
from hashmatch.scan.scanning import scan_known
from hashmatch.scan.visit import Visit
from hashmatch.sources import Item
from hashmatch.sources.file_item import FileItem
from hashmatch.state.files import Group
from hashmatch.state.rows import path_of_key
from hashmatch.state.store import State
from hashmatch.text import count

_OUT_OF_REACH = DecodeError(Reason.UNAVAILABLE, "it is in object storage")

_SLICE = 1 << 13
"""Ids that become Python objects at a time."""

_ALL_LISTS = (
    "with all lists that you use with this state (--list A --list B), since a scan keeps only the"
    " hashes that its own lists need"
)
"""How to get hashes that the state lacks."""


class Replay(History):
    """A state as a rematch uses it: a history, and the source of every item that it knows.

    Args:
        state: the state.
        options: as of the matcher.
        include_gone: also visit files that no longer exist.
        objects: makes an item of the path of an object; without it, objects cannot be opened.

    Raises:
        SettingsError: the state lacks hashes that the matcher looks up.
    """

    def __init__(
        self,
        state: State,
        options: ExamineOptions,
        *,
        include_gone: bool = False,
        objects: Callable[[bytes], Item] | None = None,
    ) -> None:
        _check_kinds(state, options, include_gone=include_gone)
        super().__init__(state, options, command="rematch")
        self._include_gone = include_gone
        self._objects = objects
        self._group: Group = []

    def items(self) -> Iterator[Item]:
        """Yield every item, in the order of a walk. ``visit`` is for the last one yielded."""
        for group in self.state.files.everything():
            if group[0].gone is not None and not self._include_gone:
                self.counts.count_gone(group)
                continue
            self.counts.recalled += 1
            self._group = group
            yield self._item(path_of_key(group[0].key))

    def _item(self, path: bytes) -> Item:
        if not is_object(path):
            return FileItem(path)
        return self._objects(path) if self._objects else FileItem(path, _OUT_OF_REACH)

    def visit(self, item: Item) -> Visit:
        """See ``NullHistory.visit``. What is not known completely is examined, as in a scan."""
        complete = self._group[0].members == len(self._group) - 1
        return Visit(item, self._group[0].key, self._group if complete else ())

    def keep(self, visit: Visit, member: int, result: FileResult) -> None:
        """See ``NullHistory.keep``. Only scans record verdicts."""

    def refine(self, visit: Visit, member: int, found: Examination) -> None:
        """See ``NullHistory.refine``. Files scanned with other settings stay as they are."""
        self.counts.examined += 1
        if all(row.settings in self._serving for row in visit.known):
            super().refine(visit, member, found)


def rematch(matcher: Matcher, pool: AnyPool, replay: Replay) -> Iterator[FileResult]:
    """Look up everything that a state knows.

    Args:
        matcher: what to look up in. To decode as the last scan did, make it with
            ``state.runs.latest_settings().options()``.
        pool: the workers that decode candidates in full.
        replay: the state.

    Returns:
        One result for every file and every member of an archive, by absolute path, in the order of
        a walk.
    """
    return scan_known(replay.items(), matcher, pool, replay)


def new_entries(hash_list: HashList, old: HashList) -> HashList:
    """Return the entries of a list whose hash or own id an older list does not have, if any.

    A label alone does not make an entry new, nor does a line number that serves as an id.
    """
    sections = {}
    for kind, section in hash_list.sections.items():
        rows = np.arange(len(section))
        if kind in old.sections:
            rows = np.flatnonzero(_are_new(section, old.sections[kind]))
        if len(rows):
            sections[kind] = section.take(rows)
    contents = replace(hash_list.contents, sections=sections, index_tables={}, updates={})
    return HashList(contents, source=hash_list.source)


def _are_new(section: ListSection, old: ListSection) -> npt.NDArray[np.bool_]:
    one_field = np.dtype([(f"f{word}", np.uint64) for word in range(section.codes.shape[1])])
    new = ~np.isin(section.codes.view(one_field).ravel(), old.codes.view(one_field).ravel())
    own_id = section.column("id").lengths() > 0
    for first in range(0, len(section), _SLICE):
        last = min(first + _SLICE, len(section))
        unknown = old.find(section.ids(first, last)) < 0
        new[first:last] |= unknown & own_id[first:last]
    return new


def _check_kinds(state: State, options: ExamineOptions, *, include_gone: bool) -> None:
    """Refuse to call files clear if their hashes were never computed."""
    for number, settings in state.runs.settings.items():
        kinds = [str(kind) for kind in options.kinds if kind not in settings.kinds]
        digests = [name for name in options.digests if name not in settings.digests]
        mirrors = (
            ["mirrored views"] if options.mirrors and not settings.options()["mirrors"] else []
        )
        views = VIEWS.index(options.views) > VIEWS.index(settings.options()["views"])
        pictures = partial(state.files.count_pictures, hashed=bool(settings.kinds))
        for names, count_files, remedy in (
            (kinds, pictures, _ALL_LISTS),
            (digests, state.files.count_digested, _ALL_LISTS),
            (mirrors, pictures, "with --mirrors, like the last scan"),
            (
                [f"{options.views} views"] if views else [],
                pictures,
                f"with --views {options.views}, like the last scan",
            ),
        ):
            missing = count_files(number, include_gone=include_gone) if names else 0
            if missing:
                raise SettingsError(
                    f"the state has no {' or '.join(names)} for {count(missing, 'file')}: scan"
                    f" again, {remedy}",
                    path=state.path,
                )
