"""Scans with a state that an earlier scan filled."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from examine.archive.makers import make_zip
from hashmatch import HashList, Limits, Matcher
from hashmatch.cli.main import run
from hashmatch.errors import DecodeError
from hashmatch.examine.sandbox import ThreadPool
from hashmatch.model import Examination, Reason
from hashmatch.scan import History, State, WalkOptions, scan
from hashmatch.sources.file_item import FileItem, identity_of
from hashmatch.state.rows import key_of
from pictures import encode
from state.tables import change, rows_of

from .trees import (
    LONG_AGO,
    far_list,
    list_of,
    picture,
    plain_scan,
    put,
    state_rematch,
    state_scan,
    tree,
    watching_opens,
)

FILES = 12
LARGE = (560, 520)
"""Large enough for a preview."""


@pytest.fixture
def matcher() -> Matcher:
    """Of a list that has the first picture of every tree."""
    return Matcher(list_of(picture(0)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of small pictures."""
    return tree(tmp_path / "files", FILES)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where a state is going to be."""
    return tmp_path / "scan.db"


def test_second_scan_opens_no_file_and_finds_the_same(
    root: Path, state: Path, matcher: Matcher
) -> None:
    """Unchanged files are not opened, and their records are those of a scan without a state."""
    put(root / "archive.zip", make_zip({"x/0.jpg": picture(0), "text": b"no picture"}))
    put(root / "torn.jpg", picture(5)[:-200])
    put(root / "notes.txt", b"no picture at all")
    expected = plain_scan(root, matcher)
    first, counts = state_scan(root, state, matcher)
    assert first == expected
    assert counts.examined == FILES + 3
    with watching_opens() as opened:
        second, counts = state_scan(root, state, matcher)
    assert second == expected
    assert (counts.recalled, counts.examined, counts.adopted) == (FILES + 3, 0, 0)
    ours = [name for name in opened if name not in sys.path]
    assert [name for name in ours if name.endswith((".jpg", ".zip", ".txt"))] == []


def test_only_new_and_changed_files_are_examined(root: Path, state: Path, matcher: Matcher) -> None:
    """Only files that are new or have other contents are decoded."""
    state_scan(root, state, matcher)
    put(root / "new.jpg", picture(100))
    put(root / "a" / "0001.jpg", picture(101), LONG_AGO + 60)
    found, counts = state_scan(root, state, matcher)
    assert found == plain_scan(root, matcher)
    assert (counts.recalled, counts.examined) == (FILES - 1, 2)
    _, counts = state_scan(root, state, matcher)
    assert (counts.recalled, counts.examined) == (FILES + 1, 0)


def test_same_contents_under_other_names_and_times_are_not_decoded(
    root: Path, state: Path, matcher: Matcher
) -> None:
    """A file that was touched, moved, copied or linked is digested, and its rows are adopted."""
    state_scan(root, state, matcher)
    os.utime(root / "0000.jpg", (LONG_AGO + 60, LONG_AGO + 60))
    (root / "z" / "0005.jpg").rename(root / "moved.jpg")
    shutil.copyfile(root / "a" / "0001.jpg", root / "copy.jpg")
    os.link(root / "a" / "0007.jpg", root / "link.jpg")
    found, counts = state_scan(root, state, matcher)
    assert found == plain_scan(root, matcher)
    assert (counts.adopted, counts.examined, counts.gone) == (5, 0, 1)  # both ends of the link


@pytest.mark.parametrize("jobs", [1, 4])
def test_identical_files_of_one_scan_are_decoded_once(
    tmp_path: Path, state: Path, matcher: Matcher, jobs: int
) -> None:
    """Of equal files in the pipeline, one is decoded, whichever comes first."""
    contents = [picture(seed) for seed in range(3)]
    contents += [picture(0) + b"\0", picture(0) + b"\1"]  # one size, two contents
    for number in range(40):
        put(tmp_path / "files" / f"{number:02d}.jpg", contents[number % 5])
    put(tmp_path / "files" / "a.zip", make_zip({"m.jpg": picture(0)}))
    put(tmp_path / "files" / "b.zip", make_zip({"m.jpg": picture(0)}))
    found, counts = state_scan(tmp_path / "files", state, matcher, jobs=jobs)
    assert found == plain_scan(tmp_path / "files", matcher)
    assert (counts.examined, counts.adopted) == (6, 36)


def test_broken_twins_wait_for_nobody(tmp_path: Path, state: Path, matcher: Matcher) -> None:
    """If the first of several equal files cannot be decoded, the others still get their results."""
    for number in range(6):
        put(tmp_path / "files" / f"{number}.jpg", picture(3)[:-300])
        put(tmp_path / "files" / f"{number}.txt", b"")
    found, counts = state_scan(tmp_path / "files", state, matcher)
    assert found == plain_scan(tmp_path / "files", matcher)
    assert (counts.examined, counts.adopted) == (2, 10)


def overwrite(path: Path) -> Path:
    """Change a file, but neither its size nor its time of change."""
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\0\0")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_file_in_the_place_of_another_is_seen(root: Path, state: Path, matcher: Matcher) -> None:
    """Size and time can be made to agree, but not the time of the inode."""
    state_scan(root, state, matcher)
    overwrite(root / "a" / "0001.jpg")
    found, counts = state_scan(root, state, matcher)
    assert (counts.recalled, counts.examined) == (FILES - 1, 1)
    assert found == plain_scan(root, matcher)


def test_rehash_finds_what_times_hide(root: Path, state: Path, matcher: Matcher) -> None:
    """If no time changed, only ``rehash`` finds other contents."""
    state_scan(root, state, matcher)
    path = overwrite(root / "a" / "0001.jpg")
    # As if nobody had seen it: a system may have coarse times
    values = (identity_of(path.stat()).mark, key_of(os.fsencode(path)))
    change(state, "UPDATE files SET mark = ? WHERE key = ?", values)
    _, counts = state_scan(root, state, matcher)
    assert (counts.recalled, counts.examined) == (FILES, 0)
    found, counts = state_scan(root, state, matcher, rehash=True)
    assert (counts.recalled, counts.adopted, counts.examined) == (0, FILES - 1, 1)
    assert found == plain_scan(root, matcher)


def test_file_changed_just_before_it_was_read_is_looked_at_again(
    tmp_path: Path, state: Path, matcher: Matcher
) -> None:
    """A file so young that its next change could have the same time is digested again."""
    path = tmp_path / "files" / "young.jpg"
    path.parent.mkdir()
    path.write_bytes(picture(0))
    state_scan(path.parent, state, matcher)
    before = path.stat()
    path.write_bytes(picture(0)[:-2] + b"\0\0")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    found, counts = state_scan(path.parent, state, matcher)
    assert counts.examined == 1
    assert found == plain_scan(path.parent, matcher)


def test_whatever_could_change_a_hash_forces_it_again(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other views, limits, formats, algorithms or versions decode all; the same ones nothing."""
    hash_list = list_of(picture(0))
    both = HashList.loads(
        "# algorithm: phash\n# name: both\n0123456789abcdef a\ndhash:0123456789abcdef b\n"
    )
    state_scan(root, state, Matcher(hash_list))
    for changed in (
        Matcher(hash_list, mirrors=True),
        Matcher(hash_list, limits=Limits(max_frames=3)),
        Matcher(hash_list, formats=("JPEG", "PNG")),
        Matcher(hash_list, quality_floor=40),
        Matcher(both),
    ):
        _, counts = state_scan(root, state, changed)
        assert (counts.recalled, counts.examined) == (0, FILES)
        _, counts = state_scan(root, state, changed)
        assert (counts.recalled, counts.examined) == (FILES, 0)
    # More hashes than are asked for will do
    found, counts = state_scan(root, state, Matcher(hash_list, quality_floor=50))
    assert (counts.recalled, counts.examined) == (FILES, 0)
    assert found == plain_scan(root, Matcher(hash_list))
    monkeypatch.setattr("hashmatch.state.settings.PILLOW_VERSION", "99.0")
    _, counts = state_scan(root, state, Matcher(hash_list))
    assert (counts.recalled, counts.examined) == (0, FILES)


