"""Reads the text format as a stream: the header, then blocks of lines."""

from __future__ import annotations

from hashmatch.hashlist.assemble import assemble
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.kinds import ASSUMPTION
from hashmatch.hashlist.list_stream import Lines, Options, Tap
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.section import ListSection
from hashmatch.hashlist.text import blocks
from hashmatch.hashlist.text.grammar import Context, ListHeader, ParseBlock


def read_text(
    tap: Tap, options: Options, *, parse_block: ParseBlock = blocks.parse_block
) -> Contents:
    """Read a list in the text format.

    Raises:
        HashListError: something is wrong with it; the error has all problems by line.
    """
    problems = Problems(options.source)
    header = ListHeader()
    parts: list[ListSection] = []
    assumed = 0
    reading = Lines(tap.blocks())
    for block, first_line in reading:
        start, line = header.take(block, first_line, problems)
        if start < len(block):
            context = Context(header.default_algorithm(options.algorithm), options.origin, problems)
            parsed = parse_block(block[start:] if start else block, line, context)
            parts += parsed.sections
            assumed += parsed.assumed
    sections, dropped = assemble(parts, problems)
    if header.faulty or (problems.count and not options.skip_bad_entries):
        raise problems.error(reading.count, skippable=not header.faulty)
    values = header.values
    return Contents(
        sections=sections,
        name=values.get("name") or options.name,
        version=values.get("version"),
        created=values.get("created"),
        digest=tap.digest(),
        flat=len(dropped),
        dropped=dropped,
        skipped=problems.count,
        faults=problems.kept,
        warnings=(ASSUMPTION,) if assumed else (),
    )
