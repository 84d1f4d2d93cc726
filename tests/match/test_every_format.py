from __future__ import annotations

import io
import random
import sys
from collections.abc import Callable
from contextlib import suppress

import imagehash
import numpy as np
import pytest
from PIL import Image

from counts import LONG
from damage import damaged
from examine.archive.makers import TAR_END, Forged, forge_zip, tar_entry
from examine.every_format import in_every_format, listed_picture
from examine.raws import every_raw
from hashmatch import Entry, HashList, Matcher, PerceptualHash, Reason, Verdict
from hashmatch.examine.decode import DECODERS, load_decoders, missing
from hashmatch.examine.decode.formats import decoder_of
from hashmatch.examine.missing import install_lines
from hashmatch.options import FORMATS
from matchers import in_process

RAWS = every_raw(b"")
SECOND = {"a.mpo", "a.apng", "second.ppm", "second.tif", "animated.webp"}
ENTRIES = HashList.from_entries(
    [
        Entry("p", PerceptualHash.from_imagehash(imagehash.phash(listed_picture()))),
        Entry("d", PerceptualHash.from_imagehash(imagehash.dhash(listed_picture()), "dhash")),
    ],
    name="one",
)


def test_every_format_has_a_file() -> None:
    """There is a file in every format, unless its plug-in is not installed."""
    lacking = {name for name in FORMATS if missing(name)}
    assert {name for name, _ in in_every_format().values()} == FORMATS - lacking


def test_a_listed_picture_matches_in_every_format() -> None:
    """By default, whatever format a listed picture is in, the worker processes find it."""
    files = in_every_format()
    with Matcher(ENTRIES) as matcher:
        found = {name: matcher.match(data) for name, (_, data) in files.items()}
    assert {name: outcome.verdict for name, outcome in found.items()} == dict.fromkeys(
        files, Verdict.MATCH
    )
    formats = {name: decoder_of(str(outcome.format)) for name, outcome in found.items()}
    assert formats == {name: kind for name, (kind, _) in files.items()}
    # A camera raw's own data is not decoded, which its outcome says
    raws = {name for name in files if name.removeprefix("a.") in RAWS}
    assert {name for name, outcome in found.items() if outcome.reason} == raws - {"a.nef"}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        *((head + bytes(200), known) for head, known in (
            (b"ALZ\x01", "ALZ"),
            (b"\x60\xea\x1e\0", "ARJ"),
            (b"ITSF\3\0\0\0", "CHM"),
            (b"SIT!", "STUFFIT"),
            (b"qoif", "QOI"),
            (b"hsqs", "SQUASHFS"),
        )),
        (forge_zip([Forged(b"a", b"1", method=98)]), "ZIP"),
        (forge_zip([Forged(b"a", b"1")], disk=3), "ZIP"),
        (tar_entry(b"a", kind=b"S") + TAR_END, "TAR"),
    ],
)  # fmt: skip
def test_what_is_recognised_and_not_read_is_named(data: bytes, name: str) -> None:
    """An unsupported format has its name in the outcome, so that a summary can count it."""
    outcome = in_process(ENTRIES).match(data)
    part = outcome.parts[0].outcome if outcome.parts else outcome
    assert (part.reason, part.format) == (Reason.UNSUPPORTED_FORMAT, name)


def test_denied_formats_are_unscanned() -> None:
    """A format that is left out gives a reason, and never clears."""
    for name, data in in_every_format().values():
        denied = {name, "JPEG"} if name == "MPO" else {name}
        outcome = in_process(ENTRIES, formats=FORMATS - denied).match(data)
        assert (outcome.verdict, outcome.reason) == (Verdict.UNSCANNED, Reason.UNSUPPORTED_FORMAT)


@pytest.mark.parametrize("module", ["pillow_heif", "pillow_jxl"])
def test_without_an_extra_its_format_is_unscanned(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a plug-in is missing, its files are unscanned with the line that installs it."""
    for each in [module, *(known for known in sys.modules if known.startswith(f"{module}."))]:
        monkeypatch.setitem(sys.modules, each, None)  # what an import then finds is nothing
    caches: list[Callable[[], None]] = [missing.cache_clear, load_decoders.cache_clear]
    for clear in caches:
        clear()
    try:
        for name, data in in_every_format().values():
            outcome = in_process(ENTRIES).match(data)
            if DECODERS[name].module.startswith(module):
                line = f"pip install 'hashmatch[{DECODERS[name].extra}]'"
                assert outcome.verdict is Verdict.UNSCANNED
                assert outcome.reason is Reason.UNSUPPORTED_FORMAT
                assert outcome.detail == f"{name} needs an extra package: {line}"
                assert install_lines([name, "DDS"]) == {name: line}
            else:
                assert outcome.verdict is Verdict.MATCH
    finally:
        for clear in caches:
            clear()


def pixels(data: bytes, name: str) -> bytes | None:
    """The pixels that Pillow shows first, with mode and size; None where it shows none."""
    with suppress(Exception), Image.open(io.BytesIO(data), formats=(DECODERS[name].pillow,)) as it:
        shown = it if it.mode == "F" else it.convert("RGBA")
        return f"{it.mode} {it.size}".encode() + np.asarray(shown).tobytes()
    return None


@pytest.mark.filterwarnings("ignore")  # what Pillow, asked directly, warns of
def test_damaged_files_have_verdicts_and_shown_pictures_are_not_cleared() -> None:
    """Whatever is wrong with a file, it has a verdict; what Pillow shows in full is not clear."""
    rng = random.Random(15)
    files = in_every_format()
    first = files.keys() - SECOND  # of which Pillow shows what is listed
    whole = {name: pixels(files[name][1], files[name][0]) for name in first}
    shown = 0
    with Matcher(ENTRIES) as matcher:
        for number in range(5_000 if LONG else 300):
            name = [*files][number % len(files)]
            kind, data = files[name]
            broken = damaged(data, rng)
            outcome = matcher.match(broken)
            assert outcome.verdict in Verdict
            assert (outcome.verdict is Verdict.UNSCANNED) <= (outcome.reason is not None)
            if whole.get(name) is not None and pixels(broken, kind) == whole[name]:
                shown += 1
                assert outcome.verdict not in {Verdict.CLEAR, Verdict.NOT_IMAGE}, (number, name)
    assert shown > (200 if LONG else 10)