def test_exact_decoding_does_not_take_previews(tmp_path: Path, state: Path) -> None:
    """``decode='exact'`` decodes in full even if a preview is known."""
    root = tree(tmp_path / "files", 3, LARGE)
    _, counts = state_scan(root, state, Matcher(far_list()))
    _, counts = state_scan(root, state, Matcher(far_list(), decode="exact"))
    assert counts.examined == 3
    _, counts = state_scan(root, state, Matcher(far_list()))
    assert counts.recalled == 3


def test_preview_that_may_be_near_is_opened_once(tmp_path: Path, state: Path) -> None:
    """A new list to which a stored preview may be near costs one decoding; its hash is kept."""
    root = tree(tmp_path / "files", 4, LARGE)
    state_scan(root, state, Matcher(far_list()))
    near = Matcher(list_of(picture(2, LARGE)))
    expected = plain_scan(root, near)
    assert [each["verdict"] for each in expected].count("match") == 1
    with watching_opens() as opened:
        found, counts = state_scan(root, state, near)
    assert found == expected
    assert (counts.recalled, counts.examined) == (4, 0)
    assert [name for name in opened if name.endswith(".jpg")] == ["0002.jpg"]
    with watching_opens() as opened:
        found, _ = state_scan(root, state, near)
    assert found == expected
    assert [name for name in opened if name.endswith(".jpg")] == []


