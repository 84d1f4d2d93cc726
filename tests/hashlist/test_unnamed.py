"""No hash is silently taken for one of another width or algorithm."""

from functools import partial

import pytest

from hashlist import problems
from hashmatch.hashlist import HashList
from hashmatch.hashlist.kinds import ASSUMPTION, BINARY, unnamed
from hashmatch.model import HashKind

WIDE = "ca9a11fe0123bead" * 4
BITS = f"{0xCA9A11FE0123BEAD:064b}"
FORMATS = ("text", "csv", "threatexchange")


def written(list_format: str, value: str, algorithm: str = "") -> str:
    """A list with one hash after a sound entry that names its algorithm."""
    if list_format == "text":
        return f"md5:{WIDE[:32]} one\n{algorithm and algorithm + ':'}{value} two\n"
    if list_format == "csv":
        return f"hash,algorithm,id\n{WIDE[:32]},md5,one\n{value},{algorithm},two\n"
    return f"signal_type,signal_str\nmd5,{WIDE[:32]}\n{algorithm},{value}\n"


problems_of = partial(problems.problems_of, secrets=(WIDE[:6], BITS[:12]))


@pytest.mark.parametrize("list_format", FORMATS)
@pytest.mark.parametrize("digits", [32, 40, 64, 17])
def test_only_sixteen_digits_may_name_no_algorithm(list_format: str, digits: int) -> None:
    """Digits of any other length without an algorithm are refused with their line."""
    line = 2 if list_format == "text" else 3
    assert problems_of(written(list_format, WIDE[:digits] + "0" * (digits - 64))) == [
        (line, unnamed(digits))
    ]
    found = HashList.loads(written(list_format, WIDE[:digits]), skip_bad_entries=True)
    assert (len(found), found.skipped) == (1, 1)


@pytest.mark.parametrize("list_format", FORMATS)
@pytest.mark.parametrize("algorithm", ["sha256", "pdq", "phash", "dhash"])
def test_64_digits_are_what_somebody_says(list_format: str, algorithm: str) -> None:
    """The entry's own algorithm comes first; without one, the operator's counts."""
    for found in (
        HashList.loads(written(list_format, WIDE, algorithm), algorithm="md5"),
        HashList.loads(written(list_format, WIDE), algorithm=algorithm),
    ):
        assert HashKind(algorithm, 256) in found.sections
        assert found.warnings == ()


@pytest.mark.parametrize("list_format", FORMATS)
def test_the_assumption_is_a_warning(list_format: str) -> None:
    """16 digits are taken for phash, and the list warns about it, even compiled or applied."""
    found = HashList.loads(written(list_format, WIDE[:16]))
    assert HashKind("phash", 64) in found.sections
    assert found.warnings == (ASSUMPTION,)
    assert found.warnings[0] in found.notices
    assert found.apply(found).warnings == (ASSUMPTION,)
    assert HashList.loads(written(list_format, WIDE[:16], "dhash")).warnings == ()


@pytest.mark.parametrize("list_format", FORMATS)
@pytest.mark.parametrize("algorithm", ["phash", "dhash", "pdq", "sha256"])
@pytest.mark.parametrize("value", [BITS, "1" * 64, "0" * 63 + "1", BITS * 4])
def test_a_hash_in_binary_is_refused(list_format: str, algorithm: str, value: str) -> None:
    """64 digits that are all 0 or 1 are refused as binary, whatever algorithm they name."""
    line = 2 if list_format == "text" else 3
    assert problems_of(written(list_format, value, algorithm)) == [(line, BINARY)]


def test_a_blank_picture_is_not_taken_for_binary() -> None:
    """64 zeros are a flat hash, and are left out as one."""
    assert HashList.loads(f"pdq:{'0' * 64} flat\nphash:{WIDE} a\n").flat == 1


@pytest.mark.parametrize("column", ["type", "hash_type", "Algo"])
@pytest.mark.parametrize("word", ["SHA256", "sha-256", "pdq"])
def test_other_names_of_the_column_count(column: str, word: str) -> None:
    """The algorithm is read from other tools' columns, in any case."""
    found = HashList.loads(f"{column},hash,path\n{word},{WIDE.upper()},C:\\a.png\n")
    assert [kind.algorithm for kind in found.sections] == [word.lower().replace("-", "")]


def test_a_column_of_other_types_names_nothing() -> None:
    """A type that is not an algorithm is ignored, and our own column comes first."""
    assert problems_of(f"type,hash\nimage,{WIDE}\n") == [(2, unnamed(64))]
    found = HashList.loads(f"type,hash,algorithm\nmd5,{WIDE},pdq\n")
    assert list(found.sections) == [HashKind("pdq", 256)]


@pytest.mark.parametrize(
    ("line", "algorithm", "name"),
    [
        (f"SHA256 (a b.jpg) = {WIDE}", "sha256", "a b.jpg"),
        (f"SHA2-256(a.jpg)= {WIDE.upper()}", "sha256", "a.jpg"),
        (f"SHA1 (a (1).jpg) = {WIDE[:40]}", "sha1", "a (1).jpg"),
        (f"MD5 (a:b.jpg) = {WIDE[:32]}", "md5", "a:b.jpg"),
    ],
)
def test_tagged_digests_are_read(line: str, algorithm: str, name: str) -> None:
    """Lines in the style of ``sha256sum --tag`` name algorithm and file."""
    (entry,) = HashList.loads(f"{line}\n", algorithm="phash")
    assert (entry.hash.algorithm, entry.id) == (algorithm, name)
    assert problems_of(f"{line[:-1]}\n")[0][0] == 1
