"""Files made to harm: the right verdict for each, and memory in bounds."""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from counts import LONG
from examine.sandbox.processes import children
from hashmatch import Entry, HashList, Matcher, PerceptualHash, Reason, Verdict
from hashmatch.examine.sandbox import WorkerLimits
from hashmatch.model import Outcome
from hashmatch.options import FORMATS
from hashmatch.scan import FileResult, make_pool, scan
from pictures import animation, as_mode, encode, photo

MIB = 1 << 20
WORKER = 1024 * MIB
LIST = HashList.from_entries([Entry("a", PerceptualHash.from_hex("0123456789abcdef"))], name="any")
PICTURE = photo(1, 160, 120)


def scanned(folder: Path, **options: object) -> dict[str, Outcome]:
    """The outcome of each file below a folder, by its path in it.

    Fails if this process grows by more than 50 MB on the way, or a worker outgrows its limit.
    """
    matcher = Matcher(LIST, **options)  # type: ignore[arg-type]
    pool = make_pool(2, WorkerLimits(WORKER, 60))
    before = resident(os.getpid())
    most = 0
    results: list[FileResult] = []
    try:
        for result in scan([bytes(folder)], matcher, pool):
            results.append(result)
            most = max(most, resident(os.getpid()))
            for zygote in children(os.getpid()):
                for worker in children(zygote):
                    assert resident(worker) <= WORKER
    finally:
        pool.close()
    assert most - before < 50 * MIB
    return {os.fsdecode(r.path)[len(str(folder)) + 1 :]: r.outcome for r in results}


def resident(pid: int) -> int:
    """Bytes of memory that a process has in use; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few KB that unpacks to any size, all of it black."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def gif_bomb(width: int, height: int, frames: int) -> bytes:
    """A GIF whose frames are huge and almost empty."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00"
    return head + frame * frames + b";"


def zip_bomb(layers: int, size: int) -> bytes:
    """Zeros, zipped again and again."""
    data = bytes(size)
    for _ in range(layers):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for number in range(4):
                packed.writestr(f"{number}", data)
        data = file.getvalue()
    return data


def avif_bomb(side: int) -> bytes:
    """An AVIF of under 1 KB that announces a huge square."""
    data = encode(PICTURE.resize((16, 16)), "AVIF")
    extent = b"ispe" + bytes(4)
    assert data.count(extent + struct.pack(">II", 16, 16)) == 1
    return data.replace(
        extent + struct.pack(">II", 16, 16), extent + struct.pack(">II", side, side)
    )


