"""``hashmatch serve``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import single, takes_settings
from hashmatch.cli.config import read_config
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.list_options import ListSettings
from hashmatch.cli.scan import ScanMatchSettings
from hashmatch.cli.sizes import parse_count, parse_size


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """The doors, and what clients are told."""

    PANEL: ClassVar[str] = "Doors"

    http: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Serve HTTP at 127.0.0.1:8080 or unix:/run/hashmatch/http.sock."
        ),
    ] = None
    clamd: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Answer as clamd does at unix:/run/hashmatch/clamd.sock or 127.0.0.1:3310. Needs"
            " --action unscanned=ACTION.",
        ),
    ] = None
    clamd_profile: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Client at --clamd, which decides what it is told where there is no verdict:"
            " strict, generic, nextcloud, owncloud, ocis, discourse or rspamd. See docs/doors.md.",
        ),
    ] = "strict"
    clamd_root: Annotated[
        opt.Names,
        typer.Option(
            metavar="DIR",
            help="Let clients at --clamd name files in DIR to be examined. Repeatable.",
        ),
    ] = None
    icap: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Answer by ICAP at 127.0.0.1:1344. Needs --action unscanned=ACTION.",
        ),
    ] = None
    icap_profile: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Client at --icap, as --clamd-profile: strict, generic, nextcloud, owncloud, ocis,"
            " rspamd or squid.",
        ),
    ] = "strict"
    chain: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Ask the real clamd at ADDRESS about each upload at --clamd and --icap, too.",
        ),
    ] = None
    socket_mode: Annotated[
        str, typer.Option(metavar="OCTAL", help="File mode of unix sockets.")
    ] = "0600"
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml", help="Require a bearer key in this file; see hashmatch key."
        ),
        READS,
    ] = None
    action: Annotated[
        opt.Names,
        typer.Option(
            metavar="[DOOR.]VERDICT=ACTION",
            help="Allow, hold or reject what has this verdict, at every door or at one:"
            " icap.unscanned=allow. Repeatable. Default: reject a match, hold low_information and"
            " unscanned, allow clear and not_image.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """How much to take in at a time."""

    PANEL: ClassVar[str] = "Limits"

    max_waiting: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=parse_count,
            help="Most uploads examined, or waiting for it, at a time.",
        ),
    ] = 256
    max_held: Annotated[
        int, typer.Option(metavar="SIZE", parser=parse_size, help="Most bytes of these uploads.")
    ] = 1 << 30
    deadline: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time to receive and examine one upload.")
    ] = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSettings:
    """Keep matched uploads as evidence."""

    PANEL: ClassVar[str] = "Evidence"

    hold: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write each upload that matches, and is not allowed by --action, into the"
            " quarantine DIR before answering.",
        ),
        WRITES,
    ] = None
    hold_key: Annotated[
        opt.Names,
        typer.Option(
            metavar="age1...",
            help="Encrypt what is held to this public key of age. Repeatable: any one opens it.",
        ),
    ] = None
    hold_candidates: Annotated[
        bool, typer.Option("--hold-candidates", help="Hold low_information uploads, too.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """The options of a service."""

    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help='Read options from FILE: max-bytes = "64M", list = ["a.hml"].',
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
    audit: opt.Audit = None


@takes_settings
def serve_command(asked: ServeSettings) -> int:
    """Answer other software about uploads, over HTTP, clamd's protocol and ICAP.

    Loads the lists anew on SIGHUP and when a file changes; a list that cannot be used is refused,
    and the old one stays. Logs are JSON lines on stdout. SIGTERM ends the service: exit code 0.
    """
    from hashmatch.cli.run_serve import run_serve  # noqa: PLC0415 # it needs an extra, and --help does not

    return run_serve(asked)


app = single("serve", serve_command)
