"""The compiled list file: the same list again, or a clear refusal."""

import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from counts import LONG
from hashmatch.errors import HashListError, OutputError, SettingsError
from hashmatch.hashlist import HashList, IndexTables, save_compiled
from hashmatch.hashlist.compiled import layout
from hashmatch.hashlist.compiled.layout import MAGIC, PREFIX, header_digest
from hashmatch.model import Entry, HashKind

from .strategies import entry_lists

PHASH = "ca9a11fe0123bead"
KIND = HashKind("phash", 64)
TEXT = f"""\
# name: canary
# version: 3
# created: 2026
{PHASH} a-1 a label
{PHASH}
dhash:{PHASH} x
"""
TABLES = {
    KIND: IndexTables(
        "multi", {"order": np.arange(2, dtype=np.uint32), "flags": np.array([[True], [False]])}
    )
}

"""If set, the tests run with their full counts."""


@pytest.fixture
def small() -> HashList:
    """A list with two kinds of hashes, a label and an entry without an id."""
    return HashList.loads(TEXT, name="small.txt")


@pytest.fixture
def image(small: HashList, tmp_path: Path) -> bytes:
    """The bytes of a small compiled list with every kind of array."""
    save_compiled(small, tmp_path / "image.hml", TABLES)
    return (tmp_path / "image.hml").read_bytes()


def refused(data: bytes, path: Path) -> str:
    """The error message for a file of these bytes."""
    path.write_bytes(data)
    with pytest.raises(HashListError) as caught:
        HashList.load(path)
    assert PHASH not in str(caught.value)
    return str(caught.value)


@given(made=entry_lists)
def test_round_trip(made: list[Entry], tmp_path_factory: pytest.TempPathFactory) -> None:
    """A compiled list equals the original, digest included, from a file or a pipe."""
    first = HashList.from_entries(made, name="Some list", version="1.2")
    path = tmp_path_factory.getbasetemp() / "round-trip.hml"
    save_compiled(first, path)
    for again in (HashList.load(path), HashList.loads(path.read_bytes())):
        assert list(again) == list(first)
        assert list(again.sections) == list(first.sections)
        for name in ("name", "version", "created", "digest", "flat", "skipped", "notices"):
            assert getattr(again, name) == getattr(first, name)


def test_ids_by_line_survive(small: HashList, image: bytes) -> None:
    """An entry without an id keeps its line number from the text."""
    again = HashList.loads(image, name="other.hml")
    assert [entry.id for entry in again] == ["a-1", "small.txt:5", "x"]
    assert list(again) == list(small)
    assert (again.name, again.version, again.created) == ("canary", "3", "2026")


def test_tables_come_back(image: bytes) -> None:
    """The tables of an index are stored unchanged, whatever they hold."""
    index_tables = HashList.loads(image).index_tables
    assert list(index_tables) == [KIND]
    assert index_tables[KIND].kind == "multi"
    for name, array in TABLES[KIND].arrays.items():
        again = index_tables[KIND].arrays[name]
        assert again.dtype == array.dtype
        assert again.tolist() == array.tolist()


def test_empty_tables_come_back(small: HashList, tmp_path: Path) -> None:
    """An empty array comes back as an empty array."""
    empty = np.empty((0, 3), dtype=np.int64)
    save_compiled(small, tmp_path / "a", {KIND: IndexTables("none", {"a": empty, "b": empty})})
    arrays = HashList.load(tmp_path / "a").index_tables[KIND].arrays
    assert {name: array.shape for name, array in arrays.items()} == {"a": (0, 3), "b": (0, 3)}


def test_arrays_are_mapped_aligned_and_read_only(image: bytes, tmp_path: Path) -> None:
    """Opening copies nothing, and all arrays are read-only."""
    path = tmp_path / "list.hml"
    path.write_bytes(image)
    found = HashList.load(path)
    section = found.sections[KIND]
    arrays = [section.codes, section.lines, section.id_order]
    for column in section.columns.values():
        arrays += [column.data, column.offsets]
    arrays += found.index_tables[KIND].arrays.values()
    for array in arrays:
        assert not array.flags.writeable
        assert not array.flags.owndata
        assert array.ctypes.data % 64 == 0


