"""A file that is not a list is named for what it is, in one line."""

import bz2
import gzip
import json
import lzma

import pytest

from examine.archive.makers import make_zip
from hashmatch.errors import HashListError
from hashmatch.hashlist import HashList

HASH = "ca9a11fe0123bead"
TEXT = f"# algorithm: phash\n{HASH} a\n"
CSV = f"hash,id\n{HASH},a\n{HASH},b\n"


FILES = [
    (TEXT.encode("utf-16"), "UTF-16"),
    (CSV.encode("utf-16-le"), "UTF-16"),
    (CSV.encode("utf-16-be"), "UTF-16"),
    (make_zip({"list.txt": TEXT}), "a ZIP archive: unpack it first"),
    (
        make_zip(dict.fromkeys(("[Content_Types].xml", "xl/workbook.xml"), TEXT)),
        "a spreadsheet or document: save it as CSV",
    ),
    (gzip.compress(TEXT.encode(), mtime=0), "compressed with gzip"),
    (bz2.compress(TEXT.encode()), "compressed with bzip2"),
    (lzma.compress(TEXT.encode()), "compressed with xz"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG picture"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture"),
    (b"%PDF-1.7\n", "a PDF"),
    (b"age-encryption.org/v1\n-> X25519 x\n", "encrypted with age"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel"),
    (b"\n<!DOCTYPE html>\n<html><form>", "an HTML page"),
    (b"<HTML><body>", "an HTML page"),
    (f"{HASH} a\0\n".encode(), "binary data"),
]

TEXTS = [
    (f"hash;id\n{HASH};1\n", "a table separated by semicolons: save it as CSV"),
    (f"id;md5\n1;{HASH * 2}\n", "a table separated by semicolons"),
    (f"id\thash\n1\t{HASH}\n", "a table separated by tabs"),
    (f"sep=,\nhash,id\n{HASH},1\n", "a CSV that begins with a line sep=: remove that line"),
    (f"md5,id\n{HASH * 2},1\n", "'md5' and no column 'hash'"),
    (f"filename,phash\na.jpg,{HASH}\n", "'phash' and no column 'hash'"),
    (f"Name,SHA256\na.jpg,{HASH * 4}\n", "pass --algorithm sha256"),
    (json.dumps([{"hash": HASH, "id": "a"}], indent=1), "convert it to CSV"),
    (f'{{"list": "a"}}\n{{"hash": "{HASH}"}}\n', "convert it to CSV"),
    (f'{{"signatures": ["{HASH}"]}}', "JSON of an unknown feed"),
    (f"{HASH * 2}  a.jpg\n", "the output of md5sum: pass --algorithm md5"),
    (f"{(HASH * 3)[:40]} *a.jpg\n", "the output of sha1sum: pass --algorithm sha1"),
    (f"{HASH * 4}  a.jpg\n", "the output of sha256sum: pass --algorithm sha256"),
    (f"{HASH * 18}\n", "PhotoDNA"),
    (f"{'q' * 192},a\n", "PhotoDNA"),
]


@pytest.mark.parametrize(("data", "what"), FILES, ids=[what for _, what in FILES])
@pytest.mark.parametrize("list_format", [None, "text", "csv", "tat"])
def test_what_is_not_text_is_named(data: bytes, what: str, list_format: str | None) -> None:
    """The one error says what the file is, whatever format is asked for."""
    with pytest.raises(HashListError, match="not a hash list, but") as caught:
        HashList.loads(data, list_format=list_format)
    assert what in str(caught.value)
    assert caught.value.problems == ()


@pytest.mark.parametrize(("text", "what"), TEXTS)
@pytest.mark.parametrize("start", ["", "\ufeff", "# a comment\n\n"])
def test_what_fits_no_format_is_named(text: str, what: str, start: str) -> None:
    """One error covers all wrong lines, quotes no hash, and cannot be skipped."""
    whole = text if start == "# a comment\n\n" and text[0] in "[{" else start + text
    with pytest.raises(HashListError, match="no known list format: this looks like") as caught:
        HashList.loads(whole, skip_bad_entries=True)
    assert what in str(caught.value)
    assert caught.value.problems == ()
    assert HASH[:6] not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"# algorithm: sha256\n{HASH * 4}  a.jpg\n",
        f"#Algorithm : md5\n{HASH * 2} *a.jpg\n",
        f"{HASH} md5;hash a label, with commas\n",
        f"phash:{HASH} a\n",
        f"# name: sep=\n{HASH}\n",
    ],
)
def test_sound_lists_are_not_taken_for_something_else(text: str) -> None:
    """A list that names its algorithm is read, whatever its labels look like."""
    assert len(HashList.loads(text)) == 1


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_sums_are_read_with_the_algorithm_that_the_message_asks_for(algorithm: str) -> None:
    """The option that the message suggests makes the file a valid list."""
    digits = {"md5": 32, "sha1": 40, "sha256": 64}[algorithm]
    text = f"{(HASH * 4)[:digits]}  a.jpg\n"
    with pytest.raises(HashListError, match=f"pass --algorithm {algorithm}"):
        HashList.loads(text)
    (entry,) = HashList.loads(text, algorithm=algorithm)
    assert (entry.hash.algorithm, entry.id) == (algorithm, "a.jpg")


@pytest.mark.parametrize("form", ["text", "csv"])
def test_latin_1_is_called_not_utf8(form: str) -> None:
    """A label in Latin-1 is reported as not UTF-8, not as a control character."""
    head = "hash,algorithm,label\n" if form == "csv" else "# algorithm: phash\n"
    row = f"{HASH},phash,café\n" if form == "csv" else f"{HASH} a café\n"
    with pytest.raises(HashListError) as caught:
        HashList.loads((head + row).encode("latin-1"))
    assert "is not UTF-8" in caught.value.problems[0].message
