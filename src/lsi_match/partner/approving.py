"""What a controller signs about a manifest, with the text that it is shown: approvals and acknowledgements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lsi_match.agreement.approvals import STATEMENT, acknowledge, approve, load_manifest
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import Language, wrong_use
from lsi_match.base.files import read_bytes
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.keys import Identity
from lsi_match.manifest import Manifest
from lsi_match.partner.home import Home
from lsi_match.reports.document import Document
from lsi_match.reports.manifest_page import statement


@dataclass(frozen=True)
class SignedApproval:
    """An approval, the text that it is signed for, and the digest of the manifest that the text compares with."""

    text: Document
    paper: bytes
    previous: str | None


def text_to_sign(
    home: Home, manifest: Manifest, lang: Language, before: Manifest | None = None
) -> tuple[Document, str | None]:
    """What an approval of this manifest is signed for, and the digest of the manifest that the text compares with.

    Args:
        before: the manifest to compare with; when left out the one that this party takes part in, if any.
    """
    own = home.project(manifest.project.id) / "manifest.json"
    if before is None and own.exists():
        before = load_manifest(read_bytes(own))
    if before is not None and before.digest == manifest.digest:
        before = None  # approving again
    return statement(manifest, STATEMENT, lang, before), before.digest if before else None


def approve_as(
    home: Home,
    manifest: Manifest,
    identity: Identity | Certified,
    lang: Language,
    now: datetime,
    before: Manifest | None = None,
) -> SignedApproval:
    """The approval of this party, signed for the text in this language; `before` as for `text_to_sign`."""
    text, previous = text_to_sign(home, manifest, lang, before)
    return SignedApproval(
        text, approve(manifest, identity, now, text=text.markdown, previous=previous), previous
    )


def acknowledge_as(
    manifest: Manifest,
    identity: Identity | Certified,
    instruction: bytes,
    roles: Sequence[str],
    now: datetime,
) -> bytes:
    """That everybody in these roles has read this work instruction, as a signed document.

    Raises:
        WrongUseError: it is not the one that the manifest names, or a role is none of the manifest's.
    """
    if digest_of_bytes(instruction) != manifest.work_instruction.digest:
        raise wrong_use("partner.other_instruction")
    strange = sorted(set(roles) - set(manifest.work_instruction.acknowledged_by))
    if strange or not roles:
        known = ", ".join(manifest.work_instruction.acknowledged_by)
        others = ", ".join(strange) or "-"
        raise wrong_use("partner.other_roles", known=known, others=others)
    return acknowledge(manifest, identity, tuple(roles), now)
