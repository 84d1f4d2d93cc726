"""``Matcher.match_many`` in a program of its own, with isolated workers."""

from __future__ import annotations

from common import THRESHOLD, arguments_without_list, write

from hashmatch import HashList, Matcher

if __name__ == "__main__":
    listed, paths, output, jobs = arguments_without_list()
    with Matcher(HashList.load(listed), threshold=THRESHOLD, workers=jobs) as matcher:
        found = {
            path: [match.entry.id for match in outcome.matches]
            for path, outcome in zip(paths, matcher.match_many(paths), strict=True)
        }
    write(output, found)
