"""Justifications: what every controller signs about the report of the monitor that holds a round.

A justification is bound to project, manifest, round and the digest of the report. Per controller the latest counts,
so that one that signs twice counts once, and can change its mind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from lsi_match.agreement.approvals import signed_paper
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.errors import LsiError
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.signing import sign
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import Justification
from lsi_match.protocol.trust_root import Role

JUSTIFICATION = "justification"


class JustificationInvalidError(LsiError):
    nl = "De rechtvaardiging van {name} geldt niet voor deze ronde: {problem}. Laat {name} opnieuw tekenen, over dit rapport."
    en = "The justification of {name} does not hold for this round: {problem}. Have {name} sign again, about this report."


def justify(
    manifest: Manifest,
    round_id: str,
    findings: str,
    identity: Identity | Certified,
    decision: Literal["release", "change"],
    reason: str,
    at: datetime,
) -> bytes:
    """What `identity`, a controller, says to the report with digest `findings`, as a signed document."""
    document = Justification(
        project=manifest.project.id,
        manifest=manifest.digest,
        round=round_id,
        findings=findings,
        controller=identity.name,
        decision=decision,
        reason=reason,
        certificates=identity.certificates,
        at=at,
    )
    return sign(document, JUSTIFICATION, identity)


def read_justifications(
    manifest: Manifest, round_id: str, findings: str, papers: Iterable[bytes], now: datetime, trust: Trust
) -> dict[str, tuple[Justification, bytes]]:
    """Controller → its latest justification of exactly this report, and the paper it stands in.

    Raises:
        JustificationInvalidError: about another manifest, round or report, or dated in the future.
        SignatureMissingError, SignedDocumentInvalidError, CertificateRefusedError: no such paper, or not signed as the
            trust root says for the controller it names.
    """
    found: dict[str, tuple[Justification, bytes]] = {}
    for data in papers:
        paper = signed_paper(
            data, JUSTIFICATION, Justification, Role.APPROVE, list(manifest.controllers), now, trust
        )
        problem = _mismatch(manifest, round_id, findings, paper, now)
        if problem:
            raise JustificationInvalidError(name=paper.controller, problem=problem)
        if paper.controller not in found or found[paper.controller][0].at < paper.at:
            found[paper.controller] = paper, data
    return found


def _mismatch(manifest: Manifest, round_id: str, findings: str, paper: Justification, now: datetime) -> str:
    if paper.project != manifest.project.id or paper.manifest != manifest.digest:
        return "it is about another manifest"
    if paper.round != round_id:
        return "it is about another round"
    if paper.findings != findings:
        return "it is about another report"
    if paper.at > now:
        return "it is dated in the future"
    return ""
