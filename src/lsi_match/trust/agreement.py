"""The agreement: a manifest, and the approval of every controller under exactly that manifest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import ValidationError

from lsi_match.errors import LsiError
from lsi_match.protocol.documents import Approval
from lsi_match.protocol.manifest import Manifest
from lsi_match.trust.keys import Identity
from lsi_match.trust.signing import SignatureMissingError, SignedDocumentInvalidError, sign, verify

APPROVAL = "approval"
STATEMENT = (
    "I have read this manifest and its work instruction. As joint controller my organisation takes "
    "responsibility for every selection, match and release that it describes, and for no other."
)


class ManifestAlteredError(LsiError):
    nl = "Dit manifest is niet (meer) het manifest dat is ondertekend. Er gebeurt niets. Haal het ondertekende opnieuw op."
    en = "This manifest is not (or no longer) the one that was signed. Nothing runs. Fetch the signed one again."


class ApprovalsMissingError(LsiError):
    nl = "Dit manifest is nog niet goedgekeurd door: {names}. Zonder iedere handtekening gebeurt er niets."
    en = "This manifest is not yet approved by: {names}. Nothing runs without every signature."


class ApprovalInvalidError(LsiError):
    nl = "De goedkeuring van {name} geldt niet voor dit manifest: {problem}. Laat {name} opnieuw tekenen."
    en = "The approval of {name} does not hold for this manifest: {problem}. Have {name} sign again."


def load_manifest(canonical: bytes) -> Manifest:
    """The manifest in canonical bytes.

    Raises:
        ManifestAlteredError: no manifest, or bytes other than its canonical form.
    """
    try:
        manifest = Manifest.model_validate_json(canonical)
    except ValidationError:
        raise ManifestAlteredError() from None
    if manifest.canonical() != canonical:
        raise ManifestAlteredError()
    return manifest


def approve(manifest: Manifest, identity: Identity, at: datetime) -> bytes:
    """The approval of `identity`, a controller, as a signed document."""
    document = Approval(
        project=manifest.project.id,
        manifest=manifest.digest,
        controller=identity.name,
        work_instruction=manifest.work_instruction.digest,
        statement=STATEMENT,
        at=at,
    )
    return sign(document, APPROVAL, identity)


def check_approvals(manifest: Manifest, approvals: Mapping[str, bytes], now: datetime) -> dict[str, Approval]:
    """Every controller's approval of this very manifest, by name.

    Args:
        approvals: controller name → signed document.

    Raises:
        ApprovalsMissingError: a controller has not signed.
        ApprovalInvalidError: signed with another key, another manifest or work instruction, or in the future.
    """
    missing = [name for name in manifest.controllers if name not in approvals]
    if missing:
        raise ApprovalsMissingError(names=", ".join(missing))
    found = {}
    for name, controller in manifest.controllers.items():
        try:
            approval = verify(
                approvals[name], APPROVAL, Approval, controller.signing_key, what="approval", party=name
            )
        except (SignatureMissingError, SignedDocumentInvalidError):
            raise ApprovalInvalidError(
                name=name, problem="no good signature by its key in the manifest"
            ) from None
        problem = _mismatch(manifest, approval, name, now)
        if problem:
            raise ApprovalInvalidError(name=name, problem=problem)
        found[name] = approval
    return found


def _mismatch(manifest: Manifest, approval: Approval, name: str, now: datetime) -> str:
    if approval.controller != name:
        return "it is another controller's"
    if approval.project != manifest.project.id or approval.manifest != manifest.digest:
        return "it is about another manifest"
    if approval.work_instruction != manifest.work_instruction.digest:
        return "it acknowledges another work instruction"
    if approval.at > now:
        return "it is dated in the future"
    return ""
