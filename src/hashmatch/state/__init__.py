"""What hashmatch remembers between runs: one SQLite file, and all the SQL that touches it.

`scan` writes what it finds; the next scan and `rematch` read it instead of decoding again; `cases`
exports the matches and adds what people decide; `report` reads the last run. They ask three tables
by named methods and get plain values back:

* ``state.files``: what an examination found of each file and each member of an archive;
* ``state.matches``: each match of a content and an entry, and the decisions about it;
* ``state.runs``: each run, and the settings that its hashes were made with.

One process at a time scans with a state; others may read it and add decisions meanwhile. Whatever
SQLite reports leaves here as an ``InputError`` (not a state, or damaged) or an ``OutputError`` (a
full disk, a lock). A state is used by the thread that opened it.
"""

from hashmatch.state.matches import StoredMatch
from hashmatch.state.rows import path_of_key
from hashmatch.state.store import State

__all__ = ["State", "StoredMatch", "path_of_key"]
