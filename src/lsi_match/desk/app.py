"""The pages and their addresses. A page is a template over what the rooms below return.

    /<lang>/                                  what asks for attention, and the projects
    /<lang>/<project>/                        one project: how it stands, its rounds
    /<lang>/<project>/sign[/<digest>]         manifests to be signed: the statement, gates, who signed; sign (POST)
    /<lang>/<project>/trust                   versions of the trust root: compare, sign (POST)
    /<lang>/<project>/agreement               the manifest in plain words, and its gates
    /<lang>/<project>/log[?from=N]            the log, verified on this machine
    /<lang>/<project>/log/<position>          one entry, with the proof that the log has it
    /<lang>/<project>/rounds[/<round>]        the rounds on a line, who signed and read; what happened in a round
    /<lang>/<project>/account                 the account of the project, for the FG
    /<lang>/<project>/check                   what is in the own extracts, and what would be delivered; a mapping (POST)
    /<lang>/<project>/deliver                 deliver (POST), and what was delivered
    /<lang>/<project>/releases                releases; open one (POST)
    /<lang>/<project>/cases/<round>           the own cases of a release that was opened; outcomes (POST)
    /<lang>/<project>/reports[/<round>]       reports of held rounds; justify (POST)
    /<lang>/<project>/access[/<reference>]    access requests; ask (POST); the letter
    /<lang>/<project>/cosign                  what others co-signed; co-sign (POST)
    /<lang>/<project>/public                  what the own organisation makes public; sign it, write the public pages (POST)
    /<lang>/<project>/draft                   the draft of the leader, what is wrong in it, keys; bring, complete (POST)

Over a matching site: /<lang>/<project>/ (status), alarms/<name> (the page of an alarm), begin (trust root, manifests; POST), open
(a round by hand; POST), public (write the public pages; POST).

Names in an address are looked up among what is there; none is ever made into a path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

import polars as pl
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lsi_match.base.errors import Language, LsiError
from lsi_match.base.files import as_refusal
from lsi_match.base.signs import plain
from lsi_match.desk import case_pages, operator_pages, project_pages, signing_pages, writing_pages
from lsi_match.desk.guard import MARK, Guard, Keys, marked
from lsi_match.desk.operator_pages import SiteWork
from lsi_match.desk.page import Page, Visit
from lsi_match.desk.render import Renderer, utc
from lsi_match.desk.verified import Verifier
from lsi_match.desk.work import Work
from lsi_match.partner.witness import Judging
from lsi_match.protocol.documents import ReleaseDescriptor
from lsi_match.reports.renderer import LANGUAGES

_LARGEST_FORM = 2**20
_OTHER: dict[Language, Language] = {"nl": "en", "en": "nl"}
#: Path below a project, whether it changes something, and the page.
PAGES = (*project_pages.PAGES, *signing_pages.PAGES, *case_pages.PAGES, *writing_pages.PAGES)

#: Where one begins to do something.
BEGUN_AT = ("sign", "trust", "deliver", "releases", "reports", "access", "begin")


class Desk:
    """The pages over one party's folder.

    Args:
        clock: gives the time, in UTC.
        judging: gives what judges a log again before it is co-signed.
    """

    def __init__(
        self, work: Work | SiteWork, keys: Keys, clock: Callable[[], datetime], judging: Judging | None
    ) -> None:
        self.work = work
        self.keys = keys
        self.clock = clock
        self.judging = judging
        self.verifier = Verifier()
        #: The releases that were opened while this desk runs: file → what it says of itself, and the own records.
        self.opened: dict[Path, tuple[ReleaseDescriptor, pl.DataFrame]] = {}

    def app(self) -> Guard:
        """The whole, guarded."""
        static = StaticFiles(directory=Path(__file__).with_name("static"))
        pages = operator_pages.PAGES if isinstance(self.work, SiteWork) else PAGES
        shown = {path: page for path, changes, page in pages if not changes}
        routes = [
            Route("/", self._begin),
            Mount("/static", static),
            Route("/{lang}/", self._home),
            *(
                Route(
                    f"/{{lang}}/{{project}}/{path}",
                    self._of(page, shown[path] if changes else None),
                    methods=["POST"] if changes else ["GET"],
                )
                for path, changes, page in pages
            ),
        ]
        handlers: dict[Any, Any] = dict.fromkeys((LsiError, OSError, Exception), self._broken) | {
            404: self._nowhere
        }
        return Guard(Starlette(routes=routes, exception_handlers=handlers), self.keys)

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

    def _broken(self, request: Request, error: Exception) -> Response:
        """The page for what even the page that says why a form is refused stumbles over: without the project's own parts."""
        renderer = Renderer(_language(request) or "nl")
        title, refused = renderer.text("refused_title"), as_refusal(error)
        return self._page(renderer, request, "text.html", title, refused=refused, text="")

    def nowhere(self, request: Request) -> Response:
        """The page for an address that leads nowhere."""
        return self._nowhere(request, LookupError())

    # every page of a project

    def _of(self, page: Page, instead: Page | None) -> Callable[[Request], Any]:
        """What answers with a page; of a form that is refused with `instead`, which says why and keeps what was typed."""

        async def answered(request: Request) -> Response:
            language = _language(request)
            work = self.work.project(request.path_params["project"], self.clock())
            if language is None or work is None:
                return self._nowhere(request, LookupError())
            visit = Visit(self, Renderer(language), request, work)
            if request.method == "POST":
                form = await _form(request)
                if form is None or not marked(form, self.keys):
                    return Response("", status_code=403)
                visit.form = form
            for one in (page, instead):
                try:
                    if one is not None:
                        return await run_in_threadpool(one, visit, work)
                except (LsiError, OSError) as error:
                    visit.refused = visit.refused or as_refusal(error)
            return visit.page("text.html", visit.text("refused_title"), text="")

        return answered

    def page(self, visit: Visit, template: str, title: str, **facts: Any) -> Response:
        """A page of a project; where one begins to do something, with what asks for attention there."""
        here, work = visit.request.scope["path"].split("/", 3)[3], visit.work
        begun = here in BEGUN_AT and not visit.refused
        due = [one for one in work.tasks() if one.page.partition("/")[0] == here] if begun else []
        facts = {"work": work, "due": due, "done": visit.done, "brought": visit.brought, **facts}
        return self._page(
            visit.renderer, visit.request, template, title, refused=visit.refused, form=visit.form, **facts
        )

    def _page(
        self, renderer: Renderer, request: Request, template: str, title: str, *, status: int = 0,
        refused: LsiError | None = None, form: Mapping[str, str] = MappingProxyType({}), **facts: Any,
    ) -> Response:  # fmt: skip
        lang = renderer.lang
        path = request.scope["path"]
        there = path if path.startswith(f"/{lang}/") else f"/{lang}/"
        typed = form if refused else {}
        facts = {
            "work": None, "due": [], "name": self.work.home.name, "mark_name": MARK, "mark": self.keys.mark, "refused": refused,
            "typed": lambda field, otherwise="": typed.get(field, otherwise),
        } | facts  # fmt: skip
        html = renderer.fill(
            template, title=title, here=there, other=_OTHER[lang],
            other_here=f"/{_OTHER[lang]}/{there.removeprefix(f'/{lang}/')}", now=self.clock(), utc=utc, **facts,
        )  # fmt: skip
        return HTMLResponse(
            plain(html.replace("\r\n", "\n")), status_code=status or (409 if refused else 200)
        )


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
