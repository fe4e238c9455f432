"""The pages on which something is signed: manifests, trust roots, what is said to a held round.

What is signed is made by `agreement` and `partner.approving`, laid ready in the own folder, and brought to the place at once;
where that is out of reach, with the next exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Literal

from pydantic import ValidationError
from starlette.responses import Response

from lsi_match.agreement.approvals import advise, withdraw
from lsi_match.agreement.gates import Evidence, evaluate
from lsi_match.agreement.signer import sign_root_as, signer
from lsi_match.agreement.trust_root_rules import check_typed
from lsi_match.base.errors import wrong_use
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.keys import Identity
from lsi_match.desk.page import Pages, Visit
from lsi_match.desk.render import from_markdown
from lsi_match.desk.work import ProjectWork, Proposal
from lsi_match.library.held import HeldRound
from lsi_match.manifest import Manifest
from lsi_match.partner.approving import acknowledge_as, approve_as, text_to_sign
from lsi_match.partner.begin import Beginning
from lsi_match.protocol.documents import Reason
from lsi_match.protocol.place_files import JUSTIFICATION_SUFFIX, ROOT_SUFFIX
from lsi_match.protocol.trust_root import Role
from lsi_match.reports.monitor_report import asked, report
from lsi_match.reports.trust_page import versions

_DECISIONS: dict[str, Literal["release", "change"]] = {"release": "release", "change": "change"}
_OUTCOMES: dict[str, Literal["positive", "negative"]] = {"positive": "positive", "negative": "negative"}


def signer_of(work: ProjectWork, manifest: Manifest, role: Role) -> Identity | Certified:
    """Who signs: with the certificate that was set (`lsi-match use`), else with the keys in the own folder."""
    chain, key = (work.settings.chain, work.settings.key) if work.settings else (None, None)
    return signer(manifest, work.home.name, work.home.folder, role, work.now, chain, key)


def _manifests(visit: Visit, work: ProjectWork) -> Response:
    listed = [
        (one.manifest.digest[7:], one.manifest.project.title, one.manifest.digest, visit.text("sign_runs" if one.runs else "sign_by", by=one.by))
        for one in work.proposals
    ]  # fmt: skip
    return visit.page("list.html", visit.text("sign_title"), kind="sign", listed=listed)


def _manifest(visit: Visit, work: ProjectWork) -> Response:
    found = _proposal(visit, work)
    if found is None:
        return visit.nowhere()
    manifest, trust = found.manifest, work.home.trust(work.id, work.now)
    papers = work.exchange.papers(manifest) | (work.papers if found.runs else {})
    gates = evaluate(manifest, Evidence(papers, work.now, trust))
    text, previous = text_to_sign(work.home, manifest, visit.lang)
    instruction = work.exchange.instruction(manifest)
    return visit.page(
        "sign.html", visit.text("sign_one_title", project=manifest.project.title), one=found,
        gates=gates, text=text.fragment, previous=previous,
        instruction=from_markdown(instruction.decode(errors="replace"), visit.lang) if instruction else None,
        controller=work.home.name in manifest.controllers,
    )  # fmt: skip


def _sign(visit: Visit, work: ProjectWork) -> Response:
    found, form = _proposal(visit, work), visit.form
    if found is None:
        return visit.nowhere()
    manifest, home, what = found.manifest, work.home, form.get("what", "")
    roles = [one for i, one in enumerate(manifest.work_instruction.acknowledged_by) if f"role-{i}" in form]
    papers = []
    if what == "approve":
        if form.get("read") != "yes":
            raise wrong_use("desk.read_first")
        by = signer_of(work, manifest, Role.APPROVE)
        papers.append(approve_as(home, manifest, by, visit.lang, work.now).paper)
    if what == "acknowledge" or (what == "approve" and roles):
        by = signer_of(work, manifest, Role.ACKNOWLEDGE)
        instruction = work.exchange.instruction(manifest) or b""
        papers.append(acknowledge_as(manifest, by, instruction, roles, work.now))
    if what == "withdraw":
        by = signer_of(work, manifest, Role.APPROVE)
        papers.append(withdraw(manifest, by, _said(form, "reason"), work.now))
    if what == "advise" and (outcome := _OUTCOMES.get(form.get("outcome", ""))):
        papers.append(
            advise(manifest, signer_of(work, manifest, Role.ADVISE), outcome, _said(form, "text"), work.now)
        )
    if not papers:
        return visit.nowhere()
    for paper in papers:
        work.exchange.put_paper(paper)
    work.exchange.take_in(work.now)
    return visit.then(_manifest, what)


def _said(form: dict[str, str], name: str) -> str:
    said = form.get(name, "").strip()
    if not said:
        raise wrong_use("desk.say_why")
    return said


def _proposal(visit: Visit, work: ProjectWork) -> Proposal | None:
    wanted = visit.request.path_params["digest"]
    return next((one for one in work.proposals if one.manifest.digest == f"sha256:{wanted}"), None)


def _trust(visit: Visit, work: ProjectWork) -> Response:
    return visit.page(
        "trust.html", versions=versions(work.exchange.roots(), visit.lang), known=work.known_roots,
    )  # fmt: skip


def _take_trust(visit: Visit, work: ProjectWork) -> Response:
    form, versions = visit.form, work.exchange.roots()
    if form.get("what") == "next" and work.known_roots:
        Beginning(work.exchange).compose_next(work.known_roots[-1], work.now)
        return visit.then(_trust, "next")
    found = next((one for one in versions if one.root.digest == form.get("root")), None)
    if found is None:
        return visit.nowhere()
    what, name, known = form.get("what", ""), work.home.name, work.known_roots
    if what == "compare" and not known:
        check_typed(found.root, form.get("digest", ""))
    elif what != "sign":
        return visit.nowhere()
    if name in found.root.signing_organisations and name not in found.signers(found.root):
        papers = sign_root_as(found, known[-1] if known else None, name, work.home.folder)
        work.exchange.put_shared(f"v{found.root.version}", ROOT_SUFFIX, papers)
    if what == "compare":
        work.exchange.pin(found.root, form["digest"], work.now)
    return visit.then(_trust, what)


def _held(visit: Visit, work: ProjectWork) -> Response:
    listed = [(name, visit.text("round_title", round=name), "", "") for name in work.reports()]
    return visit.page("list.html", visit.text("reports_title"), kind="reports", listed=listed)


def _held_round(visit: Visit, work: ProjectWork) -> Response:
    held = _read_held(visit, work)
    if held is None:
        return visit.nowhere()
    text = report(held.table, held.findings.findings, visit.lang, held.findings.followed).fragment
    needed = asked(held.table, held.findings, visit.lang)
    return visit.page(
        "held.html", held=held, text=text, asked=needed, said=work.justified(held.findings.round),
        controller=work.home.name in held.manifest.controllers,
    )  # fmt: skip


def _justify(visit: Visit, work: ProjectWork) -> Response:
    held, form = _read_held(visit, work), visit.form
    decision = _DECISIONS.get(form.get("decision", ""))
    if held is None or decision is None:
        return visit.nowhere()
    identity = signer_of(work, held.manifest, Role.APPROVE)
    said: str | dict[str, Reason] = form.get("reason", "").strip()
    if decision == "release" and held.findings.differences:
        said = _reasons(held.findings.differences, form)
    paper = held.justify(identity, decision, said, work.now)
    name = f"{work.id}.{held.findings.round}.{work.home.name}{JUSTIFICATION_SUFFIX}"
    work.exchange.put(name, paper)
    return visit.then(_held_round, decision)


def _reasons(differences: Iterable[str], form: Mapping[str, str]) -> dict[str, Reason]:
    """What was filled in, by difference; one that is not filled in whole is left out."""
    found = {}
    for number, digest in enumerate(differences, start=1):
        with suppress(ValidationError):
            found[digest] = Reason.model_validate_strings(
                {name: form.get(f"{name}.{number}", "") for name in Reason.model_fields}
            )
    return found


def _read_held(visit: Visit, work: ProjectWork) -> HeldRound | None:
    """The report of the round in the address, which is looked up among those that lie here."""
    found = work.reports().get(visit.request.path_params["round"])
    return HeldRound.read(work.home, work.manifest, *found, work.now) if found else None


PAGES: Pages = (
    ("reports", False, _held),
    ("reports/{round}", False, _held_round),
    ("reports/{round}", True, _justify),
    ("sign", False, _manifests),
    ("sign/{digest}", False, _manifest),
    ("sign/{digest}", True, _sign),
    ("trust", False, _trust),
    ("trust", True, _take_trust),
)