def test_file_is_private_and_replaced_whole(small: HashList, tmp_path: Path) -> None:
    """Only its owner can read a compiled list, and no other file is left beside it."""
    path = tmp_path / "list.hml"
    path.write_text("old")
    save_compiled(small, path)
    assert os.name != "posix" or stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError):
        save_compiled(small, tmp_path / "absent" / "list.hml")


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be replaced elsewhere")
def test_an_open_list_outlives_its_file(small: HashList, tmp_path: Path) -> None:
    """A process that has a list open keeps it even when a new one replaces the file."""
    path = tmp_path / "list.hml"
    save_compiled(small, path)
    found = HashList.load(path)
    save_compiled(HashList.loads(f"phash:{PHASH} new"), path)
    assert list(found) == list(small)
    assert [entry.id for entry in HashList.load(path)] == ["new"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_compiled_list_through_a_pipe(small: HashList, image: bytes, tmp_path: Path) -> None:
    """A list that cannot be mapped is read into memory."""
    pipe, path = tmp_path / "pipe", tmp_path / "list.hml"
    os.mkfifo(pipe)
    path.write_bytes(image)
    with subprocess.Popen(["/bin/sh", "-c", 'cat "$1" > "$2"', "sh", str(path), str(pipe)]):
        assert list(HashList.load(pipe)) == list(small)


def test_every_flipped_byte_is_refused(image: bytes, tmp_path: Path) -> None:
    """A change to any byte is noticed, in the header, the padding or an array."""
    path = tmp_path / "list.hml"
    numbers = np.random.default_rng(3).integers(0, 8, len(image)).tolist()
    for place, bit in enumerate(numbers):
        flips = range(8) if LONG else (bit,)
        for flip in flips:
            changed = image[:place] + bytes([image[place] ^ 1 << flip]) + image[place + 1 :]
            assert str(path) in refused(changed, path)


def test_every_cut_is_refused(image: bytes, tmp_path: Path) -> None:
    """A file that is cut short anywhere is refused, and so is one with bytes appended."""
    path = tmp_path / "list.hml"
    for length in range(len(image)):
        refused(image[:length], path)
    for more in (b"\0", b"\n", b"\0" * 64, image):
        assert "damaged or cut short" in refused(image + more, path)


def test_a_newer_format_says_so(image: bytes, tmp_path: Path) -> None:
    """Users of an older hashmatch are told why it cannot open the file."""
    newer = image[:8] + (7).to_bytes(4, "little") + image[12:]
    message = refused(newer, tmp_path / "list.hml")
    assert "compiled format 7, and this hashmatch reads up to 1" in message


def reheaded(image: bytes, change: Callable[[dict], object]) -> bytes:
    """The file with another header and a correct checksum."""
    length = PREFIX.unpack(image[: PREFIX.size])[2]
    plain = json.loads(image[PREFIX.size : PREFIX.size + length])
    changed = change(plain)
    text = json.dumps(plain if changed is None else changed).encode()
    text = text.ljust(layout.padded(PREFIX.size + len(text)) - PREFIX.size)
    digest = header_digest(1, text, len(text))
    head = PREFIX.pack(MAGIC, 1, len(text), digest) + text
    return head + image[PREFIX.size + length :]


def arrays_of(header: dict) -> dict:
    """The arrays of the first section, as the header describes them."""
    return header["sections"][0]["arrays"]


def rename(header: dict, old: str, new: str) -> None:
    """Rename an array of the first section in place."""
    header["sections"][0]["arrays"] = {
        new if name == old else name: array for name, array in arrays_of(header).items()
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda header: [header],
        lambda header: header.pop("name") and None,
        lambda header: header.update(flat="1"),
        lambda header: header.update(flat=True),
        lambda header: header.update(sections={}),
        lambda header: header["sections"].append(7),
        lambda header: header["sections"].append(header["sections"][0] | {"arrays": {}}),
        lambda header: header["sections"][0].update(arrays=[]),
        lambda header: header["sections"][0].update(bits=256),
        lambda header: header["sections"][1].update(algorithm="phash"),
        lambda header: arrays_of(header)["codes"].update(type="int64"),
        lambda header: arrays_of(header)["codes"].update(type="float64"),
        lambda header: arrays_of(header)["codes"].update(shape=[1, 2]),
        lambda header: arrays_of(header)["codes"].update(shape=[2]),
        lambda header: arrays_of(header)["codes"].update(shape=[-2, -1]),
        lambda header: arrays_of(header)["codes"].update(shape=[2.0, 1.0]),
        lambda header: arrays_of(header)["codes"].update(shape=[2**70, 0]),
        lambda header: arrays_of(header)["codes"].update(sha256=[]),
        lambda header: arrays_of(header)["codes"].update(sha256=[7]),
        lambda header: rename(header, "codes", "index.codes"),
        lambda header: arrays_of(header)["id.data"].update(type="int8"),
        lambda header: arrays_of(header)["id.data"].update(shape=[3, 1]),
        lambda header: arrays_of(header)["id.offsets"].update(shape=[2]),
        lambda header: arrays_of(header)["id_order"].update(type="int32"),
        lambda header: arrays_of(header)["id_order"].update(shape=[1]),
        lambda header: arrays_of(header)["index.order"].update(type="object"),
        lambda header: rename(header, "lines", "more"),
        lambda header: arrays_of(header)["id.offsets"].update(type="int32"),
        lambda header: rename(header, "id.offsets", "index.offsets"),
        lambda header: rename(header, "id.data", "index.data"),
        lambda header: arrays_of(header)["lines"].update(type="int32"),
        lambda header: arrays_of(header)["lines"].update(shape=[1]),
        lambda header: header["sections"].pop() and None,
    ],
)
def test_a_header_that_makes_no_sense_is_refused(
    image: bytes, tmp_path: Path, change: Callable[[dict], object]
) -> None:
    """A header with a correct checksum that no hashmatch would write gives a clear error, too."""
    path = tmp_path / "list.hml"
    assert list(HashList.loads(reheaded(image, dict)))
    assert "damaged or cut short" in refused(reheaded(image, change), path)


