"""Recognise videos by their first bytes, name the demuxer for each format, and read their size.

Sources: ISO/IEC 14496-12 (MP4, QuickTime, 3GP), RFC 9559 (Matroska), the RIFF, ASF and FLV
specifications, ISO/IEC 13818-1 (MPEG streams), RFC 3533 (Ogg).
"""

from __future__ import annotations

DEMUXERS = {
    "MP4": "mov",
    "MATROSKA": "matroska",
    "AVI": "avi",
    "FLV": "flv",
    "ASF": "asf",
    "MPEG-TS": "mpegts",
    "MPEG-PS": "mpeg",
    "MPEG-VIDEO": "mpegvideo",
    "OGG": "ogg",
}
"""FFmpeg's name for the demuxer of each format that is read."""

_MAGICS = (
    (b"\x1a\x45\xdf\xa3", "MATROSKA"),  # WebM too
    (b"FLV\x01", "FLV"),
    (b"\x00\x00\x01\xba", "MPEG-PS"),
    (b"\x00\x00\x01\xb3", "MPEG-VIDEO"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF"),
    (b".RMF", "REALMEDIA"),
)
_OGG_VIDEO = (b"\x80theora", b"BBCD\x00", b"fishead\x00", b"OVP80")
HEAD_BYTES = 4096
"""First bytes of a file that say how large it should be."""

_SEGMENT = b"\x18\x53\x80\x67"
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_BROADCAST = 1  # the size was not known when it was written
_AUDIO_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"pnot"})
_TRANSPORT_PACKETS = ((0, 188), (4, 192))
"""Where the first packet begins, and how many bytes each has."""


def video_format(head: bytes) -> str | None:
    """Name the video format that ``head``, the first bytes of a file, begins.

    Some such files turn out to have sound only. None if it is not a video.
    """
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "AVI"
    if head[:4] == b"OggS":
        return "OGG" if head[28:].startswith(_OGG_VIDEO) else None
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _AUDIO_BRANDS else "MP4"
    if head[4:8] in _QUICKTIME:
        return "MP4"
    return "MPEG-TS" if _is_transport_stream(head) else None


def _is_transport_stream(head: bytes) -> bool:
    return any(
        len(head) > start + 2 * size
        and all(head[start + size * number] == 0x47 for number in range(3))
        for start, size in _TRANSPORT_PACKETS
    )


def declared_bytes(head: bytes, name: str) -> int:
    """How many bytes a video says that it has at least; 0 if it does not say."""
    if name == "AVI":  # some writers count the header's 8 bytes as well, so ask for no more
        size = int.from_bytes(head[4:8], "little")
        return 0 if size == 0xFFFF_FFFF else size
    if name == "ASF" and (place := head.find(_ASF_PROPERTIES)) >= 0:
        known = not int.from_bytes(head[place + 88 : place + 92], "little") & _BROADCAST
        return known * int.from_bytes(head[place + 40 : place + 48], "little")
    if name == "MATROSKA" and (place := head.find(_SEGMENT)) >= 0:
        start = place + len(_SEGMENT)
        length = 9 - head[start : start + 1].ljust(1, b"\0")[0].bit_length()
        unknown = (1 << 7 * length) - 1
        size = int.from_bytes(head[start : start + length], "big") & unknown
        return 0 if size == unknown else start + length + size
    return 0
