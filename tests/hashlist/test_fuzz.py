"""Lists damaged in many ways: each one gives a list, or an error that says where.

Hypothesis tests begin with nothing. This one begins with valid lists, so that it gets deep into
every reader. The same seed makes the same inputs.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from counts import LONG
from hashmatch.errors import HashListError
from hashmatch.hashlist import HashList, save_compiled
from hashmatch.hashlist.compiled import layout
from hashmatch.hashlist.compiled.layout import MAGIC, PREFIX, header_digest
from hashmatch.hashlist.formats import FORMATS
from hashmatch.hashlist.kinds import is_known
from hashmatch.hashlist.signing import make_keys, sign_list, verify_list

from .feeds import Item, in_base64, ncmec, stopncii, tat, threat_updates, vics
from .strategies import EMPTY

TOTAL = 1_000_000 if LONG else 3_000
"""The number of inputs, over all readers."""

SEED = 1
PHASH, OTHER = "ca9a11fe0123bead", "d15ea5ed0123beef"
MD5, PDQ = PHASH + OTHER, (PHASH + OTHER) * 2
QUOTED = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{10}", re.IGNORECASE)
"""No message may have this many digits of a hash. Every such piece of these has a letter."""

ITEMS = [
    Item("42-a", {"md5": MD5, "sha1": MD5 + PHASH[:8], "photodna": PDQ}, "1", "Example"),
    Item("42-b", {"pdq": PDQ, "sha256": in_base64(PDQ)}, "2"),
    Item("42-c", {"md5": EMPTY["md5"]}, "0", gone=True),
    Item("42-a", {"md5": OTHER + PHASH}, "1", added="2026-01-03"),
]
SIGNALS = [
    Item(n, {k: v for k, v in each.hashes.items() if k in ("md5", "pdq")}, gone=each.gone)
    for n, each in enumerate(ITEMS)
]
TEXT = (
    f"# algorithm: phash\n# name: fuzzed\n# version: 3\n{PHASH} one a label\n"
    f"dhash:{OTHER}\tb-2\n{PDQ} c é\nmd5:{MD5}\npdq:{PDQ} d\n{'0' * 16} flat\n"
)
CSV = (
    "# name: fuzzed\n# algorithm: phash\n"
    "hash,algorithm,id,label,category,source,added,expires,withdrawn\n"
    f'{PHASH},,one,"a, ""label""",1,x,2026-01-02,2099-01-01,\n{MD5},md5,b,,0,,,,no\n'
    f"{in_base64(MD5)},md5,c,,,,,,\n,,gone,,,,,,yes\n{PDQ},pdq,d,,,,,,\n"
)
DATASET = (
    "signal_type,signal_str,collab,category,tags\n"
    f"pdq,{PDQ},one,TRUE_POSITIVE,tag_a tag_b\nvideo_md5,{MD5},two,FALSE_POSITIVE,\n"
    'raw_text,"some, text",two,,\n'
)
FILMS = f'["{PDQ},90,0.0","{MD5 * 2},60,1.5"]\n["{PDQ},10,0","{PDQ},100,7200.25"]\n'
CORPUS: dict[str, list[bytes]] = {
    form: [text.encode() for text in texts]
    for form, texts in {
        "text": [TEXT, TEXT.replace("\n", "\r\n"), f"{PHASH}\n{OTHER}\n"],
        "csv": [CSV, f"hash\n{PHASH}\n{OTHER}\n", CSV.replace("\n", "\r\n")],
        "threatexchange": [DATASET, f"# x\npdq {PDQ}\nmd5\t{MD5}\n{PDQ}\nurl x y\n"],
        "ncmec": [ncmec(ITEMS), ncmec(ITEMS, "urn:x", "n") + ncmec(ITEMS[:1])],
        "stopncii": [stopncii(SIGNALS), stopncii(SIGNALS, 2)],
        "vics": [vics(ITEMS), vics(ITEMS, "2.0", cases=True, indent=1)],
        "tat": [tat(ITEMS), tat(ITEMS, "results")],
        "vpdq": [FILMS, FILMS * 2],
        "threat-updates": [threat_updates(SIGNALS), threat_updates(SIGNALS, following="x")],
    }.items()
}
TOKENS = [
    *(b"", b"\n", b"\r", b"\r\n", b",", b'"', b'""', b"\\", b":", b"#", b"\t", b" ", b"=", b"-"),
    *(b"{", b"}", b"[", b"]", b"{}", b"[]", b"null", b"true", b"1e999", b"-0", b"9" * 5000),
    *(b"<", b">", b"</", b"/>", b"<!--", b"<![CDATA[", b"]]>", b"&amp;", b"&x;", b"<?x?>"),
    *(b"<!DOCTYPE x>", b"</queryResult>", b"<queryResult>", b"<image>", b"</image>", b"xmlns="),
    *(b"\0", b"\x7f", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc2\x85", b"\x1b"),
    *(b"\\ud800", b"\\u0000", b"0x", b"phash:", b"md5", b"PDQ", b"id", b"hash", b"withdrawn"),
    *(b"2026-02-30", b"9999-12-31", b"0001-01-01T00:00:00+23:59", b"Infinity", b"NaN", b"1" * 30),
    *(PHASH.encode(), PDQ.encode(), MD5.encode(), b"0" * 32, b"A" * 70_000, b"[" * 3000),
]
TOKEN_WEIGHTS = [1 if len(token) > 100 else 20 for token in TOKENS]


def damaged(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Make a few changes to one of some inputs."""
    data = bytearray(chance.choice(seeds))
    for _ in range(1 + int(chance.expovariate(0.7))):
        place = chance.randrange(len(data) + 1)
        length = min(int(chance.expovariate(0.1)), len(data) - place)
        what = chance.randrange(8)
        if what == 0 and place < len(data):
            data[place] ^= 1 << chance.randrange(8)
        elif what == 1:
            del data[place : place + length]
        elif what == 2:
            data[place:place] = data[place : place + 5 * length]
        elif what == 3:
            other = chance.choice(seeds)
            begin = chance.randrange(len(other))
            data[place : place + length] = other[begin : begin + 5 * length]
        elif what == 4 and chance.random() < 0.2:
            del data[place:]
        elif what == 5:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            data = bytearray(b"\n".join(lines))
        else:
            token = chance.choices(TOKENS, TOKEN_WEIGHTS)[0]
            data[place : place + (length if chance.random() < 0.5 else 0)] = token
    return bytes(data)


def inputs(name: str, seeds: list[bytes], count: int) -> Iterator[tuple[random.Random, bytes]]:
    """Damaged inputs, each with the random generator that made it."""
    for number in range(count):
        chance = random.Random(f"{SEED} {name} {number}")
        yield chance, damaged(chance, seeds)


def check_error(error: HashListError, data: bytes, path: str) -> None:
    """Check that an error names the file and the place, and quotes nothing."""
    assert error.path == path
    lines = [problem.line for problem in error.problems]
    if lines:
        assert None not in lines
        assert lines == sorted(lines)
        assert error.count == len(lines)
    elif error.line is not None:
        lines = [error.line]
    # Many records may begin on one line, up to one for each byte
    assert all(1 <= line <= 1 + len(data) for line in lines)
    told = "".join(map(str, (error, *error.problems))).replace(path, "")
    assert not QUOTED.search(told), "the message may quote the list"


def check_list(found: HashList, *, again: bool) -> None:
    """Check that every entry can be read, and that the list can be written."""
    entries = list(found)
    assert len(entries) == len(found)
    assert all(entry.id and is_known(entry.hash.kind) for entry in entries)
    if again:
        written = HashList.loads(found.dumps("csv"), policy=None)
        assert list(written) == entries


@pytest.mark.parametrize("form", list(CORPUS))
def test_damaged_lists(form: str) -> None:
    """A damaged list in any format gives a list, or an error with a place and without a quote."""
    assert CORPUS.keys() == FORMATS.keys()
    refused = 0
    count = TOTAL // (len(CORPUS) + 2)
    for chance, data in inputs(form, CORPUS[form], count):
        try:
            found = HashList.loads(
                data,
                name="fuzzed",
                list_format=form if chance.random() < 0.5 else None,
                skip_bad_entries=chance.random() < 0.5,
                policy=None,
            )
        except HashListError as error:
            refused += 1
            check_error(error, data, "fuzzed")
        else:
            check_list(found, again=chance.random() < 0.1)
    assert count // 10 < refused < count, "the damage is too heavy or too light to prove anything"


def sealed(head: bytes, rest: bytes) -> bytes:
    """A compiled list with this header and a correct checksum."""
    head = head.ljust(layout.padded(PREFIX.size + len(head)) - PREFIX.size)
    return PREFIX.pack(MAGIC, 1, len(head), header_digest(1, head, len(head))) + head + rest


def compiled_inputs(path: Path, count: int) -> Iterator[bytes]:
    """Damaged files, and files whose damaged header has a correct checksum."""
    save_compiled(HashList.loads(TEXT), path)
    image = path.read_bytes()
    begin = PREFIX.size + PREFIX.unpack(image[: PREFIX.size])[2]
    head, rest = image[PREFIX.size : begin].rstrip(), image[begin:]
    for chance, data in inputs("header", [head], count // 2):
        yield sealed(data, rest if chance.random() < 0.9 else data)
    for _, data in inputs("compiled", [image], count - count // 2):
        yield data


def test_damaged_compiled_lists(tmp_path: Path) -> None:
    """A damaged compiled list is refused, or is exactly what its header says."""
    for data in compiled_inputs(tmp_path / "list", TOTAL // (len(CORPUS) + 2)):
        if data:
            try:
                check_list(HashList.loads(data, name="fuzzed"), again=False)
            except HashListError as error:
                check_error(error, data, "fuzzed")


def test_damaged_signatures(tmp_path: Path) -> None:
    """A signature that differs in any byte is refused."""
    pytest.importorskip("cryptography")
    path, signature = tmp_path / "list", tmp_path / "list.sig"
    path.write_text(TEXT)
    make_keys(tmp_path / "key", tmp_path / "key.pub")
    sign_list(path, tmp_path / "key")
    found, whole = HashList.load(path), signature.read_bytes()
    verify_list(found, signature, tmp_path / "key.pub")
    for _, data in inputs("signature", [whole], TOTAL // (len(CORPUS) + 2)):
        if data != whole:
            signature.write_bytes(data)
            with pytest.raises(HashListError) as caught:
                verify_list(found, signature, tmp_path / "key.pub")
            assert caught.value.path in (str(signature), str(path))
            assert not QUOTED.search(caught.value.args[0] if caught.value.args else "")
