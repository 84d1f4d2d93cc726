"""What is known of files, looked up in other lists or at another threshold, no file opened.

Stored hashes of a preview may be near to an entry where the exact ones are not. Such files, and no
others, are opened and decoded in full, as in a scan. Where one is gone or has changed, its matches
say that their distances are not confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox import AnyPool
from hashmatch.hashlist import HashList, Section
from hashmatch.match.matcher import Matcher
from hashmatch.model import Examination, ExamineOptions
from hashmatch.scan.engine import FileResult
from hashmatch.scan.history import History, Judged, Visit
from hashmatch.scan.pipeline import Pipeline
from hashmatch.scan.stored_matcher import StoredMatcher
from hashmatch.sources.found import Found
from hashmatch.state.files import Group
from hashmatch.state.rows import path_of_key
from hashmatch.state.store import State

_SLICE = 1 << 13
"""Ids that become Python objects at a time."""


class Replay(History):
    """A state as a re-match uses it: every file that it knows is visited once more.

    Args:
        state: the state.
        options: as of the matcher.
        include_gone: also visit files that are not there any more.

    Raises:
        SettingsError: the state lacks hashes that the matcher looks up.
    """

    def __init__(
        self, state: State, options: ExamineOptions, *, include_gone: bool = False
    ) -> None:
        _check_kinds(state, options, include_gone=include_gone)
        super().__init__(state, options, command="rematch")
        self._include_gone = include_gone
        self._group: Group = []

    def found(self) -> Iterator[Found]:
        """Every file, in the order of a walk. ``visit`` knows the one that was found last."""
        for group in self.state.files.everything():
            if group[0].gone is not None and not self._include_gone:
                self.counts.gone += 1
                continue
            self.counts.recalled += 1
            self._group = group
            yield Found(path_of_key(group[0].key))

    def visit(self, found: Found) -> Visit:  # noqa: ARG002 # it is the one found last
        """See ``NullHistory.visit``. What is not known whole is examined, as in a scan."""
        whole = self._group[0].members == len(self._group) - 1
        return Visit(self._group[0].key, known=self._group if whole else ())

    def keep(self, visit: Visit, member: int, path: bytes, result: Judged) -> None:  # noqa: ARG002 # of scans alone are verdicts kept
        """See ``NullHistory.keep``."""
        self._keep_matches(path, result)

    def refine(self, visit: Visit, member: int, found: Examination) -> None:
        """See ``NullHistory.refine``. Keeps nothing of files scanned with other settings."""
        self.counts.examined += 1
        if all(row.settings in self._serving for row in visit.known):
            super().refine(visit, member, found)


def rematch(matcher: Matcher, pool: AnyPool, replay: Replay) -> Iterator[FileResult]:
    """Look all that a state knows up in other lists.

    Args:
        matcher: of the lists; it decodes as the last scan did where it is made with
            ``State.runs.latest_settings().options()``.
        pool: who decodes candidates in full.
        replay: the state.

    Returns:
        One result for every file and every member of an archive, by their absolute paths, in the
        order of a walk.
    """
    judge = StoredMatcher(matcher, replay.state, replay.options.digests)
    conveyor = Pipeline(pool.configure(replay.options), judge.screen, replay)
    for path, archive, _, judged in conveyor.run(replay.found()):
        yield FileResult(path, judged.outcome, judged.sha256, archive)


def new_entries(hash_list: HashList, old: HashList) -> HashList:
    """The entries of a list that an older one does not have: by hash, or by an id of its own.

    It may have none. A label alone makes no entry new, nor does a line number.
    """
    sections = {}
    for kind, section in hash_list.sections.items():
        rows = np.arange(len(section))
        if kind in old.sections:
            rows = np.flatnonzero(_are_new(section, old.sections[kind]))
        if len(rows):
            sections[kind] = section.take(rows)
    contents = replace(hash_list.contents, sections=sections, tables={}, updates={})
    return HashList(contents, source=hash_list.source)


def _are_new(section: Section, old: Section) -> npt.NDArray[np.bool_]:
    one_field = np.dtype([(f"f{word}", np.uint64) for word in range(section.codes.shape[1])])
    new = ~np.isin(section.codes.view(one_field).ravel(), old.codes.view(one_field).ravel())
    own_id = section.column("id").lengths() > 0
    for first in range(0, len(section), _SLICE):
        last = min(first + _SLICE, len(section))
        unknown = old.find(section.ids(first, last)) < 0
        new[first:last] |= unknown & own_id[first:last]
    return new


def _check_kinds(state: State, options: ExamineOptions, *, include_gone: bool) -> None:
    """Refuse to call files clear whose hashes were never computed."""
    for number, settings in state.runs.settings.items():
        kinds = [str(kind) for kind in options.kinds if kind not in settings.kinds]
        digests = [name for name in options.digests if name not in settings.digests]
        mirrors = (
            ["mirrored views"] if options.mirrors and not settings.options()["mirrors"] else []
        )
        pictures = partial(state.files.count_pictures, hashed=bool(settings.kinds))
        for names, count_files, remedy in (
            (kinds, pictures, "with this list once"),
            (digests, state.files.count_digested, "with this list once"),
            (mirrors, pictures, "with --mirrors once, as the last scan was"),
        ):
            count = count_files(number, include_gone=include_gone) if names else 0
            if count:
                raise SettingsError(
                    f"the state holds no {' nor '.join(names)} of {count} files: scan them"
                    f" {remedy}",
                    path=state.path,
                )
