"""A scan cut into shards, examined one by one without a list, and merged: as a local scan."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from commands import hashmatch_command, records
from hashmatch import HashList
from hashmatch.cli.main import run as cli_run
from hashmatch.cluster import shard as shards
from hashmatch.cluster.node import UnfitError, check_fit
from hashmatch.cluster.plan import read_manifest
from pictures import encode, photo
from scan.trees import picture, put, tree
from sources.objects import canned, servers
from state.tables import rows_of


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in folders, large ones with previews, an archive, and what cannot be examined."""
    root = tmp_path_factory.mktemp("cluster")
    folder = tree(root / "uploads", 20)
    for seed in (31, 32):
        put(folder / f"large{seed}.jpg", picture(seed, (1200, 900)))
    put(folder / "cut.png", encode(photo(4, 320, 240), "PNG")[:9000])
    put(folder / "text.txt", b"not a picture\n")
    put(folder / os.fsdecode(b"\xff\n.jpg"), picture(33))
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        for seed in (1, 40, 31):
            archive.writestr(f"m{seed}.jpg", picture(seed, (1200, 900)))
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("text.txt")
    values = [entry_of(picture(seed, size)) for seed, size in LISTED]
    (root / "list.txt").write_text("# algorithm: phash\n" + "\n".join(values) + "\n")
    return root


LISTED = [(1, (96, 80)), (7, (96, 80)), (31, (1200, 900)), (40, (1200, 900))]


def entry_of(data: bytes) -> str:
    """A line of a list for a picture."""
    from hashmatch import phash  # noqa: PLC0415 # beside its only use

    return str(phash(data))


def run(root: Path, *arguments: str | Path, code: int = 0) -> bytes:
    """Run a command in a folder."""
    done = hashmatch_command(*map(str, arguments), cwd=root)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout


def plan(root: Path, folder: Path, *options: str) -> Path:
    """Make a plan of all uploads."""
    run(root, "shard", "plan", "uploads", "--list", "list.txt", "-o", folder, *options)
    return folder


def examine(root: Path, folder: Path, results: Path) -> Path:
    """Examine all shards of a plan."""
    results.mkdir()
    for manifest in sorted(folder.glob("shard-*")):
        run(root, "shard", "run", manifest, "-o", results / manifest.name)
    return results


def without_run(output: bytes) -> list[dict[str, Any]]:
    """All records, without the circumstances of the run."""
    found = records(output)
    del found[-1]["run"]
    return found


@pytest.mark.parametrize("decode", ["fast", "exact"])
def test_merged_records_equal_those_of_a_local_scan(
    uploads: Path, tmp_path: Path, decode: str
) -> None:
    """Records are the same, byte for byte, in the same order, and so are summary and exit code."""
    folder = plan(uploads, tmp_path / "plan", "--decode", decode, "--files-per-shard", "16")
    results = examine(uploads, folder, tmp_path / "results")
    listed = ("--list", "list.txt", "--format", "jsonl")
    local = run(uploads, "scan", "uploads", *listed, code=3)
    merged = run(uploads, "shard", "merge", results, "--plan", folder, *listed, code=3)
    assert local.splitlines()[:-1] == merged.splitlines()[:-1]
    assert without_run(local) == without_run(merged)
    assert records(merged)[-1]["verdicts"]["match"] > 3


