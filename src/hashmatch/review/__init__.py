"""The human part: matches out for review, verdicts back in, and what they say of the lists."""

from hashmatch.review.precision import Precision, Stats, review_stats, wilson
from hashmatch.review.queue import QueueRow, band, read_queue, write_queue
from hashmatch.review.verdicts import VERDICTS, Imported, import_verdicts
from hashmatch.review.words import make_stats_writer

__all__ = [
    "VERDICTS",
    "Imported",
    "Precision",
    "QueueRow",
    "Stats",
    "band",
    "import_verdicts",
    "make_stats_writer",
    "read_queue",
    "review_stats",
    "wilson",
    "write_queue",
]