def test_a_section_needs_ids_or_lines(tmp_path: Path) -> None:
    """Every entry must have an id or a line."""
    save_compiled(HashList.loads(f"phash:{PHASH}\n"), tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    nameless = reheaded(data, lambda header: rename(header, "lines", "index.lines"))
    assert "damaged" in refused(nameless, tmp_path / "a")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"name": "\\ud800"}', "\x00"])
def test_a_header_that_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    """Broken and deeply nested JSON is refused."""
    raw = text.encode().ljust(layout.padded(PREFIX.size + len(text)) - PREFIX.size)
    head = PREFIX.pack(MAGIC, 1, len(raw), header_digest(1, raw, len(raw)))
    assert "damaged" in refused(head + raw, tmp_path / "list.hml")


def test_hashes_of_an_unknown_kind_are_refused(image: bytes, tmp_path: Path) -> None:
    """A list with an unknown algorithm cannot match, so it is refused."""
    for change in ({"algorithm": "ahash"}, {"bits": 128}):
        data = reheaded(image, lambda header, new=change: header["sections"][0].update(new))
        assert "an unknown algorithm or width" in refused(data, tmp_path / "a")


def test_tables_that_fit_nothing_are_refused(small: HashList, tmp_path: Path) -> None:
    """Index tables must belong to a section, and hold integers or booleans."""
    with pytest.raises(SettingsError, match="the list has no hashes of the kind"):
        save_compiled(small, tmp_path / "a", {HashKind("phash", 256): TABLES[KIND]})
    with pytest.raises(SettingsError, match="only arrays of integers and booleans"):
        save_compiled(small, tmp_path / "a", {KIND: IndexTables("x", {"x": np.array([0.5])})})
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_many_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays longer than one piece are checksummed in full, even if the last piece is not full."""
    for module in ("compiled_reader", "compiled_writer"):
        monkeypatch.setattr(
            sys.modules[f"hashmatch.hashlist.compiled.{module}"], "PIECE_BYTES", 128
        )
    path = tmp_path / "list.hml"
    for count in (15, 16, 17, 32, 100):
        first = HashList.loads("".join(f"phash:{PHASH[:-3]}{n:03x} {n}\n" for n in range(count)))
        save_compiled(first, path)
        assert list(HashList.load(path)) == list(first)
        data = path.read_bytes()
        for place in range(len(data) - 8 * count, len(data), 61):
            refused(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], path)


def test_a_stream_in_memory(image: bytes, small: HashList) -> None:
    """A compiled list can be loaded from memory."""
    assert list(HashList.loads(io.BytesIO(image).getvalue())) == list(small)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_killed_while_compiling(tmp_path: Path) -> None:
    """After a kill at any moment, either the old or the new list is there, complete."""
    kills = 1_000 if LONG else 40
    program = Path(__file__).with_name("kill_while_compiling.py")
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path), str(kills)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second, amid_writing = map(int, done.stdout.split())
    assert first + second >= kills
    assert min(first, second, amid_writing) > 0, "the kills did not cover every kind of moment"