def test_list_of_digests_uses_stored_digests(root: Path, state: Path) -> None:
    """An exact digest on a list matches a file that is not opened again."""
    data = (root / "0000.jpg").read_bytes()
    digests = f"sha256:{hashlib.sha256(data).hexdigest()} exact\n"
    matcher = Matcher(
        HashList.loads(f"# algorithm: phash\n# name: d\n0123456789abcdef far\n{digests}")
    )
    expected = plain_scan(root, matcher)
    views = [match["view"] for each in expected for match in each["matches"]]
    assert views == ["bytes"]
    state_scan(root, state, Matcher(far_list()))
    found, counts = state_scan(root, state, matcher)
    assert found == expected
    assert counts.recalled == FILES


def test_files_that_are_gone_are_marked_and_not_forgotten(
    root: Path, state: Path, matcher: Matcher
) -> None:
    """A deleted file keeps its rows, marked, and is known again when it comes back."""
    state_scan(root, state, matcher)
    data = (root / "z" / "0005.jpg").read_bytes()
    shutil.rmtree(root / "z")
    (root / "a-b" / "0002.jpg").unlink()
    _, counts = state_scan(root, state, matcher)
    assert counts.gone == 3
    with State(state) as opened:
        group = opened.files.group(key_of(os.fsencode(root / "z" / "0005.jpg")))
        assert group[0].gone is not None
        assert group[0].sha256 is not None
    _, counts = state_scan(root, state, matcher)
    assert counts.gone == 0
    put(root / "z" / "0005.jpg", data)
    _, counts = state_scan(root, state, matcher)
    assert (counts.adopted, counts.examined) == (1, 0)
    with State(state) as opened:
        assert opened.files.group(key_of(os.fsencode(root / "z" / "0005.jpg")))[0].gone is None


def test_a_member_that_is_judged_before_its_archive_ends_keeps_its_verdict(
    tmp_path: Path, state: Path, matcher: Matcher
) -> None:
    """The state has the verdicts of members that were reported while their archive was read."""
    path = put(tmp_path / "a.zip", make_zip({"0.jpg": picture(0), "text": b"no picture"}))
    with State(state) as opened, ThreadPool(1) as pool:
        history = History(opened, matcher.options)
        results = list(scan([os.fsencode(path)], matcher, pool))
        visit = history.visit(FileItem(os.fsencode(path)))
        for number, result in enumerate(results, 1):
            whole = number == len(results)
            name = None if whole else b"%d" % number
            history.learn(visit, name, Examination.failed(DecodeError(Reason.TRUNCATED, "")))
            history.keep(visit, 0 if whole else number, result)
        history.commit()
        rows = opened.files.group(visit.key)
    assert [row.verdict for row in rows] == [
        result.outcome.verdict for result in (results[-1], *results[:-1])
    ]


