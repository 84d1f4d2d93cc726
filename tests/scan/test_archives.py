"""Archives in a scan: members beside files, the same in every mode."""

from __future__ import annotations

import io
import json
import random
import tarfile
import zipfile
from itertools import chain
from pathlib import Path

import pytest
from PIL import Image

from hashmatch import Entry, HashList, Matcher, PerceptualHash
from hashmatch.examine.sandbox import Job, Reply, ThreadPool
from hashmatch.model import Examination, HashKind, Reason, ViewHashes
from hashmatch.options import ExamineOptions
from hashmatch.report import file_record
from hashmatch.scan import make_pool, scan
from hashmatch.scan.engine import Engine
from hashmatch.sources.file_item import FileItem
from pictures import encode, photo


def packed(kind: str, members: dict[str, bytes]) -> bytes:
    """An archive of these members."""
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=file, mode=kind) as tar:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.fixture
def archives(tmp_path: Path) -> tuple[Path, HashList]:
    """Archives of every kind and nested ones, and a list with entries near half of the members."""
    rng = random.Random(6)
    folder = tmp_path / "files"
    folder.mkdir()
    entries: list[Entry] = []

    def picture(name: str) -> bytes:
        data = encode(photo(rng.randrange(2**32), 280, 300), "JPEG", quality=rng.randint(30, 95))
        if rng.random() < 0.6:
            import imagehash  # noqa: PLC0415 # heavy

            with Image.open(io.BytesIO(data)) as image:
                value = int(str(imagehash.phash(image)), 16)
            for place in rng.sample(range(64), rng.randint(0, 14)):
                value ^= 1 << place
            entries.append(Entry(name, PerceptualHash.from_hex(f"{value:016x}")))
        return data

    for kind in ("zip", "w:", "w:gz", "w:xz"):
        inner = {f"{n}.jpg": picture(f"{kind}-inner-{n}") for n in range(3)}
        members = {f"{n}.jpg": picture(f"{kind}-{n}") for n in range(4)}
        members["inner.zip"] = packed("zip", inner)
        members["inner.tgz"] = packed("w:gz", inner)
        members["text"] = b"no picture"
        (folder / f"{kind.replace(':', '-')}.bin").write_bytes(packed(kind, members))
    (folder / "plain.jpg").write_bytes(picture("plain"))
    return folder, HashList.from_entries(entries, name="near")


def test_archives_give_the_same_records_however_they_are_scanned(
    archives: tuple[Path, HashList],
) -> None:
    """Fast or exact, with one job, two, or threads, members get the same records."""
    folder, entries = archives
    kept = []
    for mode in ("exact", "fast"):
        for pool in (make_pool(1), make_pool(2), ThreadPool(2)):
            try:
                results = scan([bytes(folder)], Matcher(entries, decode=mode), pool)
                kept.append([json.dumps(file_record(result)) for result in results])
            finally:
                pool.close()
    assert all(records == kept[0] for records in kept)
    paths = [json.loads(record)["path"][len(str(folder)) + 1 :] for record in kept[0]]
    assert len(paths) == 4 * (4 + 2 * (3 + 1) + 1 + 1) + 1
    assert "zip.bin!/inner.tgz!/2.jpg" in paths
    assert paths.index("zip.bin!/inner.zip!/0.jpg") < paths.index("zip.bin!/inner.zip")
    verdicts = [json.loads(record)["verdict"] for record in kept[0]]
    assert verdicts.count("match") > 3
    assert verdicts.count("clear") > 10


class Scripted:
    """A pool that answers by a script: the first reply of each job is a preview."""

    def __init__(self, member: bytes | None) -> None:
        self._member = member
        self._replies: list[Reply] = []

    hungry = True
    window = 0

    @property
    def busy(self) -> bool:
        """Whether there are replies."""
        return bool(self._replies)

    def submit(self, job: Job) -> None:
        """Reply at once."""
        found = Examination(format="JPEG", exact=job.exact)
        if job.exact:
            self._replies.append(Reply(job, self._member, found, end=True))
        else:
            self._replies.append(Reply(job, b"a.jpg", found, end=False))
            self._replies.append(Reply(job, None, Examination(), end=True))

    def poll(self, _: float) -> list[Reply]:
        """The replies."""
        replies, self._replies = self._replies, []
        return replies


@pytest.mark.parametrize(
    ("member", "reason"),
    [(b"a.jpg", None), (b"b.jpg", Reason.CHANGED), (None, Reason.CHANGED)],
)
def test_a_member_that_is_another_by_now_is_not_taken_for_it(
    tmp_path: Path, member: bytes | None, reason: Reason | None
) -> None:
    """An archive whose member is gone or has moved when it is examined again has changed."""
    path = tmp_path / "a.zip"
    path.write_bytes(b"x")

    def screen(examinations: list[Examination]) -> list[Examination | None]:
        return [found if found.exact else None for found in examinations]

    parts = chain.from_iterable(Engine(Scripted(member), screen).run([FileItem(bytes(path))]))
    results = {part.name: part.result for part in parts}
    assert results[b"a.jpg"].reason is reason


def test_members_that_cannot_be_reached_alone_are_decoded_in_full_at_once(tmp_path: Path) -> None:
    """Members of a packed tar or of a nested archive are decoded in full at once."""
    from hashmatch.examine.examination import examine_parts  # noqa: PLC0415 # only here

    members = {"a.jpg": encode(photo(3, 300, 300), "JPEG")}
    members["inner.zip"] = packed("zip", members)
    options = ExamineOptions(kinds=(HashKind("phash", 64),), fast=True)
    for kind, at_hand in (("zip", True), ("w:", True), ("w:gz", False)):
        (tmp_path / "archive").write_bytes(packed(kind, members))
        with (tmp_path / "archive").open("rb") as file:
            found = {name: e for name, e in examine_parts(file.fileno(), options) if e is not None}
        assert found[b"a.jpg"].exact is not at_hand
        assert found[b"inner.zip!/a.jpg"].exact
        assert isinstance(found[b"a.jpg"].views[0], ViewHashes)
