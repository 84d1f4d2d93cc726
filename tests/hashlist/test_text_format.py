"""The text list format: what is read, what is refused, and what the messages say."""

import hashlib
import io
import os
import traceback
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashlist import problems
from hashmatch.errors import HashListError, SettingsError
from hashmatch.hashlist import HashList
from hashmatch.hashlist.kinds import ASSUMPTION, algorithms
from hashmatch.hashlist.list_stream import Options, Tap
from hashmatch.hashlist.text import blocks, grammar
from hashmatch.hashlist.text.text_reader import read_text
from hashmatch.model import Entry, HashKind, PerceptualHash

from .strategies import EMPTY, almost_lists, entry_lists, is_flat

PHASH = "ca9a11fe0123bead"
"""A canary, which must never appear in a message."""

WIDE = PHASH * 4
OTHER = "d15ea5ed0123beef"


def entries_of(data: bytes | str, **options: object) -> list[Entry]:
    """What a list holds."""
    return list(HashList.loads(data, **options))


problems_of = partial(problems.problems_of, name="list.txt")


def test_an_algorithm_named_too_late_is_an_error() -> None:
    """In two lists joined into one file, the second is not read with the first one's algorithm."""
    entry = "9ec5d32b1a6c4e35"
    joined = f"# algorithm: phash\n{entry} a\n# algorithm: dHash\n{entry} b\n"
    found = [(3, "an algorithm is named after the first entry: put it before each hash")]
    assert problems_of(joined) == found
    same = f"# algorithm: phash\n{entry} a\n# algorithm: phash\n# name: b\n{entry} b\n"
    assert len(HashList.loads(same)) == 2


def test_entries_with_and_without_id_and_label() -> None:
    """An entry is a hash, a hash and an id, or a hash, an id and a label of many words."""
    text = f"# a comment\n{PHASH}\n\n{PHASH} a-1\n{OTHER}\tb-2 \t two  words \r\n"
    found = HashList.loads(text, name="folder/my list.txt")
    value, other = PerceptualHash.from_hex(PHASH), PerceptualHash.from_hex(OTHER)
    assert list(found) == [
        Entry("my_list.txt:2", value),
        Entry("a-1", value),
        Entry("b-2", other, "two  words"),
    ]
    assert len(found) == 3


def test_header_is_read_before_the_first_entry_only() -> None:
    """Header lines after the first entry, or with other keys, are comments."""
    text = (
        "\ufeff# Name: Test list \n# version: 7\n\n#created: 2026-01-02\n# licence: none\n"
        f"# algorithm: dHash\n{PHASH}\n# name: late\n# algorithm: dhash\n{OTHER}\n"
    )
    found = HashList.loads(text)
    assert (found.name, found.version, found.created) == ("Test list", "7", "2026-01-02")
    assert list(found.sections) == [HashKind("dhash", 64)]
    assert found.notices == ()


def test_prefix_overrides_header_and_width_comes_from_digits() -> None:
    """A list may hold several algorithms and widths, each in a separate section."""
    text = f"# algorithm: dhash\n{PHASH} a\nPHASH:{WIDE.upper()} a\nphash:{PHASH} a\n{WIDE} a\n"
    found = HashList.loads(text)
    assert {kind: len(section) for kind, section in found.sections.items()} == {
        ("dhash", 64): 1,
        ("phash", 256): 1,
        ("phash", 64): 1,
        ("dhash", 256): 1,
    }
    assert {str(entry.hash) for entry in found} == {PHASH, WIDE}


def test_algorithm_argument_is_used_only_where_the_list_names_none() -> None:
    """The list's own algorithm comes before the operator's, and the latter silences the notice."""
    assert entries_of(f"{PHASH}\n", algorithm="dhash")[0].hash.algorithm == "dhash"
    assert entries_of(f"#algorithm:phash\n{PHASH}\n", algorithm="dhash")[0].hash.kind[0] == "phash"
    assert HashList.loads(f"{PHASH}\n", algorithm="dhash").notices == ()


def test_notice_where_no_algorithm_is_named() -> None:
    """A list of bare hashes is taken for phash, and a notice says so."""
    assert HashList.loads(f"{PHASH}\n").notices == (ASSUMPTION,)
    assert HashList.loads(f"dhash:{PHASH}\n").notices == ()


def test_unknown_algorithm_argument_is_a_settings_error() -> None:
    """If the operator names an unknown algorithm, that is not the list's error."""
    with pytest.raises(SettingsError, match="choose from phash, dhash"):
        HashList.loads("", algorithm="ahash")


