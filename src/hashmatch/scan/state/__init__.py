"""What a scan remembers, so that the next one decodes only what is new or changed."""

from hashmatch.scan.state.memory import Counts, Memory
from hashmatch.scan.state.store import State, path_of_key

__all__ = ["Counts", "Memory", "State", "path_of_key"]
