"""``hashmatch review``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hashmatch.cli import options as opt
from hashmatch.cli import review_serve
from hashmatch.cli.case_store import cases_place
from hashmatch.cli.command import argument, group, option, switch
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.streams import say
from hashmatch.text import count

if TYPE_CHECKING:
    from hashmatch import cases, report
    from hashmatch.cases import feedback
    from hashmatch.cli import bundle, show_case
    from hashmatch.custody import audit as audits
    from hashmatch.custody import journal
else:
    cases, report = deferred("hashmatch.cases"), deferred("hashmatch.report")
    bundle, show_case = deferred("hashmatch.cli.bundle"), deferred("hashmatch.cli.show_case")
    feedback = deferred("hashmatch.cases.feedback")
    audits, journal = deferred("hashmatch.custody.audit"), deferred("hashmatch.custody.journal")

app = group("review", "Export matches for review, decide them, and import decisions.")
app.command("serve")(review_serve.serve_command)

CaseNumber = Annotated[int, argument("CASE", "The number of the case.")]


@contextmanager
def opened_cases(
    place: str | None, state: str | None, audit: Path | None = None
) -> Iterator[cases.Cases]:
    """Open the case store that a command names, with the audit trail for its decisions."""
    where = cases_place(place, state)
    with ExitStack() as stack:
        chain = None
        if audit is not None:
            log = stack.enter_context(audits.AuditLog.open(audit, wait=5.0))

            def chain(event: dict[str, object]) -> None:
                log.add({**event, "who": journal.who()}, sync=True)

        # A state whose scans found nothing has no cases yet
        yield stack.enter_context(cases.Cases(where, create=place is None, chain=chain))


@app.command("export")
def export_command(
    *,
    state: opt.StateOfCases = None,
    cases_at: opt.CasesPlace = None,
    output: opt.Output = None,
    sample: Annotated[
        int | None, option("N", "Export N matches drawn at random, for unbiased statistics.")
    ] = None,
    seed: Annotated[int, option("N", "Random seed; the same seed draws the same sample.")] = 0,
    near_threshold_first: Annotated[
        bool, switch("--near-threshold-first", "Put likely mistakes first.")
    ] = False,
    reviewed: Annotated[
        bool, switch("--reviewed", "Also export matches that are decided, with their decisions.")
    ] = False,
) -> int:
    """Write the matches that wait for a decision as CSV, with columns to fill in.

    Fill in verdict (confirmed, false_positive or unsure), by (who decided) and at (when), then use
    import.
    """
    with opened_cases(cases_at, state) as opened, report.open_output(output) as stream:
        rows = cases.read_queue(
            opened,
            sample=sample,
            seed=seed,
            near_threshold_first=near_threshold_first,
            reviewed=reviewed,
        )
        written = cases.write_queue(rows, opened.token, stream)
    drawn = "" if sample is None else f", drawn with seed {seed}"
    say(f"{count(written, 'match', 'matches')} to review{drawn}")
    return 0


@app.command("import")
def import_command(
    verdicts: Annotated[Path, argument("FILE", "The table, with decisions filled in."), READS],
    *,
    state: opt.StateOfCases = None,
    cases_at: opt.CasesPlace = None,
    by: Annotated[
        str | None, option("NAME", "Who decided, for rows that do not say so.", "--by")
    ] = None,
    audit: opt.Audit = None,
) -> int:
    """Import decisions: all of them, or none if a row is wrong.

    From the next scan on, a false positive suppresses that entry for that content, and records say
    so. The latest decision counts. Exit codes: 0 imported, 65 a row is wrong.
    """
    with opened_cases(cases_at, state, audit) as opened:
        found = cases.import_decisions(opened, verdicts, by=by)
    added, rows = count(found.added, "decision"), count(found.open, "row")
    say(f"{added} added, {found.known:,} already known, {rows} still open")
    return 0


@app.command("show")
def show_command(
    case: CaseNumber,
    *,
    state: opt.StateOfCases = None,
    cases_at: opt.CasesPlace = None,
    as_json: opt.AsJson = False,
) -> int:
    """Show a case: where its content is, what it matches, who decided what, and when."""
    with opened_cases(cases_at, state) as opened:
        found = opened.get(case)
        show_case.show(found, cases.events_of(found), as_json=as_json)
    return 0


@app.command("decide")
def decide_command(
    case: CaseNumber,
    decision: Annotated[str, argument("DECISION", "confirmed, false_positive or unsure.")],
    *,
    by: Annotated[str, option("NAME", "Who decides.", "--by")],
    reason: Annotated[str | None, option("TEXT", "Reason for the decision.")] = None,
    second: Annotated[
        bool, switch("--two-reviewers", "Wait for a second reviewer who decides the same.")
    ] = False,
    state: opt.StateOfCases = None,
    cases_at: opt.CasesPlace = None,
    audit: opt.Audit = None,
) -> int:
    """Decide a case: all of its matches at once.

    The latest decision counts. A false positive stops the content from matching these entries in
    every scan, rematch and service that uses the same cases.
    """
    with opened_cases(cases_at, state, audit) as opened:
        made = opened.decide(case, by, decision, reason, second=second)
    waits = "open until a second reviewer decides" if made.status == cases.OPEN else made.status
    say(f"case {case}: {waits} (decision {made.id})")
    return 0


@app.command("bundle")
def bundle_command(
    case: CaseNumber,
    *,
    output: Annotated[
        Path, option("DIR", "Write the evidence into DIR.", "--output", "-o"), WRITES
    ],
    key: Annotated[
        Path | None, option("FILE", "Sign with this private key; see hashmatch list keygen."), READS
    ] = None,
    state: opt.StateOfCases = None,
    cases_at: opt.CasesPlace = None,
    audit: opt.Audit = None,
) -> int:
    """Write what a report to NCMEC or the NCA asks for, as JSON and as a page. No picture.

    What hashmatch cannot know is null, and listed as blank, for you to fill in.
    """
    with opened_cases(cases_at, state) as opened:
        written = bundle.write_bundle(opened, case, output, key=key, audit=audit)
    say(*(f"wrote {path}" for path in written))
    return 0


@app.command("feedback")
def feedback_command(
    *,
    hash_list: Annotated[str, option("NAME", "The list to report on.", "--list")],
    shape: Annotated[
        str, option("ncmec|stopncii|csv", "Shape of the feedback.", "--format")
    ] = "csv",
    state: opt.StateOfCases = None,
    cases_at: opt.CasesPlace = None,
    output: opt.Output = None,
) -> int:
    """Count the confirmed and refuted matches of each entry of a list, for its owner.

    hashmatch sends nothing.
    """
    with opened_cases(cases_at, state) as opened, report.open_output(output) as stream:
        feedback.write_feedback(opened, hash_list, shape, stream)
    return 0


@app.command("stats")
def stats_command(
    *,
    state: opt.StateOfCases = None,
    cases_at: opt.CasesPlace = None,
    output_format: Annotated[str, option("table|json", "Output format.", "--format")] = "table",
    output: opt.Output = None,
) -> int:
    """Show how often matches are right, with 95% intervals, and which entries are wrong most often.

    The intervals are valid for samples drawn at random (export --sample).
    """
    write = cases.write_stats_json if output_format == "json" else cases.write_stats_table
    with opened_cases(cases_at, state) as opened, report.open_output(output) as stream:
        write(cases.review_stats(opened), stream)
    return 0