def test_objects_are_planned_examined_and_merged(
    uploads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards of a bucket, and of the objects in a manifest, give the records of a scan of them."""
    pytest.importorskip("botocore")
    bodies = [picture(31, (1200, 900)), picture(1), b"text", picture(2)]
    with canned.running() as server:
        for name, value in servers.environment(server.url).items():
            monkeypatch.setenv(name, value)
        for key, body in zip((b"a//y.jpg", b"c/../z", b"new\nline", b"%2F"), bodies, strict=True):
            server.put(key, body)
        server.faults[b"%2F"] = ["403 AccessDenied no"] * 2
        (tmp_path / "keys").write_bytes(b"new\nline\0a//y.jpg\0missing\0")
        listed = ("--list", "list.txt")
        for number, sources in enumerate(
            (
                ("s3://bucket",),
                ("--files-from", tmp_path / "keys", "--keys-of", "s3://bucket/", "--null"),
            )
        ):
            folder = tmp_path / f"plan{number}"
            run(uploads, "shard", "plan", *sources, *listed, "-o", folder)
            results = examine(uploads, folder, tmp_path / f"results{number}")
            listed = (*listed, "--format", "jsonl")
            merged = run(uploads, "shard", "merge", results, "--plan", folder, *listed, code=3)
            assert without_run(merged) == without_run(
                run(uploads, "scan", *sources, *listed, code=3)
            )
            listed = listed[:2]


def test_a_merge_hands_its_matches_to_people(
    uploads: Path, planned: tuple[Path, Path], tmp_path: Path
) -> None:
    """Cases and trail are those of a scan; a false positive holds from the next merge on."""
    folder, results = planned
    listed = ("--list", "list.txt", "--format", "jsonl")
    merge = ("shard", "merge", results, "--plan", folder, *listed)
    query = "SELECT content, status FROM cases ORDER BY content"
    run(uploads, "scan", "uploads", *listed, "--cases", tmp_path / "scan.db", code=3)
    kept = ("--cases", tmp_path / "merge.db", "--audit", tmp_path / "trail")
    merged = records(run(uploads, *merge, *kept, code=3))
    assert rows_of(tmp_path / "merge.db", query) == rows_of(tmp_path / "scan.db", query)
    assert len(rows_of(tmp_path / "merge.db", query)) > 3
    trail = [json.loads(line)["event"] for line in (tmp_path / "trail").read_text().splitlines()]
    assert trail[0]["command"] == "shard merge"
    assert [each["type"] for each in trail].count("match") == merged[-1]["verdicts"]["match"]


def test_no_manifest_and_no_results_know_the_list(uploads: Path, tmp_path: Path) -> None:
    """What goes to nodes and comes back holds no hash of the list that no file has."""
    secret = "ca9a11fe0123bead"
    list_path = tmp_path / "list.txt"
    list_path.write_text(f"# algorithm: phash\n{secret} an-id a label\n")
    folder = tmp_path / "plan"
    run(uploads, "shard", "plan", "uploads", "--list", list_path, "-o", folder)
    examine(uploads, folder, tmp_path / "results")
    for path in [*folder.iterdir(), *(tmp_path / "results").iterdir()]:
        text = path.read_text()
        for part in (secret, str(int(secret, 16)), "an-id", "a label", "list.txt"):
            assert part not in text


@pytest.fixture
def planned(uploads: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A plan and its results."""
    folder = plan(uploads, tmp_path / "plan")
    return folder, examine(uploads, folder, tmp_path / "results")


def test_merging_refuses_what_is_not_whole(uploads: Path, planned: tuple[Path, Path]) -> None:
    """Missing, cut and forged results, and a changed manifest, end the merge with exit code 66."""
    folder, results = planned
    [manifest] = folder.glob("shard-*")
    result = results / manifest.name

    def refused(words: str) -> None:
        arguments = ("shard", "merge", str(results), "--plan", str(folder), "--list", "list.txt")
        done = hashmatch_command(*arguments, "-o", str(folder / "out"), cwd=uploads)
        assert done.returncode == 66
        assert words in done.stderr.decode()
        assert not (folder / "out").exists()

    whole = result.read_bytes()
    lines = whole.splitlines(keepends=True)
    result.write_bytes(b"".join(lines[:-1]))
    refused("is not complete")
    result.write_bytes(b"".join([*lines, lines[-1]]))
    refused("has results that are not valid")
    result.write_bytes(b"\n".join([b'{"type": "other"}', *lines[1:]]))
    refused("not the results of a shard")
    result.unlink()
    refused("1 shard has no results: shard-0000001.jsonl")
    result.write_bytes(whole)
    manifest.write_bytes(manifest.read_bytes().replace(b"large31", b"large32"))
    refused("has changed since the plan was made")
    (folder / "plan.json").unlink()
    refused("not a whole plan")


def test_a_list_that_needs_other_hashes_is_refused(
    uploads: Path, planned: tuple[Path, Path], tmp_path: Path
) -> None:
    """Shards without the hashes that a list needs clear nothing: the merge says to plan again."""
    folder, results = planned
    other = tmp_path / "other.txt"
    other.write_text("# algorithm: dhash\nca9a11fe0123bead\n")
    arguments = ("shard", "merge", results, "--plan", folder, "--list", other)
    done = hashmatch_command(*map(str, arguments), cwd=uploads)
    assert done.returncode == 64
    assert "make the plan again" in done.stderr.decode()


def test_a_plan_does_not_mix_with_another(uploads: Path, planned: tuple[Path, Path]) -> None:
    """A folder that holds a plan is not used for a second one."""
    arguments = ("shard", "plan", "uploads", "--list", "list.txt", "-o", planned[0])
    done = hashmatch_command(*map(str, arguments), cwd=uploads)
    assert done.returncode == 66
    assert "must be empty" in done.stderr.decode()


def test_a_node_without_the_folder_examines_nothing(
    uploads: Path, planned: tuple[Path, Path], tmp_path: Path
) -> None:
    """A folder that is not mounted is an error, and not so many files that are gone."""
    [manifest] = planned[0].glob("shard-*")
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes(manifest.read_bytes().replace(str(uploads).encode(), b"/nowhere"))
    done = hashmatch_command("shard", "run", str(moved), "-o", str(tmp_path / "out"))
    assert done.returncode == 70
    assert "this folder is not there: mount it" in done.stderr.decode()
    assert not (tmp_path / "out").exists()


def test_a_node_that_decodes_otherwise_examines_nothing(planned: tuple[Path, Path]) -> None:
    """Another version of what decodes is named, since its hashes could differ."""
    [manifest] = planned[0].glob("shard-*")
    _, shard = read_manifest(manifest)
    check_fit(shard)
    rules = json.loads(shard.rules)
    rules["versions"]["pillow"] = "1.0"
    with pytest.raises(UnfitError, match=r"differently \(versions\)"):
        check_fit(shards.Shard(shard.work, json.dumps(rules), shard.items))


def test_results_of_another_version_are_not_merged(
    uploads: Path,
    planned: tuple[Path, Path],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hashes that were made in another way would be looked up in vain, and files come out clear."""
    folder, results = planned
    monkeypatch.chdir(uploads)
    monkeypatch.setattr("hashmatch.state.settings.PILLOW_VERSION", "1.0")
    merge = ["shard", "merge", str(results), "--plan", str(folder), "--list", "list.txt"]
    assert cli_run(merge) == 70
    assert "examines files differently (versions)" in capfd.readouterr().err


def test_a_link_put_in_the_place_of_a_folder_leads_nowhere(
    tmp_path: Path,
) -> None:
    """A node follows no link below the root, as a local scan does not."""
    secret = put(tmp_path / "outside" / "x.jpg", picture(1))
    folder = tmp_path / "uploads"
    put(folder / "a" / "x.jpg", picture(2))
    list_path = tmp_path / "list.txt"
    list_path.write_text(f"# algorithm: phash\n{entry_of(secret.read_bytes())}\n")
    HashList.load(list_path)
    run(tmp_path, "shard", "plan", "uploads", "--list", "list.txt", "-o", tmp_path / "plan")
    (folder / "a" / "x.jpg").unlink()
    (folder / "a").rmdir()
    (folder / "a").symlink_to(tmp_path / "outside")
    results = examine(tmp_path, tmp_path / "plan", tmp_path / "results")
    merge = ("shard", "merge", results, "--plan", "plan", "--list", "list.txt")
    [found, _] = records(run(tmp_path, *merge, "--format", "jsonl", code=2))
    assert (found["verdict"], found["reason"]) == ("unscanned", "vanished")