def test_digest_is_of_the_bytes_read(tmp_path: Path) -> None:
    """The digest is what sha256sum prints for the file, byte order mark included."""
    data = b"\xef\xbb\xbf" + f"{PHASH}\r\n{OTHER}".encode()
    (tmp_path / "a").write_bytes(data)
    assert HashList.load(tmp_path / "a").digest == hashlib.sha256(data).hexdigest()


def test_name_and_source_come_from_the_path(tmp_path: Path) -> None:
    """A list without a name takes that of its file, whatever it is."""
    path = tmp_path / os.fsdecode(b"odd\n\xff name")
    path.write_text(f"{PHASH}\n")
    found = HashList.load(str(path))
    assert found.name == "odd_? name"
    assert found.source == str(path)
    assert next(iter(found)).id == "odd_?_name:1"


@pytest.mark.parametrize(
    "flat",
    [
        "0" * 16,
        "f" * 16,
        "phash:" + "F" * 64,
        "phash:" + "8" + "0" * 63,
        "dhash:" + "0" * 64,
        "pdq:" + "0" * 64,
        *(f"{name}:{digest}" for name, digest in EMPTY.items()),
    ],
)
def test_flat_hashes_are_counted_and_left_out(flat: str) -> None:
    """The hash of a blank picture or an empty file never becomes an entry that can match."""
    found = HashList.loads(f"{flat} a\n{PHASH} b\n")
    assert (len(found), found.flat, found.skipped) == (1, 1, 0)
    assert next(iter(found)).id == "b"


def test_what_is_flat_depends_on_the_algorithm() -> None:
    """The one-bit pattern is flat only for pHash."""
    assert HashList.loads("dhash:8000000000000000\n").flat == 0


def test_a_list_of_flat_hashes_alone_has_no_section() -> None:
    """No section is empty, and a list that can match nothing says so."""
    found = HashList.loads("phash:0000000000000000 a\n")
    assert found.sections == {}
    assert found.notices == ("the list has no entry that can match",)


def test_an_empty_file_is_no_list(tmp_path: Path) -> None:
    """An empty file, such as a failed download, is not taken for a list that matches nothing."""
    path = tmp_path / "list.txt"
    path.touch()
    with pytest.raises(HashListError, match=r"list\.txt: the hash list is an empty file"):
        HashList.load(path)
    assert len(HashList.loads("\n")) == 0


UNKNOWN = "unknown algorithm; choose from " + ", ".join(algorithms())

