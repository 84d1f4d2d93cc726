"""Everything that could change a hash, so that hashes made otherwise are not reused."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from hashmatch._version import __version__
from hashmatch.examine.extras import PILLOW_VERSION, readers
from hashmatch.model import HashKind
from hashmatch.options import ArchiveLimits, ExamineOptions, Limits, VideoLimits

_RULES = 9
"""Raise it whenever the same file may give other hashes, views or members than before."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How rows were examined.

    Attributes:
        base: versions, limits, formats and views, as JSON; must be equal.
        kinds: of the hashes of each view; more than a scan asks for will do.
        digests: names of the digests of the bytes; more than a scan asks for will do.
    """

    base: str
    kinds: tuple[HashKind, ...]
    digests: tuple[str, ...]

    @classmethod
    def of(cls, options: ExamineOptions) -> Settings:
        """The settings of rows that are examined with these options.

        They leave ``fast`` out, since each row says whether it is exact.
        """
        from hashmatch.examine.decode import decoders  # noqa: PLC0415 # few runs have a state

        base = {
            "versions": {
                "hashmatch": __version__,
                "rules": _RULES,
                "pillow": PILLOW_VERSION,
            },
            "decoders": {name: by for name, by in decoders().items() if name in options.formats},
            "readers": readers(),
            "limits": asdict(options.limits),
            "archives": asdict(options.archives),
            "video": asdict(options.video),
            "formats": sorted(options.formats),
            "mirrors": options.mirrors,
            "views": options.views,
            "quality_floor": options.quality_floor,
        }
        return cls(json.dumps(base, sort_keys=True), options.kinds, options.digests)

    def options(self) -> dict[str, Any]:
        """The arguments of a ``Matcher`` that examines pictures in the same way."""
        base = json.loads(self.base)
        return {
            "limits": Limits(**base["limits"]),
            "archives": ArchiveLimits(**base["archives"]),
            "video": VideoLimits(**base["video"]),
            "formats": frozenset(base["formats"]),
            "mirrors": base["mirrors"],
            "views": base.get("views", "plain"),  # earlier versions knew no others
            "quality_floor": base["quality_floor"],
        }

    def serves(self, wanted: Settings) -> bool:
        """Whether rows with these settings hold all that rows with the wanted ones would."""
        return (
            self.base == wanted.base
            and set(self.kinds) >= set(wanted.kinds)
            and set(self.digests) >= set(wanted.digests)
        )
