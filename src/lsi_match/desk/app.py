"""The pages and their addresses. A page is a template over what the rooms below return.

    /<lang>/                                  what asks for attention, and the projects
    /<lang>/<project>/                        one project: how it stands, its rounds
    /<lang>/<project>/agreement               the manifest in plain words, and its gates
    /<lang>/<project>/log[?from=N]            the log, verified on this machine
    /<lang>/<project>/log/<position>          one entry, with the proof that the log has it
    /<lang>/<project>/rounds/<round>          what happened in a round
    /<lang>/<project>/account                 the account of the project, for the FG
    /<lang>/<project>/check                   what is in the own extracts, and what would be delivered
    /<lang>/<project>/deliver                 deliver (POST), and what was delivered
    /<lang>/<project>/releases                releases; open one (POST)
    /<lang>/<project>/reports                 reports of held rounds

Names in an address are looked up among what is there; none is ever made into a path.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lsi_match.agreement.gates import Evidence, evaluate
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.errors import Language, LsiError
from lsi_match.base.files import read_bytes
from lsi_match.desk.guard import MARK, Guard, Keys, marked
from lsi_match.desk.render import Renderer, utc
from lsi_match.desk.verified import VerifiedLog, Verifier
from lsi_match.desk.work import ProjectWork, Work
from lsi_match.log.log_proof import prove
from lsi_match.log.store import Log as Store
from lsi_match.partner.check import check
from lsi_match.partner.deliver import Delivered, deliver
from lsi_match.partner.extract.column_mapping import read_mapping
from lsi_match.partner.release.case_page import page as case_page
from lsi_match.partner.release.open import open_release
from lsi_match.partner.transfer import settings_in
from lsi_match.partner.witness import Judging
from lsi_match.reports.log_report import Evidence as LogEvidence
from lsi_match.reports.log_report import account, judged_again
from lsi_match.reports.manifest_page import explained
from lsi_match.reports.renderer import LANGUAGES

#: Entries on one page of the log.
AT_ONCE = 50
_LARGEST_FORM = 16_384
_OTHER: dict[Language, Language] = {"nl": "en", "en": "nl"}
Page = Callable[["Desk", Renderer, Request, ProjectWork], Response]


class Desk:
    """The pages over one party's folder.

    Args:
        clock: gives the time, in UTC.
        judging: gives what judges a log again before it is co-signed.
    """

    def __init__(
        self, work: Work, keys: Keys, clock: Callable[[], datetime], judging: Judging | None
    ) -> None:
        self.work = work
        self.keys = keys
        self.clock = clock
        self.judging = judging
        self.verifier = Verifier()

    def app(self) -> Guard:
        """The whole, guarded."""
        static = StaticFiles(directory=Path(__file__).with_name("static"))
        routes = [
            Route("/", self._begin),
            Mount("/static", static),
            Route("/{lang}/", self._home),
            *(
                Route(
                    f"/{{lang}}/{{project}}/{path}", self._of(page), methods=["POST"] if changes else ["GET"]
                )
                for path, changes, page in PAGES
            ),
        ]
        return Guard(Starlette(routes=routes, exception_handlers={404: self._nowhere}), self.keys)

    # pages of no project

    def _begin(self, request: Request) -> Response:
        wanted = request.headers.get("accept-language", "")
        return RedirectResponse("/en/" if wanted.lower().startswith("en") else "/nl/", status_code=303)

    def _home(self, request: Request) -> Response:
        language = _language(request)
        if language is None:
            return self._nowhere(request, LookupError())
        renderer = Renderer(language)
        projects = self.work.projects(self.clock())
        tasks = [(one, task) for one in projects for task in one.tasks()]
        tasks.sort(key=lambda pair: (not pair[1].wrong, pair[1].until is None, pair[1].until or self.clock()))
        return self._page(
            renderer, request, "home.html", renderer.text("home_title"), tasks=tasks, projects=projects
        )

    def _nowhere(self, request: Request, error: Exception) -> Response:
        renderer = Renderer(_language(request) or "nl")
        return self._page(renderer, request, "nowhere.html", renderer.text("nowhere_title"), status=404)

    # every page of a project

    def _of(self, page: Page) -> Callable[[Request], Any]:
        async def answered(request: Request) -> Response:
            language = _language(request)
            work = self.work.project(request.path_params["project"], self.clock())
            if language is None or work is None:
                return self._nowhere(request, LookupError())
            renderer = Renderer(language)
            if request.method == "POST":
                request.state.form = await _form(request)
                if request.state.form is None or not marked(request.state.form, self.keys):
                    return Response("", status_code=403)
            try:
                return await run_in_threadpool(page, self, renderer, request, work)
            except LsiError as error:
                title = renderer.text("refused_title")
                return self.page(renderer, request, work, "refused.html", title, why=error, status=409)

        return answered

    def page(
        self, renderer: Renderer, request: Request, work: ProjectWork, template: str, title: str, **facts: Any
    ) -> Response:
        """A page of a project."""
        return self._page(renderer, request, template, title, work=work, **facts)

    def _page(
        self,
        renderer: Renderer,
        request: Request,
        template: str,
        title: str,
        *,
        status: int = 200,
        **facts: Any,
    ) -> Response:
        lang = renderer.lang
        path = request.scope["path"]
        there = path if path.startswith(f"/{lang}/") else f"/{lang}/"
        facts = {"work": None, "name": self.work.home.name, "mark_name": MARK, "mark": self.keys.mark} | facts
        html = renderer.fill(
            template, title=title, here=there, other=_OTHER[lang],
            other_here=f"/{_OTHER[lang]}/{there.removeprefix(f'/{lang}/')}", now=self.clock(), utc=utc, **facts,
        )  # fmt: skip
        return HTMLResponse(html, status_code=status)


def _overview(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    manifest = work.unchecked_manifest
    log = desk.verifier.of(work)
    return desk.page(
        r, request, work, "project.html", manifest.project.title, manifest=manifest,
        tasks=[(work, one) for one in work.tasks()], rounds=work.rounds, log=log.result() if log and log.done() else None,
    )  # fmt: skip


def _agreement(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    manifest = work.unchecked_manifest
    trust: Trust = work.home.trust(work.id, work.now)
    gates = evaluate(manifest, Evidence(work.papers, work.now, trust))
    text = explained(manifest, r.lang, digest=manifest.digest).fragment
    title = r.text("agreement_title", project=manifest.project.title)
    return desk.page(r, request, work, "agreement.html", title, manifest=manifest, gates=gates, text=text)


def _log(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    title = r.text("log_title")
    log = _verified(desk, work)
    if not isinstance(log, VerifiedLog):
        return desk.page(r, request, work, "log_waits.html", title, there=log)
    size = log.found.size
    last_page = max(0, (size - 1) // AT_ONCE * AT_ONCE)
    given = request.query_params.get("from", "")
    first = (
        min(int(given), last_page) if given.isascii() and given.isdecimal() and len(given) < 16 else last_page
    )
    return desk.page(
        r, request, work, "log.html", title, log=log, first=first, at_once=AT_ONCE, last_page=last_page,
        entries=log.entries(first, AT_ONCE), judged=judged_again(log.found.judged, r.lang),
    )  # fmt: skip


def _entry(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    log = _verified(desk, work)
    position = request.path_params["position"]
    if not isinstance(log, VerifiedLog):
        return desk.page(r, request, work, "log_waits.html", r.text("log_title"), there=log)
    found = log.entries(position, 1) if position < log.found.size else []
    if not found or found[0].position != position:
        return desk._nowhere(request, LookupError())
    with Store.open(log.file, read_only=True) as store:
        proof = prove(store, position) if log.found.ok else None
    title = r.text("entry_title", position=position)
    return desk.page(r, request, work, "entry.html", title, log=log, one=found[0], proof=proof)


def _round(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    log = _verified(desk, work)
    title = r.text("round_title", round=request.path_params["round"])
    if not isinstance(log, VerifiedLog):
        return desk.page(r, request, work, "log_waits.html", title, there=log)
    found = next((one for one in log.rounds if one.name == request.path_params["round"]), None)
    if found is None:
        return desk._nowhere(request, LookupError())
    entries = log.of_round(found.name)
    return desk.page(r, request, work, "round.html", title, log=log, one=found, entries=entries)


def _account(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    log = _verified(desk, work)
    title = r.text("account_title")
    if not isinstance(log, VerifiedLog):
        return desk.page(r, request, work, "log_waits.html", title, there=log)
    with Store.open(log.file, read_only=True) as store:
        origin = store.origin
    manifest = read_bytes(work.home.project(work.id) / "manifest.json")
    evidence = LogEvidence(
        origin, log.entries(0, log.found.size), log.found, None, work.now, manifest=manifest
    )
    return desk.page(r, request, work, "text.html", title, text=account(evidence, r.lang).fragment)


def _check(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    settings = work.settings
    title = r.text("check_title")
    if settings is None:
        return desk.page(r, request, work, "check.html", title, found=None)
    day = next((one.opening.reference_date for one in work.rounds), work.now.date())
    found = check(
        work.home.name, work.unchecked_manifest, read_mapping(settings.mapping), settings.extracts, day
    )
    return desk.page(r, request, work, "check.html", title, found=found, reference_date=day)


def _delivering(
    desk: Desk, r: Renderer, request: Request, work: ProjectWork, done: Delivered | None = None
) -> Response:
    title = r.text("deliver_title")
    rounds = work.rounds if work.settings else []
    return desk.page(
        r, request, work, "deliver.html", title, rounds=rounds, done=done, settings=work.settings,
        told_problems=[(name, error) for name, error in done.problems] if done else [],
    )  # fmt: skip


def _deliver(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    settings = work.settings
    if settings is None:
        return _delivering(desk, r, request, work)
    done = deliver(
        work.home, work.id, settings_in(settings.place), read_mapping(settings.mapping), settings.extracts,
        settings.folder, work.now, r.lang, judging=desk.judging,
    )  # fmt: skip
    return _delivering(desk, r, request, work, done)


def _releases(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    return desk.page(r, request, work, "releases.html", r.text("releases_title"), releases=work.releases)


def _open(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    wanted = request.state.form.get("release", "")
    found = next((one for one in work.releases if one.file.name == wanted), None)
    if found is None:
        return desk._nowhere(request, LookupError())
    descriptor, frame = open_release(work.home, found.file, work.id, work.now)
    text = case_page(work.manifest, descriptor, frame, r.lang).fragment
    return desk.page(r, request, work, "text.html", r.text("cases_title", round=descriptor.round), text=text)


def _reports(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    return desk.page(r, request, work, "reports.html", r.text("reports_title"), reports=work.reports())


#: Path below a project, whether it changes something, and the page.
PAGES: tuple[tuple[str, bool, Page], ...] = (
    ("", False, _overview),
    ("agreement", False, _agreement),
    ("log", False, _log),
    ("log/{position:int}", False, _entry),
    ("rounds/{round}", False, _round),
    ("account", False, _account),
    ("check", False, _check),
    ("deliver", False, _delivering),
    ("deliver", True, _deliver),
    ("releases", False, _releases),
    ("releases", True, _open),
    ("reports", False, _reports),
)


def _verified(desk: Desk, work: ProjectWork) -> VerifiedLog | bool:
    """The verified log; else whether there is one, which is being verified."""
    found = desk.verifier.of(work)
    if found is None:
        return False
    return found.result() if found.done() else True


def _language(request: Request) -> Language | None:
    first = request.scope["path"].split("/")[1]
    return next((one for one in LANGUAGES if one == first), None)


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form; None where it is none, or too large for one."""
    if request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
        return None
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            return None
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return None