BAD_LINES = [
    (f"{PHASH}0 x".encode(), "a hash that names no algorithm has 16 hex digits, not 17"),
    (f"{PHASH[:15]} x".encode(), "a hash that names no algorithm has 16 hex digits, not 15"),
    (f"dhash:{PHASH}{PHASH} x".encode(), "dhash has 16 or 64 hex digits, not 32"),
    (f"{PHASH[:15]}g x".encode(), "the hash is not hex"),
    (f"0x{PHASH[2:]} x".encode(), "the hash is not hex"),
    (f"{PHASH[:8]}_{PHASH[:7]} x".encode(), "the hash is not hex"),
    (f"+{PHASH[1:]}".encode(), "the hash is not hex"),
    (f"{PHASH},x,label".encode(), "the hash is not hex"),
    ("٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥".encode(), "the hash is not hex"),
    (b"dhash: x", "the hash is not hex"),
    (f"ahash:{WIDE} x".encode(), UNKNOWN),
    (f"sha1:{WIDE[:39]} x".encode(), "sha1 has 40 hex digits, not 39"),
    (f"md5:{WIDE[:40]} x".encode(), "md5 has 32 hex digits, not 40"),
    (f":{PHASH}".encode(), UNKNOWN),
    (f"phash:phash:{PHASH}".encode(), UNKNOWN),
    (f"{PHASH} x\0".encode(), "a control character in the line"),
    (f"# {PHASH} \0".encode(), "a control character in the line"),
    (f"{PHASH} i\x1bd".encode(), "a control character in the line"),
    (f"{PHASH} id la\rbel".encode(), "a control character in the line"),
    (f"{PHASH} id\r\r".encode(), "a control character in the line"),
    (f"{PHASH} id la\x7fbel".encode(), "a control character in the line"),
    (f"{PHASH}\x0bid".encode(), "a control character in the line"),
    (f"{PHASH} id la\x85bel".encode(), "a control character in the line"),
    (f"{PHASH} id la\u2028bel".encode(), "a control character in the line"),
    (f"{PHASH} id la\tbel".encode(), "a tab in the label"),
    (f"{PHASH} id ".encode() + b"\xff", "the line is not UTF-8"),
    (f"# {PHASH} ".encode() + b"\xc3", "the line is not UTF-8"),
    (f"{PHASH} id \ud800".encode(errors="surrogatepass"), "the line is not UTF-8"),
    (f"{PHASH} {'x' * 70_000}".encode(), "the line is longer than 65,536 bytes"),
    (f"{OTHER} twice".encode(), "the id is on line 2 already"),
    (f"{OTHER} list.txt:3".encode(), "the id is taken: line 3 has no id and gets this one"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_a_bad_line_is_told_by_its_number(line: bytes, message: str) -> None:
    """Each kind of faulty line gives one problem, with its number and what is wrong."""
    # With a zero byte in the first 4 KB, the file would not be taken for text
    comment = b"#" * 4096
    data = b"\n".join([comment, f"{OTHER} twice".encode(), OTHER.encode(), line, b"", b""])
    assert problems_of(data) == [(4, message)]


def test_all_bad_lines_are_told_at_once_and_none_is_quoted(tmp_path: Path) -> None:
    """One error lists every problem in order of lines, and shows no hash in any form."""
    path = tmp_path / "list.txt"
    lines = [b"#" * 4096, f"{OTHER} twice".encode(), OTHER.encode()]
    path.write_bytes(b"\n".join([*lines, *(line for line, _ in BAD_LINES)]))
    with pytest.raises(HashListError) as caught:
        HashList.load(path)
    error = caught.value
    assert [problem.message for problem in error.problems] == [text for _, text in BAD_LINES]
    assert [problem.line for problem in error.problems] == [
        4 + number for number in range(len(BAD_LINES))
    ]
    assert error.count == len(BAD_LINES)
    assert str(error) == (
        f"{path}: 31 of 34 lines are wrong; fix them, or use --skip-bad-entries to load the rest"
    )
    shown = "".join(traceback.format_exception(error)) + repr(error)
    shown += "".join(f"{problem} {problem!r}" for problem in error.problems)
    assert PHASH[:6] not in shown.lower()
    assert OTHER[:6] not in shown.lower()


def test_ids_that_only_look_like_places() -> None:
    """An id like ``file:line`` is wrong only if another entry gets it, and is reported once."""
    text = f"{PHASH}\n{PHASH} list.txt:01\n{PHASH} list.txt:2\n{PHASH} list.txt:{'9' * 5000}\n"
    assert len(HashList.loads(text, name="list.txt")) == 4
    assert problems_of(f"{PHASH}\n{PHASH} list.txt:1\n{PHASH} list.txt:1\n") == [
        (2, "the id is taken: line 1 has no id and gets this one"),
        (3, "the id is taken: line 1 has no id and gets this one"),
    ]


def test_skip_bad_entries_loads_and_counts_the_rest() -> None:
    """Faulty lines and later rows of a repeated id are left out and counted."""
    text = f"{PHASH} a\nbad\n{OTHER} a\n{OTHER} b\n"
    found = HashList.loads(text, skip_bad_entries=True)
    assert [(entry.id, str(entry.hash)) for entry in found] == [("a", PHASH), ("b", OTHER)]
    assert found.skipped == 2


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("# algorithm: ahash", UNKNOWN),
        ("# algorithm: phash\n# algorithm: phash", "the header gives its algorithm twice"),
        ("# name: a\n# name: b", "the header gives its name twice"),
        ("# name: a\tb", "a control character in the name"),
        ("# name: a\x00b".ljust(5000), "a control character in the line"),
    ],
)
def test_a_bad_header_cannot_be_skipped(header: str, message: str) -> None:
    """After a faulty header no entry is loaded, but all are still checked."""
    # The zero byte in one case must come after the first 4 KB
    text = "#".ljust(5000, ".") + f"\n{header}\n{PHASH}00\ndhash:{PHASH}00\nxyz"
    found = problems_of(text, skip_bad_entries=True)
    line = 2 + header.count("\n")
    assert found[0] == (line, message)
    # The width of a hash can be checked only if its algorithm is known
    assert (line + 1 in dict(found)) == ("algorithm twice" in message)
    assert (line + 2, "dhash has 16 or 64 hex digits, not 18") in found
    assert found[-1] == (line + 3, "the hash is not hex")


def test_very_many_problems_are_counted_and_the_first_kept() -> None:
    """A file with a million faulty lines gives an error that fits in memory."""
    text = f"{PHASH} a\n" + f"{OTHER} a\nzzz\n" * 10_001
    with pytest.raises(HashListError) as caught:
        HashList.loads(text)
    assert caught.value.count == 20_002
    assert [problem.line for problem in caught.value.problems] == list(range(2, 10_002))


