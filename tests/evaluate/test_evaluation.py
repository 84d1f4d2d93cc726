from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from films import FORMATS, film, scene
from hashmatch import Entry, HashList, PerceptualHash, SettingsError
from hashmatch.errors import InputError, OutputError
from hashmatch.evaluate import (
    Evaluation,
    EvaluationSettings,
    analyse,
    evaluate,
    load_record,
    prose,
    read_pairs,
    record,
    to_json,
    with_baseline,
    write,
)
from hashmatch.evaluate.identity import LEFT_OUT
from hashmatch.model import HashKind
from hashmatch.report.evaluation import COLUMNS, to_csv, to_html
from pictures import flat, photo

from .conftest import SETTINGS, TRANSFORMS


def timeless(found: dict[str, Any]) -> str:
    """A record as JSON, without what depends on the clock."""
    return to_json({name: value for name, value in found.items() if name != "run"})


def rule_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    """One rule's part of a record."""
    return next(rule for rule in found["rules"] if rule["name"] == name)


def test_everything_is_counted(evaluation: Evaluation) -> None:
    """Files, copies and unusable files add up and are named."""
    pictures = record(evaluation)["pictures"]
    assert (pictures["files"], pictures["usable"], pictures["different"]) == (31, 28, 26)
    assert (pictures["choose"], pictures["score"], pictures["copies"]) == (13, 13, 2)
    assert pictures["unusable"] == {"low_information": 1, "not_image": 1, "truncated": 1}
    shown = {
        (Path(copy["first"]).name, Path(copy["second"]).name, copy["why"])
        for copy in pictures["copies_shown"]
    }
    assert shown == {
        ("03.png", "copy-of-03.png", "same bytes"),
        ("05.png", "near-05.jpg", "near"),
    }


def test_every_pair_and_variant_is_counted(evaluation: Evaluation) -> None:
    """Histograms hold all ordered pairs, and all variants that have a view that could match."""
    found = record(evaluation)
    for distances in found["distances"]:
        assert sum(distances["different"]) == 26 * 25
        assert sum(distances["same"]) == 26 * len(TRANSFORMS)
    score = found["rules"][0]["score"]
    assert score["pairs"] == 13 * 12
    assert list(score["transforms"]) == list(TRANSFORMS)


def test_recall_is_what_transforms_deserve(evaluation: Evaluation) -> None:
    """Pictures saved again or padded are always found, mirror images never."""
    rule = rule_of(record(evaluation), "phash")
    found = {name: figures["found"][8] for name, figures in rule["score"]["transforms"].items()}
    assert (found["jpeg-50"], found["pad-10"], found["mirror"]) == (13, 13, 0)


def test_mirrors_are_found_where_asked_for(folder: Path) -> None:
    """If flips and quarter turns are looked up, mirror images are found."""
    settings = replace(SETTINGS, mirrors=True, transforms=("mirror",))
    rule = rule_of(record(evaluate([folder], settings)), "phash")
    assert rule["score"]["transforms"]["mirror"]["found"][8] == 13


def test_rules_and_their_thresholds(evaluation: Evaluation) -> None:
    """Each algorithm has a rule, and both together have two."""
    found = record(evaluation)
    assert [rule["name"] for rule in found["rules"]] == [
        *("phash", "dhash", "phash and dhash", "phash or dhash")
    ]
    assert rule_of(found, "phash")["thresholds"][8] == {"phash": 8}
    assert list(rule_of(found, "phash and dhash")["thresholds"][8]) == ["phash", "dhash"]


def test_joint_rules_bracket_single_ones(evaluation: Evaluation) -> None:
    """Both together find no more than one alone, and either finds no less."""
    found = record(evaluation)
    both, either = (rule_of(found, f"phash {word} dhash") for word in ("and", "or"))
    alone = rule_of(found, "phash")
    for part in ("choose", "score"):
        for level in range(len(both["thresholds"])):
            order = [rule[part]["recall"]["value"][level] for rule in (both, alone, either)]
            assert order == sorted(order)
            false = [rule[part]["false_matches"][level] for rule in (both, alone, either)]
            assert false == sorted(false)


