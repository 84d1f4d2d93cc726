"""What hashmatch remembers between runs: one SQLite file, and all the SQL that touches it.

`scan` writes what it finds; the next scan and `rematch` read it instead of decoding again; `report`
reads the last run. They ask two tables by named methods and get plain values back. Matches are not
here, since lists change: they are in a case store, see `cases`.

* ``state.files``: what an examination found of each file and each member of an archive;
* ``state.runs``: each run, and the settings that its hashes were made with.

One process at a time scans with a state; others may read it meanwhile. Whatever
SQLite reports leaves here as an ``InputError`` (not a state, or damaged) or an ``OutputError`` (a
full disk, a lock). A state is used by the thread that opened it.
"""

from hashmatch.state.rows import path_of_key
from hashmatch.state.store import State, cases_beside

__all__ = ["State", "cases_beside", "path_of_key"]
