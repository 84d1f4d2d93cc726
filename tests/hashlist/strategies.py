"""What hypothesis makes hash lists of: well-formed entries, and lines that are almost so."""

from hypothesis import strategies as st

from hashmatch.model import Entry, HashKind, PerceptualHash

KINDS = [HashKind(name, bits) for name in ("phash", "dhash") for bits in (64, 256)]

characters = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
ids = st.text(characters, min_size=1, max_size=12).filter(lambda text: " " not in text)
labels = st.text(characters, min_size=1, max_size=20).map(str.strip).filter(bool)
words = st.one_of(
    st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1, 0xCA9A_11FE_0000_0000])
)


@st.composite
def hashes(draw: st.DrawFn) -> PerceptualHash:
    """Hashes of every kind that a list can hold, flat ones among them."""
    kind = draw(st.sampled_from(KINDS))
    return PerceptualHash(*kind, tuple(draw(words) for _ in range(kind.words)))


def is_flat(value: PerceptualHash) -> bool:
    """What a blank picture gives, told without NumPy."""
    text = str(value)
    patterns = {"0" * len(text), "f" * len(text)}
    if value.algorithm == "phash":
        patterns.add("8" + "0" * (len(text) - 1))
    return text in patterns


entries = st.builds(Entry, ids, hashes(), st.none() | labels)
entry_lists = st.lists(entries, max_size=12, unique_by=lambda entry: (entry.id, entry.hash.kind))

_blanks = st.text(" \t", min_size=1, max_size=3)
_maybe_blanks = st.text(" \t", max_size=2)
_values = st.one_of(
    hashes().map(str),
    hashes().map(lambda value: str(value).upper()),
    hashes().map(lambda value: f"{value.algorithm}:{value}"),
    hashes().map(lambda value: f"{value.algorithm.upper()}:{value}"),
    st.text("0123456789abcdefABCDEF", max_size=70),
    st.sampled_from(
        ["phash:", "pdq:", ":", "0x", "dhash:phash:", "é", "00ff", "#", "\x00", "G" * 16]
    ),
    st.text(max_size=8),
)
_fields = st.one_of(st.sampled_from(["a", "b", "list:1", "list:3"]), ids, st.text(max_size=6))
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
    st.sampled_from(
        [
            "",
            " ",
            "# a comment",
            " # algorithm: dhash",
            "#algorithm:DHASH",
            "# algorithm: pdq",
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
"""Bytes that look like a list in many of their lines."""
