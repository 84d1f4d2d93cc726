"""Foreign feeds: the right entries match, the wrong ones never do, and nothing vanishes."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashlist.problems import problems_of
from hashmatch.hashlist import HashList, Policy, formats
from hashmatch.hashlist.formats import tat as tat_format
from hashmatch.hashlist.formats.feed import MORE_FOLLOW, FeedRecord, JsonFeed
from hashmatch.hashlist.kinds import unnamed

from .feeds import Item, in_base64, ncmec, stopncii, tat, vics

WIDTHS = {"md5": 32, "sha1": 40, "sha256": 64, "pdq": 64, "photodna": 288, "tmk": 8}


def digits(algorithm: str, seed: int) -> str:
    """A hash of an algorithm, whether hashmatch knows it or not."""
    width = WIDTHS[algorithm]
    return f"{random.Random(f'{algorithm} {seed}').getrandbits(4 * width):0{width}x}"


def item(name: str, *algorithms: str, seed: int = 1, **fields: object) -> Item:
    """A record with a hash of each of some algorithms."""
    return Item(name, {each: digits(each, seed) for each in algorithms}, **fields)


def held(hash_list: HashList) -> set[tuple[str, str, str]]:
    """The id, algorithm and hash of every entry that may match."""
    return {(e.id, e.hash.algorithm, str(e.hash)) for e in hash_list}


def wanted(*items: Item) -> set[tuple[str, str, str]]:
    """What a list made from these records should hold."""
    return {
        (each.id, algorithm, value)
        for each in items
        for algorithm, value in each.hashes.items()
        if algorithm in ("md5", "sha1", "sha256", "pdq")
    }


FULL = [
    item("42-image1", "md5", "sha1", "photodna", category="A1", source="Example & Co"),
    item("42-clip", "md5", "tmk", seed=2, category="B2"),
    item("43-image1", "pdq", seed=3, category="A2"),
]


@pytest.mark.parametrize(("namespace", "prefix"), [("", ""), ("urn:x", ""), ("urn:x", "ns2")])
def test_ncmec_entries(namespace: str, prefix: str) -> None:
    """An entry keeps member, id, grade and time in any namespace; other hashes are counted."""
    found = HashList.loads(ncmec(FULL, namespace, prefix))
    assert held(found) == wanted(*FULL)
    assert found.unsupported == {"photodna": 1, "tmk": 1}
    (first, _) = found.find("42-image1")
    assert (first.category, first.source, first.added) == (
        "A1",
        "Example & Co",
        "2026-01-02T03:04:05Z",
    )


def test_ncmec_latest_timestamp_wins_whatever_the_order() -> None:
    """Among several records of one id the latest counts, whether entry or tombstone."""
    early, late = {"added": "2026-01-01T00:00:00Z"}, {"added": "2026-01-01T00:00:01.5Z"}
    pages = ncmec(
        [
            item("1-updated", "md5", seed=2, **late),
            item("1-deleted", gone=True, **late),
            item("1-restored", gone=True, **early),
            item("1-same", "md5", seed=8, **early),
        ]
    ) + ncmec(
        [
            item("1-updated", "md5", seed=1, **early),
            item("1-deleted", "md5", seed=3, **early),
            item("1-restored", "md5", seed=4, **late),
            item("1-same", "md5", seed=9, **early),
            item("2-deleted", "md5", seed=5, **early),
        ]
    )
    found = HashList.loads(pages)
    assert held(found) == wanted(
        item("1-updated", "md5", seed=2),
        item("1-restored", "md5", seed=4),
        item("1-same", "md5", seed=9),
        item("2-deleted", "md5", seed=5),
    )
    assert found.left_out == {"withdrawn": 1}
    base = HashList.loads(ncmec([item("1-deleted", "md5"), item("1-other", "md5", seed=7)]))
    assert {e.id for e in base.apply(found)} == {
        "1-other",
        "1-updated",
        "1-restored",
        "1-same",
        "2-deleted",
    }


def test_ncmec_links_to_large_fingerprints_are_counted() -> None:
    """A fingerprint that is only a link cannot be looked up, but is counted."""
    text = ncmec([item("1-a", "md5")]).replace(
        "</fingerprints>",
        '<tmk-pdqf rel="self" href="/x"/><videntifier href="/y"/></fingerprints>',
        1,
    )
    assert HashList.loads(text).unsupported == {"tmk_pdqf": 1, "videntifier": 1}


@pytest.mark.parametrize(
    ("old", "new", "record", "message"),
    [
        ("<id>clip</id>", "<id></id>", 2, "the entry has no id"),
        ("<timestamp>2026-01-02T03", "<timestamp>2026-31-02T03", 1, "the timestamp is not a date"),
        ("<md5>", "<md5>00", 1, "md5 has 32 hex digits, not 34"),
        ("<sha1>", "<sha1>\n  g", 1, "sha1 has 40 hex digits, not 41"),
        (">B2<", ">&#x85;<", 2, "a control character in the category"),
        ("fingerprints>", "prints>", 1, "the entry has no hash"),
        ("<id>clip</id>", "<id>clip</id><id>other</id>", 2, "the entry gives its id twice"),
        (
            "<feedback>",
            "<image><id>1</id></image><feedback>",
            1,
            "the entry contains another entry",
        ),
    ],
)
def test_ncmec_mistakes_are_told_by_record(old: str, new: str, record: int, message: str) -> None:
    """A faulty record is reported by its number, and can be skipped."""
    text = ncmec([item("42-image1", "md5", "sha1"), item("42-clip", "md5", seed=2, category="B2")])
    assert problems_of(text.replace(old, new))[0] == (record, message)
    assert HashList.loads(text.replace(old, new), skip_bad_entries=True).skipped >= 1


def test_ncmec_elements_that_are_no_entries_are_told() -> None:
    """An unknown element among the entries is not ignored."""
    text = ncmec([item("1-a", "md5")]).replace("image>", "audio>")
    assert problems_of(text) == [(1, "an element here is not an entry")]


def test_ncmec_fingerprints_may_come_in_parts() -> None:
    """All fingerprints of an entry count, in however many elements they are."""
    text = ncmec([item("1-a", "md5", "sha1")])
    apart = text.replace("<sha1>", "</fingerprints><fingerprints><sha1>")
    assert held(HashList.loads(apart)) == held(HashList.loads(text))


@pytest.mark.parametrize("container", ["deletedImages", "x", None])
@pytest.mark.parametrize("gone", [False, True])
def test_ncmec_entries_in_other_places_are_told(container: str | None, gone: bool) -> None:
    """An entry or a tombstone outside images and videos is not ignored."""
    fields = '<member id="1">x</member><timestamp>2026-01-02</timestamp><id>b</id>'
    prints = f"<fingerprints><md5>{digits('md5', 2)}</md5></fingerprints>"
    inner = f"<deletedImage>{fields}</deletedImage>" if gone else f"<image>{fields}{prints}</image>"
    if container:
        inner = f"<{container}><page>{inner}</page></{container}>"
    text = ncmec([item("1-a", "md5")])
    for end in ("</queryResult>", "<paging>"):
        moved = text.replace(end, inner + end)
        assert problems_of(moved) == [(2, "the entry is outside images and videos")]
        rest = HashList.loads(moved, skip_bad_entries=True)
        assert (held(rest), rest.skipped) == (wanted(item("1-a", "md5")), 1)


BOMB = """<?xml version="1.0"?>
<!DOCTYPE queryResult [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<queryResult><images><image><member id="1">&b;</member></image></images></queryResult>"""
READER = """<?xml version="1.0"?>
<!-- x --><!DOCTYPE queryResult SYSTEM "file:///etc/passwd"><queryResult/>"""


@pytest.mark.parametrize("text", [BOMB, READER, ncmec([]) + BOMB])
def test_a_dtd_is_refused(text: str) -> None:
    """A DTD is refused, so no entity can expand or be fetched."""
    assert (
        problems_of(text, list_format="ncmec")[0][1] == "the XML has a DTD, which hashmatch refuses"
    )


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("<rss></rss>", 1, "not NCMEC's XML: the root element is not queryResult"),
        ("<queryResult>\n<images>", 1, "the XML is cut short"),
        ("<queryResult>\n\n<a></b>", 3, "the XML is not well-formed"),
        ("<queryResult></queryResult>\n<queryResult>\n<a></b>", 3, "the XML is not well-formed"),
        ("<queryResult></queryResult>\n\n\n<queryResult>\n<", 4, "the XML is cut short"),
        ("<queryResult>&x;</queryResult>", 1, "the XML is not well-formed"),
        ("<", 1, "the XML is cut short"),
        ("<" + "a" * 100_000, 1, "the XML is cut short"),
    ],
)
def test_broken_xml_is_refused(text: str, line: int, message: str) -> None:
    """Unexpected XML is refused with its line."""
    assert problems_of(text, list_format="ncmec") == [(line, message)]


def test_an_endless_entry_is_refused() -> None:
    """A huge entry cannot fill the memory."""
    text = "<queryResult><images><image>" + ("<a>" + "x" * 57 + "</a>") * 300_000
    assert problems_of(text)[0][1] == "an entry of the XML is too long"


def test_a_blank_file_is_no_feed() -> None:
    """A file of blanks is neither XML nor JSON, but an empty list that says so."""
    for form in ("ncmec", "stopncii", "vics", "tat", "threatexchange"):
        assert HashList.loads(" \n \n", list_format=form).notices == (
            "the list has no entry that can match",
        )


VICS = [
    item("17", "md5", "sha1", "photodna", category=1, seed=1),
    item("18", "md5", category="2", seed=2),
    item("19", "md5", "sha256", category=0, seed=3),
    item("20", "md5", category=None, seed=4),
]


@pytest.mark.parametrize("cases", [False, True])
@pytest.mark.parametrize("version", ["1.3", "2.0"])
@pytest.mark.parametrize("indent", [None, 2])
def test_vics_media(version: str, cases: bool, indent: int | None) -> None:
    """Media are read from sets and cases of both versions; category 0 or none never matches."""
    text = vics(VICS, version, cases=cases, indent=indent)
    found = HashList.loads(text)
    assert held(found) == wanted(*VICS[:2])
    assert found.unsupported == {"photodna": 1}
    assert found.left_out == {"not pertinent": 3}
    assert {e.category for e in found} == {"1", "2"}
    asked = HashList.loads(text, policy=Policy(categories=frozenset({"0"})))
    assert held(asked) == wanted(*VICS[2:])


@pytest.mark.parametrize(
    "wrap",
    [
        lambda media: {"Exhibits": [{"Folders": [[{"Media": media}]]}]},
        lambda media: {"Media": [], "Exhibit": {"Media": media[0], "Items": media[1:]}},
    ],
)
def test_vics_media_are_found_at_any_depth(
    wrap: Callable[[list[object]], dict[str, object]],
) -> None:
    """Media nested in a case are read like its own; mere references to media are not."""
    whole = json.loads(vics(VICS[:2]))
    refers = {"Victims": [{"Media": [{"MediaID": "17"}]}], "Evidence": {"MD5": digits("md5", 5)}}
    whole["odata.metadata"] = whole["odata.metadata"].replace("#Media", "#Cases")
    whole["value"] = [wrap(whole["value"]) | refers]
    assert held(HashList.loads(json.dumps(whole))) == wanted(*VICS[:2])


@pytest.mark.parametrize(
    "more",
    [
        {"md5": digits("md5", 1)},
        {"Md5": digits("md5", 1), "SHA512": "x"},
        {"Other": {"HashName": "MD5", "HashValue": digits("md5", 1)}, "Sha512": "x"},
        {"Other": [[{"More": {"HashName": "MD5", "HashValue": digits("md5", 1)}}]]},
    ],
)
def test_vics_hashes_are_found_under_any_spelling(more: dict[str, object]) -> None:
    """A hash is read or counted whatever the case of its key and however deeply it is nested."""
    medium = {"MediaID": "17", "Category": 1, "SHA1": digits("sha1", 1), **more}
    text = json.dumps({"odata.metadata": "http://x/1.3.xml#Media", "value": [medium]})
    found = HashList.loads(text)
    assert held(found) == wanted(item("17", "md5", "sha1"))
    assert sum(found.unsupported.values()) == ("x" in more.values())


def test_vics_later_records_replace_earlier_ones() -> None:
    """The last record of a repeated medium counts, even if it makes it not pertinent."""
    again = [item("17", "md5", category=2, seed=9), item("18", "md5", category=0, seed=2)]
    assert held(HashList.loads(vics([*VICS, *again]))) == wanted(again[0])
    base, later = HashList.loads(vics(VICS)), HashList.loads(vics(again))
    assert held(base.apply(later)) == wanted(again[0])


def test_hashes_that_are_replaced_are_told() -> None:
    """If a later record of an id has other hashes, the replaced ones are counted."""
    told = "that a later record replaces"
    other = item("17", "md5", category=2, seed=9)
    whole = json.loads(vics(VICS[:2], cases=True))
    whole["value"].append({"Media": json.loads(vics([other, VICS[1]]))["value"]})
    assert HashList.loads(json.dumps(whole)).notices[0] == f"skipped 2 hashes {told}"
    again = HashList.loads(vics([*VICS[:2], *VICS[:2]]))
    assert not any(told in notice for notice in again.notices)
    same = [item("1-a", "md5"), item("1-a", "md5", seed=2)]
    assert f"skipped 1 hash {told}" in HashList.loads(ncmec(same)).notices
    gone = HashList.loads(ncmec([*same[:1], item("1-a", gone=True)]))
    assert not any(told in notice for notice in gone.notices)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"MediaID": "18"', '"MediaID": [18]', "MediaID is neither text nor a whole number"),
        ('"Category": "2"', '"Category": true', "Category is neither text nor a whole number"),
        (f'"{digits("md5", 2)}"', '"ABC"', "md5 has 32 hex digits, not 3"),
        (f'"{digits("md5", 2)}"', "null", "the entry has no hash"),
        (
            f'"{digits("md5", 2)}"',
            '"' + digits("md5", 2)[:-1] + 'G"',
            "the hash is neither hex nor base64",
        ),
        ('"MediaID": "18"', '"MediaID": "a\\u0000"', "a control character in the id"),
    ],
)
def test_vics_mistakes_are_told_by_record(old: str, new: str, message: str) -> None:
    """A faulty medium is reported by its number, and can be skipped."""
    text = vics(VICS)
    assert old in text
    assert problems_of(text.replace(old, new)) == [(2, message)]
    rest = HashList.loads(text.replace(old, new), skip_bad_entries=True)
    assert held(rest) == wanted(VICS[0])


BAD_MEDIA: list[tuple[object, str]] = [
    (7, "the record is not a JSON object"),
    ({"MediaID": [1]}, "MediaID is neither text nor a whole number"),
    ({"MediaID": 1, "Category": True}, "Category is neither text nor a whole number"),
    ({"MediaID": 2, "MD5": 1.5}, "MD5 is neither text nor a whole number"),
    ({"MediaID": 3}, "the entry has no hash"),
    ({"MediaID": 4, "MD5": "ABC"}, "md5 has 32 hex digits, not 3"),
    ({"MediaID": 5, "SHA1": "x" * 40}, "the hash is neither hex nor base64"),
    ({"MediaID": "a\u0000", "MD5": digits("md5", 1)}, "a control character in the id"),
    ({"MediaID": 6, "MD5": digits("md5", 2), "Series": "\x85"}, "a control character in the label"),
    (
        {"MediaID": 7, "x": [{"HashName": "", "HashValue": digits("md5", 3)}]},
        "the algorithm of its hash",
    ),
    ({"MediaID": 8, "x": [{"HashName": "SHA256"}]}, "the entry has no hash"),
    (
        {"MediaID": 9, "MD5": digits("md5", 4), "x": [{"HashName": "md5", "HashValue": "0" * 32}]},
        "the entry has two hashes of one kind",
    ),
]


def test_all_bad_media_are_told_at_once() -> None:
    """One error lists every faulty medium by its number, and quotes none."""
    context = "http://x/ProjectVic/DataModels/1.3.xml#Media"
    text = json.dumps({"odata.metadata": context, "value": [media for media, _ in BAD_MEDIA]})
    found = problems_of(text)
    assert [number for number, _ in found] == list(range(1, 1 + len(BAD_MEDIA)))
    for (_, message), (_, wanted) in zip(found, BAD_MEDIA, strict=True):
        assert message.endswith(wanted)
        assert all(digits("md5", seed)[:8] not in message for seed in range(5))


def test_two_hashes_of_one_kind_in_a_record_are_told() -> None:
    """Two different hashes of one kind are an error; the same one twice counts once."""
    once = {"HashName": "MD5", "HashValue": digits("md5", 1)}
    other = {"HashName": "MD5", "HashValue": digits("md5", 7)}
    whole = '"AlternativeHashes": '
    text = vics([item("17", "md5", category=1)])
    same = text.replace(whole + "[]", whole + str([once]).replace("'", '"'))
    assert held(HashList.loads(same)) == wanted(item("17", "md5"))
    differ = text.replace(whole + "[]", whole + str([other]).replace("'", '"'))
    assert problems_of(differ) == [(1, "the entry has two hashes of one kind")]


def test_one_hash_in_two_spellings_is_one() -> None:
    """Case, base64 and the spelling of the algorithm do not make a hash different."""
    value = digits("md5", 1)
    once = [value, value.upper(), in_base64(value)]
    hashes = [{"HashName": name, "HashValue": each} for each in once for name in ("md5", "MD5")]
    text = vics([item("17", "md5", category=1), item("18", "md5", category=2)])
    text = text.replace('"AlternativeHashes": []', f'"AlternativeHashes": {json.dumps(hashes)}')
    assert held(HashList.loads(text)) == wanted(item("17", "md5"), item("18", "md5"))
    page = ncmec([item("1-a", "md5", "sha1")]).replace(
        "</md5>", f"</md5><md5>{value.upper()}</md5>"
    )
    assert held(HashList.loads(page)) == wanted(item("1-a", "md5", "sha1"))


NESTED = '"OtherHashes": [{"HashName": "MD5", "HashValue": "x", "HashValue": "y"}]'


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (vics(VICS[:2]), '"SHA1": ""', f'"MD5": "{digits("md5", 8)}"'),
        (vics(VICS[:2], cases=True), '"SHA1": ""', f'"MD5": "{digits("md5", 8)}"'),
        (vics(VICS[:2]), '"SHA1": "", ', f'"SHA1": "", {NESTED}, '),
        (tat(VICS[1:2]), '"file_type"', '"id"'),
        (stopncii([item("a", "pdq")]), '"CSPFeedbacks": []', f'"hashValue": "{digits("pdq", 8)}"'),
        (stopncii([item("a", "pdq")]), '{"a": "Active"', '{"a": "Deleted", "a": "Active"'),
    ],
)
def test_a_key_that_stands_twice_is_told(text: str, old: str, new: str) -> None:
    """A key with two values is an error, so that neither is lost."""
    assert old in text
    number = 2 if "MediaID" in text else 1
    assert problems_of(text.replace(old, new)) == [(number, "the object has a key twice")]
    assert HashList.loads(text.replace(old, new), skip_bad_entries=True).skipped == 1


def test_a_key_that_stands_twice_deep_in_a_case_is_told() -> None:
    """Something faulty in an exhibit counts as a medium, because it may have been one."""
    odd = '"x": [{"b": 1, "b": 1}, {"MediaID": 1, "x": {"a": 1, "a": 1}}]'
    text = vics(VICS[:2], cases=True).replace('{"Media": []}', f'{{"Media": [], {odd}}}')
    assert problems_of(text) == [(n, "the object has a key twice") for n in (3, 4)]
    assert held(HashList.loads(text, skip_bad_entries=True)) == wanted(*VICS[:2])


def test_base64_in_feeds() -> None:
    """A digest may be written in base64."""
    one = item("17", category=1)
    one.hashes = {"sha256": in_base64(digits("sha256", 1))}
    assert held(HashList.loads(vics([one]))) == wanted(item("17", "sha256"))


@pytest.mark.parametrize("form", ["stopncii", "vics", "tat"])
@pytest.mark.parametrize(
    "data",
    [
        b"[1, 2]",
        b'{"value": 1, "hashRecords": 1}',
        b"{",
        b'{"a" 1}',
        b"{1: 2}",
        b"\xff{}",
        b'"x"',
        b'[{"a": 1e999999}]',
        b"[" * 100_000,
        b'{"hashRecords": [[]], "value": [[]], "x": [[]]}',
        b'{"hashRecords": [\n{},,',
    ],
)
def test_json_of_another_shape_is_an_error_with_a_place(form: str, data: bytes) -> None:
    """Unexpected JSON is refused by line or record."""
    lines = [line for line, _ in problems_of(data, list_format=form)]
    assert lines == sorted(lines)
    assert None not in lines


STOPNCII = [
    item("case1", "pdq", seed=1),
    item("case2", "md5", "tmk", seed=2),
    item("case3", "pdq", seed=3, gone=True),
]


def test_stopncii_states() -> None:
    """Active records match, withdrawn ones do not, and ids reveal nothing about the hash."""
    found = HashList.loads(stopncii(STOPNCII, pages=2))
    assert {(e.hash.algorithm, str(e.hash)) for e in found} == {
        ("pdq", digits("pdq", 1)),
        ("md5", digits("md5", 2)),
    }
    assert {(e.label, e.source) for e in found} == {("case1", "StopNCII"), ("case2", "StopNCII")}
    assert (found.unsupported, found.left_out) == ({"tmk": 1}, {"withdrawn": 1})
    for e in found:
        assert e.id.startswith("stopncii-")
        assert str(e.hash)[:8] not in e.id


def test_stopncii_later_pages_replace_earlier_ones() -> None:
    """The later page on a hash counts, within a file and across files."""
    gone = [item("case1", "pdq", seed=1, gone=True)]
    assert not len(HashList.loads(stopncii([STOPNCII[0], *gone])))
    assert len(HashList.loads(stopncii([*gone, STOPNCII[0]]))) == 1
    base = HashList.loads(stopncii(STOPNCII))
    array = f"[{stopncii(gone)}, {stopncii([])}]"
    assert {e.label for e in base.apply(HashList.loads(array))} == {"case2"}


def test_stopncii_records_and_states_are_found_all_the_same() -> None:
    """A nested record is read, and blanks around a state make no difference."""
    page = {"page": json.loads(stopncii(STOPNCII[:2])), "hashRecords": []}
    assert len(HashList.loads(json.dumps(page))) == 2
    gone = stopncii(STOPNCII[2:]).replace('"Withdrawn"', '" Withdrawn "')
    assert HashList.loads(gone).left_out == {"withdrawn": 1}


def test_tat_records_are_found_at_any_depth() -> None:
    """Nested records are read, even beside another array."""
    records = [item("1", "md5"), item("2", "md5", seed=2)]
    deep = {"data": {"results": json.loads(tat(records))}}
    for whole in (deep, {"errors": [], **deep}, {**deep, "errors": []}):
        assert held(HashList.loads(json.dumps(whole))) == wanted(*records)


@pytest.mark.parametrize("wrapper", [None, "results"])
def test_tat_records(wrapper: str | None) -> None:
    """Deleted records withdraw their ids; the ideology is the category."""
    items = [
        item("1", "md5", category="far-right"),
        item("2", "sha256", "md5", seed=2, category="islamist"),
        item("3", gone=True),
        item("1", "md5", seed=3, category="far-right"),
    ]
    items[2].hashes = {"md5": digits("md5", 9)}
    found = HashList.loads(tat(items, wrapper))
    assert held(found) >= wanted(items[3])
    assert ("1", "md5", digits("md5", 1)) not in held(found)
    assert found.left_out == {"withdrawn": 1}
    assert found.find("1")[0].category == "far-right"
    wrong = tat(items).replace('"deleted": true', '"deleted": "perhaps"')
    assert problems_of(wrong)[0][1] == "deleted is neither true nor false"


DATASET = """collab,signal_type,signal_str,category,tags
one,pdq,{pdq1},POSITIVE_CLASS,tag_a tag_b
two,pdq,{pdq1},INVESTIGATION_SEED,
one,video_md5,{md5},TRUE_POSITIVE,
one,pdq,{pdq2},NEGATIVE_CLASS,
one,pdq,{pdq3},FALSE_POSITIVE,
one,raw_text,"some, text",POSITIVE_CLASS,
one,HASH_SHA1,{sha1},POSITIVE_CLASS,
""".format(
    pdq1=digits("pdq", 1),
    pdq2=digits("pdq", 2),
    pdq3=digits("pdq", 3),
    md5=digits("md5", 1),
    sha1=digits("sha1", 1),
)


def test_threatexchange_dataset() -> None:
    """Signals keep collaboration, category and tags; those found to be wrong never match."""
    found = HashList.loads(DATASET, name="set.csv")
    assert held(found) == {
        ("set.csv:2", "pdq", digits("pdq", 1)),
        ("set.csv:3", "pdq", digits("pdq", 1)),
        ("set.csv:4", "md5", digits("md5", 1)),
        ("set.csv:8", "sha1", digits("sha1", 1)),
    }
    (first,) = found.find("set.csv:2")
    assert (first.label, first.category, first.source) == ("tag_a tag_b", "POSITIVE_CLASS", "one")
    assert found.unsupported == {"raw_text": 1}
    assert found.left_out == {"not pertinent": 2}
    bad = DATASET + f"one,pdq,{digits('md5', 1)},X,\n"
    assert problems_of(bad) == [(9, "pdq has 64 hex digits, not 32")]


def test_threatexchange_columns_that_are_not_known_are_told() -> None:
    """Unused columns, such as other hashes or withdrawals, are counted."""
    text = f"signal_type,signal_str,md5,withdrawn\npdq,{digits('pdq', 1)},{digits('md5', 1)},1\n"
    assert HashList.loads(text).notices == ("ignored 2 unknown columns",)


def test_threatexchange_lines() -> None:
    """A line has a type and a hash, or only a hash, whose algorithm the operator must name."""
    text = f"# local\npdq {digits('pdq', 1)}\nmd5\t{digits('md5', 1)}\r\n\n"
    text += f"{digits('pdq', 2)}\nurl x y\n"
    assert problems_of(text) == [(5, unnamed(64))]
    found = HashList.loads(text, name="f", algorithm="pdq")
    assert held(found) == {
        ("f:2", "pdq", digits("pdq", 1)),
        ("f:3", "md5", digits("md5", 1)),
        ("f:5", "pdq", digits("pdq", 2)),
    }
    assert found.unsupported == {"url": 1}
    given = HashList.loads(digits("md5", 1), list_format="threatexchange", algorithm="md5")
    assert {e.hash.algorithm for e in given} == {"md5"}
    assert given.notices == ()
    assert problems_of("pdq \x00\x1b\n#\x1b".replace("\x00", "")) == [
        (1, "a control character in the line"),
        (2, "a control character in the line"),
    ]


def test_names_of_algorithms_that_may_be_hashes_are_not_told() -> None:
    """A hash in place of an algorithm's name is never shown."""
    secret = digits("md5", 5)
    found = HashList.loads(f"pdq {digits('pdq', 1)}\nabcdef0123456789 {secret}\n{secret} x\n")
    assert found.unsupported == {"an algorithm without a proper name": 2}
    assert "abcdef" not in str(found.notices)


records = st.lists(
    st.builds(
        Item,
        st.sampled_from(["1-a", "1-b", "2-a", "3-c"]),
        st.dictionaries(st.sampled_from(["md5", "pdq"]), st.integers(1, 6), max_size=2),
        category=st.sampled_from(["1", "0", "A1"]),
        added=st.sampled_from(["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]),
        gone=st.booleans(),
    ),
    max_size=8,
)


def settled(items: list[Item], *, by_time: bool) -> list[Item]:
    """The records that count, found one by one."""
    last: dict[str, Item] = {}
    for each in items:
        if each.id not in last or not by_time or each.added >= last[each.id].added:
            last[each.id] = each
    return [each for each in last.values() if not each.gone and each.category != "0"]


@given(records)
def test_feeds_agree_with_going_through_them_one_by_one(items: list[Item]) -> None:
    """In any order of entries and tombstones, exactly the records that count match."""
    for each in items:
        each.hashes = {name: digits(name, seed) for name, seed in each.hashes.items()}
        if not each.hashes:
            each.hashes = {"md5": digits("md5", 9)}
    ordered = items[::2] + items[1::2]
    assert held(HashList.loads(ncmec(items))) == wanted(*settled(ordered, by_time=True))
    present = [each for each in items if not each.gone]
    assert held(HashList.loads(vics(present))) == wanted(*settled(present, by_time=False))
    single = [
        Item(
            each.id,
            {"md5": each.hashes.get("md5", digits("md5", 9))},
            each.category,
            gone=each.gone,
        )
        for each in items
    ]
    assert held(HashList.loads(tat(single), list_format="tat")) == wanted(
        *settled(single, by_time=False)
    )


def test_a_list_of_many_records(tmp_path: Path) -> None:
    """Lists longer than any chunk keep ids, hashes and categories together."""
    items = [item(f"7-{n}", "md5", seed=n, category=str(1 + n % 3)) for n in range(9_000)]
    for write in (ncmec, vics, tat):
        path = tmp_path / write.__name__
        path.write_text(write(items))
        found = HashList.load(path)
        assert held(found) == wanted(*items)
        assert found.find("7-8500")[0].category == str(1 + 8_500 % 3)


FOLLOWED = [
    (
        stopncii([item("1-a", "pdq")]),
        '{"nextPageToken"',
        '{"hasMoreRecords": true, "nextPageToken"',
    ),
    (tat([item("1-a", "md5")], "results"), '{"count"', '{"next": "https://x/?page=2", "count"'),
    (vics(VICS[:1]), '"value"', '"odata.nextLink": "x", "value"'),
    (vics(VICS[:1], "2.0"), '"more"', '"@odata.nextLink": "x", "more"'),
    (ncmec([item("1-a", "md5")]), "next></", "next>/v2/entries?start=1001</"),
    (ncmec([item("1-a", "md5")], "urn:x", "n"), "n:next></", "n:next>/v2/x</"),
]


@pytest.mark.parametrize(("last", "old", "new"), FOLLOWED)
def test_a_feed_that_says_more_pages_follow_is_incomplete(last: str, old: str, new: str) -> None:
    """A missing page is a warning; a later page settles it, and skipping entries does not."""
    more = last.replace(old, new, 1)
    assert more != last
    assert HashList.loads(last).warnings == ()
    for text in (more, last + "\n" + more):
        found = HashList.loads(text, skip_bad_entries=True)
        assert found.warnings == (MORE_FOLLOW,)
        assert found.warnings[0] in found.notices
    assert HashList.loads(more + "\n" + last).warnings == ()


@pytest.mark.parametrize("value", ["1704901040.22", "1704901040", "true", "[1]", "null"])
def test_fields_that_are_only_shown_may_be_anything(value: str) -> None:
    """A date that is a number with a fraction is no reason to refuse a feed."""
    text = tat([item("1-a", "md5")]).replace('"2026-01-02T03:04:05Z"', value)
    (entry,) = HashList.loads(text)
    assert entry.added == {"[1]": None, "null": None, "true": "True"}.get(value, value)


def test_a_feed_is_recognised_once_it_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new JSON feed needs its module and its registration, and no edit of the sniffing."""
    value = digits("md5", 1)
    data = json.dumps([{"toy.digest": value, "note": {"hash_digest": "x"}}])
    assert "Toy" not in problems_of('{"signatures": []}')[0][1]
    feed = JsonFeed(
        "Toy",
        ("toy.digest",),
        tat_format.FEED.objects,
        lambda found: FeedRecord("1", [("md5", found["toy.digest"])]),
    )
    toy = formats._feed("toy", feed)
    monkeypatch.setattr(formats, "FORMATS", {"toy": toy, **formats.FORMATS})
    assert held(HashList.loads(data, name="feed")) == {("1", "md5", value)}
    assert "known are Toy, StopNCII, VICS, Tech" in problems_of('{"signatures": []}')[0][1]
