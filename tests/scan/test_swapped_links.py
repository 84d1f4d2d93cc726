"""A symbolic link swapped in during a walk leads nowhere."""

from __future__ import annotations

import ctypes
import threading
import time
from pathlib import Path

from counts import LONG
from hashmatch import Entry, HashList, Matcher, PerceptualHash, Verdict
from hashmatch.scan import make_pool, scan
from pictures import photo

RENAME_EXCHANGE = 2  # linux/fs.h


def exchange(first: Path, second: Path) -> None:
    """Swap two names atomically (renameat2)."""
    call = ctypes.CDLL(None, use_errno=True).renameat2
    if call(-100, bytes(first), -100, bytes(second), RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_nothing_outside_the_root_is_read_while_links_are_swapped_in(tmp_path: Path) -> None:
    """A listed picture outside the root never matches, however often a link points to it.

    Files and folders are swapped for links to it, and back, all through the scan.
    """
    swaps_wanted = 10_000 if LONG else 1_500
    outside, root = tmp_path / "outside", tmp_path / "root"
    for folder in (outside, root / "folder", root / "spare"):
        folder.mkdir(parents=True)
    photo(1, 64, 64).save(outside / "a.jpg")
    photo(2, 64, 64).save(root / "file.jpg")
    photo(3, 64, 64).save(root / "folder" / "a.jpg")
    links = tmp_path / "links"
    links.mkdir()
    (links / "file").symlink_to(outside / "a.jpg")
    (links / "folder").symlink_to(outside)
    import imagehash  # noqa: PLC0415 # heavy
    from PIL import Image  # noqa: PLC0415 # heavy

    with Image.open(outside / "a.jpg") as image:
        canary = Entry("canary", PerceptualHash.from_imagehash(imagehash.phash(image)))
    hash_list = HashList.from_entries([canary], name="canary")
    assert Matcher(hash_list).match(outside / "a.jpg").verdict is Verdict.MATCH
    swaps = 0
    stop = threading.Event()

    def swap() -> None:
        nonlocal swaps
        while not stop.is_set():
            exchange(root / "file.jpg", links / "file")
            exchange(root / "folder", links / "folder")
            swaps += 2
            time.sleep(0.0005)

    thread = threading.Thread(target=swap)
    seen: set[Verdict] = set()
    files = 0
    pool = make_pool(1)
    try:
        # One pool serves one scan: the root is named again and again
        roots = iter(lambda: swaps >= swaps_wanted, True)
        for result in scan((bytes(root) for _ in roots), Matcher(hash_list), pool):
            if not files:
                thread.start()
            seen.add(result.outcome.verdict)
            files += 1
    finally:
        stop.set()
        thread.join()
        pool.close()
    assert swaps >= swaps_wanted
    assert files > 50
    assert Verdict.MATCH not in seen
    assert Verdict.CLEAR in seen
