"""Say what a file is that holds no picture, such as text, audio or a program.

The first bytes decide, never the name. The kind changes no verdict: it tells an operator what
``not_image`` stands for. Sources: the magic numbers in each format's specification.
"""

from __future__ import annotations

from hashmatch.examine.video.sniffing import video_format
from hashmatch.model import Kind

HEAD_BYTES = 1 << 16
"""How much of a file ``kind_of`` wants to see."""

_MAGICS = (
    (b"ID3", Kind.AUDIO),
    (b"fLaC", Kind.AUDIO),
    (b"MThd", Kind.AUDIO),
    (b"#!AMR", Kind.AUDIO),
    (b"MAC ", Kind.AUDIO),
    (b"wvpk", Kind.AUDIO),
    (b"%PDF-", Kind.DOCUMENT),
    (b"\x7fELF", Kind.EXECUTABLE),
    (b"\xfe\xed\xfa\xce", Kind.EXECUTABLE),  # Mach-O
    (b"\xfe\xed\xfa\xcf", Kind.EXECUTABLE),
    (b"\xce\xfa\xed\xfe", Kind.EXECUTABLE),
    (b"\xcf\xfa\xed\xfe", Kind.EXECUTABLE),
    (b"\xca\xfe\xba\xbe", Kind.EXECUTABLE),  # also a Java class
    (b"\x00asm", Kind.EXECUTABLE),
    (b"dex\n", Kind.EXECUTABLE),
    (b"wOFF", Kind.FONT),
    (b"wOF2", Kind.FONT),
    (b"OTTO\x00", Kind.FONT),
    (b"ttcf\x00", Kind.FONT),
    (b"true\x00", Kind.FONT),
    (b"SQLite format 3\x00", Kind.DATABASE),
    (b"\x00\x01\x00\x00Standard Jet DB", Kind.DATABASE),
    (b"\x00\x01\x00\x00Standard ACE DB", Kind.DATABASE),
    (b"\x00\x01\x00\x00\x00", Kind.FONT),  # TrueType; after the databases that begin alike
)

_RIFF = {b"WAVE": Kind.AUDIO, b"RMID": Kind.AUDIO, b"sfbk": Kind.AUDIO}
_IFF = {b"AIFF": Kind.AUDIO, b"AIFC": Kind.AUDIO, b"8SVX": Kind.AUDIO, b"ANIM": Kind.VIDEO}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CONTROLS = bytes({*range(32), 127} - set(b"\t\n\f\r\x1b"))
_MOST_HIGH = 0.3
"""The largest share of bytes outside ASCII in a text of an old encoding."""


def kind_of(head: bytes) -> Kind:
    """Name the kind of a file by ``head``: its first ``HEAD_BYTES`` bytes, or all of it."""
    if not head:
        return Kind.EMPTY
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[:4] == b"FORM" and head[8:12] in _IFF:
        return _IFF[head[8:12]]
    if video_format(head) is not None:
        return Kind.VIDEO
    if head[:4] == b"OggS" or head[4:8] == b"ftyp":
        return Kind.AUDIO
    return _weak_kind(head)


def _weak_kind(head: bytes) -> Kind:
    """Tell kinds that hardly have a magic number."""
    if head[:2] == b"MZ" and len(head) >= 64 and b"\x00" in head[:64]:
        return Kind.EXECUTABLE
    if (
        len(head) >= 4
        and head[0] == 0xFF
        and not head.startswith(_UTF_16)
        and _is_mpeg_audio(head[1], head[2])
    ):
        return Kind.AUDIO
    return Kind.TEXT if _is_text(head) else Kind.OTHER


def _is_mpeg_audio(second: int, third: int) -> bool:
    """MP3 or AAC: a frame's sync word, with a layer, bit rate and sample rate that exist."""
    if second & 0xF6 == 0xF0:  # AAC in ADTS
        return third >> 2 & 0xF < 13
    return (
        second & 0xE0 == 0xE0
        and second >> 3 & 3 != 1
        and second >> 1 & 3 != 0
        and third >> 4 not in {0, 15}
        and third >> 2 & 3 != 3
    )


def _is_text(head: bytes) -> bool:
    if head.startswith(_UTF_16):
        return len(head) % 2 == 0 or len(head) >= HEAD_BYTES
    if len(head.translate(None, _CONTROLS)) != len(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 3:  # a character that the end of the head cuts
            return True
        return sum(byte >= 0x80 for byte in head) <= _MOST_HIGH * len(head)
    return True
