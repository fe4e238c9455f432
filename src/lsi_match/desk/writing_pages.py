"""Texts that are written on the desk, with what is wrong told while they are typed: the draft of the project leader, from the keys of
everybody to the manifest to be signed; and what an organisation makes public."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import TypeVar

from ruamel.yaml import YAML
from starlette.responses import Response

from lsi_match.agreement.approvals import make_public
from lsi_match.agreement.gates import evaluate_draft
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import Language, LsiError
from lsi_match.base.files import read_bytes, read_text
from lsi_match.base.yaml_positions import complaints, parse_yaml
from lsi_match.desk.guard import TYPING
from lsi_match.desk.page import Pages, Visit
from lsi_match.desk.signing_pages import signer_of
from lsi_match.desk.work import ProjectWork
from lsi_match.library.logs import public_facts
from lsi_match.library.manifests import draft_of
from lsi_match.manifest import Manifest
from lsi_match.manifest.template import template
from lsi_match.partner.begin import Beginning, DraftMissingError
from lsi_match.protocol.place_files import DRAFT_SUFFIX, INSTRUCTION_SUFFIX, MANIFEST_SUFFIX
from lsi_match.protocol.publication import Publication, Sheet
from lsi_match.protocol.trust_root import Role
from lsi_match.reports.manifest_page import explained
from lsi_match.reports.public.pages import write_pages

T = TypeVar("T")
_NAME, _SHEET = "manifest.yaml", "publication.yaml"


def _draft(visit: Visit, work: ProjectWork) -> Response:
    beginning, by, text = Beginning(work.exchange), "", template().decode()
    try:
        file = beginning.draft_file()
        by, text = file.name.split(".")[1], read_text(file)
    except DraftMissingError:
        pass
    except LsiError as error:  # of two parties, or not to be read: that keeps nobody from writing one
        visit.refused = visit.refused or error
    text = visit.form.get("draft", text).replace("\r\n", "\n")
    found, wrong = _checked(lambda: draft_of(text, _NAME), visit.lang)
    instruction = next(
        (read_bytes(one).decode(errors="replace") for one in work.exchange.files(INSTRUCTION_SUFFIX)), ""
    )
    page = visit.page(
        "draft.html", text=text, by=by, complaints=wrong, manifest=found,
        gates=evaluate_draft(found, found.schedule.day(work.now)) if found else [],
        explained=explained(found, visit.lang, digest=None).fragment if found else None,
        keys=beginning.keys(), root=bool(work.exchange.roots()), instruction=instruction,
        instruction_digest=digest_of_bytes(instruction.encode()) if instruction else "",
    )  # fmt: skip
    page.headers["content-security-policy"] = TYPING
    return page


def _checked(read: Callable[[], T], lang: Language) -> tuple[T | None, list[tuple[int, str]]]:
    """What was read from a text; or every complaint about it, with its line."""
    try:
        return read(), []
    except LsiError as error:
        return None, complaints(error, lang)


def _write(visit: Visit, work: ProjectWork) -> Response:
    form, exchange = visit.form, work.exchange
    what, beginning = form.get("what", ""), Beginning(work.exchange)
    if what in ("root", "complete"):  # made of the draft as it lies here, which anybody may have brought
        draft_of(read_text(beginning.draft_file()), _NAME)
    if what == "check":
        return _draft(visit, work)
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
        return visit.nowhere()
    return visit.then(_draft, what)


def _public(visit: Visit, work: ProjectWork, file: Path | None = None) -> Response:
    running = next((one for one in work.proposals if one.runs), None)
    if running is None or work.home.name not in running.manifest.controllers:
        return visit.nowhere()
    manifest, signed = running.manifest, running.agreement.publications
    text = visit.form.get("sheet", "").replace("\r\n", "\n") or _sheet(visit, work, manifest, signed)
    page = visit.page(
        "public.html", manifest=manifest, signed=signed, text=text,
        complaints=_checked(lambda: parse_yaml(text, _SHEET, Sheet), visit.lang)[1], file=file,
    )  # fmt: skip
    page.headers["content-security-policy"] = TYPING
    return page


def _sheet(visit: Visit, work: ProjectWork, manifest: Manifest, signed: Mapping[str, Publication]) -> str:
    """What this party signed last, to go on from; else a form to fill in."""
    name = work.home.name
    if name in signed:
        out = StringIO()
        YAML(typ="safe", pure=True).dump(signed[name].sheet.model_dump(mode="json", exclude_none=True), out)
        return out.getvalue()
    rules = [f"{of.id}.{one.id}" for who, of in manifest.selections() if who == name for one in of.criteria]
    return visit.renderer.fill("sheet.yaml", title=manifest.controllers[name].title, criteria=rules)


def _make_public(visit: Visit, work: ProjectWork) -> Response:
    form, what = visit.form, visit.form.get("what", "")
    running, copy, file = next((one for one in work.proposals if one.runs), None), work.log_copy, None
    if what == "check":
        return _public(visit, work)
    if what == "sign" and running is not None:
        sheet = parse_yaml(form.get("sheet", "").replace("\r\n", "\n"), _SHEET, Sheet)
        by = signer_of(work, running.manifest, Role.APPROVE)
        work.exchange.put_paper(make_public(running.manifest, by, sheet, work.now))
        work.exchange.take_in(work.now)
    elif what == "write" and work.settings is not None and copy is not None:
        out = work.settings.folder / "public"
        write_pages([public_facts(copy[0], work.home.folder, work.now)], out, work.now)
        file = out / "index.html"
    else:
        return visit.nowhere()
    return visit.then(_public, what, file)


PAGES: Pages = (
    ("draft", False, _draft),
    ("draft", True, _write),
    ("public", False, _public),
    ("public", True, _make_public),
)
