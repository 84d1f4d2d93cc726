"""Matched files, moved out of reach: never deleted, never altered, and brought back on request."""

from hashmatch.custody.quarantine.manifest import Item, State
from hashmatch.custody.quarantine.settle import Where
from hashmatch.custody.quarantine.store import Quarantine
from hashmatch.custody.quarantine.verify import ItemCheck, QuarantineCheck, read_items, verify

__all__ = [
    "Item",
    "ItemCheck",
    "Quarantine",
    "QuarantineCheck",
    "State",
    "Where",
    "read_items",
    "verify",
]
