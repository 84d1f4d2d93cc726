"""Files that are an archive and a picture at the same time."""

import io
import tarfile
from pathlib import Path

from hashmatch import Entry, HashKind, HashList, Matcher, Reason, Verdict
from hashmatch.examine import examine
from hashmatch.model import ExamineOptions
from hashmatch.scan import make_pool, scan
from pictures import encode, photo


def scan_one(path: Path, matcher: Matcher) -> dict[bytes, tuple[Verdict, Reason | None]]:
    """What a scan says of a file and its members, by the part of the path that is theirs."""
    pool = make_pool(1)
    try:
        return {
            result.path.removeprefix(bytes(path)): (result.outcome.verdict, result.outcome.reason)
            for result in scan([bytes(path)], matcher, pool)
        }
    finally:
        pool.close()


def matcher_for(seed: int) -> Matcher:
    """A matcher whose list has one generated picture."""
    found = examine(photo(seed, 320, 240), ExamineOptions(kinds=(HashKind("phash", 64),)))
    return Matcher(HashList.from_entries([Entry("it", found.views[0].hashes[0])], name="list"))


def bmp_that_is_a_tar(seed: int) -> bytes:
    """A BMP whose header is the name of a tar's first member, with a tar behind that header."""
    picture = bytearray(encode(photo(seed, 320, 240), "BMP"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x"))
    tar = bytearray(buffer.getvalue())
    # The pixels move behind the tar's blocks, and the header says so
    header = picture[:54]
    header[10:14] = (len(tar)).to_bytes(4, "little")
    header[2:6] = (len(tar) + len(picture) - 54).to_bytes(4, "little")
    tar[:54] = header
    tar[148:156] = b" " * 8
    tar[148:156] = f"{sum(tar[:512]):06o}\0 ".encode()
    return bytes(tar + picture[54:])


def test_a_picture_that_is_also_a_tar_matches(tmp_path: Path) -> None:
    """A tar that begins as a picture is examined as both."""
    path = tmp_path / "both"
    path.write_bytes(bmp_that_is_a_tar(1))
    assert tarfile.is_tarfile(path)
    found = scan_one(path, matcher_for(1))
    assert found[b""][0] is Verdict.MATCH
    assert len(found) == 2  # the tar's member is there too


def test_so_does_one_within_an_archive(tmp_path: Path) -> None:
    """A member that is a tar and a picture is examined as both."""
    path = tmp_path / "outer.tar"
    with tarfile.open(path, "w") as archive:
        data = bmp_that_is_a_tar(2)
        info = tarfile.TarInfo("inner")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    found = scan_one(path, matcher_for(2))
    assert found[b"!/inner"][0] is Verdict.MATCH
