"""What becomes of a picture, from a worker's answers to the facts about it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from examine.sandbox import plants
from examine.sandbox.processes import children
from hashmatch import HashList
from hashmatch.errors import DecodeError
from hashmatch.evaluate import EvaluationSettings, evaluate, record
from hashmatch.evaluate.pictures import examine_options, facts_of
from hashmatch.examine.decode import SAMPLE
from hashmatch.examine.examination import examine
from hashmatch.examine.sandbox import WorkerLimits
from hashmatch.model import QUARTER, Examination, Reason
from pictures import encode, photo

from .conftest import SETTINGS

MIRROR = EvaluationSettings(transforms=("mirror",))


def examined(data: bytes) -> Examination:
    """What a worker would find of a file."""
    return examine(data, examine_options(MIRROR))


def test_the_first_view_with_detail_stands_for_a_picture() -> None:
    """A picture whose stored pixels show nothing is entered by the view that shows something."""
    hidden = photo(9, 120, 90).convert("RGBA")
    hidden.putalpha(photo(10, 120, 90).convert("L"))
    found = examined(encode(hidden, "PNG"))
    assert len(found.views) >= 2
    dull = replace(found, views=(replace(found.views[0], quality=49), *found.views[1:]))
    for whole, first in ((found, 0), (dull, 1)):
        facts = facts_of(whole, [("mirror", found)], MIRROR)
        assert facts.problem is None
        measured = [
            view
            for view in found.views[first:]
            if not view.view.endswith(QUARTER) and SAMPLE not in view.view
        ]
        assert facts.views == tuple(view.hashes for view in measured)


def test_a_variant_that_fails_leaves_its_picture_out() -> None:
    """Whatever part of a picture was not examined, none of it counts, and nothing is kept."""
    found = examined(encode(photo(9, 120, 90), "PNG"))
    crash = Examination.failed(DecodeError(Reason.DECODER_CRASH, "the decoder died"))
    facts = facts_of(found, [("mirror", crash)], MIRROR)
    assert (facts.problem, facts.digest) == ("decoder_crash: as mirror: the decoder died", "")
    facts = facts_of(found, [], MIRROR)
    assert (facts.problem, facts.digest) == ("changed: the file changed while it was read", "")


@pytest.mark.timing
def test_hostile_pictures_are_left_out_with_their_reasons(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that kills its decoder or never ends is named, and all others are evaluated."""
    monkeypatch.syspath_prepend(str(plants.install(tmp_path / "plug-in")))
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "hang.jpg").write_bytes(plants.picture(1, plants.HANG))
    (hostile / "segv.jpg").write_bytes(plants.picture(2, plants.SEGV))
    settings = replace(SETTINGS, transforms=("mirror",))
    cache = tmp_path / "cache"
    limits = WorkerLimits(512 * 1024 * 1024, 2.0)
    found = record(evaluate([hostile, folder], settings, jobs=2, workers=limits, cache=cache))
    assert found["pictures"]["different"] == 26
    assert found["pictures"]["unusable"] == {
        "decoder_crash": 1,
        "low_information": 1,
        "not_image": 1,
        "timeout": 1,
        "truncated": 1,
    }
    shown = {Path(one["path"]).name: one["why"] for one in found["pictures"]["unused_shown"]}
    assert shown["hang.jpg"] == "timeout: not decoded within 2 seconds"
    assert shown["segv.jpg"] == "decoder crash: the decoder died"
    assert cache.read_bytes().count(b"\n") == 30  # another run tries the hostile ones again


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")
@pytest.mark.usefixtures("own_zygote")
def test_lists_are_loaded_after_the_last_picture(folder: Path) -> None:
    """When the lists are loaded every picture is measured, and no worker is left."""
    before = children(os.getpid())
    done: list[tuple[int, int]] = []
    seen: list[object] = []

    def load() -> list[HashList]:
        seen.extend((done[-1], children(os.getpid()) == before))
        return []

    settings = replace(SETTINGS, transforms=("mirror",))
    evaluate([folder], settings, load_lists=load, progress=lambda *counts: done.append(counts))
    assert seen == [(31, 31), True]