def test_too_few_pictures_support_no_threshold(evaluation: Evaluation) -> None:
    """If no bound is within the limit, nothing is recommended, and what is missing is said once."""
    strict = replace(evaluation.settings, max_false_per_day=0.001)
    found = record(replace(evaluate_again(evaluation, strict)))
    for rule in found["rules"]:
        chosen = rule["recommendation"]
        assert (chosen["level"], chosen["outcome"]) == (None, "unsupported")
        assert chosen["sentence"].startswith("Too few pictures to fix a threshold.")
        assert chosen["more_pictures"] > 1000
    least = min(rule["recommendation"]["more_pictures"] for rule in found["rules"])
    assert f"You need at least {least:,} more pictures." in found["too_few"]
    assert to_html(found).count("tightest provable bound") == 1
    assert record(evaluation)["too_few"] is None


def test_pictures_that_are_too_alike_are_said_once(evaluation: Evaluation) -> None:
    """Different pictures with the same hash are counted once, with what to do about them."""
    assert record(evaluation)["too_alike"] is None
    pictures = evaluation.pictures
    same = {kind: codes.copy() for kind, codes in pictures.entries.items()}
    for kind in SETTINGS.kinds:
        same[kind][::2] = same[kind][0]
    alike = replace(pictures, entries=same, queries=same, owner=np.arange(len(pictures)))
    found = record(analyse(alike, evaluation.identities, replace(SETTINGS, max_false_per_day=1)))
    kept = np.count_nonzero(evaluation.identities.part[::2] != LEFT_OUT)
    pairs = kept * (kept - 1) // 2
    assert f"{pairs} pairs of pictures have the same phash or dhash." in found["too_alike"]
    assert '"Pictures to look at" in evaluation.html' in found["too_alike"]
    assert "--pairs" in found["too_alike"]
    assert to_html(found).count("would not change that") == 1


def test_files_left_out_are_said_in_words(evaluation: Evaluation) -> None:
    """Why each file was left out is said in words, without codes."""
    shown = record(evaluation)["pictures"]["unused_shown"]
    reasons = {Path(one["path"]).name: one["why"] for one in shown}
    assert reasons["z-flat.png"] == "too little detail"
    assert reasons["z-text.txt"] == "not an image"
    assert prose.problem("decoder_crash: it ended") == "decoder crash: it ended"
    assert prose.left_out(1, {"decoder_crash": 1, "not_image": 2, "video": 1}) == (
        " (left out: 1 copy, 1 decoder crash, 2 not images, 1 video)"
    )


def evaluate_again(evaluation: Evaluation, settings: EvaluationSettings) -> Evaluation:
    """The same measurements under other settings."""
    return analyse(evaluation.pictures, evaluation.identities, settings)


def test_recommended_threshold_keeps_the_limit(evaluation: Evaluation) -> None:
    """The recommended level is the last whose upper bound is within the limit."""
    found = record(evaluation)
    for rule in found["rules"]:
        chosen, limit = rule["recommendation"], SETTINGS.max_false_per_day
        high = rule["choose"]["false_per_day"]["high"]
        assert chosen["level"] is not None
        assert high[chosen["level"]] <= limit
        assert all(bound > limit for bound in high[chosen["level"] + 1 :])
        assert chosen["outcome"] in {"held", "open", "broken"}
        assert chosen["sentence"].startswith("Use ")


def test_false_matches_a_day_follow_list_and_volume(evaluation: Evaluation) -> None:
    """False matches a day are the rate times list size times files."""
    rule = rule_of(record(evaluation), "phash")
    rate, daily = (rule["score"][name]["high"] for name in ("false_rate", "false_per_day"))
    assert daily == pytest.approx([1000 * one for one in rate], rel=1e-4)


def test_record_is_the_same_for_any_jobs(folder: Path, evaluation: Evaluation) -> None:
    """Two workers and one give the same record, byte for byte except for the times."""
    assert timeless(record(evaluate([folder], SETTINGS, jobs=2))) == timeless(record(evaluation))


def test_another_seed_is_another_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """The seed decides the split and the variants, and is in the record."""
    other = record(evaluate([folder], replace(SETTINGS, seed=4)))
    assert other["settings"]["seed"] == 4
    assert timeless(other) != timeless(record(evaluation))


