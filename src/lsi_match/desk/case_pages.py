"""The pages of the casustafel, of access requests, and of co-signing the log."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from lsi_match.base.errors import LsiError, wrong_use
from lsi_match.base.files import read_bytes
from lsi_match.desk.page import Pages, Visit
from lsi_match.desk.work import ProjectWork, ReleaseHere
from lsi_match.partner.access.letter import letter, unasked
from lsi_match.partner.access.request import make_request, open_answer, requests_of, wanted
from lsi_match.partner.cosign import cosign_log
from lsi_match.partner.extract.column_mapping import read_mapping
from lsi_match.partner.release import outcomes
from lsi_match.partner.release.case_page import cases_of
from lsi_match.partner.release.open import open_release
from lsi_match.partner.witness import check_others
from lsi_match.protocol.place_files import (
    ANSWER_SUFFIX,
    COSIGNATURE_SUFFIX,
    OUTCOME_SUFFIX,
    REQUEST_SUFFIX,
    newest_copy,
)

#: Cases on one page.
AT_ONCE = 25


def _releases(visit: Visit, work: ProjectWork) -> Response:
    return visit.page("releases.html", releases=work.releases)


def _open(visit: Visit, work: ProjectWork) -> Response:
    found = _release(work, file=visit.form.get("release", ""))
    if found is None:
        return visit.nowhere()
    # In memory only: the page shows it as long as this desk runs.
    visit.desk.opened[found.file] = open_release(work.home, found.file, work.id, work.now)
    return RedirectResponse(f"/{visit.lang}/{work.id}/cases/{found.said.round}", status_code=303)


def _release(work: ProjectWork, *, file: str = "", round_id: str = "") -> ReleaseHere | None:
    """A release by the name of its file or by its round, among those that lie here."""
    return next((one for one in work.releases if file == one.file.name or round_id == one.said.round), None)


def _cases(visit: Visit, work: ProjectWork) -> Response:
    found = _release(work, round_id=visit.request.path_params["round"])
    if found is None:
        return visit.nowhere()
    if found.file not in visit.desk.opened:
        return _releases(visit, work)
    descriptor, frame = visit.desk.opened[found.file]
    every = cases_of(work.manifest, descriptor.partner, frame, visit.lang)
    first = min(visit.number("from"), max(0, len(every) - 1)) // AT_ONCE * AT_ONCE
    return visit.page(
        "cases.html", release=found, count=len(every), cases=every[first : first + AT_ONCE], first=first, at_once=AT_ONCE,
        days=(descriptor.expires_at - work.now).days, words=(outcomes.GROUNDED, outcomes.NOT_GROUNDED, outcomes.OUTCOME_UNKNOWN),
        entered=outcomes.kept_outcomes(work.home, work.id, descriptor.round),
    )  # fmt: skip


def _outcome(visit: Visit, work: ProjectWork) -> Response:
    found, form = _release(work, round_id=visit.request.path_params["round"]), visit.form
    if found is None or found.file not in visit.desk.opened:
        return visit.nowhere()
    round_id, settings = found.said.round, work.settings
    known = set(visit.desk.opened[found.file][1].get_column("case_id"))
    entered = {case: form[name] for case in known if (name := f"outcome-{case}") in form}
    outcomes.keep_outcomes(work.home, work.id, round_id, entered)
    if form.get("what") != "count":
        visit.done = "saved"
        return _cases(visit, work)
    opening = next(
        (file for file in work.opening_files if file.name == f"{work.id}.{round_id}.opening.json"), None
    )
    if settings is None or settings.mapping is None or settings.extracts is None or opening is None:
        raise wrong_use("desk.cannot_count")
    _, paper = outcomes.count_outcomes(
        work.home, found.file, opening, outcomes.kept_outcomes(work.home, work.id, round_id),
        read_mapping(settings.mapping), settings.extracts, work.id, work.now,
    )  # fmt: skip
    work.exchange.put(f"{work.id}.{round_id}.{work.home.name}{OUTCOME_SUFFIX}", paper)
    return visit.then(_cases, "counted")


def _access(visit: Visit, work: ProjectWork) -> Response:
    answers = {one.name.removesuffix(ANSWER_SUFFIX) for one in work.fetched(ANSWER_SUFFIX)}
    return visit.page(
        "access.html", asked=requests_of(work.home, work.id), answers=answers, wanted=wanted(work.manifest),
    )  # fmt: skip


def _ask(visit: Visit, work: ProjectWork) -> Response:
    form = visit.form
    entered = {name: form[f"person-{name}"] for name in wanted(work.manifest) if f"person-{name}" in form}
    reference, rounds = form.get("reference", ""), form.get("rounds", "").replace(",", " ").split()
    sealed = make_request(work.home, work.id, entered, reference, rounds, work.now)
    if sealed is not None:  # else other partners are asked first
        stem = next(one.stem for one in requests_of(work.home, work.id) if one.reference == reference)
        work.exchange.put(f"{stem}{REQUEST_SUFFIX}", sealed)
    return visit.then(_access, "asked")


def _letter(visit: Visit, work: ProjectWork) -> Response:
    reference = visit.request.path_params["reference"]
    asked = next((one for one in requests_of(work.home, work.id) if one.reference == reference), None)
    answer = next(
        (one for one in work.fetched(ANSWER_SUFFIX) if asked and one.name == f"{asked.stem}{ANSWER_SUFFIX}"),
        None,
    )
    if asked is None or answer is None:
        return visit.nowhere()
    opened = open_answer(work.home, work.id, asked.reference, read_bytes(answer), work.now)
    text = letter(opened, visit.lang).fragment
    return visit.page("letter.html", text=text, missing=unasked(opened), others=opened.others)


def _cosigning(visit: Visit, work: ProjectWork) -> Response:
    copy, seen = work.log_copy, work.home.log(work.id).checkpoint
    mail, problem, others = work.mail, None, {}
    if mail is not None:
        try:
            others = check_others(work.home, work.id, mail, {one.name for one in mail.iterdir()}, work.now)
        except LsiError as error:
            problem = error
    return visit.page(
        "cosign.html", copy=copy[0].name if copy else None, seen=seen, size=newest_copy((copy[0].name,), work.id) if copy else 0,
        others=others, problem=problem,
    )  # fmt: skip


def _cosign(visit: Visit, work: ProjectWork) -> Response:
    copy = work.log_copy
    if copy is None:
        return visit.nowhere()
    log, papers = copy
    judge = visit.desk.judging(papers) if visit.desk.judging else None
    gap = visit.form.get("gap") == "yes"
    for one in cosign_log(work.home, log, work.id, work.now, judge, accept_gap=gap):
        name = f"{work.id}.{one.checkpoint.size}.{work.home.name}{COSIGNATURE_SUFFIX}"
        work.exchange.put(name, one.note.encode())
    return visit.then(_cosigning, "cosigned")


PAGES: Pages = (
    ("releases", False, _releases),
    ("releases", True, _open),
    ("cases/{round}", False, _cases),
    ("cases/{round}", True, _outcome),
    ("access", False, _access),
    ("access", True, _ask),
    ("access/{reference}", False, _letter),
    ("cosign", False, _cosigning),
    ("cosign", True, _cosign),
)
