"""What ``doctor`` and the defaults say about this machine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from hashmatch.examine.sandbox import cores

from . import commands


def test_doctor_passes_and_shows_what_is_in_force() -> None:
    """On this machine the self-test passes, and every measure of protection is reported."""
    process = commands.start("doctor", "--json")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    told = json.loads(output)
    assert set(told["self_test"].values()) == {"passed"}
    assert told["protection"]["separate_processes"] is True
    assert told["protection"]["address_space"] == 2 << 30
    assert told["protection"]["no_new_privileges"] is True
    assert told["limits"]["max_seconds"] == 20
    assert told["limits"]["cores"] >= 1
    assert "libjpeg-turbo" in told["decoders"]["JPEG"]


def test_doctor_fails_where_workers_cannot_start(tmp_path: Path) -> None:
    """An installation whose workers die at once fails its self-test, with 70."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif any(part.endswith('zygote') for part in sys.orig_argv): os._exit(1)\n"
    )
    process = commands.start("doctor", plug_in=[tmp_path])
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 70, errors
    assert b"failed" in output
    assert b"Traceback" not in errors


def groups(root: Path, membership: str, **files: str) -> int | None:
    """The quota that such control groups amount to."""
    (root / "own").write_text(membership)
    for place, content in files.items():
        path = root / place.replace("__", "/").replace("_max", ".max").replace("cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return cores._cgroup_quota(root, root / "own")


def test_cores_are_those_of_the_narrowest_control_group(tmp_path: Path) -> None:
    """The quota of a group, of one that it lies in, or of the container's root is kept to."""
    for number, (membership, files, quota) in enumerate(
        [
            ("0::/a/b\n", {"a__b__cpu_max": "150000 100000\n"}, 2),
            ("0::/a/b\n", {"a__cpu_max": "100000 100000\n", "a__b__cpu_max": "max 100000\n"}, 1),
            ("0::/\n", {"cpu_max": "400000 100000\n"}, 4),
            ("0::/not/here\n", {"cpu_max": "300000 100000\n"}, 3),
            ("0::/a\n", {"a__cpu_max": "max 100000\n"}, None),
            ("0::/a\n", {"a__cpu_max": "nonsense\n"}, None),
            (
                "4:memory:/m\n3:cpu,cpuacct:/a\n0::/a\n",
                {"cpu__a__cfs_quota_us": "50000", "cpu__a__cfs_period_us": "100000"},
                1,
            ),
            (
                "3:cpu:/a\n",
                {"cpu__a__cfs_quota_us": "-1", "cpu__a__cfs_period_us": "100000"},
                None,
            ),
        ]
    ):
        root = tmp_path / str(number)
        root.mkdir()
        assert groups(root, membership, **files) == quota, membership
    assert cores._cgroup_quota(tmp_path, tmp_path / "absent") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes control groups")
def test_a_real_control_group_limits_the_workers() -> None:
    """In a group with half a core, one picture is decoded at a time."""
    root = Path("/sys/fs/cgroup")
    second = (root / "cgroup.controllers").exists()
    group = (root if second else root / "cpu") / f"hashmatch-test-{os.getpid()}"
    try:
        group.mkdir()
        if second:
            (group / "cpu.max").write_text("50000 100000")
        else:
            (group / "cpu.cfs_quota_us").write_text("50000")
    except OSError:
        pytest.skip("control groups cannot be made here")
    program = (
        f"import os, pathlib; pathlib.Path({str(group)!r}, 'cgroup.procs').write_text('0')\n"
        "from hashmatch.examine.sandbox.cores import allowed_cores; print(allowed_cores())"
    )
    try:
        told = subprocess.run(
            [*commands.PROGRAM[:2], program],
            env=commands.environment(),
            capture_output=True,
            check=True,
        )
        assert told.stdout == b"1\n"
    finally:
        group.rmdir()
