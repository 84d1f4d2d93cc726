from __future__ import annotations

import json
import socket
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hashmatch
from hashmatch import Entry, HashList, Matcher, Reason, Verdict
from hashmatch.files import path_fields, path_of
from hashmatch.report import SCHEMA, Run, Tally, list_record, summary_record
from hashmatch.scan import WalkCounts, WalkOptions

from .outcomes import HASH, match, names, outcome, record


@given(names)
def test_any_path_comes_back(path: bytes) -> None:
    """A path of any bytes is in its record as text if it is UTF-8, else in Base64; never both."""
    fields = json.loads(json.dumps(path_fields(path)))
    assert path_of(fields) == path
    try:
        assert fields == {"path": path.decode("utf-8")}
    except UnicodeDecodeError:
        assert list(fields) == ["path_b64"]


def test_a_record_has_all_its_keys_and_no_hash() -> None:
    """A file's record has the documented keys, whatever the verdict, and shows no hash."""
    for found in (
        outcome(Verdict.MATCH, match(), reason=Reason.TRUNCATED),
        outcome(Verdict.CLEAR),
        outcome(Verdict.UNSCANNED, reason=Reason.TOO_LARGE),
    ):
        row = record(b"folder/one.png", found)
        assert set(row) >= {
            *("type", "schema", "path", "verdict", "reason", "detail", "matches", "match_count"),
            *("quality", "width", "height", "format"),
        }
        assert (row["type"], row["schema"], row["path"]) == ("file", SCHEMA, "folder/one.png")
        text = json.dumps(row)
        assert json.loads(text)["verdict"] == found.verdict.value
        assert str(HASH) not in text
    (told,) = record(b"one", outcome(Verdict.MATCH, match()))["matches"]
    assert set(told) >= {
        *("list", "entry", "label", "algorithm", "distance", "threshold", "view"),
        *("bits", "quality", "cause"),
    }
    assert (told["list"], told["entry"], told["label"]) == ("some list", "entry-1", "a label")
    assert (told["distance"], told["threshold"]) == (2, 8)


@given(st.lists(st.sampled_from(list(Verdict)), max_size=12))
def test_the_exit_code_is_a_bit_mask(verdicts: list[Verdict]) -> None:
    """1 is a match, 2 a file unscanned and 4 a candidate; each adds up once."""
    tally = Tally()
    for verdict in verdicts:
        tally.add(outcome(verdict, reason=Reason.TRUNCATED if verdict == "unscanned" else None))
    expected = (
        1 * (Verdict.MATCH in verdicts)
        + 2 * (Verdict.UNSCANNED in verdicts)
        + 4 * (Verdict.CANDIDATE in verdicts)
    )
    assert tally.exit_code == expected
    assert tally.files == sum(tally.verdicts.values()) == len(verdicts)
    assert tally.reasons[Reason.TRUNCATED] == verdicts.count(Verdict.UNSCANNED)


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_summary_says_what_was_done_and_with_what(interrupted: bool) -> None:
    """The summary has counts, versions, lists with their digests, settings and the exit code."""
    hash_list = HashList.from_entries([Entry("one", HASH)], name="some list", version="7")
    matcher = Matcher(hash_list)
    tally = Tally()
    tally.add(outcome(Verdict.MATCH, match(), reason=Reason.FRAME_LIMIT))
    tally.add(outcome(Verdict.CLEAR))
    run = Run(jobs=3, paths=["uploads"], files_from="-", interrupted=interrupted)
    counts = WalkCounts(folders=2)
    for number in range(150):
        counts.skip_link(b"link-%d\xff" % number)
    row = summary_record(tally, counts, WalkOptions(), matcher, run)
    row = json.loads(json.dumps(row))
    assert (row["type"], row["schema"], row["files"]) == ("summary", SCHEMA, 2)
    assert row["verdicts"] == dict.fromkeys(Verdict, 0) | {"match": 1, "clear": 1}
    assert row["reasons"] == dict.fromkeys(Reason, 0) | {"frame_limit": 1}
    assert (row["walk"]["folders"], row["walk"]["symlinks"]) == (2, 150)
    assert row["walk"]["skipped_links"] == [f"link-{number}\\xff" for number in range(100)]
    assert (row["run"]["host"], row["run"]["cwd"]) == (socket.gethostname(), str(Path.cwd()))
    assert (row["run"]["paths"], row["run"]["files_from"]) == ([str(Path.cwd() / "uploads")], "-")
    assert row["versions"]["hashmatch"] == hashmatch.__version__
    assert all(row["versions"][name] for name in ("pillow", "numpy", "python"))
    (told,) = row["lists"]
    assert (told["name"], told["version"], told["entries"]) == ("some list", "7", 1)
    assert told["digest"] == f"sha256:{hash_list.digest}"
    assert row["settings"]["thresholds"] == {"phash-64": 8}
    assert row["settings"]["walk"] == json.loads(json.dumps(asdict(WalkOptions())))
    assert (row["run"]["jobs"], row["run"]["interrupted"]) == (3, interrupted)
    assert row["exit_code"] == (130 if interrupted else 1)
    assert str(HASH) not in json.dumps(row)


@pytest.mark.parametrize(("days", "age"), [(12, 12), (0, 0), (None, None)])
def test_a_summary_gives_the_age_of_a_list(days: int | None, age: int | None) -> None:
    """A list's age is in whole days since it was created, and null if it does not say when."""
    created = None
    if days is not None:
        created = (datetime.now(UTC) - timedelta(days=days, hours=1)).isoformat()
    hash_list = HashList.from_entries([Entry("one", HASH)], name="some list", created=created)
    assert list_record(hash_list)["age_days"] == age
