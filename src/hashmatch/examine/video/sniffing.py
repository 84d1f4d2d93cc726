"""Recognise videos by their first bytes, and name the demuxer for each format.

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
