"""Hypothesis strategies for hash lists: well-formed entries, and lines that almost are."""

from hypothesis import strategies as st

from hashmatch.model import Entry, HashKind, PerceptualHash

KINDS = [
    *(HashKind(name, bits) for name in ("phash", "dhash") for bits in (64, 256)),
    *(HashKind(*kind) for kind in [("pdq", 256), ("md5", 128), ("sha1", 160), ("sha256", 256)]),
]
EMPTY = {
    "md5": "d41d8cd98f00b204e9800998ecf8427e",
    "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}

characters = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
ids = st.text(characters, min_size=1, max_size=12).filter(lambda text: " " not in text)
labels = st.text(characters, min_size=1, max_size=20).map(str.strip).filter(bool)
words = st.one_of(
    st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1, 0xCA9A_11FE_0000_0000])
)


@st.composite
def hashes(draw: st.DrawFn) -> PerceptualHash:
    """Hashes of every kind that a list can hold, including flat ones."""
    kind = draw(st.sampled_from(KINDS))
    made = [draw(words) for _ in range(kind.words)]
    made[-1] &= ~0 << 64 * kind.words - kind.bits
    if kind.bits == 256 and not f"{made[0]:x}".strip("01"):
        made[0] |= 2  # 64 digits of 0 and 1 are refused as binary
    return PerceptualHash(*kind, tuple(made))


def is_flat(value: PerceptualHash) -> bool:
    """Whether a hash is that of a blank picture or an empty file, without NumPy."""
    text = str(value)
    if value.algorithm in EMPTY:
        return text == EMPTY[value.algorithm]
    patterns = {"0" * len(text), "f" * len(text)}
    if value.algorithm == "phash":
        patterns.add("8" + "0" * (len(text) - 1))
    return text in patterns


entries = st.builds(Entry, ids, hashes(), st.none() | labels)
entry_lists = st.lists(entries, max_size=12, unique_by=lambda entry: (entry.id, entry.hash.kind))

free_texts = st.text(characters, min_size=1, max_size=12)
full_entries = st.builds(
    Entry,
    free_texts,
    hashes(),
    st.none() | free_texts,
    category=st.none() | st.sampled_from(["A", "B1", "0", "grade 2", ","]),
    source=st.none() | free_texts,
    added=st.none() | st.sampled_from(["2026-01-02", "2026-01-02T03:04:05Z"]),
    expires=st.none() | st.sampled_from(["2001-01-01", "9999-12-31", "2300-01-01T00:00:00+01:00"]),
)
"""Entries with every field of the model, and ids and labels that the text format cannot hold."""
full_entry_lists = st.lists(
    full_entries, max_size=10, unique_by=lambda entry: (entry.id, entry.hash.kind)
)

_blanks = st.text(" \t", min_size=1, max_size=3)
_maybe_blanks = st.text(" \t", max_size=2)
_values = st.one_of(
    hashes().map(str),
    hashes().map(lambda value: str(value).upper()),
    hashes().map(lambda value: f"{value.algorithm}:{value}"),
    hashes().map(lambda value: f"{value.algorithm.upper()}:{value}"),
    st.sampled_from([f"{name}:{digest}" for name, digest in EMPTY.items()]),
    st.text("0123456789abcdefABCDEF", max_size=70),
    st.sampled_from(
        ["phash:", "ahash:", ":", "0x", "dhash:phash:", "é", "00ff", "#", "\x00", "G" * 16]
    ),
    st.text(max_size=8),
)
_fields = st.one_of(st.sampled_from(["a", "b", "list:1", "list:3"]), ids, st.text(max_size=6))
_odd_labels = st.sampled_from(
    ["a\tb", "a \t b", "a\x7fb", "a\rb", "a\x85b", "a\u2028", "a\r", "\x1b"]
)
_lines = st.one_of(
    st.builds(
        lambda *parts: "".join(parts),
        _maybe_blanks,
        _values,
        st.one_of(st.just(""), _blanks),
        st.one_of(st.just(""), _fields),
        st.one_of(st.just(""), _blanks),
        st.one_of(st.just(""), labels, st.text(max_size=6)),
        _maybe_blanks,
    ),
    st.builds(
        "dhash:{} {} {}".format,
        st.integers(16**15, 16**16 - 1).map("{:x}".format),
        ids,
        _odd_labels,
    ),
    st.sampled_from(
        [
            "",
            " ",
            "# a comment",
            " # algorithm: dhash",
            "#algorithm:DHASH",
            "# algorithm: ahash",
            "# name: one",
            "# Version : 7",
            "# created: 2026-01-02",
            "#",
        ]
    ),
)
_encoded = st.one_of(
    _lines.map(lambda line: line.encode(errors="replace")),
    st.binary(max_size=30),
)
almost_lists = st.builds(
    lambda bom, lines, ends, last: bom + b"".join(map(bytes.__add__, lines, ends)) + last,
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(_encoded, max_size=12),
    st.lists(st.sampled_from([b"\n", b"\n", b"\r\n", b"\r\r\n"]), min_size=12, max_size=12),
    st.one_of(st.just(b""), _encoded),
)
"""Bytes of which many lines look like those of a list."""
