"""``hashmatch review serve``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from hashmatch.cli import options as opt
from hashmatch.cli.command import number, option, switch, takes_settings
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS

if TYPE_CHECKING:
    from hashmatch.cli import run_review
else:
    run_review = deferred("hashmatch.cli.run_review")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerSettings:
    """Who reviews, and how."""

    PANEL: ClassVar[str] = "Review"

    proxy: Annotated[
        opt.Names,
        option(
            "ADDRESS",
            "Believe the name of the reviewer that a proxy at this address or in this network"
            " sends. Repeatable.",
        ),
    ] = None
    user_header: Annotated[str, option("NAME", "Header in which the proxy names the reviewer.")] = (
        "X-Forwarded-User"
    )
    two_reviewers: Annotated[
        bool,
        switch(
            "--two-reviewers",
            "Settle a case once two reviewers agree; a third settles a disagreement.",
        ),
    ] = False
    pause_after: Annotated[int, number("N", "Suggest a break to a reviewer after N pictures.")] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewServeSettings:
    """The options of a review page."""

    state: opt.StateOfCases = None
    cases: opt.CasesPlace = None
    http: Annotated[
        str, option("ADDRESS", "Serve the page here, or at unix:/run/hashmatch/review.sock.")
    ] = "127.0.0.1:8090"
    keys: Annotated[
        Path | None,
        option(
            "FILE.toml",
            "Let reviewers log in with keys from this file; see hashmatch key --scope review."
            " Default: one key for this run, shown on stderr.",
        ),
        READS,
    ] = None
    socket_mode: Annotated[str, option("OCTAL", "File mode of a unix socket.")] = "0600"
    reviewers: ReviewerSettings
    workers: opt.WorkerSettings
    audit: opt.Audit = None


@takes_settings
def serve_command(asked: ReviewServeSettings) -> int:
    """Serve the review page, where people decide about cases one at a time.

    It shows no picture until its reviewer asks, and then a small one, blurred and grey. Every
    viewing and decision goes to the cases and to the audit trail. SIGTERM stops it with exit code
    0.
    """
    return run_review.run_review(asked)
