"""Trees of members, in every format that can hold them, and archives gone wrong."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass

from hypothesis import assume
from hypothesis import strategies as st

from hashmatch.examine.archive import sniff_archive
from hashmatch.examine.decode import sniff

from .makers import BLOCK, PACKERS, ZIP_METHODS, Key, make_tar, make_zip

TAR_FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


@dataclass(frozen=True)
class Tree:
    """An archive, and what reading it must give."""

    data: bytes
    expected: tuple[Key, ...]
    is_tar: bool


def _names() -> st.SearchStrategy[str]:
    # NUL ends a name, a slash at its end makes a folder; ustar has room for 100 bytes
    text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
    return text.filter(lambda name: not name.endswith("/"))


def _leaves() -> st.SearchStrategy[bytes]:
    small = st.binary(max_size=1500)
    long = st.builds(lambda seed, times: seed * times, st.binary(min_size=1, max_size=9), _times())
    # What begins like a picture, such as "P1", may be followed by another file
    return (small | long).filter(
        lambda data: sniff_archive(data[:512]) is None and sniff(data[:512]) is None
    )


def _times() -> st.SearchStrategy[int]:
    return st.integers(1, 3000)


@st.composite
def _pack(draw: st.DrawFn, children: st.SearchStrategy[bytes | Tree]) -> Tree:
    packer = draw(st.sampled_from(["zip", "tar", *PACKERS]))
    if packer in PACKERS:
        return _packed_alone(draw(children), packer)
    files = draw(st.dictionaries(_names(), children, min_size=1, max_size=4))
    plain = {name: one.data if isinstance(one, Tree) else one for name, one in files.items()}
    expected = tuple(key for name, one in files.items() for key in _expected(name.encode(), one))
    if packer == "zip":
        method = draw(st.sampled_from(ZIP_METHODS))
        return Tree(make_zip(plain, method), expected, is_tar=False)
    data = make_tar(plain, draw(st.sampled_from(TAR_FORMATS)))
    assume(sniff_archive(data[:512]) == "TAR")
    return Tree(data, expected, is_tar=True)


def _packed_alone(child: bytes | Tree, packer: str) -> Tree:
    if isinstance(child, Tree) and child.is_tar:
        return Tree(PACKERS[packer](child.data), child.expected, is_tar=False)
    data = child.data if isinstance(child, Tree) else child
    return Tree(PACKERS[packer](data), tuple(_expected(b"content", child)), is_tar=False)


def _expected(name: bytes, child: bytes | Tree) -> list[Key]:
    if isinstance(child, bytes):
        return [(name, child, None, False)]
    inside: list[Key] = [
        (name + b"!/" + path, data, reason, nested) for path, data, reason, nested in child.expected
    ]
    return [*inside, (name, child.data if child.is_tar else None, None, True)]


def trees() -> st.SearchStrategy[Tree]:
    """Archives of up to three levels, with what they hold."""
    flat = _pack(_leaves())
    return flat | _pack(_leaves() | flat) | _pack(_leaves() | _pack(_leaves() | flat))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An archive with bytes changed, cut off, doubled or put in."""
    data = bytearray(draw(trees()).data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 40))
        match draw(st.sampled_from(["change", "cut", "copy", "insert", "fill"])):
            case "change":
                junk = draw(st.binary(min_size=1, max_size=8))
                data[place : place + len(junk)] = junk
            case "cut":
                del data[place:]
            case "copy":
                data[place:place] = data[max(0, place - 8 * length) : place]
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=length))
            case "fill":
                data[place : place + length] = draw(st.sampled_from([b"\x00", b"\xff"])) * length
    if draw(st.booleans()):
        _mend_checksums(data)
    return bytes(data)


def _mend_checksums(data: bytearray) -> None:
    """Let damaged tar headers pass for good ones, so that what they say is looked at."""
    for start in range(0, len(data) - BLOCK + 1, BLOCK):
        if data[start + 257 : start + 262] == b"ustar":
            data[start + 148 : start + 156] = b" " * 8
            total = sum(data[start : start + BLOCK])
            data[start + 148 : start + 156] = b"%06o\x00 " % total
