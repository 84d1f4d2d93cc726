"""Compiles a list over another one again and again, and is killed each time.

Run as a program by ``test_compiled_kills``: it forks, which a test process full of threads should
not. Prints how many kills found each of the two lists, and how many came amid the writing.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from hashmatch.hashlist import HashList, save_compiled


def make(count: int) -> HashList:
    """A list whose bytes all follow from its number of entries."""
    numbers = random.Random(count)
    return HashList.loads("".join(f"{numbers.getrandbits(64):016x} n{n}\n" for n in range(count)))


def forever(lists: list[HashList], path: Path, done: int) -> None:
    """Write one list over another until killed, with a byte to a pipe after each."""
    while True:
        for hash_list in lists:
            save_compiled(hash_list, path)
            os.write(done, b".")


def kill_one(lists: list[HashList], path: Path, saved: int, delay: float) -> None:
    """Start writing in another process; kill it a delay in seconds after so many are saved."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        forever(lists, path, writing)
    os.close(writing)
    for _ in range(saved):
        os.read(reading, 1)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)


def main(folder: Path, kills: int) -> None:
    """Kill, look, and kill again."""
    lists = [make(2_000), make(3_000)]
    path = folder / "list.hml"
    started = time.perf_counter()
    save_compiled(lists[0], path)
    duration = time.perf_counter() - started
    whole = {hash_list.digest: list(hash_list) for hash_list in lists}
    found = dict.fromkeys(whole, 0)
    amid = 0
    # A kill may come before or after the writing that it is meant for, so allow more of them
    for kill in range(20 * kills):
        if kill >= kills and min(*found.values(), amid):
            break
        delay = random.Random(kill).uniform(0, 1) * duration
        kill_one(lists[:: -1 if kill % 2 else 1], path, kill // 2 % 3, delay)
        after = HashList.load(path)
        if list(after) != whole[after.digest]:
            raise SystemExit("the list is neither the old one nor the new one")
        found[after.digest] += 1
        left_over = list(folder.glob(".*"))
        amid += bool(left_over)
        for file in left_over:
            file.unlink()
    print(*found.values(), amid)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
