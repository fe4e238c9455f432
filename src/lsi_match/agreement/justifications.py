"""Justifications: what every controller signs about the report of the monitor that holds a round.

A justification is bound to project, manifest, round and the digest of the report, and answers every difference of it
by itself. Per controller the latest counts, so that one that signs twice counts once, and can change its mind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Literal

from lsi_match.agreement.approvals import mismatch, sign_statement, signed_paper
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.errors import RefusedError, wrong
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.keys import Identity
from lsi_match.crypto.signing import peek
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import Justification, Reason
from lsi_match.protocol.trust_root import Role


def justify(
    manifest: Manifest,
    round_id: str,
    findings: str,
    identity: Identity | Certified,
    decision: Literal["release", "change"],
    said: str | Mapping[str, Reason],
    at: datetime,
) -> bytes:
    """What `identity`, a controller, says to the report with digest `findings`, as a signed document.

    Args:
        said: digest → why, of every difference of the report; or one text, of a report without them, or to change.
    """
    told = {"reason": said} if isinstance(said, str) else {"reasons": said}
    return sign_statement(
        Justification,
        manifest,
        identity,
        at,
        round=round_id,
        findings=findings,
        decision=decision,
        **told,
    )


def read_justifications(
    manifest: Manifest,
    round_id: str,
    findings: str,
    papers: Iterable[bytes],
    now: datetime,
    trust: Trust,
    differences: Collection[str],
) -> dict[str, tuple[Justification, bytes]]:
    """Controller → its latest justification of exactly this report, and the paper it stands in.

    Args:
        differences: the digests of what the report has to be justified for, each by itself.

    Raises:
        JustificationInvalidError: about another manifest, round or report, dated in the future, or it passes over a
            difference.
        SignatureMissingError, SignedDocumentInvalidError, CertificateRefusedError: no such paper, or not signed as the
            trust root says for the controller it names.
    """
    found: dict[str, tuple[Justification, bytes]] = {}
    for data in papers:
        parties, terms = list(manifest.controllers), manifest.certificates
        paper = signed_paper(data, Justification, Role.APPROVE, parties, now, trust, terms)
        if problem := _mismatch(manifest, round_id, findings, paper, now, differences):
            raise RefusedError("JustificationInvalidError", name=paper.controller, **problem)
        if paper.controller not in found or found[paper.controller][0].at < paper.at:
            found[paper.controller] = paper, data
    return found


def latest(papers: Iterable[bytes], findings: str) -> dict[str, Justification]:
    """Controller → its latest justification of this report, of papers that were judged when they were taken in."""
    said = [peek(data, Justification, what="justification", party="?") for data in papers]
    about = sorted((paper for paper in said if paper.findings == findings), key=lambda paper: paper.at)
    return {paper.controller: paper for paper in about}


def _mismatch(
    manifest: Manifest,
    round_id: str,
    findings: str,
    paper: Justification,
    now: datetime,
    differences: Collection[str],
) -> dict[str, str]:
    if found := mismatch(manifest, paper, now):
        return found
    if paper.round != round_id:
        return wrong("agreement.other_round")
    if paper.findings != findings:
        return wrong("agreement.other_findings")
    if paper.decision == "release" and (left := set(differences) - paper.reasons.keys()):
        return wrong("agreement.differences_left", left=len(left), all=len(differences))
    return {}
