"""hashmatch's own CSV keeps everything an entry has, and reports every error by line."""

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashlist import problems
from hashmatch.errors import HashListError, SettingsError
from hashmatch.hashlist import HashList, Policy, save_compiled
from hashmatch.hashlist.formats import FORMATS, csv_table, detect
from hashmatch.hashlist.kinds import ASSUMPTION, algorithms
from hashmatch.hashlist.updates import ruled_out, withdrawing
from hashmatch.model import Entry, PerceptualHash

from .feeds import in_base64
from .strategies import EMPTY, free_texts, full_entry_lists, is_flat

PHASH = "ca9a11fe0123bead"
"""A canary, which must never appear in a message."""

OTHER = "d15ea5ed0123beef"
WIDE = PHASH * 4
UNKNOWN = "unknown algorithm; choose from " + ", ".join(algorithms())


problems_of = partial(problems.problems_of, secrets=(PHASH[:6], OTHER[:6]))


@examples(100)
@given(
    made=full_entry_lists,
    gone=st.lists(free_texts, max_size=3, unique=True),
    version=st.none() | st.just("7"),
    form=st.sampled_from(["csv", "compiled"]),
)
def test_round_trip(
    made: list[Entry],
    gone: list[str],
    version: str | None,
    form: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A list written in any format that holds all its fields reads back as the same list.

    Entries with only flat hashes become withdrawals, if the format has them.
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
        first = HashList(
            withdrawing(first.contents, [*gone, *ruled_out(first.contents)]), source=first.source
        )
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
    """Only the hash is required; columns may be in any order, and their names in either case."""
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
    assert bare.notices == (ASSUMPTION,)


def test_base64_is_read_as_well_as_hex() -> None:
    """A digest may be in base64, as in some lists."""
    text = f"hash,algorithm\n{in_base64(EMPTY['md5'])},md5\n{'q' * 27}=,sha-1\n{EMPTY['md5']},md5\n"
    found = HashList.loads(text)
    assert (found.flat, len(found)) == (2, 1)
    assert str(next(iter(found)).hash) == "aa" * 20


BAD_CSV = [
    (f"{PHASH},,x,,,extra,,", "the row has 8 fields, not 7"),
    (f"{PHASH}", "the row has 1 field, not 7"),
    (f'"{PHASH}" x,,x,,,,', "the row is not CSV"),
    (f"{PHASH}0,,x,,,,", "a hash that names no algorithm has 16 hex digits, not 17"),
    (f"{PHASH[:-1]}g,,x,,,,", "the hash is neither hex nor base64"),
    (f"{PHASH[:8]} {PHASH[:7]},,x,,,,", "the hash is neither hex nor base64"),
    (f"{PHASH[:8]}__{PHASH[:6]},,x,,,,", "the hash is neither hex nor base64"),
    (",,x,,,,", "the entry has no hash"),
    (f"{PHASH},ahash,x,,,,", UNKNOWN),
    (f"{PHASH},md5,x,,,,", "md5 has 32 hex digits, not 16"),
    (f"{'*' * 24},md5,x,,,,", "the hash is neither hex nor base64"),
    (f"{PHASH},,x\x1by,,,,", "a control character in the id"),
    (f'{PHASH},,"x\ty",,,,', "a control character in the id"),
    (f"{PHASH},,x,\x85,,,", "a control character in the label"),
    (f"{PHASH},,x,,\x00,,", "a control character in the category"),
    (f"{PHASH},,x,,,tomorrow,", "expires is not a date"),
    (f"{PHASH},,x,,,,maybe", "withdrawn is neither true nor false"),
    (f"{PHASH},,,,,,yes", "the withdrawn entry has no id"),
    (f"{OTHER},,twice,,,,", "the id is on line 4 already"),
    (f"{OTHER},,gone,,,,", "the id is on line 5 already"),
    (",,gone,,,,1", "the id is on line 5 already"),
    (f"{PHASH},,list:6,,,,", "the id is taken: line 6 has no id and gets this one"),
    (f"{PHASH},,x,{'y' * 70_000},,,", "the line is longer than 65,536 bytes"),
]

HEAD_CSV = f"# a comment\n{'#' * 5000}\nhash,algorithm,id,label,category,expires,withdrawn\n"
SOUND_CSV = f"{OTHER},,twice,,,,\n,,gone,,,,TRUE\n{OTHER},,,,,,\n"


@pytest.mark.parametrize(("row", "message"), BAD_CSV)
def test_a_bad_row_of_csv_is_told_by_its_line(row: str, message: str) -> None:
    """Each kind of faulty row gives one problem, with the line on which it begins."""
    text = f'{HEAD_CSV}{SOUND_CSV}{OTHER},,"quoted",,,,\n{row}\n{PHASH},,last,,,,\n'
    assert problems_of(text) == [(8, message)]
    rest = HashList.loads(text, skip_bad_entries=True, name="list")
    assert rest.skipped == 1
    assert {e.id for e in rest} >= {"twice", "list:6", "quoted", "last"}
    assert "gone" not in {e.id for e in rest}


def test_what_is_not_utf8_in_csv_is_told() -> None:
    """A byte that is not UTF-8 is a problem of its row."""
    text = f"hash,id\n{PHASH},a\n{PHASH},".encode() + b"\xff\n"
    assert problems_of(text) == [(3, "the id is not UTF-8")]


def test_all_bad_rows_are_told_at_once() -> None:
    """One error lists every problem of a table, in order."""
    rows = "".join(f"{row}\n" for row, _ in BAD_CSV)
    assert problems_of(HEAD_CSV + SOUND_CSV + rows) == [
        (number, message) for number, (_, message) in enumerate(BAD_CSV, 7)
    ]


def test_a_quoted_field_that_never_ends_spoils_no_more_than_it_must() -> None:
    """After an unbalanced quote, reading resumes as soon as possible."""
    text = "hash,id\n" + f'{PHASH},"a\n' + f"{PHASH},b\n" * 10_000
    assert problems_of(text)[0] == (2, "the row is not CSV")
    lines = f'hash,id,label\n{PHASH},a,"over\ntwo lines"\n{PHASH}x,b,\n'
    assert problems_of(lines) == [
        (2, "a control character in the label"),
        (4, "a hash that names no algorithm has 16 hex digits, not 17"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\n1,2\n", "the table has no column 'hash'"),
        ("hash,id,Hash\n1,2,3\n", "two columns of the table have the same name"),
    ],
)
def test_a_table_without_sense_is_refused(text: str, message: str) -> None:
    """A table with ambiguous columns is refused."""
    with pytest.raises(HashListError, match=message):
        HashList.loads(text, list_format="csv")


def test_withdrawn_entries_never_match() -> None:
    """A withdrawn row is not an entry, and removes entries with its id from another list."""
    changes = HashList.loads(f"hash,id,withdrawn\n{OTHER},a,true\n,b,1\n{OTHER},c,no\n")
    assert [e.id for e in changes] == ["c"]
    assert changes.left_out == {"withdrawn": 2}
    assert changes.notices[-1] == "skipped 2 withdrawn entries"
    base = HashList.from_entries([Entry(x, PerceptualHash.from_hex(PHASH)) for x in "abcd"])
    assert {e.id: str(e.hash) for e in base.apply(changes)} == {"c": OTHER, "d": PHASH}


def test_algorithms_that_are_not_computed_here_are_counted() -> None:
    """A hash that cannot be looked up is never left out silently."""
    text = f"hash,algorithm,id\nabc,PhotoDNA,a\nabc,pdna,b\nabc,tmk,c\n{OTHER},phash,d\n"
    found = HashList.loads(text)
    assert found.unsupported == {"photodna": 2, "tmk": 1}
    assert found.notices == (
        "skipped 2 hashes of photodna, which hashmatch cannot compute",
        "skipped 1 hash of tmk, which hashmatch cannot compute",
    )


def test_a_category_survives_conversion(tmp_path: Path) -> None:
    """An entry that is not pertinent stays so in every format that has categories."""
    first = HashList.loads(f"hash,id,category\n{OTHER},a,0\n{OTHER},b,1\n", policy=None)
    first.save(tmp_path / "list.csv", "csv")
    assert [e.id for e in HashList.load(tmp_path / "list.csv")] == ["b"]
    asked = Policy(categories=frozenset({"0"}))
    assert [e.id for e in HashList.load(tmp_path / "list.csv", policy=asked)] == ["a"]


def test_formats_can_be_insisted_on() -> None:
    """The format that the operator names is used, whatever the list looks like."""
    assert HashList.loads(f"{OTHER} csv,hash\n").sections
    with pytest.raises(HashListError, match="the table has no column 'hash'"):
        HashList.loads(f"{OTHER}\n", list_format="csv")
    with pytest.raises(SettingsError, match="unknown list format; choose from compiled, csv"):
        HashList.loads("", list_format="xml")
    with pytest.raises(HashListError, match="this is not a compiled hash list"):
        HashList.loads(f"{OTHER}\n", list_format="compiled")
    with pytest.raises(
        SettingsError, match="cannot be written in this format; choose from csv, text"
    ):
        HashList.loads(f"{OTHER}\n").dumps("ncmec")
    with pytest.raises(SettingsError, match="choose from csv, text"):
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
    """The first bytes determine the format, and what fits no other is text."""
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
    """Tables in which most rows have as many fields as there are columns."""
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


def outcome(data: bytes, form: str, skip: bool) -> object:
    """The result of reading a list, as one comparable value."""
    try:
        found = HashList.loads(
            data, name="list", list_format=form, skip_bad_entries=skip, policy=None
        )
    except HashListError as error:
        return str(error), [(problem.line, problem.message) for problem in error.problems]
    gone = found.contents.withdrawn
    told = (found.notices, found.skipped, found.flat, found.unsupported, found.left_out)
    return list(found), gone.texts(0, len(gone)), told


@examples(300)
@given(tables, st.booleans())
def test_many_at_a_time_is_one_by_one(data: bytes, skip: bool) -> None:
    """Cutting blocks at once gives the same list, or the same problems, as row by row."""
    fast = outcome(data, "csv", skip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_table, "regular_columns", lambda *_: None)
        assert fast == outcome(data, "csv", skip)