def test_former_matches_are_accounted_for(
    root: Path, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A scan names matches that are gone, once, and counts files that no longer match."""
    list_of(picture(0), picture(3)).save(full := root.parent / "full.txt")
    list_of(picture(3)).save(short := root.parent / "short.txt")
    put(root / "holiday.zip", make_zip({"x/0.jpg": picture(0), "1.jpg": picture(1)}))
    scanning = ["scan", str(root), "--state", str(state), "--jobs", "1", "--list"]
    assert run([*scanning, str(full)]) == 1
    assert " since an earlier scan" not in capfd.readouterr().out
    for name in ("holiday.zip", "a/0001.jpg"):
        (root / name).unlink()
    assert run([*scanning, str(short)]) == 1
    said = capfd.readouterr()
    assert f"hashmatch: {root}/holiday.zip: gone; it matched in an earlier scan\n" in said.err
    assert "0001.jpg" not in said.err
    assert "2 files are gone since an earlier scan (1 matched)" in said.out
    assert "; 1 file that matched before no longer does\n" in said.out
    assert run([*scanning, str(short)]) == 1
    said = capfd.readouterr()
    assert "holiday.zip" not in said.err
    assert "matched" not in said.out
    rematching = ["rematch", "--state", str(state), "--jobs", "1", "--list", str(full)]
    assert run(rematching) == 1
    said = capfd.readouterr()
    assert "2 files are gone since an earlier scan (1 matched)" in said.out
    assert "holiday.zip" not in said.err


def test_file_is_back_with_its_old_identity(root: Path, state: Path, matcher: Matcher) -> None:
    """A file that was moved away and back is not decoded, and no longer marked as gone."""
    state_scan(root, state, matcher)
    (root / "0000.jpg").rename(root.parent / "aside.jpg")
    state_scan(root, state, matcher)
    (root.parent / "aside.jpg").rename(root / "0000.jpg")
    _, counts = state_scan(root, state, matcher)
    assert (counts.recalled, counts.adopted) == (FILES - 1, 1)
    with State(state) as opened:
        assert opened.files.group(key_of(os.fsencode(root / "0000.jpg")))[0].gone is None


def test_files_that_became_something_else_are_gone(
    root: Path, state: Path, matcher: Matcher
) -> None:
    """A folder, or a link to nothing, in a file's place is not that file."""
    state_scan(root, state, matcher)
    for name in ("0000.jpg", "a/0001.jpg"):
        (root / name).unlink()
    (root / "0000.jpg").mkdir()
    (root / "a" / "0001.jpg").symlink_to("nothing")
    _, counts = state_scan(root, state, matcher)
    assert counts.gone == 2
    assert len(state_rematch(state, matcher)[0]) == FILES - 2


def test_the_state_tells_verdicts_and_since_when(root: Path, state: Path, matcher: Matcher) -> None:
    """Each row has the verdict of the last scan, and the first run that reached it."""

    def told() -> dict[bytes, tuple[str, int]]:
        rows = rows_of(state, "SELECT key, member, verdict, since FROM files")
        return {key + bytes([member]): (verdict, since) for key, member, verdict, since in rows}

    found, _ = state_scan(root, state, matcher)
    first = told()
    assert sorted(verdict for verdict, _ in first.values()) == sorted(
        each["verdict"] for each in found
    )
    assert {since for _, since in first.values()} == {1}
    state_scan(root, state, matcher)
    assert told() == first
    state_rematch(state, Matcher(far_list()))
    assert told() == first
    state_scan(root, state, Matcher(far_list()))
    changed = {key for key, value in told().items() if value != first[key]}
    assert changed == {key for key, (verdict, _) in first.items() if verdict == "match"}
    assert {told()[key] for key in changed} == {("clear", 4)}


def test_what_there_was_no_memory_for_is_tried_again(state: Path, tmp_path: Path) -> None:
    """A picture that was too large for the decoder's memory is decoded once there is enough."""
    wide = encode(Image.new("RGB", (8000, 8000)), "PNG", compress_level=1)
    path = put(tmp_path / "files" / "wide.png", wide)
    options = ["--list", str(tmp_path / "far.txt"), "--state", str(state), "--jobs", "1"]
    far_list().save(tmp_path / "far.txt")
    few = ["scan", str(path.parent), *options, "--max-memory"]
    assert run([*few, "384M"]) == 2
    assert run([*few, "2G"]) == 0


def test_paths_that_no_file_can_have_are_told(state: Path, tmp_path: Path) -> None:
    """A path with a NUL, which a list of paths may contain, does not end a scan."""
    found, _ = state_scan(Path(f"{tmp_path}/a\0b"), state, Matcher(far_list()))
    assert [each["reason"] for each in found] == ["vanished"]


def test_a_file_of_any_year_is_remembered(root: Path, state: Path, matcher: Matcher) -> None:
    """Whoever uploads a file may choose its time: one that SQLite cannot store ends no scan."""
    os.utime(root / "a" / "0001.jpg", ns=(0, 10**19))  # in 2286
    expected = plain_scan(root, matcher)
    assert [state_scan(root, state, matcher)[0] for _ in range(2)] == [expected, expected]


def test_files_that_were_left_out_are_not_gone(root: Path, state: Path, matcher: Matcher) -> None:
    """Files that patterns or depth hide from a walk are not gone, nor are those of other roots."""
    state_scan(root, state, matcher)
    _, counts = state_scan(root, state, matcher, walk=WalkOptions(exclude=("a/",), max_depth=1))
    assert counts.gone == 0
    _, counts = state_scan(root / "a", state, matcher)
    assert counts.gone == 0
    _, counts = state_scan([root / "0000.jpg", root / "a-b"], state, matcher)
    assert (counts.recalled, counts.gone) == (1 + 2, 0)


def test_archive_that_changed_is_examined_whole(
    tmp_path: Path, state: Path, matcher: Matcher
) -> None:
    """The members of an archive are known together, and replaced together."""
    path = put(tmp_path / "files" / "a.zip", make_zip({"1.jpg": picture(0), "2.jpg": picture(2)}))
    first, _ = state_scan(path.parent, state, matcher)
    assert [each["path"].rpartition("!/")[2] for each in first[:2]] == ["1.jpg", "2.jpg"]
    put(path, make_zip({"3.jpg": picture(0)}), LONG_AGO + 60)
    found, counts = state_scan(path.parent, state, matcher)
    assert found == plain_scan(path.parent, matcher)
    assert counts.examined == 1
    with State(state) as opened:
        assert [row.name for row in opened.files.group(key_of(os.fsencode(path)))] == [
            None,
            b"3.jpg",
        ]


def test_member_of_a_known_archive_is_decoded_where_it_may_be_near(
    tmp_path: Path, state: Path
) -> None:
    """A member's stored preview that may be near costs the decoding of that member alone."""
    members = {f"{seed}.jpg": picture(seed, LARGE) for seed in range(3)}
    path = put(tmp_path / "files" / "a.zip", make_zip(members))
    state_scan(path.parent, state, Matcher(far_list()))
    near = Matcher(list_of(picture(1, LARGE)))
    for _ in range(2):
        found, counts = state_scan(path.parent, state, near)
        assert found == plain_scan(path.parent, near)
        assert counts.recalled == 1
    with State(state) as opened:
        rows = opened.files.group(key_of(os.fsencode(path)))
        assert [bool(row.exact) for row in rows[1:]] == [False, True, False]


def test_what_may_not_be_the_files_fault_is_tried_again(
    tmp_path: Path, state: Path, matcher: Matcher
) -> None:
    """A file that could not be read is unscanned each time, until it can be."""
    folder = tmp_path / "files"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    put(folder / "ok.jpg", picture(1))
    for _ in range(2):
        found, counts = state_scan(folder, state, matcher)
        assert [each["reason"] for each in found] == [None, Reason.SPECIAL_FILE]
    assert (counts.recalled, counts.examined) == (1, 1)
    (folder / "pipe").unlink()
    put(folder / "pipe", picture(0))
    found, _ = state_scan(folder, state, matcher)
    assert found == plain_scan(folder, matcher)


def test_timeout_is_tried_again(tmp_path: Path, state: Path, matcher: Matcher) -> None:
    """Rows that blame a timeout or a crash are kept, and not trusted."""
    path = put(tmp_path / "files" / "slow.jpg", picture(0))
    expected, _ = state_scan(path.parent, state, matcher)
    change(state, "UPDATE files SET reason = 'timeout'")
    found, counts = state_scan(path.parent, state, matcher)
    assert (counts.recalled, counts.adopted, counts.examined) == (0, 0, 1)
    assert found == expected


def test_paths_of_any_bytes(tmp_path: Path, state: Path, matcher: Matcher) -> None:
    """Names that are not UTF-8, relative roots and a root given twice are all recognised."""
    root = os.fsencode(tmp_path / "files")
    for name in (b"\xff\xfe/\x01.jpg", b"\x01", b"files", b"\n.jpg"):
        put(Path(os.fsdecode(root + b"/" + name)), picture(0))
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        _, counts = state_scan(Path("files"), state, matcher)
        assert counts.examined == 1
        _, counts = state_scan([Path("files/"), tmp_path / "files"], state, matcher)
        assert (counts.recalled, counts.gone) == (8, 0)
    finally:
        os.chdir(before)
