"""The lists in force: an examination in, an outcome out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hashmatch.hashlist import HashList
from hashmatch.match import reviews as reviewing
from hashmatch.match.hits import Near
from hashmatch.match.lookup import Lookup
from hashmatch.match.parts import far
from hashmatch.match.reviews import Reviews, apply_reviews, content_of
from hashmatch.match.verdict import decide
from hashmatch.model import Examination, Outcome
from hashmatch.options import ExamineOptions


@dataclass(frozen=True, slots=True)
class ListsInForce:
    """The lists in force and all that depends on them, replaced together, so never a mixture.

    Attributes:
        options: how to examine a picture for ``screen``.
        exact_options: how to examine it for ``judge``.
    """

    hash_lists: tuple[HashList, ...]
    lookup: Lookup
    options: ExamineOptions
    exact_options: ExamineOptions
    reviews: Reviews | None
    max_matches: int

    def screen(self, examinations: Sequence[Examination]) -> list[Outcome | None]:
        """Judge what can be judged; see ``Matcher.screen``."""
        suspects = self.lookup.suspects(examinations)
        sure = [number for number in range(len(examinations)) if number not in suspects]
        outcomes = self.judge([examinations[number] for number in sure])
        decided = dict(zip(sure, outcomes, strict=True))
        return [decided.get(number) for number in range(len(examinations))]

    def judge(self, examinations: Sequence[Examination]) -> list[Outcome]:
        """Give each examination its outcome; see ``Matcher.judge``."""
        outcomes = self._outcomes(examinations, self.max_matches)
        if self.reviews is None:
            return outcomes
        near = [number for number, outcome in enumerate(outcomes) if outcome.match_count]
        contents = {
            number: content_of(examinations[number], self.options.digests, self.reviews)
            for number in near
        }
        rejected = self.reviews.rejected(set(contents.values())) if near else {}
        for number, content in contents.items():
            outcome, named = outcomes[number], rejected.get(content, {})
            if outcome.match_count > len(outcome.matches):
                # People decide about every near entry, not only about those that a record names
                wanted = max(reviewing.MOST, self.max_matches) + len(named)
                [outcome] = self._outcomes([examinations[number]], wanted)
            reviewed = apply_reviews(outcome, named, self.reviews, self.max_matches)
            outcomes[number] = replace(reviewed, content=content)
        return outcomes

    def _outcomes(self, examinations: Sequence[Examination], most: int) -> list[Outcome]:
        near = self.lookup.near_entries(examinations, most)
        nothing = Near([], 0)
        return [
            self._outcome(examination, near.get(number, nothing), most)
            for number, examination in enumerate(examinations)
        ]

    def _outcome(self, examination: Examination, near: Near, most: int) -> Outcome:
        outcome = far(examination)
        if not near.count:
            return outcome
        return replace(
            outcome,
            verdict=decide(
                near.hits,
                count=near.count,
                reason=examination.reason,
                is_picture=examination.format is not None,
            ),
            matches=tuple(self.lookup.match(examination, hit) for hit in near.hits[:most]),
            match_count=near.count,
        )
