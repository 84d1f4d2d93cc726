"""Whatever a video refers to, no file besides it is opened, and no address is asked."""

from __future__ import annotations

import re
import shutil
import socket
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import av
import pytest

from films import FORMATS, film, scene
from hashmatch.examine.video.sniffing import video_format

SIZE = (96, 64)
SEEN = re.compile(r'^\d* *(?:openat|open)\((?:AT_FDCWD, )?"((?:[^"\\]|\\.)*)"', re.MULTILINE)

PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile '{0}'\nfile 'file:{0}'\nfile '{1}'\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{0}\n#EXTINF:9,\n{1}\n#EXT-X-ENDLIST\n",
    "DASH": '<?xml version="1.0"?><MPD><Period><BaseURL>{0}</BaseURL><BaseURL>{1}</BaseURL>'
    "</Period></MPD>",
    "SDP": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\n"
    "m=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
    "ASX": '<asx version="3.0"><entry><ref href="{0}"/><ref href="{1}"/></entry></asx>',
    "reference": "[Reference]\r\nRef1={1}\r\nRef2={0}\r\n",
    "RTSP text": "RTSPtext\r\n{1}\r\n",
    "SMIL": '<smil><body><video src="{0}"/><video src="{1}"/></body></smil>',
}
"""Texts that send a player elsewhere: to the file {0} and the address {1}."""

_SCRIPT_COMMANDS = bytes.fromhex("301afb1e620bd011a39b00a0c90348f6")
_ASF_HEADER_BYTES = 30