@pytest.mark.parametrize("data", ["ä".encode("utf-16"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_file_that_is_no_text_gets_one_error(data: bytes) -> None:
    """A picture or UTF-16 text is refused as a whole, not line by line."""
    with pytest.raises(HashListError, match="not a hash list, but ") as caught:
        HashList.loads(data)
    assert caught.value.problems == ()


def test_absent_unreadable_and_folder(tmp_path: Path) -> None:
    """A list that cannot be read raises HashListError with the path and the reason."""
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(HashListError, match="cannot read the hash list") as caught:
            HashList.load(path)
        assert caught.value.path == str(path)


def test_a_file_without_line_ends_does_not_fill_the_memory() -> None:
    """Only the beginning of a line that never ends is kept in memory."""

    class Endless(io.RawIOBase):
        left = 3000

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"a" * size if self.left > 0 else b""

    with pytest.raises(HashListError) as caught:
        read_text(Tap(Endless()), Options("x", "x"))
    assert [problem.line for problem in caught.value.problems] == [1]


@given(entry_lists, st.none() | st.just("7"), st.booleans())
def test_round_trip(made: list[Entry], version: str | None, crlf: bool) -> None:
    """A list written as text reads back with the same entries, name and version."""
    first = HashList.from_entries(made, name="Some list", version=version)
    text = first.dumps()
    again = HashList.loads(text.replace("\n", "\r\n") if crlf else text)
    assert list(again) == list(first)
    assert (again.name, again.version, again.created) == ("Some list", version, None)
    assert again.notices == first.notices
    if not crlf:
        assert again.digest == first.digest
        assert again.dumps() == text


@given(entry_lists)
def test_from_entries_keeps_all_but_flat_hashes(made: list[Entry]) -> None:
    """A list made from entries returns them, grouped by kind."""
    found = HashList.from_entries(made)
    solid = [entry for entry in made if not is_flat(entry.hash)]
    assert found.flat == len(made) - len(solid)
    assert len(found) == len(solid)
    for kind, section in found.sections.items():
        assert list(section) == [entry for entry in solid if entry.hash.kind == kind]
        assert [section.entry(row) for row in range(len(section))] == list(section)


def outcome(data: bytes, skip: bool, parse_block: grammar.ParseBlock) -> object:
    """The result of reading a list, as one comparable value."""
    try:
        options = Options("list", "list", None, skip)
        found = read_text(Tap(io.BytesIO(data)), options, parse_block=parse_block)
    except HashListError as error:
        return str(error), [(problem.line, problem.message) for problem in error.problems]
    sections = {kind: list(section) for kind, section in found.sections.items()}
    return (
        list(sections.items()),
        found.name,
        found.version,
        found.created,
        found.flat,
        (
            found.skipped,
            found.notices,
        ),
    )


@examples(300)
@given(almost_lists, st.booleans())
def test_fast_and_slow_reading_agree(data: bytes, skip: bool) -> None:
    """The NumPy parser and the line-by-line reference give the same list or the same problems."""
    fast = outcome(data, skip, blocks.parse_block)
    assert fast == outcome(data, skip, grammar.parse_block)


@given(st.data())
def test_blocks_are_cut_anywhere(data: st.DataObject) -> None:
    """A list reads the same in whatever pieces it arrives."""
    text = data.draw(almost_lists)
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))

    class Dripping(io.RawIOBase):
        place = 0
        turn = 0

        def read(self, _: int = -1) -> bytes:
            # A byte order mark comes in one piece, as from any file
            size = sizes[self.turn % len(sizes)] if self.turn else 3
            self.turn += 1
            self.place += size
            return text[self.place - size : self.place]

    def read(stream: io.RawIOBase) -> object:
        try:
            found = read_text(Tap(stream), Options("list", "list"))
        except HashListError as error:
            return str(error), [(problem.line, problem.message) for problem in error.problems]
        return found.digest, [list(section) for section in found.sections.values()]

    assert read(Dripping()) == read(io.BytesIO(text))


@examples(300)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_list_or_an_error_with_lines(data: bytes) -> None:
    """Whatever the input, the reader gives a list or a HashListError."""
    lines: list[int | None] = []
    try:
        read_text(Tap(io.BytesIO(data)), Options("x", "x"))
    except HashListError as error:
        lines = [problem.line for problem in error.problems]
    assert None not in lines
