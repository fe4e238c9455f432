"""The page of the project leader: the draft with everything that is wrong in it, who has which keys, and the manifest to be signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from lsi_match.agreement.gates import evaluate_draft
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, read_text
from lsi_match.desk.page import Pages
from lsi_match.desk.render import Renderer
from lsi_match.desk.signing import bring
from lsi_match.desk.work import ProjectWork
from lsi_match.library.manifests import draft_of
from lsi_match.manifest import Manifest
from lsi_match.manifest.template import template
from lsi_match.partner.begin import Beginning, DraftMissingError
from lsi_match.protocol.place_files import DRAFT_SUFFIX, INSTRUCTION_SUFFIX, MANIFEST_SUFFIX
from lsi_match.reports.manifest_page import explained

if TYPE_CHECKING:
    from lsi_match.desk.app import Desk

_NAME = "manifest.yaml"


def _draft(
    desk: Desk, r: Renderer, request: Request, work: ProjectWork, done: str = "", brought: bool = True
) -> Response:
    beginning = Beginning(work.exchange)
    form = getattr(request.state, "form", None) or {}
    try:
        file = beginning.draft_file()
        by, text = file.name.split(".")[1], read_text(file)
    except DraftMissingError:
        by, text = "", template().decode()
    text = form.get("draft", "").replace("\r\n", "\n") or text
    found, problem = _checked(text)
    instruction = next((read_bytes(one).decode() for one in work.exchange.files(INSTRUCTION_SUFFIX)), "")
    return desk.page(
        r, request, work, "draft.html", r.text("draft_title"), text=text, by=by, problem=problem, manifest=found,
        gates=evaluate_draft(found, found.schedule.day(work.now)) if found else [],
        explained=explained(found, r.lang, digest=None).fragment if found else None,
        keys=beginning.keys(), root=bool(work.exchange.roots()), instruction=instruction,
        instruction_digest=digest_of_bytes(instruction.encode()) if instruction else "", done=done, brought=brought,
    )  # fmt: skip


def _checked(text: str) -> tuple[Manifest | None, LsiError | None]:
    try:
        return draft_of(text, _NAME), None
    except LsiError as error:
        return None, error


def _write(desk: Desk, r: Renderer, request: Request, work: ProjectWork) -> Response:
    form, exchange = request.state.form, work.exchange
    what, beginning = form.get("what", ""), Beginning(work.exchange)
    if what == "check":
        return _draft(desk, r, request, work)
    if what == "bring":
        text = form.get("draft", "").replace("\r\n", "\n")
        draft_of(text, _NAME)  # what is wrong in it is told, and nothing is brought
        exchange.put_shared("", DRAFT_SUFFIX, text.encode())
    elif what == "instruction":
        exchange.put_shared(
            "", INSTRUCTION_SUFFIX, form.get("instruction", "").replace("\r\n", "\n").encode()
        )
    elif what == "root":
        beginning.compose_root(work.now)
    elif what == "complete":
        manifest = beginning.complete(work.now)
        exchange.put_shared(manifest.digest[7:23], MANIFEST_SUFFIX, manifest.canonical())
    else:
        return desk.nowhere(request)
    again = ProjectWork(work.home, work.id, work.now)
    request.state.form = {}
    return _draft(desk, r, request, again, what, bring(again))


PAGES: Pages = (("draft", False, _draft), ("draft", True, _write))
