"""Turn outcomes into records, and records into text, CSV, JSON lines and pages for people.

The command line calls ``file_record`` for each outcome of a scan and ``summary_record`` at its end,
and hands both to a ``Renderer``, which writes to what ``open_output`` opened. Later, ``overview``
reads the records back, or ``from_state`` what a state kept, and ``scan_page`` makes a report.
``evaluate`` hands its plain record to ``evaluation``, which writes it as JSON, CSV and a page.

Both pages are Jinja2 templates in ``templates/``, with one style sheet; ``pages`` renders them.
Names that anyone may have chosen are made printable and escaped. No record and no page holds a
hash or a picture; only ``hashes`` writes hashes, because that is what it is for.

Everything runs in the calling thread. Writing fails with ``OutputError``, and reading records that
are impossible with ``InputError``, which names the line.
"""

from hashmatch.report.output import open_output
from hashmatch.report.records import (
    SCHEMA,
    Record,
    Run,
    Tally,
    file_record,
    list_record,
    outcome_record,
    summary_record,
)
from hashmatch.report.renderers import FORMATS, Renderer, summary_lines

__all__ = [
    "FORMATS",
    "SCHEMA",
    "Record",
    "Renderer",
    "Run",
    "Tally",
    "file_record",
    "list_record",
    "open_output",
    "outcome_record",
    "summary_lines",
    "summary_record",
]
