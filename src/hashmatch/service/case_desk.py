"""The case store as a service uses it: an upload must be answered even while the store fails."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hashmatch.errors import HashmatchError
from hashmatch.hashlist import HashList
from hashmatch.match.reviews import Rejection, ReviewedEntry
from hashmatch.model import Match
from hashmatch.service.log import log_event
from hashmatch.service.ruling import Asked, Ruling

if TYPE_CHECKING:
    from hashmatch.cases import Cases, Finding


class CaseDesk:
    """Learns decisions from a case store, and hands it what uploads match. Threads may share it.

    While the store fails, nothing is suppressed, and matches are in the audit trail alone.

    Args:
        cases: the store.
        quarantine: the folder that holds uploads, if one does.
    """

    def __init__(self, cases: Cases, quarantine: str | None = None) -> None:
        self.failed = False
        self._cases = cases
        self._quarantine = quarantine

    def content(self, hashes: Sequence[str]) -> str:
        """See ``Reviews``."""
        return self._cases.content(hashes)

    def name(self, match: Match) -> ReviewedEntry:
        """See ``Reviews``."""
        return self._cases.name(match)

    def rejected(
        self, contents: Collection[str]
    ) -> Mapping[str, Mapping[ReviewedEntry, Rejection]]:
        """See ``Reviews``. Nothing is rejected while the store fails."""
        try:
            found = self._cases.rejected(contents)
        except HashmatchError as error:
            self._note_failure(error)
            return {}
        self.failed = False
        return found

    def record(self, ruling: Ruling, asked: Asked, hash_lists: Sequence[HashList]) -> None:
        """Store what an upload, or a part of it, is near to."""
        versions = {each.name: each.version for each in hash_lists}
        findings = list(_findings(ruling, asked, versions, self._quarantine))
        if not findings:
            return
        try:
            self._cases.record(findings)
        except HashmatchError as error:
            self._note_failure(error)
        else:
            self.failed = False

    def heal(self) -> None:
        """See whether the store works again."""
        self.rejected(())
        if not self.failed:
            log_event("cases_resumed")

    def _note_failure(self, error: HashmatchError) -> None:
        self.failed = True
        log_event("cases_failed", level=logging.ERROR, why=str(error))


def _findings(
    ruling: Ruling, asked: Asked, versions: dict[str, str | None], quarantine: str | None
) -> Iterator[Finding]:
    from hashmatch.cases import Finding, Place  # noqa: PLC0415 # slow to import, and not always there

    outcome, item = ruling.outcome, ruling.item
    parts = [(part.path or None, part.outcome) for part in outcome.parts] or [(None, outcome)]
    for path, found in parts:
        if found.content is None:
            continue
        yield Finding(
            content=found.content,
            matches=found.near,
            place=Place(
                door=asked.door,
                path=path,
                client=asked.client,
                request=asked.request,
                number=ruling.case,
                address=asked.address,
                quarantine=quarantine if item is not None else None,
                item=item,
            ),
            list_versions=versions,
            format=found.format,
            width=found.width,
            height=found.height,
        )
