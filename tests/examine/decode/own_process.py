"""Examinations as in a process of ours, which has faster decoders, and as by Pillow alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hashmatch.examine.decode import open_picture
from hashmatch.examine.extras import OwnProcess
from hashmatch.examine.picture_hashes import hash_picture
from hashmatch.model import Examination, HashKind
from hashmatch.options import FORMATS, ExamineOptions, Limits

_KINDS = (HashKind("phash", 64), HashKind("dhash", 256))


def examined(data: bytes) -> Examination:
    """The examination of a picture, by whatever decoder this process may use."""
    options = ExamineOptions(kinds=_KINDS)
    return hash_picture(lambda: open_picture(data, FORMATS, Limits()), options)


def quick_and_slow(data: bytes) -> Iterator[Examination]:
    """The examination by the faster decoder where it can, and by Pillow alone."""
    for claimed in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(OwnProcess, "claimed", claimed)
            yield examined(data)
