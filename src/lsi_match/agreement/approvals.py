"""The agreement: a manifest, and what every controller signed about exactly that manifest.

What is signed travels as files, in any order and under any name: what a file is, and whose, stands in it. An approval
counts until it is withdrawn; approving again after that counts again. An acknowledgement says that in one organisation
everybody in some roles has read the work instruction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.errors import LsiError, RefusedError, all_wrong, problem, words, wrong
from lsi_match.base.validation import RuleViolation, validation_message
from lsi_match.base.version import VERSION, format_of
from lsi_match.crypto import signing
from lsi_match.crypto.certificates import CertificateRefusedError, Certified, certified_key
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.revocation import Revocations
from lsi_match.manifest import Manifest
from lsi_match.manifest.clear import check_texts_clear
from lsi_match.manifest.terms import Certificates
from lsi_match.protocol.documents import (
    Acknowledgement,
    Approval,
    DpoAdvice,
    SignedStatement,
    Withdrawal,
)
from lsi_match.protocol.publication import Publication, Sheet
from lsi_match.protocol.trust_root import MATCHER, Role

STATEMENT = (
    "I have read this manifest and its work instruction. As joint controller my organisation takes "
    "responsibility for every selection, match and release that it describes, and for no other."
)
#: Kind of paper → what the key under it must be for.
_ROLES: dict[type[Approval | Withdrawal | Acknowledgement | DpoAdvice | Publication], Role] = {
    Approval: Role.APPROVE,
    Withdrawal: Role.APPROVE,
    Acknowledgement: Role.ACKNOWLEDGE,
    DpoAdvice: Role.ADVISE,
    Publication: Role.APPROVE,
}
Paper = TypeVar("Paper", Approval, Withdrawal, Acknowledgement, DpoAdvice, Publication)
Statement = TypeVar("Statement", bound=SignedStatement)


class ManifestAlteredError(LsiError): ...


class ApprovalInvalidError(RefusedError): ...


@lru_cache(maxsize=128)  # of more projects than a site has: the service asks all of them each minute
def load_manifest(canonical: bytes) -> Manifest:
    """The manifest in canonical bytes. Remembered for the same bytes, since a look at a site asks for it many times.

    Raises:
        ManifestAlteredError: no manifest, or bytes other than its canonical form.
        ManifestOtherVersionError: a manifest, whole, that this version does not read.
        ManifestNotCompleteError: no JSON at all, as a draft is not.
    """
    if not canonical.lstrip().startswith(b"{"):
        raise ManifestAlteredError("ManifestNotCompleteError")
    try:
        manifest = Manifest.model_validate_json(canonical)
    except ValidationError as error:
        found = format_of(canonical)
        other = [one for one in error.errors(include_input=False) if one["type"] in _OTHER_SHAPE]
        if (
            other
            and found.startswith("lsi-match/manifest/")
            and canonical_json(json.loads(canonical)) == canonical
        ):
            member = ".".join(map(str, other[0]["loc"])) or "-"
            raise ManifestAlteredError(
                "ManifestOtherVersionError", found=found, program=VERSION, member=member
            ) from None
        raise ManifestAlteredError() from None
    if manifest.canonical() != canonical:
        raise ManifestAlteredError()
    return manifest


#: What a document of another version is: one with other members, or another `format`. A value that breaks a rule is none.
_OTHER_SHAPE = frozenset({"missing", "extra_forbidden", "literal_error"})


def approve(
    manifest: Manifest,
    identity: Identity | Certified,
    at: datetime,
    *,
    text: str = STATEMENT,
    previous: str | None = None,
) -> bytes:
    """The approval of `identity`, a controller, as a signed document.

    Args:
        text: what the signer was shown; its digest is signed too.
        previous: digest of the manifest that the text compares with.
    """
    return sign_statement(
        Approval,
        manifest,
        identity,
        at,
        work_instruction=manifest.work_instruction.digest,
        statement=STATEMENT,
        text=digest_of_bytes(text.encode()),
        previous=previous,
    )


def withdraw(manifest: Manifest, identity: Identity | Certified, reason: str, at: datetime) -> bytes:
    """The withdrawal of an approval, as a signed document. It counts from `at` on."""
    return sign_statement(Withdrawal, manifest, identity, at, reason=reason)


def acknowledge(
    manifest: Manifest, identity: Identity | Certified, roles: tuple[str, ...], at: datetime
) -> bytes:
    """That everybody in these roles at `identity` has read the work instruction, as a signed document."""
    read = manifest.work_instruction.digest
    return sign_statement(Acknowledgement, manifest, identity, at, work_instruction=read, roles=roles)


def advise(
    manifest: Manifest,
    identity: Identity | Certified,
    outcome: Literal["positive", "negative"],
    text: str,
    at: datetime,
) -> bytes:
    """What the FG of a controller, who signs as `identity`, advises about the manifest, as a signed document. The latest counts."""
    return sign_statement(DpoAdvice, manifest, identity, at, outcome=outcome, text=text)


def make_public(manifest: Manifest, identity: Identity | Certified, sheet: Sheet, at: datetime) -> bytes:
    """What `identity`, a controller, makes public about the manifest, as a signed document. The latest counts.

    Raises `CriteriaNotNamedError`, `StatementUnfitError`.
    """
    if fault := _unnamed(manifest, identity.name, sheet):
        raise LsiError("CriteriaNotNamedError", **fault)
    if fault := _unclear(sheet):
        raise LsiError("StatementUnfitError", **fault)
    return sign_statement(Publication, manifest, identity, at, sheet=sheet)


def _unnamed(manifest: Manifest, controller: str, sheet: Sheet) -> dict[str, str]:
    """Criteria of the controller that its sheet says nothing about, or that are not its own, as the fact `problem`."""
    own = {
        f"{selection.id}.{rule.id}"
        for partner, selection in manifest.selections()
        if partner == controller
        for rule in selection.criteria
    }
    missing, strange = (
        ", ".join(sorted(names)) for names in (own - sheet.criteria.keys(), sheet.criteria.keys() - own)
    )
    told = [problem("agreement.criteria_unsaid", names=missing)] if missing else []
    if strange:
        told.append(problem("agreement.criteria_strange", names=strange, controller=controller))
    return all_wrong(told) if told else {}


def _unclear(sheet: Sheet) -> dict[str, str]:
    """What of a sheet, which everybody may read, does not read in one way or names somebody, as the facts `problem` and `member`."""
    try:
        check_texts_clear(sheet)
    except RuleViolation as found:
        return {"member": ".".join(map(str, found.path)), **words("problem", found.nl, found.en)}
    return {}


def sign_statement(
    model: type[Statement], manifest: Manifest, identity: Identity | Certified, at: datetime, **said: Any
) -> bytes:
    """What `identity` says about `manifest`, as a signed document; raises StatementUnfitError for what nobody can say so."""
    about = {
        "project": manifest.project.id,
        "manifest": manifest.digest,
        "controller": identity.name,
        "at": at,
    }
    try:
        document = model(**about, certificates=identity.certificates, **said)
    except ValidationError as error:
        path, told = validation_message(error.errors()[0])
        raise LsiError(
            "StatementUnfitError", member=".".join(map(str, path)), **words("problem", told["nl"], told["en"])
        ) from None
    return signing.sign(document, identity)


@dataclass
class Agreement:
    """What signed papers say about one manifest.

    Attributes:
        approvals: controller → its approval, not withdrawn.
        withdrawn: controller → its withdrawal that counts.
        problems: party → why a paper of it does not hold, as the facts of `ApprovalInvalidError`.
        roles: party → the roles that acknowledged the work instruction.
        publications: controller → what it makes public, the latest.
        advice: controller → what its FG advises, the latest.
    """

    approvals: dict[str, Approval] = field(default_factory=dict)
    withdrawn: dict[str, Withdrawal] = field(default_factory=dict)
    problems: dict[str, dict[str, str]] = field(default_factory=dict)
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    publications: dict[str, Publication] = field(default_factory=dict)
    advice: dict[str, DpoAdvice] = field(default_factory=dict)

    def of_all(self, controllers: Collection[str]) -> dict[str, Approval]:
        """The approval of each of these, by name; raises as `check_approvals` does."""
        for name in controllers:
            if name in self.withdrawn:
                raise LsiError("ApprovalWithdrawnError", name=name, date=str(self.withdrawn[name].at.date()))
            if name in self.problems and name not in self.approvals:
                raise ApprovalInvalidError(name=name, **self.problems[name])
        missing = [name for name in controllers if name not in self.approvals]
        if missing:
            raise LsiError("ApprovalsMissingError", names=", ".join(missing))
        return {name: self.approvals[name] for name in controllers}


def read_agreement(manifest: Manifest, papers: Mapping[str, bytes], now: datetime, trust: Trust) -> Agreement:
    """Sort and check signed papers; nothing in it comes from a paper that does not hold.

    Args:
        papers: file name without its last suffix (`uwv`, `uwv.withdrawal` …) → the signed document.
        trust: who could sign what, when each paper was first taken in.
    """
    found = Agreement()
    for file, data in sorted(papers.items()):
        try:
            model = type(_claimed(data))
            parties = [*manifest.controllers, *([MATCHER] if model is Acknowledgement else [])]
            paper = signed_paper(data, model, _ROLES[model], parties, now, trust, manifest.certificates)
            fault = mismatch(manifest, paper, now)
        except (signing.SignatureMissingError, signing.SignedDocumentInvalidError):
            paper, fault = None, wrong("agreement.no_good_signature")
        except CertificateRefusedError as refused:
            paper, fault = None, {k: str(v) for k, v in refused.facts.items() if k.startswith("problem")}
        name = paper.controller if paper else file.split(".")[0]
        if fault:
            found.problems[name] = fault
        elif isinstance(paper, Approval):
            _keep_latest(found.approvals, paper)
        elif isinstance(paper, Withdrawal):
            _keep_latest(found.withdrawn, paper)
        elif isinstance(paper, Publication):
            _keep_latest(found.publications, paper)
        elif isinstance(paper, DpoAdvice):
            _keep_latest(found.advice, paper)
        elif paper is not None:
            found.roles[name] = tuple(dict.fromkeys((*found.roles.get(name, ()), *paper.roles)))
    for name, withdrawal in list(found.withdrawn.items()):
        if name in found.approvals and found.approvals[name].at > withdrawal.at:
            del found.withdrawn[name]
        else:
            found.approvals.pop(name, None)
    return found


def check_approvals(
    manifest: Manifest, papers: Mapping[str, bytes], now: datetime, trust: Trust
) -> dict[str, Approval]:
    """Every controller's approval of this very manifest, by name.

    Args:
        papers, trust: as for `read_agreement`.

    Raises:
        ApprovalWithdrawnError: a controller withdrew its approval.
        ApprovalInvalidError: signed with a key that does not count, another manifest or work instruction, or in the future.
        ApprovalsMissingError: a controller has not signed.
    """
    return read_agreement(manifest, papers, now, trust).of_all(manifest.controllers)


def check_papers(manifest: Manifest, papers: Mapping[str, bytes], now: datetime, trust: Trust) -> None:
    """That every one of these papers holds: what does not, is not taken in beside what does.

    Raises:
        ApprovalInvalidError: one is signed with a key that does not count, about something else, or in the future.
    """
    for name, fault in read_agreement(manifest, papers, now, trust).problems.items():
        raise ApprovalInvalidError(name=name, **fault)


def paper_name(data: bytes) -> str:
    """What a paper is and whose it says it is: `uwv` for an approval, `uwv.withdrawal`, `uwv.acknowledgement`,
    `uwv.advice`, `uwv.publication`.

    Raises:
        SignedDocumentInvalidError: it is none of these.
    """
    paper = _claimed(data)
    return (
        paper.controller
        if isinstance(paper, Approval)
        else f"{paper.controller}.{signing.kind_of(type(paper))}"
    )


def paper_manifest(data: bytes) -> str:
    """The digest of the manifest that a paper says it is about; raises SignedDocumentInvalidError."""
    return _claimed(data).manifest


def signed_with(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Who a paper says it is of, and the certificates that go along with it; raises SignedDocumentInvalidError."""
    paper = _claimed(data)
    return paper.controller, paper.certificates


