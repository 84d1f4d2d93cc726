"""CSV and JSONL: all that an entry has, there and back, and everything wrong told by line."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.errors import HashListError, SettingsError
from hashmatch.hashlist import HashList, Policy, save_compiled
from hashmatch.hashlist.formats import FORMATS, detect, own_jsonl, table
from hashmatch.hashlist.kinds import algorithms
from hashmatch.model import Entry, PerceptualHash

from .feeds import in_base64
from .strategies import EMPTY, free_texts, full_entry_lists, is_flat

PHASH = "ca9a11fe0123bead"
"""A canary: it must never be seen in a message."""

OTHER = "d15ea5ed0123beef"
WIDE = PHASH * 4
UNKNOWN = "unknown algorithm; choose from " + ", ".join(algorithms())
FORMS = ("csv", "jsonl")


def problems_of(data: bytes | str, **options: object) -> list[tuple[int | None, str]]:
    """What is wrong with a list, by line."""
    with pytest.raises(HashListError) as caught:
        HashList.loads(data, name="list", **options)
    shown = f"{caught.value} {caught.value!r} {[str(p) for p in caught.value.problems]}".lower()
    assert PHASH[:6] not in shown
    assert OTHER[:6] not in shown
    return [(problem.line, problem.message) for problem in caught.value.problems]


@settings(deadline=None, max_examples=100)
@given(
    made=full_entry_lists,
    gone=st.lists(free_texts, max_size=3, unique=True),
    version=st.none() | st.just("7"),
    form=st.sampled_from([*FORMS, "compiled"]),
)
def test_round_trip(
    made: list[Entry],
    gone: list[str],
    version: str | None,
    form: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A list written in any format that holds all its fields reads back as the same list.

    What had flat hashes alone is withdrawn from then on, where the format has withdrawals.
    """
    first = HashList.from_entries(
        made, name="Some list", version=version, created="2026", policy=None
    )
    path = tmp_path_factory.getbasetemp() / "round-trip"
    if form == "compiled":
        gone = []
        save_compiled(first, path)
    else:
        gone = [entry_id for entry_id in gone if entry_id not in {entry.id for entry in made}]
        withdrawn = "".join(json.dumps({"id": text, "withdrawn": True}) + "\n" for text in gone)
        first = HashList.loads(first.dumps("jsonl") + withdrawn, policy=None)
        first.save(path, form)
        solid = {entry.id for entry in made if not is_flat(entry.hash)}
        gone += {entry.id for entry in made} - solid
    for again in (HashList.load(path, policy=None), HashList.loads(path.read_bytes(), policy=None)):
        assert list(again) == list(first)
        assert [e for e in again if e in made] == list(again)
        written = again.contents.withdrawn
        assert sorted(written.texts(0, len(written))) == sorted(gone)
        assert again.left_out == ({"withdrawn": len(gone)} if gone else {})
        for name in ("name", "version", "created"):
            assert getattr(again, name) == getattr(first, name)


def test_csv_columns_in_any_order_and_case() -> None:
    """Only the hash is needed; names of columns may be in any order and either case."""
    text = (
        "# name: graded\n# algorithm: dhash\n\n"
        f'Label,ID,Hash , algorithm\n"a, ""b""",1, {PHASH.upper()} ,\n,2,{WIDE},PHASH\n'
    )
    found = HashList.loads(text)
    assert found.name == "graded"
    assert [(e.id, e.label, e.hash.kind, str(e.hash)) for e in found] == [
        ("1", 'a, "b"', ("dhash", 64), PHASH),
        ("2", None, ("phash", 256), WIDE),
    ]
    bare = HashList.loads(f"hash\n{PHASH}\n\n{PHASH}\r\n", name="bare.csv")
    assert [e.id for e in bare] == ["bare.csv:2", "bare.csv:4"]
    assert bare.notices == ("no algorithm is named: phash is assumed",)


def test_jsonl_keys_and_header() -> None:
    """Ids may be numbers; the first object may tell of the list; blank lines do not count."""
    text = (
        '\ufeff{"list": "graded", "version": "3", "created": null, "algorithm": "dhash"}\n\n'
        f' {{"hash": "{PHASH}", "id": 17, "label": null}}\r\n{{"hash": "{OTHER}", "more": 1}}\n'
    )
    found = HashList.loads(text, name="a.jsonl")
    assert (found.name, found.version, found.created) == ("graded", "3", None)
    assert [(e.id, e.hash.kind) for e in found] == [
        ("17", ("dhash", 64)),
        ("a.jsonl:4", ("dhash", 64)),
    ]
    assert found.notices == ("1 of the fields are not known here, and not used",)


