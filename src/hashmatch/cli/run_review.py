"""What ``hashmatch review serve`` does with its settings."""

from __future__ import annotations

from contextlib import ExitStack

from hashmatch.cases import Cases
from hashmatch.cli.case_store import cases_place
from hashmatch.cli.review_serve import ReviewerSettings, ReviewServeSettings
from hashmatch.cli.streams import say
from hashmatch.custody.audit import AuditLog
from hashmatch.custody.journal import who
from hashmatch.errors import MissingExtraError, SettingsError

try:
    from hashmatch.service.addresses import Address, read_address, read_mode
    from hashmatch.service.keys import Key, Scope, key_of, new_key, read_keys
    from hashmatch.service.pages import Evidence, ReviewPages, ReviewRules
    from hashmatch.service.pages.serving import serve_review
    from hashmatch.service.pages.visits import read_network
    from hashmatch.service.trail import Trail
except ModuleNotFoundError as error:
    raise MissingExtraError("hashmatch review serve", "serve") from error


def run_review(asked: ReviewServeSettings) -> int:
    """Serve until a signal stops it, and return the exit code."""
    address = read_address(asked.http, "--http")
    keys = None if asked.keys is None else read_keys(asked.keys)
    if keys is None and not asked.reviewers.proxy:
        keys = (_key_for_now(address),)
    rules = review_rules(asked.reviewers, keys)
    place = cases_place(asked.cases, asked.state)
    say_exposed(address)
    with ExitStack() as stack:
        log = None
        if asked.audit is not None:
            log = stack.enter_context(AuditLog.open(asked.audit))
        chain = None if log is None else Trail(log).chain
        # A state whose scans found nothing has no cases yet
        cases = stack.enter_context(Cases(place, create=asked.cases is None, chain=chain))
        if log is not None:
            log.start(
                command="review serve",
                settings={
                    "cases": cases.place,  # without a password
                    "http": asked.http,
                    "two_reviewers": asked.reviewers.two_reviewers,
                },
            )
        evidence = stack.enter_context(Evidence(asked.workers.jobs or 1, asked.workers.limits()))
        serve_review(ReviewPages(cases, evidence, rules), address, read_mode(asked.socket_mode))
        if log is not None:
            log.finish(exit_code=0, counts={})
    return 0


def review_rules(asked: ReviewerSettings, keys: tuple[Key, ...] | None) -> ReviewRules:
    """Make the rules that the options ask for, or raise ``SettingsError``."""
    if keys is not None and not any(Scope.REVIEW in key.scopes for key in keys):
        raise SettingsError(
            "no key permits reviewing: make one with hashmatch key NAME --scope review"
        )
    if not asked.user_header.isascii() or not asked.user_header.replace("-", "").isalnum():
        raise SettingsError("--user-header takes the name of a header, such as X-Forwarded-User")
    return ReviewRules(
        keys=keys,
        proxies=tuple(map(read_network, asked.proxy or ())),
        header=asked.user_header,
        second=asked.two_reviewers,
        pause_after=asked.pause_after,
    )


def say_exposed(address: Address) -> None:
    """Warn of an address where others may listen to the connection."""
    if not address.is_local:
        say(f"{address} is not encrypted: let a proxy with TLS alone reach it")


def _key_for_now(address: Address) -> Key:
    """A key for whoever started the page, valid until it stops."""
    if not address.is_local:
        raise SettingsError(f"anyone could try to log in at {address}: give --keys or --proxy")
    name = str(who()["user"])
    token, _ = new_key("reviewer", ["review"])
    say(f"log in with this key, which holds until the page stops: {token}")
    return key_of(name, token, Scope.REVIEW)
