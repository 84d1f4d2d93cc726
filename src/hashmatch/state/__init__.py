"""What a scan remembers, so that the next one decodes only what is new or changed."""

from hashmatch.state.store import State, path_of_key

__all__ = ["State", "path_of_key"]
