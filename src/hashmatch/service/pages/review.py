"""The requests under ``/review``: a queue, and one case at a time."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from hashmatch.cases import OPEN, Case, Cases, Decision, events_of
from hashmatch.errors import CaseError, HashmatchError, SettingsError
from hashmatch.service.keys import Key
from hashmatch.service.log import log_event
from hashmatch.service.pages import render
from hashmatch.service.pages.answers import (
    absent,
    go_to,
    problem_page,
    sentence,
    static,
    to_queue,
)
from hashmatch.service.pages.evidence import Evidence
from hashmatch.service.pages.filters import chosen_filters, fields, heading, read_filters
from hashmatch.service.pages.limits import RateLimit
from hashmatch.service.pages.png import to_png
from hashmatch.service.pages.render import ROOT, page, secured
from hashmatch.service.pages.sessions import LastDecision
from hashmatch.service.pages.visits import Network, PageVisit, Reception, is_ours, read_form
from hashmatch.service.requests import STATUS, small_body
from hashmatch.service.unanswered import UnansweredError

Handler: TypeAlias = Callable[[PageVisit], Response]

_PAGE = 25
_MOST_PLACES = 8
_PREVIEWS = 30
_PREVIEW_SECONDS = 60.0
_MOST_REASON = 1_000
_MOST_NOTE = 4_000

_DECISIONS = (
    (Decision.CONFIRMED, "c", "It is the picture on the list, or a version of it."),
    (Decision.FALSE_POSITIVE, "f", "It is another picture. It stops matching this entry."),
    (Decision.UNSURE, "u", "What is here does not settle it."),
)
_REASONS = (
    "same picture",
    "cropped or edited version of it",
    "different picture",
    "too little detail to tell",
    "not visible enough to tell",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRules:
    """How the review page works."""

    # those that reviewers log in with; None where only a proxy names them
    keys: tuple[Key, ...] | None = None
    proxies: Sequence[Network] = ()  # addresses whose header is believed
    header: str = "X-Forwarded-User"  # the header in which they name the reviewer
    second: bool = False  # each case takes two reviewers
    pause_after: int = 20  # pictures after which to remind a reviewer of a break


def _now() -> datetime:
    return datetime.now(UTC)


class ReviewPages:
    """Answers the requests under ``/review``."""

    def __init__(
        self,
        cases: Cases,
        evidence: Evidence,
        rules: ReviewRules,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._cases = cases
        self._evidence = evidence
        self._rules = rules
        self._now = now
        self._reception = Reception(rules.keys, rules.proxies, rules.header, clock)
        self._previews = RateLimit(_PREVIEWS, _PREVIEW_SECONDS, clock)

    def app(self) -> Starlette:
        """The pages as an application of their own."""
        return Starlette(routes=self.routes(), exception_handlers={HTTPException: absent})

    def routes(self) -> list[BaseRoute]:
        """What to add to the routes of a door."""
        case = f"{ROOT}/case/{{case:int}}"
        reads = {f"{ROOT}/": self._queue, case: self._show}
        forms: dict[str, Handler] = {
            f"{ROOT}/next": self._next,
            f"{ROOT}/undo": self._undo,
            f"{ROOT}/pause": self._pause,
            f"{ROOT}/logout": self._log_out,
            f"{case}/take": self._take,
            f"{case}/release": self._release,
            f"{case}/preview": self._preview,
            f"{case}/decide": self._decide,
            f"{case}/note": self._note,
        }
        return [
            Route("/", to_queue),
            Route(ROOT, to_queue),
            Route(f"{ROOT}/login", self._log_in, methods=["GET", "POST"]),
            Route(f"{ROOT}/static/{{digest}}/{{name}}", static),
            *(Route(path, self._for(handler)) for path, handler in reads.items()),
            *(Route(path, self._for(each), methods=["POST"]) for path, each in forms.items()),
        ]

    def _for(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Answer those who are logged in, and only forms of ours."""

        async def guarded(request: Request) -> Response:
            visit = self._reception.visit(request)
            if visit is None:
                return secured(RedirectResponse(f"{ROOT}/login", 303))
            if request.method == "POST":
                try:
                    visit.form = read_form(await small_body(request))
                except UnansweredError as error:
                    return _not_sent(error)
                if not (is_ours(request) and visit.session.has_token(visit.form.get("token", ""))):
                    log_event("review_form_refused", reviewer=visit.reviewer)
                    return problem_page(
                        403, "Not sent", "The form was too old, or came from elsewhere. Try again."
                    )
            response = await run_in_threadpool(self._handled, handler, visit)
            if visit.cookie is not None:
                self._reception.keep(response, request, visit.cookie)
            return response

        return guarded

    def _handled(self, handler: Handler, visit: PageVisit) -> Response:
        try:
            return handler(visit)
        except CaseError as error:
            heading, status = ("Not found", 404) if not visit.form else ("Not now", 409)
            return self._page(
                "problem.html.j2", visit, status, heading=heading, detail=sentence(error)
            )
        except HashmatchError as error:
            log_event("review_failed", level=logging.ERROR, error=error, why=str(error))
            heading, detail = "Not possible now", "Nothing was changed. Tell the operator."
            return self._page("problem.html.j2", visit, 503, heading=heading, detail=detail)
        except Exception as error:  # noqa: BLE001 # reviewers see no trace of it
            log_event("failed", level=logging.ERROR, error=error, door="review")
            return problem_page(500, "Something went wrong", "The log of the service says where.")

    # Who

    async def _log_in(self, request: Request) -> Response:
        problem, status = None, 200
        if request.method == "POST":
            if not is_ours(request):
                return problem_page(403, "Not sent", "The form came from elsewhere.")
            if not self._reception.may_log_in(request):
                problem, status = "Too many attempts. Wait a minute.", 429
            else:
                try:
                    form = read_form(await small_body(request))
                except UnansweredError as error:
                    return _not_sent(error)
                visit = self._reception.log_in(request, form.get("key", "").strip())
                if visit is not None:
                    log_event("review_login", reviewer=visit.reviewer)
                    response = secured(RedirectResponse(f"{ROOT}/", 303))
                    self._reception.keep(response, request, visit.cookie)
                    return response
                log_event("review_login_refused")
                problem, status = "This key does not permit reviewing.", 403
        elif self._reception.visit(request) is not None:
            return secured(RedirectResponse(f"{ROOT}/", 303))
        keys = self._reception.takes_keys
        return page("login.html.j2", status=status, keys=keys, problem=problem)

    def _log_out(self, visit: PageVisit) -> Response:
        self._reception.log_out(visit.request)
        response = secured(RedirectResponse(f"{ROOT}/login", 303))
        self._reception.keep(response, visit.request, None)
        return response

    def _pause(self, visit: PageVisit) -> Response:
        visit.session.since_break = 0
        return go_to(visit, "")

    # The queue

    def _queue(self, visit: PageVisit) -> Response:
        asked = visit.request.query_params
        if not asked and visit.session.filters:
            return go_to(visit, "")
        chosen = visit.session.filters = chosen_filters(asked)
        filters, order = read_filters(chosen)
        try:
            found = self._cases.queue(filters, order, after=asked.get("after"), size=_PAGE)
        except SettingsError:
            return go_to(visit, "")
        more = found.next and f"{ROOT}/?" + urlencode(chosen | {"after": found.next})
        waiting = filters.status == OPEN
        return self._page(
            "queue.html.j2",
            visit,
            heading=heading(found, filters.status),
            explained="You get one case at a time, and nobody else gets it meanwhile."
            if waiting
            else "Open a case to read why.",
            rows=found.rows,
            more=more,
            filters=chosen | {"status": filters.status},
            fields=fields(self._cases.choices()),
            now=self._now(),
        )

    def _next(self, visit: PageVisit) -> Response:
        filters, order = read_filters(visit.session.filters | {"status": OPEN})
        case = self._cases.lease(visit.reviewer, filters, order)
        return go_to(visit, "" if case is None else f"case/{case.id}")

    # One case

    def _show(self, visit: PageVisit) -> Response:
        return self._case_page(visit, self._cases.get(_number(visit)))

    def _take(self, visit: PageVisit) -> Response:
        self._cases.lease(visit.reviewer, case=_number(visit))
        return go_to(visit, f"case/{_number(visit)}")

    def _release(self, visit: PageVisit) -> Response:
        self._cases.release(_number(visit), visit.reviewer)
        return go_to(visit, "")

    def _preview(self, visit: PageVisit) -> Response:
        case, how = self._cases.get(_number(visit)), visit.form.get("show", "blurred")
        if how not in render.SHOWN:
            return problem_page(400, "Not understood", "There is no such preview.")
        if not self._may_look(case, visit):
            raise CaseError(f"case {case.id} is not yours: take it before you look at it")
        if not self._previews.allows(visit.reviewer):
            why = "You have looked at many pictures within a minute. Wait a moment."
            return self._case_page(visit, case, status=429, no_picture=why)
        try:
            found = self._evidence.thumbnail(case, blurred=how == "blurred", colour=how == "colour")
        except HashmatchError as error:
            return self._case_page(visit, case, no_picture=f"No preview: {error.message}.")
        self._cases.viewed(case.id, visit.reviewer, how)
        visit.session.since_break += 1
        log_event("viewed", case=case.id, reviewer=visit.reviewer, shown=how)
        picture = {
            "source": "data:image/png;base64," + base64.b64encode(to_png(found)).decode(),
            "width": found.width,
            "height": found.height,
            "how": how,
            "caption": render.caption(how, found.view, case.matches[0].view),
        }
        return self._case_page(visit, self._cases.get(case.id), picture=picture)

    def _decide(self, visit: PageVisit) -> Response:
        number, form = _number(visit), visit.form
        decision, reason = form.get("decision", ""), " ".join(form.get("reason", "").split())
        if decision not in set(Decision) or not reason or len(reason) > _MOST_REASON:
            problem = f"Choose a decision, and give a reason of up to {_MOST_REASON:,} characters."
            return self._case_page(visit, self._cases.get(number), status=422, problem=problem)
        made = self._cases.decide(
            number,
            visit.reviewer,
            decision,
            reason,
            second=self._rules.second,
            through=_whole(form.get("through", "")),
            last=_whole(form.get("last", "")),
        )
        log_event("decided", case=number, reviewer=visit.reviewer, decision=decision)
        visit.session.last = LastDecision(number, decision, made)
        return self._next(visit)

    def _undo(self, visit: PageVisit) -> Response:
        # What the page shows, not the last of the session: another tab may have decided since
        number, decision = (_whole(visit.form.get(name, "")) for name in ("case", "decision"))
        if number is None or decision is None:
            raise CaseError("there is nothing to undo")
        self._cases.undo(decision, visit.reviewer)
        last = visit.session.last
        if last is not None and last.made.id == decision:
            visit.session.last = None
        log_event("undone", case=number, reviewer=visit.reviewer)
        self._cases.lease(visit.reviewer, case=number)
        return go_to(visit, f"case/{number}")

    def _note(self, visit: PageVisit) -> Response:
        text = " ".join(visit.form.get("text", "").split())
        if text:
            self._cases.note(_number(visit), visit.reviewer, text[:_MOST_NOTE])
        return go_to(visit, f"case/{_number(visit)}#history")

    def _may_look(self, case: Case, visit: PageVisit) -> bool:
        """An open case may be seen by whoever holds it, a decided one by every reviewer."""
        if case.lease is not None:
            return case.lease.reviewer == visit.reviewer
        return case.status != OPEN

    def _case_page(
        self,
        visit: PageVisit,
        case: Case,
        *,
        status: int = 200,
        picture: Mapping[str, Any] | None = None,
        no_picture: str | None = None,
        problem: str | None = None,
    ) -> Response:
        mine = case.lease is not None and case.lease.reviewer == visit.reviewer
        form = {name: visit.form.get(name, "") for name in ("decision", "reason")}
        return self._page(
            "case.html.j2",
            visit,
            status,
            case=case,
            best=case.matches[0],
            mine=mine,
            waiting=case.status == OPEN and any(not each.settles for each in case.decisions),
            can_look=self._may_look(case, visit),
            picture=picture,
            no_picture=no_picture,
            problem=problem,
            form=form,
            decisions=_DECISIONS,
            reasons=_REASONS,
            second=self._rules.second,
            most_places=_MOST_PLACES,
            history=events_of(case),
        )

    def _page(self, template: str, visit: PageVisit, status: int = 200, **values: Any) -> Response:
        """Render a page with what all pages of a reviewer show."""
        session, now = visit.session, self._now()
        today = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        pause = session.since_break if session.since_break >= self._rules.pause_after else 0
        me = {
            "name": visit.reviewer,
            "decided": self._cases.decided_since(visit.reviewer, today),
            "viewed": self._cases.viewed_since(visit.reviewer, today),
            "can_leave": not self._reception.is_named(visit.request),
            "pause": pause,
        }
        hidden = Markup('<input type="hidden" name="token" value="{}">').format(session.token)
        undo = None
        if session.last is not None and session.last.made.undo_until > now:
            case, decision, made = session.last
            waits = ", and a second reviewer has to agree" if made.status == OPEN else ""
            undo = {
                "case": case,
                "decision": made.id,
                "said": f"{render.words(decision)}{waits}",
                "until": made.undo_until,
                "seconds": int((made.undo_until - now).total_seconds()),
            }
        values |= {"me": me, "token": lambda: hidden, "undo": undo}
        return page(template, status=status, **values)


def _not_sent(error: UnansweredError) -> Response:
    return problem_page(STATUS.get(error.why, 503), "Not sent", sentence(error))


def _whole(text: str) -> int | None:
    """The number in a field of a form; None if there is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _number(visit: PageVisit) -> int:
    number: int = visit.request.path_params["case"]
    if number >= 2**63:
        raise CaseError(f"no case has the number {number}")
    return number
