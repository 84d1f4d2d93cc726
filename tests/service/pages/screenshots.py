"""Makes the pictures of the review page in ``docs/``, from the example pictures.

::

    PYTHONPATH=tests:fixtures python -m service.pages.screenshots docs
"""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from browser import a_browser
from hashmatch.cases import Finding, Place
from hashmatch.model import Cause
from hashmatch.service.hold import HoldFolder
from hashmatch.service.upload import memory_file
from service.pages.desk import PICTURES, TOKENS, a_desk, finding, near

SEEN = {
    "harbour.jpg": ("http", "gallery", [near(3)]),
    "canyon.jpg": ("scan", None, [near(4), near(12, list="partners", distance=6)]),
    "lagoon.jpg": ("icap", "squid", [near(7, distance=7, cause=Cause.CHANCE)]),
    "meadow.jpg": ("http", "gallery", [near(9, list="partners", distance=0)]),
    "ember.jpg": ("clamd", "nextcloud", [near(14, distance=5)]),
    "dune.jpg": ("scan", None, [near(16, distance=2, view="trimmed")]),
}


def main(target: Path) -> None:
    """Open the page, and save what it looks like."""
    with (
        tempfile.TemporaryDirectory() as name,
        HoldFolder(Path(name) / "held") as hold,
        a_desk(Path(name)) as desk,
        a_browser() as browser,
    ):
        began = desk.clock.now
        for hours, each in enumerate(SEEN):
            desk.clock.now = began - timedelta(hours=29 - 4.6 * hours)
            desk.cases.record([held(hold, Path(name) / "held", each)])
        desk.clock.now = began
        desk.cases.lease("ben")
        page = browser.new_page()
        page.look(width=1120, height=700)
        page.open(f"{desk.url}/review/")
        page.type(TOKENS["ada"])
        with page.loading():
            page.press("Enter")
        (target / "review-queue.png").write_bytes(page.screenshot())
        page.look(width=1120, height=870)
        with page.loading():
            page.press("n")
        desk.clock.passes(minutes=2)
        with page.loading():
            page.press("p")
        page.press("f")
        page.type("different picture")
        page.evaluate("scrollTo(0, 0)")
        (target / "review-case.png").write_bytes(page.screenshot())


def held(hold: HoldFolder, folder: Path, name: str) -> Finding:
    """An upload of an example picture, held as evidence."""
    door, client, matches = SEEN[name]
    with memory_file() as upload:
        upload.write((PICTURES / name).read_bytes())
        upload.flush()
        item = hold.hold(upload, f"c-{name}", [])
    path = name if client else f"/srv/uploads/2026/02/{name}"
    place = Place(
        door,
        path=path.encode(),
        client=client,
        request=name if client else None,
        quarantine=str(folder),
        item=item,
    )
    return finding(PICTURES / name, 0, matches=tuple(matches), place=place)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