@pytest.mark.parametrize("more", [{"hash": OTHER}, {"withdrawn": True}])
def test_a_first_entry_with_a_list_key_is_an_entry(more: dict[str, object]) -> None:
    """What has a hash or is withdrawn is an entry, on the first line too, whatever else it has."""
    rows = [{"list": "a", "id": "first"} | more, {"hash": OTHER, "id": "second"}]
    found = HashList.loads("".join(json.dumps(row) + "\n" for row in rows), name="b.jsonl")
    gone = found.contents.withdrawn
    assert {e.id for e in found} | {*gone.texts(0, len(gone))} == {"first", "second"}
    assert found.name == "b.jsonl"
    assert "1 of the fields are not known here, and not used" in found.notices


def test_keys_that_no_header_has_are_told() -> None:
    """What the first object says and nobody here understands is not passed over."""
    text = f'{{"list": "a", "digest": "{PHASH}"}}\n{{"hash": "{OTHER}", "algorithm": "phash"}}\n'
    assert HashList.loads(text).notices == ("1 of the fields are not known here, and not used",)


def test_base64_is_read_as_well_as_hex() -> None:
    """A digest may be written in base64, as some lists do."""
    text = f"hash,algorithm\n{in_base64(EMPTY['md5'])},md5\n{'q' * 27}=,sha-1\n{EMPTY['md5']},md5\n"
    found = HashList.loads(text)
    assert (found.flat, len(found)) == (2, 1)
    assert str(next(iter(found)).hash) == "aa" * 20


BAD_CSV = [
    (f"{PHASH},,x,,,extra,,", "the row has 8 fields, not 7"),
    (f"{PHASH}", "the row has 1 fields, not 7"),
    (f'"{PHASH}" x,,x,,,,', "the row is not CSV"),
    (f"{PHASH}0,,x,,,,", "phash has 16 or 64 digits, not 17"),
    (f"{PHASH[:-1]}g,,x,,,,", "the hash is neither hex nor base64"),
    (f"{PHASH[:8]} {PHASH[:7]},,x,,,,", "the hash is neither hex nor base64"),
    (f"{PHASH[:8]}__{PHASH[:6]},,x,,,,", "the hash is neither hex nor base64"),
    (",,x,,,,", "the entry has no hash"),
    (f"{PHASH},ahash,x,,,,", UNKNOWN),
    (f"{PHASH},md5,x,,,,", "md5 has 32 digits, not 16"),
    (f"{'*' * 24},md5,x,,,,", "the hash is neither hex nor base64"),
    (f"{PHASH},,x\x1by,,,,", "a control character in the id"),
    (f'{PHASH},,"x\ty",,,,', "a control character in the id"),
    (f"{PHASH},,x,\x85,,,", "a control character in the label"),
    (f"{PHASH},,x,,\x00,,", "a control character in the category"),
    (f"{PHASH},,x,,,tomorrow,", "the date on which it expires is no date"),
    (f"{PHASH},,x,,,,maybe", "withdrawn is neither true nor false"),
    (f"{PHASH},,,,,,yes", "what is withdrawn has no id"),
    (f"{OTHER},,twice,,,,", "the id stands on line 4 already"),
    (f"{OTHER},,gone,,,,", "the id stands on line 5 already"),
    (",,gone,,,,1", "the id stands on line 5 already"),
    (f"{PHASH},,list:6,,,,", "the id stands for line 6, which has none"),
    (f"{PHASH},,x,{'y' * 70_000},,,", "the line is longer than 65,536 bytes"),
]

HEAD_CSV = f"# a comment\n{'#' * 5000}\nhash,algorithm,id,label,category,expires,withdrawn\n"
SOUND_CSV = f"{OTHER},,twice,,,,\n,,gone,,,,TRUE\n{OTHER},,,,,,\n"


@pytest.mark.parametrize(("row", "message"), BAD_CSV)
def test_a_bad_row_of_csv_is_told_by_its_line(row: str, message: str) -> None:
    """Each kind of bad row gives one problem, with the line in which it begins."""
    text = f'{HEAD_CSV}{SOUND_CSV}{OTHER},,"quoted",,,,\n{row}\n{PHASH},,last,,,,\n'
    assert problems_of(text) == [(8, message)]
    rest = HashList.loads(text, skip_bad_entries=True, name="list")
    assert rest.skipped == 1
    assert {e.id for e in rest} >= {"twice", "list:6", "quoted", "last"}
    assert "gone" not in {e.id for e in rest}


