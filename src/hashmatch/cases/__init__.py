"""The human part: matches out for review, verdicts back in, and what they say of the lists."""

from hashmatch.cases.precision import Precision, Stats, review_stats, wilson
from hashmatch.cases.queue import band, read_queue, write_queue
from hashmatch.cases.summary import make_stats_writer
from hashmatch.cases.verdicts import VERDICTS, Imported, import_verdicts

__all__ = [
    "VERDICTS",
    "Imported",
    "Precision",
    "Stats",
    "band",
    "import_verdicts",
    "make_stats_writer",
    "read_queue",
    "review_stats",
    "wilson",
    "write_queue",
]