def test_bombs_are_defused(tmp_path: Path) -> None:
    """Small files that would unpack to gigabytes get their reason, and cost no memory."""
    files = {
        "png.png": png_bomb(30_000, 30_000),
        "gif.gif": gif_bomb(65_535, 65_535, 50),
        "frames.gif": gif_bomb(200, 200, 100_000),
        "zip.zip": zip_bomb(1, 100 * MIB),
        "nested.zip": zip_bomb(2, 80 * MIB),
        "avif.avif": avif_bomb(12_000),
        "larger.avif": avif_bomb(17_000),
        "good.jpg": encode(PICTURE, "JPEG"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert len(files["larger.avif"]) < 1024
    found = scanned(tmp_path, formats=FORMATS)
    for name in ("png.png", "gif.gif", "avif.avif"):
        assert found[name].reason is Reason.TOO_LARGE, name
    # Its 289 megapixels are more than libavif itself would look at
    assert found["larger.avif"].reason in {Reason.TOO_LARGE, Reason.UNDECODABLE}
    assert found["frames.gif"].reason in {Reason.FRAME_LIMIT, Reason.UNDECODABLE}
    bombs = [
        outcome for path, outcome in found.items() if path.count("!/") == ("nested" in path) + 1
    ]
    assert len(bombs) == 4 + 16
    assert {outcome.reason for outcome in bombs} == {Reason.ARCHIVE_LIMIT}
    assert found["good.jpg"].verdict is Verdict.CLEAR


def whole_files() -> dict[str, bytes]:
    """A file in every format that hashmatch decodes by default, and archives."""
    frames = [PICTURE, photo(2, 160, 120)]
    zipped, packed = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a.jpg", encode(PICTURE, "JPEG"))
        archive.writestr("b.png", encode(PICTURE, "PNG"))
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("a.jpg")
        data = encode(PICTURE, "JPEG")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return {
        "JPEG": encode(PICTURE, "JPEG"),
        "progressive": encode(PICTURE, "JPEG", progressive=True),
        "MPO": animation(frames, "MPO"),
        "PNG": encode(PICTURE, "PNG"),
        "APNG": animation(frames, "PNG"),
        "GIF": animation([as_mode(frame, "P") for frame in frames], "GIF"),
        "WEBP": encode(PICTURE, "WEBP"),
        "BMP": encode(PICTURE, "BMP"),
        "TIFF": encode(PICTURE, "TIFF"),
        "zip": zipped.getvalue(),
        "tar.gz": packed.getvalue(),
    }


def test_truncated_files_are_never_clear(tmp_path: Path) -> None:
    """A file of any format, cut anywhere, is unscanned; a whole one is not."""
    for name, data in whole_files().items():
        cuts = {*range(1024, len(data), 1024 if LONG else 4096), 40, len(data) // 2, len(data) - 9}
        for cut in sorted(cuts):
            (tmp_path / f"{name}-{cut:06}").write_bytes(data[:cut])
        (tmp_path / f"{name}-whole").write_bytes(data)
    found = scanned(tmp_path)
    for path, outcome in found.items():
        if "!/" in path:
            continue
        if path.endswith("whole"):
            assert outcome.reason is None, path
        else:
            assert outcome.verdict is Verdict.UNSCANNED, path
            assert outcome.reason in {Reason.TRUNCATED, Reason.UNDECODABLE}, path


MAGICS = (
    b"\xff\xd8\xff\xe0",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"RIFF\xff\x00\x00\x00WEBPVP8 ",
    b"RIFF\xff\x00\x00\x00WEBPVP8L",
    b"BM" + bytes(12) + b"\x28\x00\x00\x00",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
    b"\x00\x00\x00\x1cftypavif",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"BZh91AY&SY",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
)


def test_random_bytes_behind_every_magic_are_never_clear(tmp_path: Path) -> None:
    """Whatever follows the first bytes of a format, the file is unscanned, and no worker's end."""
    rng = random.Random(4)
    for number, magic in enumerate(MAGICS):
        for turn in range(60 if LONG else 6):
            data = magic + rng.randbytes(rng.choice([0, 1, 8, 100, 3000, 100_000]))
            (tmp_path / f"{number:02}-{turn:02}").write_bytes(data)
    found = scanned(tmp_path, formats=FORMATS)
    assert {outcome.verdict for outcome in found.values()} == {Verdict.UNSCANNED}
    reasons = {outcome.reason for outcome in found.values()}
    assert reasons <= {
        Reason.TRUNCATED,
        Reason.UNDECODABLE,
        Reason.TOO_LARGE,
        Reason.ENCRYPTED,
        Reason.UNSUPPORTED_FORMAT,
        Reason.ARCHIVE_LIMIT,
    }


@pytest.mark.parametrize("name", ["JPEG", "progressive", "PNG", "GIF", "WEBP", "TIFF", "zip"])
def test_flipped_bytes_crash_nothing(tmp_path: Path, name: str) -> None:
    """Pictures with bytes overwritten at random get a verdict, and no decoder dies."""
    rng = random.Random(8)
    whole = whole_files()[name]
    count = 400 if LONG else 25
    for number in range(count):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 3, 30])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / f"{number:03}").write_bytes(data)
    found = scanned(tmp_path)
    assert sum("!/" not in path for path in found) == count
    assert Reason.DECODER_CRASH not in {outcome.reason for outcome in found.values()}
    assert Reason.TIMEOUT not in {outcome.reason for outcome in found.values()}