def test_what_is_not_utf8_in_csv_is_told() -> None:
    """A byte that is not UTF-8 is a problem of its row."""
    text = f"hash,id\n{PHASH},a\n{PHASH},".encode() + b"\xff\n"
    assert problems_of(text) == [(3, "a control character in the id")]


def test_all_bad_rows_are_told_at_once() -> None:
    """One error has every problem of a table, in order."""
    rows = "".join(f"{row}\n" for row, _ in BAD_CSV)
    assert problems_of(HEAD_CSV + SOUND_CSV + rows) == [
        (number, message) for number, (_, message) in enumerate(BAD_CSV, 7)
    ]


def test_a_quoted_field_that_never_ends_spoils_no_more_than_it_must() -> None:
    """After a lost quote the rest is read as soon as that is possible again."""
    text = "hash,id\n" + f'{PHASH},"a\n' + f"{PHASH},b\n" * 10_000
    assert problems_of(text)[0] == (2, "the row is not CSV")
    lines = f'hash,id,label\n{PHASH},a,"over\ntwo lines"\n{PHASH}x,b,\n'
    assert problems_of(lines) == [
        (2, "a control character in the label"),
        (4, "phash has 16 or 64 digits, not 17"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\n1,2\n", "the table has no column 'hash'"),
        ("hash,id,Hash\n1,2,3\n", "two columns of the table have the same name"),
    ],
)
def test_a_table_without_sense_is_refused(text: str, message: str) -> None:
    """Nobody could say what its columns are."""
    with pytest.raises(HashListError, match=message):
        HashList.loads(text, list_format="csv")


BAD_JSON = [
    ("{", "the line is not JSON"),
    ("[" * 60_000, "the line is not JSON"),
    ("[1]", "the line is not one JSON object"),
    ("{} {}", "the line is not one JSON object"),
    ("# a comment", "the line is not JSON"),
    ('{"id": "x"}', "the entry has no hash"),
    (f'{{"hash": "{PHASH}0"}}', "phash has 16 or 64 digits, not 17"),
    (f'{{"hash": ["{PHASH}"]}}', "the hash is no text"),
    (f'{{"hash": "{PHASH}", "label": 7}}', "the label is no text"),
    (f'{{"hash": "{PHASH}", "id": true}}', "the id is no text"),
    (f'{{"hash": "{PHASH}", "id": "\\ud800"}}', "a control character in the id"),
    (f'{{"hash": "{PHASH}", "label": "\\n"}}', "a control character in the label"),
    (f'{{"hash": "{PHASH}", "algorithm": "x"}}', UNKNOWN),
    (f'{{"hash": "{PHASH}", "expires": "x"}}', "the date on which it expires is no date"),
    (f'{{"hash": "{PHASH}", "withdrawn": 2}}', "withdrawn is neither true nor false"),
    (f'{{"hash": "{OTHER}", "hash": "{PHASH}"}}', "a key of the object stands twice"),
    ('{"withdrawn": true}', "what is withdrawn has no id"),
    ('{"id": "twice", "withdrawn": "yes"}', "the id stands on line 2 already"),
    (f'{{"hash": "{OTHER}", "id": "twice"}}', "the id stands on line 2 already"),
    (f'{{"hash": "{OTHER}", "id": "{"y" * 70_000}"}}', "the line is longer than 65,536 bytes"),
]


@pytest.mark.parametrize(("line", "message"), BAD_JSON)
def test_a_bad_line_of_jsonl_is_told_by_its_number(line: str, message: str) -> None:
    """Each kind of bad line gives one problem with its number."""
    sound = f'{{"list": "a"}}\n{{"hash": "{OTHER}", "id": "twice"}}\n'
    text = f'{sound}{line}\n{{"hash": "{OTHER}"}}\n'
    assert problems_of(text) == [(3, message)]
    assert HashList.loads(text, skip_bad_entries=True).skipped == 1


