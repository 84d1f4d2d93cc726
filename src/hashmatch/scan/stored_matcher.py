"""Decides what was examined just now and what is known from earlier, in one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from hashmatch.errors import InputError
from hashmatch.hashing import Codes
from hashmatch.match.hits import BYTES
from hashmatch.match.matcher import Matcher
from hashmatch.match.parts import far
from hashmatch.model import DIGEST_BITS, Examination, HashKind, Match, Outcome, ViewHashes
from hashmatch.state.blob import BlobError, columns, unpack_hashes
from hashmatch.state.rows import Evidence, Stored, Unconfirmed, bare
from hashmatch.state.settings import Settings
from hashmatch.state.store import State


class StoredMatcher:
    """Screens evidence, some of which a state stored.

    What is stored is looked up as columns of numbers. Only what may be near to an entry becomes an
    object, which ``Matcher.screen`` decides like any other.
    """

    def __init__(self, matcher: Matcher, state: State) -> None:
        self._matcher = matcher
        self._state = state

    def screen(self, evidence: Sequence[Evidence]) -> list[Outcome | None]:
        """Decide what can be decided; None for each part that must be examined in full.

        Raises ``InputError`` if the state is damaged.
        """
        try:
            near = self._near(evidence)
            asked = {
                number: self._examination(each)
                for number, each in enumerate(evidence)
                if number in near or not isinstance(each, Stored)
            }
        except BlobError as error:
            raise InputError(str(error), path=self._state.path) from error
        screened = self._matcher.screen(list(asked.values())) if asked else ()
        outcomes = dict(zip(asked, screened, strict=True))
        results: list[Outcome | None] = []
        for number, each in enumerate(evidence):
            if number not in asked and isinstance(each, Stored):
                results.append(_far(*each.shown))
                continue
            outcome = outcomes[number]
            if outcome is not None and isinstance(each, Unconfirmed):
                outcome = _unconfirmed(outcome)
            results.append(outcome)
        return results

    def _near(self, evidence: Sequence[Evidence]) -> set[int]:
        """The positions of the stored rows that may be near to an entry."""
        alike: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for number, each in enumerate(evidence):
            if isinstance(each, Stored):
                alike[each.settings, each.exact].append(number)
        found: set[int] = set()
        for (settings, _), numbers in alike.items():
            rows = [row for row in map(evidence.__getitem__, numbers) if isinstance(row, Stored)]
            near = self._near_by_view(rows, self._state.runs.settings[settings])
            near |= self._near_by_digest(rows, self._state.runs.settings[settings])
            found.update(numbers[row] for row in near)
        return found

    def _near_by_view(self, rows: Sequence[Stored], settings: Settings) -> set[int]:
        words = sum(kind.words for kind in settings.kinds)
        counts, codes, uncertain_bits = columns([row.hashes for row in rows], words)
        looked_up: dict[HashKind, Codes] = {}
        uncertain: dict[HashKind, Codes] = {}
        first = 0
        for kind in settings.kinds:
            part = np.s_[:, first : first + kind.words]
            first += kind.words
            if kind in self._matcher.options.kinds:
                looked_up[kind] = codes[part]
                if uncertain_bits is not None:
                    uncertain[kind] = uncertain_bits[part]
        if not looked_up:
            return set()
        flags = self._matcher.near(looked_up, uncertain or None)
        owners = np.arange(len(rows)).repeat(counts)
        return set(owners[flags].tolist())

    def _near_by_digest(self, rows: Sequence[Stored], settings: Settings) -> set[int]:
        found: set[int] = set()
        wanted = self._matcher.listed_digests
        if not wanted:
            return found
        digests = [unpack_hashes(row.hashes, settings.kinds).digests for row in rows]
        for name in wanted if any(digests) else ():
            kind = HashKind(name, DIGEST_BITS[name])
            column = settings.digests.index(name)
            having = [number for number, each in enumerate(digests) if each]
            raw = b"".join(
                digests[number][column].ljust(8 * kind.words, b"\0") for number in having
            )
            codes = np.frombuffer(raw, dtype=">u8").astype(np.uint64).reshape(-1, kind.words)
            near = self._matcher.near({kind: codes}).nonzero()[0]
            found.update(having[row] for row in near.tolist())
        return found

    def _examination(self, evidence: Evidence) -> Examination:
        """The evidence as the matcher takes it."""
        if isinstance(evidence, Examination):
            return evidence
        if isinstance(evidence, Stored):
            return self._whole(evidence)
        found = self._whole(evidence.stored)
        # The best there is: the distance of the preview
        views = tuple(replace(view, uncertain_bits=()) for view in found.views)
        reason, detail = evidence.error.reason, evidence.error.message
        return replace(found, views=views, reason=reason, detail=detail, exact=True)

    def _whole(self, stored: Stored) -> Examination:
        """The examination that a row was made of, as far as the matcher looks at it."""
        settings = self._state.runs.settings[stored.settings]
        hashes = unpack_hashes(stored.hashes, settings.kinds)
        kinds = self._matcher.options.kinds if hashes.views else ()
        columns_wanted = [settings.kinds.index(kind) for kind in kinds]
        return replace(
            bare(*stored.shown),
            exact=bool(stored.exact),
            views=tuple(_chosen(view, columns_wanted) for view in hashes.views),
            digests=tuple(
                hashes.digests[settings.digests.index(name)].hex()
                for name in self._matcher.options.digests
            )
            if hashes.digests
            else (),
        )


@lru_cache(maxsize=4096)
def _far(*shown: Any) -> Outcome:
    """The outcome of a row that is near to no entry; many rows share one."""
    return far(bare(*shown))


def _unconfirmed(outcome: Outcome) -> Outcome:
    """The outcome of a preview that cannot be confirmed."""

    def each(match: Match) -> Match:
        # A digest is exact even if the file is gone
        return match if match.view == BYTES else replace(match, confirmed=False)

    return replace(
        outcome, matches=tuple(map(each, outcome.matches)), near=tuple(map(each, outcome.near))
    )


def _chosen(view: ViewHashes, columns_wanted: Sequence[int]) -> ViewHashes:
    return replace(
        view,
        hashes=tuple(view.hashes[column] for column in columns_wanted),
        uncertain_bits=tuple(
            view.uncertain_bits[column] for column in columns_wanted if view.uncertain_bits
        ),
    )