def _claimed(data: bytes) -> Approval | Withdrawal | Acknowledgement | DpoAdvice | Publication:
    """What a paper says, before anybody looked who signed it."""
    model = next((one for one in _ROLES if signing.media_type(one) == signing.type_of(data)), Approval)
    return signing.peek(data, model, what=signing.kind_of(model), party="?")


def signed_paper(
    data: bytes,
    model: type[Statement],
    role: Role,
    parties: Sequence[str],
    now: datetime,
    trust: Trust,
    terms: Certificates,
) -> Statement:
    """A paper of one of `parties`, its signature by a key or certificate that the trust root names for `role`.

    Raises:
        SignatureMissingError, SignedDocumentInvalidError, CertificateRefusedError: as named.
    """
    kind = signing.kind_of(model)
    claimed = signing.peek(data, model, what=kind, party="?")
    party = claimed.controller
    root, taken_in = trust.judge(data, now)
    if party not in parties or party not in root.organisations:
        raise signing.SignatureMissingError(what=kind, party=party)
    named = root.organisations[party]
    if not claimed.certificates:
        return signing.verify(data, model, named.keys_for(role), what=kind, party=party)
    moments = (claimed.at, taken_in)
    revocations = Revocations(trust.revocations, terms.list_age)
    authorities = named.authorities_for(role)
    key = certified_key(claimed.certificates, authorities, named.oin, moments, party, revocations)
    return signing.verify(data, model, [key], what=kind, party=party)


def mismatch(manifest: Manifest, paper: SignedStatement, now: datetime) -> dict[str, str]:
    """Why a statement that is well signed does not hold for `manifest`, as the fact `problem`; nothing when it does."""
    if paper.project != manifest.project.id or paper.manifest != manifest.digest:
        return wrong("agreement.other_manifest")
    if (
        getattr(paper, "work_instruction", manifest.work_instruction.digest)
        != manifest.work_instruction.digest
    ):
        return wrong("agreement.other_instruction")
    if isinstance(paper, Approval) and paper.statement != STATEMENT:
        return wrong("agreement.other_statement")
    if paper.at > now:
        return wrong("agreement.in_the_future")
    if isinstance(paper, Publication):
        return _unnamed(manifest, paper.controller, paper.sheet) or _unclear(paper.sheet)
    return {}


def _keep_latest(kept: dict[str, Paper], paper: Paper) -> None:
    if paper.controller not in kept or kept[paper.controller].at < paper.at:
        kept[paper.controller] = paper
