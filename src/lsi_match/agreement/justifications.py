"""Justifications: what every controller signs about the report of the monitor that holds a round.

A justification is bound to project, manifest, round and the digest of the report. Per controller the latest counts,
so that one that signs twice counts once, and can change its mind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from lsi_match.agreement.approvals import mismatch, sign_statement, signed_paper
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.errors import LsiError, words
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.keys import Identity
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import Justification
from lsi_match.protocol.trust_root import Role


class JustificationInvalidError(LsiError): ...


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
    return sign_statement(
        Justification,
        manifest,
        identity,
        at,
        round=round_id,
        findings=findings,
        decision=decision,
        reason=reason,
    )


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
        parties, terms = list(manifest.controllers), manifest.certificates
        paper = signed_paper(data, Justification, Role.APPROVE, parties, now, trust, terms)
        if problem := _mismatch(manifest, round_id, findings, paper, now):
            raise JustificationInvalidError(name=paper.controller, **problem)
        if paper.controller not in found or found[paper.controller][0].at < paper.at:
            found[paper.controller] = paper, data
    return found


def _mismatch(
    manifest: Manifest, round_id: str, findings: str, paper: Justification, now: datetime
) -> dict[str, str]:
    if found := mismatch(manifest, paper, now):
        return found
    if paper.round != round_id:
        return words("problem", "zij gaat over een andere ronde", "it is about another round")
    if paper.findings != findings:
        return words("problem", "zij gaat over een ander rapport", "it is about another report")
    return {}
