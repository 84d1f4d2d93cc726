"""Outcomes to records, and records to JSONL, CSV or a table for people."""

from hashmatch.files import path_fields
from hashmatch.report.hashes import HashWriter, make_hash_writer
from hashmatch.report.output import open_output
from hashmatch.report.records import (
    SCHEMA,
    Record,
    Run,
    Tally,
    file_record,
    list_record,
    summary_record,
)
from hashmatch.report.renderers import FORMATS, Renderer, make_renderer, summary_line
from hashmatch.text import printable

__all__ = [
    "FORMATS",
    "SCHEMA",
    "HashWriter",
    "Record",
    "Renderer",
    "Run",
    "Tally",
    "file_record",
    "list_record",
    "make_hash_writer",
    "make_renderer",
    "open_output",
    "path_fields",
    "printable",
    "summary_line",
    "summary_record",
]
