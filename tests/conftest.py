"""Makes the picture generators in fixtures/ importable, and starts processes cheaply."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))

# The tests start hundreds of processes. Each would compile the whole of hashmatch again where this
# is set, as it is in many containers
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
