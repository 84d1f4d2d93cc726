"""What ``hashmatch serve`` does with its settings."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hashmatch.cli.files import is_stream
from hashmatch.cli.load_lists import load_lists
from hashmatch.cli.results import say_thresholds, settings_record
from hashmatch.cli.serve import DoorSettings, HoldSettings, ServeSettings
from hashmatch.cli.streams import say
from hashmatch.custody.audit import AuditLog
from hashmatch.custody.quarantine.sealing import Seal
from hashmatch.errors import MissingExtraError, SettingsError
from hashmatch.examine.extras import PILLOW_VERSION
from hashmatch.hashlist import HashList
from hashmatch.hashlist.freshness import parse_duration
from hashmatch.match.matcher import Matcher
from hashmatch.model import Verdict
from hashmatch.report import list_record

if TYPE_CHECKING:
    from hashmatch.cases import Cases

try:
    from starlette.applications import Starlette

    from hashmatch.service.addresses import Address, read_address, read_mode
    from hashmatch.service.case_desk import CaseDesk
    from hashmatch.service.core import VerdictCore
    from hashmatch.service.hold import HoldFolder
    from hashmatch.service.keys import Scope, read_keys
    from hashmatch.service.policy import ActionPolicy, read_policy
    from hashmatch.service.profiles import find_profile
    from hashmatch.service.ruling import CoreSettings
    from hashmatch.service.server import Doors, WatchedFiles, serve
    from hashmatch.service.shapes import read_shapes
    from hashmatch.service.systemd import Systemd
    from hashmatch.service.trail import Trail
except ModuleNotFoundError as error:
    raise MissingExtraError("hashmatch serve", "serve") from error


def run_serve(asked: ServeSettings) -> int:
    """Serve until a signal stops it, and return the exit code."""
    policy = read_policy(asked.doors.action or ())
    systemd = Systemd(os.environ)
    doors = _doors(asked.doors, policy, systemd)
    settings = _core_settings(asked, policy)
    for path in asked.lists.files:
        if is_stream(path):
            raise SettingsError("serve reloads its lists, so each --list must be a file")
    watched = WatchedFiles(asked.lists.sources_of_entries())
    load = partial(load_lists, asked.lists, quiet=True)
    with ExitStack() as stack:
        audit = None
        if asked.audit is not None:
            audit = stack.enter_context(AuditLog.open(asked.audit))
        trail = Trail(audit)
        hold = _hold(asked.holding, stack)
        store, desk = _cases(asked.cases, trail, hold, stack)
        review = _review(asked, doors, store, stack)
        matcher = stack.enter_context(_matcher(asked, load, desk))
        if audit is not None:
            audit.start(
                command="serve",
                settings=settings_record(
                    matcher,
                    asked.lists,
                    http=asked.doors.http,
                    clamd=asked.doors.clamd,
                    chain=asked.doors.chain,
                    icap=asked.doors.icap,
                    review=asked.doors.review,
                    clamd_profile=asked.doors.clamd_profile,
                    icap_profile=asked.doors.icap_profile,
                    actions=policy.record(),
                    load=asdict(asked.load),
                    cases=None if store is None else store.place,
                    hold=None if asked.holding.hold is None else str(asked.holding.hold),
                    hold_encrypted=bool(asked.holding.hold_key),
                    hold_candidates=asked.holding.hold_candidates,
                ),
                lists=[list_record(each) for each in matcher.hash_lists],
                versions={"pillow": PILLOW_VERSION},
            )
        with VerdictCore(matcher, load, settings, trail, hold, desk) as core:
            was_read = serve(core, doors, watched, systemd, review)
        if audit is not None:
            audit.finish(exit_code=0, counts={})
    if not was_read:
        raise BrokenPipeError  # as of any command whose reader has left
    return 0


def _cases(
    place: str | None, trail: Trail, hold: HoldFolder | None, stack: ExitStack
) -> tuple[Cases, CaseDesk] | tuple[None, None]:
    """The case store, which decisions reach through the trail, and how the core uses it."""
    if place is None:
        return None, None
    from hashmatch.cases import Cases  # noqa: PLC0415 # slow to import, and not always there

    store = stack.enter_context(Cases(place, chain=trail.chain))
    return store, CaseDesk(store, None if hold is None else hold.folder)


def _review(
    asked: ServeSettings, doors: Doors, store: Cases | None, stack: ExitStack
) -> Starlette | None:
    if doors.review is None:
        return None
    if store is None:
        raise SettingsError("--review needs --cases")
    keys = tuple(key for key in doors.keys or () if Scope.REVIEW in key.scopes) or None
    if keys is None and not asked.reviewers.proxy:
        raise SettingsError(
            "--review needs --proxy, or a key in --keys that permits reviewing: make one with"
            " hashmatch key NAME --scope review"
        )
    from hashmatch.cli.run_review import review_rules, say_exposed  # noqa: PLC0415 # slow to import
    from hashmatch.service.pages import Evidence, ReviewPages  # noqa: PLC0415 # likewise

    say_exposed(doors.review)
    evidence = stack.enter_context(Evidence(1, asked.workers.limits()))
    return ReviewPages(store, evidence, review_rules(asked.reviewers, keys)).app()


def _hold(asked: HoldSettings, stack: ExitStack) -> HoldFolder | None:
    if asked.hold is None:
        if asked.hold_key or asked.hold_candidates:
            raise SettingsError("--hold-key and --hold-candidates need --hold")
        return None
    seal = Seal(asked.hold_key) if asked.hold_key else None
    return stack.enter_context(HoldFolder(asked.hold, seal=seal, candidates=asked.hold_candidates))


def _doors(asked: DoorSettings, policy: ActionPolicy, systemd: Systemd) -> Doors:
    http = _address(asked.http, "http", systemd)
    clamd = _address(asked.clamd, "clamd", systemd)
    icap = _address(asked.icap, "icap", systemd)
    if http is None and clamd is None and icap is None:
        raise SettingsError(
            "nothing to serve: give --http, --clamd or --icap, such as --http 127.0.0.1:8080"
        )
    if asked.shape and http is None:
        raise SettingsError("--shape needs --http")
    if asked.chain is not None and clamd is None and icap is None:
        raise SettingsError("--chain needs --clamd or --icap")
    if asked.clamd_root and clamd is None:
        raise SettingsError("--clamd-root needs --clamd")
    if http is not None and asked.keys is None and not http.is_local:
        raise SettingsError(f"anyone could use {http}: give --keys, or listen on 127.0.0.1")
    for door, address in (("clamd", clamd), ("icap", icap)):
        if address is None:
            continue
        if not policy.decides(door, Verdict.UNSCANNED):
            raise SettingsError(
                f"--{door} needs to know what to do with files that cannot be examined:"
                " --action unscanned=reject refuses them, --action unscanned=allow lets them pass"
            )
        if not address.is_local:
            say(
                f"{door}'s protocol has no keys: make sure that only your software can reach"
                f" {address}"
            )
    return Doors(
        http=http,
        clamd=clamd,
        clamd_profile=find_profile(asked.clamd_profile, "--clamd-profile"),
        clamd_roots=[_root(name) for name in asked.clamd_root or ()],
        icap=icap,
        icap_profile=find_profile(asked.icap_profile, "--icap-profile"),
        review=_address(asked.review, "review", systemd),
        chain=None if asked.chain is None else read_address(asked.chain, "--chain"),
        socket_mode=read_mode(asked.socket_mode),
        keys=None if asked.keys is None else read_keys(asked.keys),
        shapes=read_shapes(asked.shape or ()),
    )


def _address(text: str | None, door: str, systemd: Systemd) -> Address | None:
    if text is None:
        return None
    return systemd.address(door) if text == "systemd" else read_address(text, f"--{door}")


def _root(name: str) -> Path:
    """The folder, without links: paths are compared with it."""
    try:
        root = Path(name).resolve(strict=True)
    except OSError as error:
        raise SettingsError(f"--clamd-root {name}: {error.strerror}") from error
    if not root.is_dir():
        raise SettingsError(f"--clamd-root {name}: not a folder")
    return root


def _core_settings(asked: ServeSettings, policy: ActionPolicy) -> CoreSettings:
    if not asked.load.deadline > 0:
        raise SettingsError("--deadline must be more than 0 seconds")
    lists = asked.lists
    stale = lists.stale == "fail" and lists.max_list_age is not None
    return CoreSettings(
        policy=policy,
        workers=asked.workers.count(),
        max_bytes=asked.pictures.max_bytes,
        max_held=asked.load.max_held,
        max_waiting=asked.load.max_waiting,
        deadline=asked.load.deadline,
        max_list_age=parse_duration(lists.max_list_age) if stale and lists.max_list_age else None,
    )


def _matcher(asked: ServeSettings, load: partial[list[HashList]], desk: CaseDesk | None) -> Matcher:
    matcher = Matcher(
        load(),
        **asked.matching.arguments(),
        **asked.pictures.arguments(),
        **asked.archives.arguments(),
        workers=asked.workers.count(),
        worker_limits=asked.workers.limits(),
        reviews=desk,
    )
    say_thresholds(asked.matching, matcher.expected_false())
    return matcher