def test_all_bad_lines_of_jsonl_are_told_at_once() -> None:
    """One error has every problem of a list of objects, in order."""
    sound = f'{{"list": "a"}}\n{{"hash": "{OTHER}", "id": "twice"}}\n'
    assert problems_of(sound + "".join(f"{line}\n" for line, _ in BAD_JSON)) == [
        (number, message) for number, (_, message) in enumerate(BAD_JSON, 3)
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ('{"list": 7}', "the name of the list is no text"),
        ('{"list": "a\\tb"}', "a control character in the name"),
        (
            '{"list": "a", "algorithm": "md5", "algorithm": "dhash"}',
            "a key of the object stands twice",
        ),
        ('{"list": "a", "algorithm": "dhash"', "the line is not JSON"),
        ('{"list": "a", "algorithm": "ahash"}', UNKNOWN),
    ],
)
def test_a_bad_header_of_jsonl_cannot_be_skipped(header: str, message: str) -> None:
    """Without its header no entry can be relied on."""
    text = f'{header}\n{{"hash": "{OTHER}00"}}\n'
    assert problems_of(text, skip_bad_entries=True)[0] == (1, message)


def test_withdrawn_entries_never_match() -> None:
    """A withdrawn row is no entry, and takes what another list has of its id with it."""
    changes = HashList.loads(f"hash,id,withdrawn\n{OTHER},a,true\n,b,1\n{OTHER},c,no\n")
    assert [e.id for e in changes] == ["c"]
    assert changes.left_out == {"withdrawn": 2}
    assert changes.notices[-1] == "2 are left out: the list withdraws them"
    base = HashList.from_entries([Entry(x, PerceptualHash.from_hex(PHASH)) for x in "abcd"])
    assert {e.id: str(e.hash) for e in base.apply(changes)} == {"c": OTHER, "d": PHASH}


def test_algorithms_that_are_not_computed_here_are_counted() -> None:
    """A hash that cannot be looked up is never left out without a word."""
    text = f"hash,algorithm,id\nabc,PhotoDNA,a\nabc,pdna,b\nabc,tmk,c\n{OTHER},phash,d\n"
    found = HashList.loads(text)
    assert found.unsupported == {"photodna": 2, "tmk": 1}
    assert found.notices == (
        "2 of photodna are left out: there is no such algorithm here",
        "1 of tmk are left out: there is no such algorithm here",
    )


def test_a_category_survives_conversion(tmp_path: Path) -> None:
    """What is not pertinent stays so in every format that can hold it."""
    first = HashList.loads(f"hash,id,category\n{OTHER},a,0\n{OTHER},b,1\n", policy=None)
    for form in FORMS:
        first.save(tmp_path / form, form)
        assert [e.id for e in HashList.load(tmp_path / form)] == ["b"]
        asked = Policy(categories=frozenset({"0"}))
        assert [e.id for e in HashList.load(tmp_path / form, policy=asked)] == ["a"]


def test_formats_can_be_insisted_on() -> None:
    """A format that the operator names is used, whatever the list looks like."""
    assert HashList.loads(f"{OTHER} csv,hash\n").sections
    with pytest.raises(HashListError, match="1 of 1 lines is wrong"):
        HashList.loads(f"{OTHER}\n", list_format="jsonl")
    with pytest.raises(SettingsError, match="unknown list format; choose from compiled, csv"):
        HashList.loads("", list_format="xml")
    with pytest.raises(HashListError, match="this is no compiled hash list"):
        HashList.loads(f"{OTHER}\n", list_format="compiled")
    with pytest.raises(
        SettingsError, match="not written in this format; choose from csv, jsonl, text"
    ):
        HashList.loads(f"{OTHER}\n").dumps("ncmec")
    with pytest.raises(SettingsError, match="choose from csv, jsonl, text"):
        HashList.loads(f"{OTHER}\n").dumps("nothing")


@pytest.mark.parametrize(
    ("head", "form"),
    [
        (b"", "text"),
        (b"hash", "csv"),
        (b"\xef\xbb\xbf# x\n\n ID, Hash \n", "csv"),
        (b'"unclosed', "text"),
        (b"phash:ca9a,hash\n", "text"),
        (b"ca9a11fe0123bead hash,id\n", "text"),
        (b"ca9a11fe0123bead x,signal_type,signal_str", "text"),
        (b'{"id": "hash", "hash" : 1}', "jsonl"),
        (b'{"list": "x"}', "jsonl"),
        (b'{"nothing": "known"}', "text"),
        (b'[{"hash_digest": "x"}]', "tat"),
        (b'{"nextPageToken": "", "hashRecords": []}', "stopncii"),
        (b'{"odata.metadata": "x"}', "vics"),
        (b'{\n"@odata.context"\n: "x"}', "vics"),
        (b"\n<?xml", "ncmec"),
        (b"collab,signal_str,signal_type\n", "threatexchange"),
        (b"pdq f8f8\n", "threatexchange"),
        (b"# x\nraw_text some words\n", "threatexchange"),
    ],
)
def test_formats_are_told_by_content(head: bytes, form: str) -> None:
    """The first bytes tell the format, and what fits nothing else is text."""
    assert detect(head) == form
    assert form in FORMATS