def test_cache_gives_the_same_and_measures_nothing_twice(
    folder: Path, evaluation: Evaluation, tmp_path: Path
) -> None:
    """What is in the cache is not measured again, even after its last line was cut."""
    cache = tmp_path / "cache"
    first = record(evaluate([folder], SETTINGS, cache=cache))
    assert timeless(first) == timeless(record(evaluation))
    assert cache.stat().st_mode & 0o777 == 0o600
    lines = cache.read_bytes().splitlines(keepends=True)
    # All but the copy of the very same bytes
    assert len(lines) == 30
    cache.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    assert timeless(record(evaluate([folder], SETTINGS, cache=cache))) == timeless(first)
    assert len(cache.read_bytes().splitlines()) == 31
    cache.write_bytes(b"".join(lines))
    other = replace(SETTINGS, seed=9)
    evaluate([folder], other, cache=cache)
    assert len(cache.read_bytes().splitlines()) == 60


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_what_is_no_file_is_told(folder: Path) -> None:
    """A FIFO among the pictures counts as unusable, and nobody waits for it."""
    os.mkfifo(folder / "z-pipe")
    try:
        found = record(evaluate([folder], replace(SETTINGS, transforms=("mirror",))))
    finally:
        (folder / "z-pipe").unlink()
    assert found["pictures"]["files"] == 32
    assert found["pictures"]["unusable"]["special_file"] == 1


def test_cache_that_cannot_be_opened_is_told(folder: Path, tmp_path: Path) -> None:
    """A cache in a missing folder is an error that names the file."""
    with pytest.raises(OutputError, match="cannot open the cache"):
        evaluate([folder], SETTINGS, cache=tmp_path / "nowhere" / "cache")


