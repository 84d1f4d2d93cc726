"""``hashmatch serve``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from hashmatch.cli import options as opt
from hashmatch.cli import suggestions
from hashmatch.cli.command import number, option, single, size, switch, takes_settings
from hashmatch.cli.config import read_config
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.list_options import ListSettings
from hashmatch.cli.review_serve import ReviewerSettings
from hashmatch.cli.scan import ScanMatchSettings

if TYPE_CHECKING:
    from hashmatch.cli import run_serve
else:
    run_serve = deferred("hashmatch.cli.run_serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """The doors, and what to answer."""

    PANEL: ClassVar[str] = "Doors"

    http: Annotated[
        str | None,
        option(
            "ADDRESS",
            "Serve HTTP here: 127.0.0.1:8080, unix:/run/hashmatch/http.sock, or systemd for the"
            " socket that systemd opened (also at --clamd and --icap).",
        ),
    ] = None
    clamd: Annotated[
        str | None,
        option(
            "ADDRESS",
            "Serve clamd's protocol here: unix:/run/hashmatch/clamd.sock or 127.0.0.1:3310. Needs"
            " --action unscanned=ACTION.",
        ),
    ] = None
    clamd_profile: Annotated[
        str,
        option(
            "NAME",
            "Client at --clamd, which decides how failures are reported: strict, generic,"
            " nextcloud, owncloud, ocis, discourse or rspamd. See docs/doors.md.",
            completes=suggestions.clamd_profiles,
        ),
    ] = "strict"
    clamd_root: Annotated[
        opt.Names,
        option("DIR", "Let clients at --clamd have files in DIR examined by name. Repeatable."),
    ] = None
    icap: Annotated[
        str | None,
        option("ADDRESS", "Serve ICAP here: 127.0.0.1:1344. Needs --action unscanned=ACTION."),
    ] = None
    icap_profile: Annotated[
        str,
        option(
            "NAME",
            "Client at --icap, like --clamd-profile: strict, generic, nextcloud, owncloud, ocis,"
            " rspamd or squid.",
            completes=suggestions.icap_profiles,
        ),
    ] = "strict"
    review: Annotated[
        str | None,
        option(
            "ADDRESS",
            "Serve the review page here: 127.0.0.1:8090. Needs --cases, and a key with the scope"
            " review or --proxy.",
        ),
    ] = None
    chain: Annotated[
        str | None,
        option(
            "ADDRESS", "Also ask the real clamd at ADDRESS about each upload to --clamd and --icap."
        ),
    ] = None
    socket_mode: Annotated[str, option("OCTAL", "File mode of unix sockets.")] = "0600"
    keys: Annotated[
        Path | None,
        option("FILE.toml", "Require a bearer key from this file; see hashmatch key."),
        READS,
    ] = None
    shape: Annotated[
        opt.Names,
        option(
            "shield|pictrs|hma",
            "Also answer HTTP clients of this service, at its own paths. Repeatable.",
        ),
    ] = None
    action: Annotated[
        opt.Names,
        option(
            "[DOOR.]VERDICT=ACTION",
            "Allow, hold or reject uploads with this verdict, at every door or at one:"
            " icap.unscanned=allow. Repeatable. Default: reject match; hold candidate and"
            " unscanned; allow clear and not_image.",
            completes=suggestions.actions,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """How much to accept at a time."""

    PANEL: ClassVar[str] = "Limits"

    max_waiting: Annotated[int, number("N", "Maximum uploads being examined or waiting.")] = 256
    max_held: Annotated[int, size("Maximum bytes of these uploads, in memory.")] = 1 << 30
    deadline: Annotated[
        float, option("SECONDS", "Time limit to receive and examine one upload.")
    ] = 60.0


CasesOfService = Annotated[
    str | None,
    option(
        "PLACE",
        "Hand matches to the reviewers of this case store, and heed their decisions: a file, or"
        " postgresql+psycopg://USER@HOST/DATABASE.",
        "--cases",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSettings:
    """Keep matched uploads as evidence."""

    PANEL: ClassVar[str] = "Evidence"

    hold: Annotated[
        Path | None,
        option(
            "DIR",
            "Before answering, write each upload that matches, unless --action allows it, to the"
            " quarantine DIR.",
        ),
        WRITES,
    ] = None
    hold_key: Annotated[
        opt.Names,
        option(
            "age1...",
            "Encrypt held uploads to this age public key. Repeatable: any of the keys opens them.",
        ),
    ] = None
    hold_candidates: Annotated[bool, switch("--hold-candidates", "Also hold candidates.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """The options of a service."""

    config: Annotated[
        Path | None,
        option(
            "FILE.toml",
            'Read options from FILE, such as max-bytes = "64M" or list = ["a.hml"].',
            is_eager=True,
            callback=read_config,
        ),
        READS,
    ] = None
    doors: DoorSettings
    lists: ListSettings
    matching: ScanMatchSettings
    pictures: opt.PictureSettings
    archives: opt.ArchiveSettings
    workers: opt.WorkerSettings
    load: LoadSettings
    holding: HoldSettings
    reviewers: ReviewerSettings
    cases: CasesOfService = None
    audit: opt.Audit = None


@takes_settings
def serve_command(asked: ServeSettings) -> int:
    """Serve verdicts on uploads over HTTP, clamd's protocol and ICAP.

    Reloads the lists on SIGHUP and whenever a file changes; if a new list cannot be used, the old
    one stays in force. Logs go to stdout as JSON lines. SIGTERM stops the service with exit code 0.
    """
    return run_serve.run_serve(asked)


app = single("serve", serve_command)
