"""Matched files, moved out of reach, never deleted or altered, and restored on request.

``Quarantine`` is a folder that is open for moving files in (``hold``) and out (``restore``), and
for writing uploads to a service into (``hold_upload``); one process at a time has it. ``manifest``
is the journal of every step, written before the step is taken; ``moves`` takes the steps, through
``places``, which works with folder descriptors and never follows a symbolic link; ``settle``
finishes what a crash interrupted, so that a file is always whole in exactly one of its two places.
``sealing`` encrypts uploads. ``bucket`` is the quarantine of objects: a prefix of a bucket, into
which the store itself copies them; ``held_objects`` reads it and copies them back. ``verify``
checks a quarantine and changes nothing.

What fails: a file that changed or may not be moved is a ``QuarantineError`` and stays where it is;
a full disk or a tampered manifest is an ``OutputError``.
"""

from hashmatch.custody.quarantine.bucket import BucketQuarantine
from hashmatch.custody.quarantine.held_objects import HeldObjects
from hashmatch.custody.quarantine.manifest import HeldFile, HoldState
from hashmatch.custody.quarantine.places import sha256_of
from hashmatch.custody.quarantine.settle import Where
from hashmatch.custody.quarantine.store import Quarantine
from hashmatch.custody.quarantine.verify import (
    HeldFileCheck,
    QuarantineCheck,
    held_file,
    read_items,
    verify,
)

__all__ = [
    "BucketQuarantine",
    "HeldFile",
    "HeldFileCheck",
    "HeldObjects",
    "HoldState",
    "Quarantine",
    "QuarantineCheck",
    "Where",
    "held_file",
    "read_items",
    "sha256_of",
    "verify",
]
