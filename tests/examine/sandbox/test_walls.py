"""The walls: what the filter lets through, what decodes behind them, and how they are reported."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox import (
    Pool,
    Sandbox,
    ThreadPool,
    WorkerLimits,
    missing_walls,
    pool,
    protection_in_words,
)
from hashmatch.examine.sandbox.seccomp import program
from hashmatch.examine.sandbox.selftest import available_options, decode_every_format
from hashmatch.examine.sandbox.syscalls import ALLOWED, CLONE3
from hashmatch.model import HashKind
from hashmatch.options import ExamineOptions

pytestmark = pytest.mark.usefixtures("real_processes")

OPTIONS = ExamineOptions(kinds=(HashKind("phash", 64),))
ALLOW, KILL, REFUSE = 0x7FFF_0000, 0x8000_0000, 0x0005_0000 | errno.EPERM
MACHINES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
PID = 4321

machines = st.sampled_from(sorted(MACHINES))
words = st.integers(0, 2**32 - 1)


def verdict(machine: str, number: int, arguments: Sequence[int] = (), arch: int = 0) -> int:
    """The filter's verdict on a call, computed as the kernel does."""
    filled = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=iIQ6Q", number, arch or MACHINES[machine], 0, *filled)
    steps = list(struct.iter_unpack("=HBBI", program(machine, PID)))
    at = value = 0
    while True:
        code, then, otherwise, operand = steps[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == 0x54:
            value &= operand
        elif code == 0x15:
            at += then if value == operand else otherwise
        elif code == 0x35:
            at += then if value >= operand else otherwise
        else:
            assert code == 0x06
            return operand


@given(machines, st.integers(0, 600), st.lists(words, min_size=6, max_size=6))
def test_the_filter_says_what_the_table_says(
    machine: str, number: int, arguments: list[int]
) -> None:
    """The filter allows a call with any arguments exactly if the table does."""
    found = verdict(machine, number, arguments)
    rows = [call for call in ALLOWED if getattr(call, machine) == number]
    assert len(rows) <= 1
    if number == CLONE3:
        assert found == 0x0005_0000 | errno.ENOSYS
        return
    allowed = bool(rows) and all(
        arguments[check.argument] & check.mask in (check.values or (PID,))
        for check in rows[0].checks
    )
    assert found == (ALLOW if allowed else REFUSE)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_row_of_the_table_is_reached(machine: str) -> None:
    """Each call is allowed with the arguments that its row names, and each row has a reason."""
    for call in ALLOWED:
        arguments = [0] * 6
        for check in call.checks:
            arguments[check.argument] |= (check.values or (PID,))[0]
        assert verdict(machine, getattr(call, machine), arguments) == ALLOW, call.name
        assert call.why


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_of_another_architecture_kill(machine: str) -> None:
    """A call with the numbers of i386, the other architecture or x32 ends the process."""
    for arch in (0x4000_0003, *(set(MACHINES.values()) - {MACHINES[machine]})):
        assert verdict(machine, 0, arch=arch) == KILL
    if machine == "x86_64":
        assert verdict(machine, 0x4000_0000 + 1) == KILL


@given(machines, words)
def test_no_memory_becomes_executable_or_shared(machine: str, flags: int) -> None:
    """Whatever the other arguments, mmap and mprotect refuse PROT_EXEC, files and sharing."""
    numbers = {call.name: getattr(call, machine) for call in ALLOWED}
    assert verdict(machine, numbers["mprotect"], [0, 4096, flags | 4]) == REFUSE
    assert verdict(machine, numbers["mmap"], [0, 4096, flags | 4, 0x22]) == REFUSE
    assert verdict(machine, numbers["mmap"], [0, 4096, 3, flags & ~0x20]) == REFUSE
    assert verdict(machine, numbers["mmap"], [0, 4096, 3, flags | 1]) == REFUSE
    assert verdict(machine, numbers["clone"], [flags & ~0x10000]) == REFUSE


def test_every_format_decodes_behind_the_walls() -> None:
    """In each format, a worker that can load nothing finds what is found without walls."""
    options = available_options()
    with Pool(1).configure(options) as workers:
        found = decode_every_format(workers, options)
    assert {"JPEG", "MPO", "PNG", "GIF", "WEBP", "BMP", "TIFF", "a blank picture"} <= set(found)
    assert set(found.values()) == {"passed"}


def test_the_self_test_sees_what_a_worker_cannot_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a worker lacks something that it imports late, the self-test says which format fails."""
    monkeypatch.setattr(pool, "_NOT_LOADED", ())  # so that SciPy is never loaded late
    options = available_options()
    with Pool(1).configure(options) as workers:
        if missing_walls(workers.protection):
            pytest.skip("without walls, everything can be imported late")
        found = decode_every_format(workers, options)
    assert found["a blank picture"].startswith("failed: the decoder died of ")


@pytest.mark.parametrize("wall", pool.WALLS)
def test_strict_needs_every_wall(wall: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a wall is missing, a strict pool refuses to start, and any other says so in one line."""
    others = tuple(name for name in pool.WALLS if name != wall)
    monkeypatch.setattr(pool, "walls_of", lambda _: others)
    strict = WorkerLimits(sandbox=Sandbox.STRICT)
    with Pool(1, strict) as workers, pytest.raises(SettingsError, match=pool.WALLS[wall]):
        workers.configure(OPTIONS)
    said: list[str] = []
    with Pool(1, WorkerLimits(notify=said.append)).configure(OPTIONS) as workers:
        assert pool.WALLS[wall] in missing_walls(workers.protection)
        assert "not in force" in protection_in_words(workers.protection)[wall]
    (line,) = said
    assert pool.WALLS[wall] in line


def test_the_whole_sandbox_says_nothing() -> None:
    """A pool with all walls starts as strict, and reports nothing."""
    said: list[str] = []
    with Pool(1, WorkerLimits(notify=said.append)).configure(OPTIONS) as workers:
        if missing_walls(workers.protection):
            pytest.skip("this system lacks a wall")
    assert said == []
    Pool(1, WorkerLimits(sandbox="strict")).configure(OPTIONS).close()


def test_off_says_what_it_costs() -> None:
    """With the sandbox off there is one line, and no wall is said to hold."""
    said: list[str] = []
    limits = WorkerLimits(sandbox="off", notify=said.append)
    with Pool(1, limits).configure(OPTIONS) as workers:
        assert len(missing_walls(workers.protection)) == 3
    assert len(said) == 1
    assert "the sandbox is off" in said[0]


def test_threads_are_no_sandbox() -> None:
    """Where processes cannot be isolated, strict refuses and best says so."""
    with pytest.raises(SettingsError, match="strict"):
        ThreadPool(1, WorkerLimits(sandbox="strict")).configure(OPTIONS)
    said: list[str] = []
    with ThreadPool(1, WorkerLimits(notify=said.append)).configure(OPTIONS) as workers:
        assert protection_in_words(workers.protection) == {}
    assert len(said) == 1


def test_an_unknown_sandbox_is_refused() -> None:
    """An unknown sandbox is an error that names those that exist."""
    with pytest.raises(SettingsError, match="strict, best, off"):
        WorkerLimits(sandbox="some")