def test_progress_is_told_for_every_file(folder: Path) -> None:
    """Progress is reported for every file."""
    told: list[tuple[int, int]] = []
    settings = replace(SETTINGS, transforms=("jpeg-50",))
    evaluate([folder], settings, progress=lambda *counts: told.append(counts))
    assert told == [(number, 31) for number in range(1, 32)]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.touch(), "0 of 0 files can be used"),
        (lambda path: photo(1, 60, 60).save(path / "one.png"), "1 of 1 file can be used"),
        (
            lambda path: [flat(40, 40, (n, n, n)).save(path / f"{n}.png") for n in range(30)],
            "0 of 30 files.*30 with too little detail",
        ),
        (
            lambda path: [photo(1, 60, 60).save(path / f"{n}.png") for n in range(30)],
            "1 of 30 files.*29 copies",
        ),
        (
            lambda path: [(path / f"{n}.jpg").write_bytes(b"\xff\xd8\xff") for n in range(30)],
            "0 of 30 files.*30 truncated",
        ),
        (
            lambda path: (path / "film.mp4").write_bytes(film([scene(1)], FORMATS["MP4"], 1.0)),
            r"0 of 1 file.*left out: 1 video\)",
        ),
    ],
    ids=["nothing", "one picture", "flat ones", "duplicates", "unreadable ones", "a video"],
)
def test_inputs_that_say_nothing_are_refused(make: Any, told: str, tmp_path: Path) -> None:
    """Too few usable pictures are a clear error, never a figure."""
    make(tmp_path)
    with pytest.raises(InputError, match=f"too few pictures.*{told}"):
        evaluate([tmp_path], replace(SETTINGS, transforms=("mirror",)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": ()},
        {"kinds": (HashKind("phash", 64), HashKind("phash", 64))},
        {"kinds": (HashKind("phash", 100),)},
        {"transforms": ("sepia",)},
        {"seed": -1},
        {"list_size": 0},
        {"max_false_per_day": 0},
        {"max_false_per_day": float("nan")},
        {"quality_floor": 101},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    """Each setting is checked when it is made."""
    with pytest.raises(SettingsError):
        EvaluationSettings(**wrong)


def test_an_evaluation_without_transforms_is_refused(folder: Path) -> None:
    """Without transforms there is no recall to evaluate."""
    with pytest.raises(SettingsError, match="no transforms"):
        evaluate([folder], replace(SETTINGS, transforms=()))


def listed(evaluation: Evaluation) -> HashList:
    """A list with an entry that a picture matches, a nearly flat one, and random ones."""
    kind = HashKind("phash", 64)
    codes = evaluation.pictures.entries[kind]
    rng = np.random.default_rng(1)
    entries = [Entry("hub", PerceptualHash("phash", 64, (int(codes[0, 0]) ^ 3,)))]
    entries.append(Entry("blank", PerceptualHash("phash", 64, (7,))))
    entries += [
        Entry(
            f"random-{n}",
            PerceptualHash("phash", 64, (int(rng.integers(0, 2**64, dtype=np.uint64)),)),
        )
        for n in range(40)
    ]
    return HashList.from_entries(entries, name="mine")


def test_own_list_is_weighed_by_entry(folder: Path, evaluation: Evaluation, measured: Path) -> None:
    """Entries that match ordinary pictures, and nearly flat ones, are named by id."""
    hash_list = listed(evaluation)
    found = record(evaluate([folder], SETTINGS, load_lists=lambda: [hash_list], cache=measured))
    (shown,) = found["lists"]
    assert (shown["name"], shown["entries"]) == ("mine", 42)
    (kind,) = shown["kinds"]
    assert kind["named"][0] == {"entry": "hub", "pictures": 1, "nearest": 2}
    assert kind["near_flat"] == ["blank"]
    matched = kind["choose"]["matched"][8] + kind["score"]["matched"][8]
    assert matched == sum(entry["pictures"] for entry in kind["named"]) == 1
    assert "1 of 26 ordinary pictures matches 1 of 42 entries" in kind["sentence"]
    assert "hub" in to_html(found)


def test_a_list_without_an_evaluated_kind_is_told(folder: Path) -> None:
    """A list of another algorithm is named, and the page says it holds nothing to look up."""
    hash_list = HashList.from_entries([Entry("a", PerceptualHash("dhash", 64, (12345,)))])
    settings = replace(SETTINGS, kinds=(HashKind("phash", 64),))
    found = record(evaluate([folder], settings, load_lists=lambda: [hash_list]))
    assert found["lists"][0]["kinds"] == []
    assert "no hash of a kind that was evaluated" in to_html(found)


@pytest.mark.usefixtures("evaluation")
def test_labels_overrule(folder: Path, measured: Path, tmp_path: Path) -> None:
    """Labelled pairs decide what is a copy, except those with a picture that cannot be used."""
    table = tmp_path / "pairs.csv"
    rows = [("03.png", "copy-of-03.png", "same"), ("05.png", "near-05.jpg", "different")]
    rows += [("00.png", "01.png", "different"), ("00.png", "gone.png", "same")]
    lines = [f"{folder / a},{os.path.relpath(folder / b, tmp_path)},{word}" for a, b, word in rows]
    table.write_text("\n".join(["first,second,label", *lines, ""]))
    (folder / "gone.png").write_bytes(b"no picture")
    try:
        found = record(evaluate([folder], SETTINGS, pairs=read_pairs(table), cache=measured))
    finally:
        (folder / "gone.png").unlink()
    assert found["pictures"]["different"] == 27
    assert "labelled same" in {copy["why"] for copy in found["pictures"]["copies_shown"]}


@pytest.mark.parametrize(
    "text", ["a,b,same\na,b\n", "a,b,same\na,b,perhaps\n", "first,second,label\n", ""]
)
def test_wrong_pairs_are_told_by_line(text: str, tmp_path: Path) -> None:
    """A line that is not a pair is named by its number; a file without pairs is refused."""
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(SettingsError, match=r"pairs\.csv(:2)?: (a pair is|the file has no pairs)"):
        read_pairs(tmp_path / "pairs.csv")


@pytest.mark.parametrize("line", ["a,b,diferent", "a,b", "one,two,verdict"])
def test_a_wrong_first_pair_is_no_header(line: str, tmp_path: Path) -> None:
    """The first line may be the header; anything else on it must be a pair."""
    table = tmp_path / "pairs.csv"
    table.write_text(f"{line}\nc,d,same\n")
    with pytest.raises(SettingsError, match=r"pairs\.csv:1: a pair is .* first,second,label"):
        read_pairs(table)
    table.write_text("\ufeffFirst, second,LABEL\na,b,different\n")
    assert [pair.same for pair in read_pairs(table)] == [False]
    table.write_text("\ufeffa,b,same\n")
    assert [pair.first for pair in read_pairs(table)] == [os.fsencode(tmp_path / "a")]


def test_missing_pairs_are_told(tmp_path: Path) -> None:
    """A missing file of pairs is an input error."""
    with pytest.raises(InputError, match="cannot read the pairs"):
        read_pairs(tmp_path / "none.csv")


class Page(HTMLParser):
    """Collects what a page would load or run, and checks that its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.policy = ""
        self.suspects: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        values = dict(attrs)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""
        if tag in {"script", "img", "image", "link", "iframe", "object"} or {
            "style",
            "src",
            "href",
            "onclick",
            "xlink:href",
        } & set(values):
            self.suspects.append(tag)
        if tag not in {"meta", "line", "rect", "circle", "polyline", "polygon"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Match a tag with the one that it closes."""
        if tag not in {"line", "rect", "circle", "polyline", "polygon"}:
            assert self.open.pop() == tag


def test_page_is_whole_and_loads_nothing(evaluation: Evaluation) -> None:
    """The page's tags close, its policy forbids everything else, and nothing asks for anything."""
    page = Page()
    page.feed(to_html(record(evaluation)))
    assert page.open == []
    assert page.suspects == []
    assert page.policy.startswith("default-src 'none'; style-src 'sha256-")


def test_page_escapes_names(evaluation: Evaluation) -> None:
    """A name cannot put tags or marks into the page."""
    found = record(evaluation)
    found["pictures"]["unused_shown"] = [{"path": "<b>\"x'", "why": "<i>"}]
    text = to_html(found)
    assert "<b>" not in text
    assert "&lt;b&gt;" in text


def test_no_hash_is_written(evaluation: Evaluation, folder: Path, measured: Path) -> None:
    """No hash of any picture or entry stands in the record, the table, the page or a repr."""
    hash_list = listed(evaluation)
    found = record(evaluate([folder], SETTINGS, load_lists=lambda: [hash_list], cache=measured))
    texts = [to_json(found), to_csv(found), to_html(found), repr(evaluation), str(evaluation)]
    for kind, codes in evaluation.pictures.entries.items():
        for code in codes.tolist():
            hidden = str(PerceptualHash(*kind, tuple(code)))
            assert not any(hidden in text.lower() for text in texts)
            assert not any(str(code[0]) in text for text in texts)


def test_table_has_every_figure(evaluation: Evaluation) -> None:
    """The table has a row for each rule, level, half and transform, and three for all together."""
    rows = list(csv.DictReader(io.StringIO(to_csv(record(evaluation)), newline="")))
    levels = sum(len(rule["thresholds"]) for rule in record(evaluation)["rules"])
    assert len(rows) == levels * 2 * (len(TRANSFORMS) + 3)
    assert tuple(rows[0]) == COLUMNS
    some = next(row for row in rows if row["transform"] == "jpeg-50" and row["level"] == "8")
    assert float(some["low"]) <= float(some["value"]) <= float(some["high"])


def test_files_are_written_whole(evaluation: Evaluation, tmp_path: Path) -> None:
    """All three files are there, for their owner alone, and the record reads back."""
    found = record(evaluation)
    paths = write(found, tmp_path / "new" / "report")
    assert [path.name for path in paths] == [
        *("evaluation.json", "evaluation.csv", "evaluation.html")
    ]
    assert json.loads(paths[0].read_text()) == found
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert len(list((tmp_path / "new" / "report").iterdir())) == 3


def test_a_folder_that_cannot_be_made_is_told(evaluation: Evaluation, tmp_path: Path) -> None:
    """Where a file is in the way, that is said, and nothing is written."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be created"):
        write(record(evaluation), tmp_path / "file")


def test_baseline_tells_what_changed(evaluation: Evaluation, tmp_path: Path) -> None:
    """An earlier record is compared by recommendations, figures, settings and versions."""
    found = record(evaluation)
    earlier = json.loads(to_json(found))
    earlier["versions"]["pillow"] = "1.0"
    earlier["settings"]["seed"] = 77
    rule = rule_of(earlier, "phash")
    rule["recommendation"]["thresholds"] = {"phash": 2}
    level = rule["shown_level"]
    for end in ("value", "low", "high"):
        rule["score"]["recall"][end][level] = 0.01
    (tmp_path / "old.json").write_text(json.dumps(earlier))
    told = with_baseline(found, load_record(tmp_path / "old.json"))["baseline"]
    assert not told["overdue"]
    said = " ".join(told["sentences"])
    assert "pillow was 1.0" in said
    assert "These settings changed: seed." in said
    assert "The pictures are the same as last time." in said
    assert "phash: the recommendation was phash 2 and is now phash" in said
    assert "the recall was 1.0% (1.0% to 1.0%) and is now" in said


def test_recall_of_other_transforms_is_not_compared(evaluation: Evaluation) -> None:
    """If the transforms differ, the shares found are not compared, and the record says so."""
    found = record(evaluation)
    earlier = json.loads(to_json(found))
    earlier["settings"]["transforms"] = ["mirror"]
    for rule in earlier["rules"]:
        for end in rule["score"]["recall"].values():
            end[:] = [0.01] * len(end)
    told = with_baseline(found, earlier)["baseline"]
    assert all(rule["recall"] is None and rule["moved"] == [] for rule in told["rules"])
    assert "not compared" in " ".join(told["sentences"])


def test_an_old_baseline_is_overdue(evaluation: Evaluation) -> None:
    """A baseline more than half a year old causes a warning, on the page too."""
    found = record(evaluation)
    earlier = json.loads(to_json(found))
    earlier["run"]["created"] = (datetime.now(UTC) - timedelta(days=199.5)).isoformat()
    earlier["rules"][0]["thresholds"][earlier["rules"][0]["shown_level"]] = {"phash": 60}
    earlier["pictures"]["digest"] = "sha256:0"
    compared = with_baseline(found, earlier)
    assert compared["baseline"]["overdue"]
    assert "199 days old" in compared["baseline"]["sentences"][0]
    assert "The pictures differ from last time." in " ".join(compared["baseline"]["sentences"])
    assert '<section class="warning">' in to_html(compared)


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"type": "evaluation"}',
        '{"type": "evaluation", "schema": 99, "run": {"created": "2026-01-01T00:00:00+00:00"}}',
        '{"type": "evaluation", "schema": 1, "run": {"created": "2026-01-01"}}',
    ],
)
def test_what_is_no_record_is_refused(text: str, tmp_path: Path) -> None:
    """A baseline that is not an evaluation record is refused."""
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(InputError, match="not an evaluation record"):
        load_record(tmp_path / "old.json")


def test_a_missing_baseline_is_told(tmp_path: Path) -> None:
    """A missing baseline is an input error."""
    with pytest.raises(InputError, match="cannot be read"):
        load_record(tmp_path / "old.json")


def test_wide_hashes_are_evaluated(folder: Path) -> None:
    """Hashes of 256 bits have thresholds up to 80, some of which the page shows."""
    kinds = (HashKind("phash", 256), HashKind("dhash", 256))
    settings = replace(SETTINGS, kinds=kinds, transforms=("jpeg-50", "crop-5-centre"))
    found = record(evaluate([folder], settings))
    assert rule_of(found, "phash-256")["thresholds"][80] == {"phash-256": 80}
    assert "phash-256 and dhash-256" in to_html(found)


def test_other_algorithms_are_evaluated(folder: Path) -> None:
    """PDQ has a rule by itself, and rules with any other hash of its width."""
    pytest.importorskip("pdqhash")
    kinds = (HashKind("phash", 256), HashKind("pdq", 256))
    settings = replace(SETTINGS, kinds=kinds, transforms=("jpeg-50",))
    found = record(evaluate([folder], settings))
    assert [rule["name"] for rule in found["rules"]] == [
        *("phash-256", "pdq", "phash-256 and pdq", "phash-256 or pdq")
    ]
    assert rule_of(found, "pdq")["usual"] == 31
    assert rule_of(found, "pdq")["score"]["transforms"]["jpeg-50"]["found"][31] == 13
