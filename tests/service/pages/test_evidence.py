"""The picture of a case: of the file that matched and no other, wherever it is kept."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from hashmatch.cases.store import Cases
from hashmatch.cases.values import Case, Finding, Place
from hashmatch.custody.quarantine import Quarantine
from hashmatch.errors import DecodeError, HashmatchError, InputError, QuarantineError
from hashmatch.examine.sandbox import WorkerLimits
from hashmatch.service.hold import HoldFolder
from hashmatch.service.pages.evidence import Evidence
from hashmatch.service.upload import memory_file
from pictures import encode, photo

from .desk import near

PICTURE = encode(photo(1, 200, 100), "JPEG")
OTHER = encode(photo(2, 100, 200), "JPEG")


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    """One worker for all tests."""
    with Evidence(1, WorkerLimits()) as made:
        yield made


def upload_of(data: bytes) -> BinaryIO:
    """An upload as a door has it, in memory."""
    file = memory_file()
    file.write(data)
    file.flush()
    return file


def case_at(folder: Path, *places: Place, data: bytes = PICTURE) -> Case:
    """A case about these bytes, found at these places, the last one latest."""
    with Cases(folder / "cases.db") as cases:
        content = "sha256:" + hashlib.sha256(data).hexdigest()
        for place in places:
            cases.record([Finding(content, (near(4),), place)])
        return cases.get(1)


def size(evidence: Evidence, case: Case) -> tuple[int, int]:
    """Width and height of what is shown of a case: the picture is wide, and the other one high."""
    found = evidence.thumbnail(case, blurred=True, colour=False)
    return found.width, found.height


def test_the_file_is_shown_where_one_copy_of_it_still_is(
    evidence: Evidence, tmp_path: Path
) -> None:
    """Copies that are gone, replaced or links are passed over, and never shown in its place."""
    gone, replaced, link, kept = (tmp_path / name for name in ("gone", "replaced", "link", "kept"))
    replaced.write_bytes(OTHER)
    kept.write_bytes(PICTURE)
    link.symlink_to(kept)
    bad = [Place("scan", path=bytes(path)) for path in (gone, replaced, link)]
    good = Place("scan", path=bytes(kept))
    assert size(evidence, case_at(tmp_path, good, *bad)) == (200, 100)
    kept.unlink()
    with pytest.raises(HashmatchError):
        evidence.thumbnail(case_at(tmp_path, good, *bad), blurred=True, colour=False)


def test_another_file_at_its_place_is_not_shown(evidence: Evidence, tmp_path: Path) -> None:
    """What has taken the place of the file that matched is said to be another one."""
    path = tmp_path / "a.jpg"
    path.write_bytes(OTHER)
    with pytest.raises(InputError, match="no longer the one that matched"):
        size(evidence, case_at(tmp_path, Place("scan", path=bytes(path))))


def test_a_member_of_an_archive_is_shown_if_it_is_still_the_same(
    evidence: Evidence, tmp_path: Path
) -> None:
    """It is found by its path inside, also where the archive is in quarantine, and checked."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("in/a.jpg", PICTURE)
        archive.writestr("b.jpg", OTHER)
    here = Place("scan", path=bytes(path) + b"!/in/a.jpg")
    assert size(evidence, case_at(tmp_path, here)) == (200, 100)
    (tmp_path / "b").mkdir()
    with pytest.raises(DecodeError, match="has changed"):
        size(evidence, case_at(tmp_path / "b", Place("scan", path=bytes(path) + b"!/b.jpg")))
    with Quarantine(tmp_path / "held") as quarantine:
        item = quarantine.hold(bytes(path))
    held = Place("scan", path=here.path, quarantine=str(tmp_path / "held"), item=item.id)
    (tmp_path / "c").mkdir()
    assert size(evidence, case_at(tmp_path / "c", held)) == (200, 100)


def test_a_held_file_is_shown_and_one_that_was_changed_there_is_not(
    evidence: Evidence, tmp_path: Path
) -> None:
    """Files in quarantine are opened without changing it, and only if they are whole."""
    folder = tmp_path / "held"
    with HoldFolder(folder) as hold, upload_of(PICTURE) as upload:
        number = hold.hold(upload, "c-1", [])
    place = Place("http", path=b"a.jpg", request="r", quarantine=str(folder), item=number)
    case = case_at(tmp_path, place)
    assert size(evidence, case) == (200, 100)
    (stored,) = (folder / "files").iterdir()
    stored.write_bytes(OTHER)
    with pytest.raises(InputError, match="changed in the quarantine"):
        size(evidence, case)
    stored.unlink()
    with pytest.raises(QuarantineError):
        size(evidence, case)
    (tmp_path / "b").mkdir()
    missing = Place("http", quarantine=str(folder), item=number + 1)
    with pytest.raises(InputError, match="not in the quarantine"):
        size(evidence, case_at(tmp_path / "b", missing))


def test_the_member_that_matched_is_shown_and_not_the_picture_before_it(
    evidence: Evidence, tmp_path: Path
) -> None:
    """A picture with an archive behind it must not stand in for what matched in the archive."""
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.write(OTHER)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("in/a.jpg", PICTURE)
    with HoldFolder(tmp_path / "held") as hold, upload_of(path.read_bytes()) as upload:
        number = hold.hold(upload, "c-1", [])
    where = {"quarantine": str(tmp_path / "held"), "request": "r", "item": number}
    member = Place("http", path=b"in/a.jpg", **where)
    assert size(evidence, case_at(tmp_path, member)) == (200, 100)
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="which part of the held file matched is not known"):
        size(evidence, case_at(tmp_path / "b", Place("http", **where)))
    with Quarantine(tmp_path / "moved") as quarantine:
        item = quarantine.hold(bytes(path))
    link = Place("scan", path=b"/link!/in/a.jpg", quarantine=str(tmp_path / "moved"), item=item.id)
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError, match="which part"):
        size(evidence, case_at(tmp_path / "c", link))


def test_what_nobody_here_can_open_is_not_shown(evidence: Evidence, tmp_path: Path) -> None:
    """An encrypted upload needs a key that is elsewhere; one that was not held is nowhere."""
    pyrage = pytest.importorskip("pyrage")
    from hashmatch.custody.quarantine.sealing import Seal  # noqa: PLC0415 # beside its extra

    folder = tmp_path / "held"
    key = str(pyrage.x25519.Identity.generate().to_public())
    with HoldFolder(folder, seal=Seal([key])) as hold, upload_of(PICTURE) as upload:
        number = hold.hold(upload, "c-1", [])
    with pytest.raises(InputError, match="encrypted"):
        size(evidence, case_at(tmp_path, Place("http", quarantine=str(folder), item=number)))
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="was not kept"):
        size(evidence, case_at(tmp_path / "b", Place("icap", path=b"/tmp/x", request="r")))
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError, match="in object storage"):
        size(evidence, case_at(tmp_path / "c", Place("scan", path=b"s3://bucket/a.jpg")))
    (tmp_path / "d").mkdir()
    held = Place("scan", path=b"s3://bucket/a.jpg", quarantine="s3://held/", item=1 << 47)
    with pytest.raises(InputError, match="in object storage"):
        size(evidence, case_at(tmp_path / "d", held))
