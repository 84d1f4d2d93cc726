"""Videos are found by every way in: a scan, a rematch of its state, and shards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from films import FORMATS, film, scene
from hashmatch.cli.main import run
from pictures import photo

SMALL = FORMATS["MP4"]._replace(size=(160, 90))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A video and a picture, a list that has a scene of the video, and one that has not."""
    (given := tmp_path / "given").mkdir()
    (given / "film.mp4").write_bytes(film([scene(1), scene(2)], SMALL, 2.5))
    photo(1, 96, 72).save(given / "picture.png")
    for name, listed in (("scene", scene(2)), ("other", photo(2, 96, 72))):
        listed.save(tmp_path / f"{name}.png")
    return tmp_path


def listed(folder: Path, name: str, capfd: pytest.CaptureFixture[str]) -> str:
    """The path of a list of this picture's hashes."""
    kinds = ["--algorithm", "phash", "--algorithm", "dhash"]
    assert run(["hash", *kinds, str(folder / f"{name}.png")]) == 0
    path = folder / f"{name}.txt"
    path.write_text(capfd.readouterr().out)
    path.chmod(0o600)
    return str(path)


def records(path: Path) -> list[dict[str, object]]:
    """The records of the files."""
    every = [json.loads(line) for line in path.read_text().splitlines()]
    return [each for each in every if each["type"] == "file"]


def test_a_video_is_found_by_scan_rematch_and_shards(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A state that was made without the entry finds it in the video, as do a scan and shards."""
    given, state = str(folder / "given"), str(folder / "state.db")
    scene_list, other = (listed(folder, name, capfd) for name in ("scene", "other"))
    out = {name: folder / f"{name}.jsonl" for name in ("before", "again", "scan", "shards")}
    common = ["--format", "jsonl", "--output"]
    assert run(["scan", given, "--list", other, "--state", state, *common, str(out["before"])]) == 0
    again = ["rematch", "--state", state, "--list", scene_list, *common, str(out["again"])]
    assert run(again) == 1
    assert run(["scan", given, "--list", scene_list, *common, str(out["scan"])]) == 1
    (found,) = (each for each in records(out["again"]) if each["verdict"] == "match")
    assert found["kind"] == "video"
    assert {match["view"] for match in found["matches"]} == {"frame:00:00:02.500"}  # type: ignore[attr-defined]
    plan, results = folder / "plan", folder / "results.jsonl"
    assert run(["shard", "plan", given, "--list", scene_list, "-o", str(plan)]) == 0
    (manifest,) = plan.glob("shard-*.jsonl")
    assert run(["shard", "run", str(manifest), "-o", str(results)]) == 0
    merge = ["shard", "merge", str(results), "--plan", str(plan), "--list", scene_list]
    assert run([*merge, *common, str(out["shards"])]) == 1
    assert records(out["shards"]) == records(out["scan"])
    assert [each["matches"] for each in records(out["scan"])] == [
        each["matches"] for each in records(out["again"])
    ]