_values = st.sampled_from([PHASH, OTHER, WIDE, PHASH.upper(), f" {OTHER} ", "00", "", EMPTY["md5"]])
_fields = st.sampled_from(
    [
        *("", "a", "b", "md5", "phash", "yes", "é", "list:3", "\xff", "\r", "\x00", "\x85"),
        *('"q"', '"', '"a,b"', '"over\nlines"', "x" * 70_000, "x" * 65_510),
    ]
)
_ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", "\r\r\n"])


def _tables_of(head: str) -> st.SearchStrategy[bytes]:
    """Tables where most rows have as many fields as there are columns."""
    width = head.count(",")
    more = st.lists(_fields, min_size=width, max_size=width)
    right = st.builds(lambda value, texts: ",".join([value, *texts]), _values, more)
    plain = st.just(PHASH + "," * width)
    rows = st.lists(st.tuples(plain | right, _ends), max_size=6)
    wrong = st.lists(st.tuples(_values | st.just(f"{PHASH},a,b,c"), _ends), max_size=1)
    return st.builds(
        lambda end, rows, wrong, last: (
            head + end + "".join(map("".join, rows + wrong)) + last
        ).encode("latin-1"),
        _ends,
        rows,
        wrong,
        st.just("") | _values,
    )


tables = st.sampled_from(["hash", "hash,id", "hash,id,label", "# x\nhash,id,algorithm"]).flatmap(
    _tables_of
)
_objects = st.fixed_dictionaries(
    {},
    optional={
        "hash": _values | st.just(7),
        "id": st.sampled_from(["a", "b", 7, None, True, "\ud800", "x" * 17_000, "x" * 70_000]),
        "algorithm": st.sampled_from(["md5", "phash", "x", None]),
        "withdrawn": st.sampled_from([True, False, "yes", "x", None, 1]),
        "more": st.just({"deep": [1]}),
    },
)
_json_lines = st.builds(
    lambda found, before, after: before + json.dumps(found) + after,
    _objects,
    st.sampled_from(["", "", "", " ", "\ufeff", "[", "{},"]),
    st.sampled_from(["\n", "\n", "\n", " \r\n", "\n\n", "]\n", " {}\n", "\x0b\n"]),
)
_plain_objects = st.sampled_from(
    [
        *(f'{{"hash": "{value}", "id": "{n}"}}\n' for n, value in enumerate((PHASH, OTHER, WIDE))),
        *("[1]\n", "7\n", f'{{"hash": "{OTHER}", "label": "{"y" * 70_000}"}}\n'),
    ]
)
json_lists = st.builds(
    lambda head, lines: (head + "".join(lines)).encode(errors="replace"),
    st.sampled_from(['{"hash": "' + OTHER + '"}\n', '{"list": "a"}\n', ""]),
    st.lists(_json_lines | _plain_objects, max_size=6),
)


def outcome(data: bytes, form: str, skip: bool) -> object:
    """Everything that can be told of a reading, as one comparable value."""
    try:
        found = HashList.loads(
            data, name="list", list_format=form, skip_bad_entries=skip, policy=None
        )
    except HashListError as error:
        return str(error), [(problem.line, problem.message) for problem in error.problems]
    gone = found.contents.withdrawn
    told = (found.notices, found.skipped, found.flat, found.unsupported, found.left_out)
    return list(found), gone.texts(0, len(gone)), told


@settings(max_examples=300, deadline=None)
@given(st.tuples(st.just("csv"), tables) | st.tuples(st.just("jsonl"), json_lists), st.booleans())
def test_many_at_a_time_is_one_by_one(made: tuple[str, bytes], skip: bool) -> None:
    """Regular stretches of a list give the same list, or the same problems, as line by line."""
    form, data = made
    fast = outcome(data, form, skip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "regular_columns", lambda *_: None)
        patch.setattr(own_jsonl, "_parse_all", lambda *_: None)
        assert fast == outcome(data, form, skip)