def box(kind: bytes, content: bytes) -> bytes:
    """A box of MP4."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def referring(data: bytes, entry: bytes, flags: int = 0) -> bytes:
    """An MP4 whose data lie elsewhere: in place of "in this file" stands another reference."""
    place = data.index(b"url \0\0\0\1") - 4
    reference = box(entry[:4], struct.pack(">I", flags) + entry[4:])
    grown = bytearray(data[:place] + reference + data[place + 12 :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = grown.rindex(name, 0, place) - 4
        size = int.from_bytes(grown[start : start + 4], "big") + len(reference) - 12
        grown[start : start + 4] = size.to_bytes(4, "big")
    return bytes(grown)


def alias(path: str) -> bytes:
    """An alias of the Macintosh, as QuickTime refers to another file."""
    name = path.rpartition("/")[2].encode()[:63]
    record = bytes(10 + 28 + 12) + bytes([len(name)]) + name.ljust(63, b"\0") + bytes(36)
    for number, text in ((0, "folder"), (2, path), (18, path)):
        record += struct.pack(">HH", number, len(text)) + text.encode() + b"\0" * (len(text) % 2)
    return b"alis" + record + b"\xff\xff\0\0"


def reference_movie(target: str) -> bytes:
    """A QuickTime file that is nothing but a reference to another one."""
    text = target.encode() + b"\0"
    rdrf = box(b"rdrf", bytes(4) + b"url " + struct.pack(">I", len(text)) + text)
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", box(b"rmra", box(b"rmda", rdrf)))


def with_script(data: bytes, address: str) -> bytes:
    """An ASF that tells its player to open an address after a second."""
    kind, text = "URL", address
    commands = bytes(16) + struct.pack("<HH", 1, 1)
    commands += struct.pack("<H", len(kind)) + kind.encode("utf-16-le")
    commands += struct.pack("<IHH", 1000, 0, len(text)) + text.encode("utf-16-le")
    script = _SCRIPT_COMMANDS + struct.pack("<Q", 24 + len(commands)) + commands
    size, objects = struct.unpack_from("<QI", data, 16)
    head = data[:16] + struct.pack("<QI", size + len(script), objects + 1) + data[28:30]
    return head + script + data[_ASF_HEADER_BYTES:]


def telling(name: str, bait: str, address: str) -> bytes:
    """A video in this container whose titles name another file and an address."""
    encoding, file = FORMATS[name]._replace(size=SIZE), BytesIO()
    with av.open(file, "w", format=encoding.container) as target:
        stream = target.add_stream(encoding.codec, rate=encoding.rate)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        target.metadata.update({"title": bait, "comment": address, "filename": bait, "url": bait})
        for _ in range(5):
            shown = av.VideoFrame.from_image(scene(1).convert("RGB").resize(SIZE))
            target.mux(stream.encode(shown))
        target.mux(stream.encode())
    return file.getvalue()


def baits(bait: str, address: str) -> dict[str, bytes]:
    """Files that refer to that file and that address, in every container."""
    share = "\\\\" + address.partition("//")[2].replace("/", "\\")
    small = FORMATS["MP4"]._replace(size=SIZE)
    phone = film([scene(1)], small._replace(container="3gp"), 0.5)
    mp4, mov = (film([scene(1)], small._replace(container=name), 0.5) for name in ("mp4", "mov"))
    texts = {name: text.format(bait, address).encode() for name, text in PLAYLISTS.items()}
    made = {f"{name} alone": text for name, text in texts.items()}
    for name in FORMATS:
        whole = telling(name, bait, address)
        made[name] = whole
        for playlist, text in texts.items():
            made[f"{name} then {playlist}"] = whole[:600] + text
    for what, data in (("MP4", mp4), ("3GP", phone)):
        for target in (bait, f"file://{bait}", address, share):
            made[f"{what} url {target[:5]}"] = referring(data, b"url " + target.encode() + b"\0")
        made[f"{what} alias"] = referring(data, alias(bait))
    for target in (bait, address):
        made[f"reference movie {target[:5]}"] = reference_movie(target)
    made["MOV alias"] = mov.replace(b"alis\0\0\0\1", b"alis\0\0\0\0")
    made["ASF script"] = with_script(telling("ASF", bait, address), address)
    return made


def test_the_references_are_understood() -> None:
    """FFmpeg would open the file of an alias if its options said so."""
    opened = []

    def note(url: str, *_: object) -> None:
        opened.append(url)
        raise PermissionError(url)

    data = referring(
        film([scene(1)], FORMATS["MP4"]._replace(size=SIZE), 0.5), alias("/a/bait.mp4")
    )
    options = {"use_absolute_path": "1", "enable_drefs": "1"}
    with pytest.raises(PermissionError):
        av.open(BytesIO(data), format="mov", io_open=note, options=options)
    assert opened == ["/a/bait.mp4"]


def test_no_other_file_is_opened_and_no_address_asked(tmp_path: Path) -> None:
    """Of all these files, in a process without walls, none makes FFmpeg open another one."""
    works = (
        shutil.which("strace")
        and not subprocess.run(
            ["strace", "-o", tmp_path / "try", "true"], check=False, capture_output=True
        ).returncode
    )
    if not works:
        pytest.skip("strace is not installed, or may not trace")
    bait = tmp_path / "bait.mp4"
    bait.write_bytes(film([scene(1)], FORMATS["MP4"]._replace(size=SIZE), 0.5))
    (folder := tmp_path / "given").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/bait.m3u8"
        for number, (name, data) in enumerate(baits(str(bait), address).items()):
            if not name.endswith(" alone") and "reference movie" not in name:
                assert video_format(data) is not None, name
            (folder / f"{number:03}").write_bytes(data)
        program = (
            "import os, pathlib, sys; from hashmatch.examine.examination import examine;"
            "from hashmatch.options import ExamineOptions; from hashmatch.model import HashKind;"
            "import hashmatch.examine.video.ffmpeg;"
            "options = ExamineOptions(kinds=(HashKind('phash', 64),));"
            "files = sorted(pathlib.Path(sys.argv[1]).iterdir());"
            "look = lambda: sum(len(examine(file, options).views) for file in files);"
            "look(); os.write(2, b'now'); seen = look(); os.write(2, b'then'); print(seen)"
        )
        # The first look loads what is loaded once, and what follows the second may measure coverage
        calls = ["strace", "-f", "-s", "4096", "-e", "trace=%file,%network,write", "-o", "calls"]
        result = subprocess.run(
            [*calls, sys.executable, "-c", program, str(folder)],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        server.settimeout(0.01)
        with pytest.raises(TimeoutError):
            server.accept()
    assert int(result.stdout) >= len(FORMATS)
    made = (tmp_path / "calls").read_text(errors="replace").split('"now"')[1].split('"then"')[0]
    assert "bait" not in made
    assert not re.search(r"\b(?:socket|connect|sendto)\(", made)
    assert {Path(path).parent for path in SEEN.findall(made)} == {folder}
