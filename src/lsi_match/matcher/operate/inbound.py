"""Signed papers that partners bring to their place: openings of releases, cosignatures, justifications.

Each kind is judged by the module that it belongs to. What does not hold (`REFUSALS`) is told and taken away: it would
not hold the next time either. What could not be judged, since a disk is full, a root expired or a key is locked, is
told and stays where it lies. Any of them may come twice.
"""

from __future__ import annotations

from datetime import datetime

from lsi_match.agreement.justifications import JustificationInvalidError
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.crypto import signing
from lsi_match.crypto.certificates import CertificateRefusedError, CertificateUnreadableError
from lsi_match.crypto.signing import peek
from lsi_match.log import note
from lsi_match.log.policy import LogUnknownError
from lsi_match.log.store import CheckpointMissingError
from lsi_match.matcher.round import hold
from lsi_match.matcher.round.opened_notices import OpeningRefusedError, ingest_opened_notices
from lsi_match.matcher.site.inbox import check_papers
from lsi_match.matcher.site.site import Project, RoundUnknownError
from lsi_match.matcher.site.take_cosignatures import (
    CosignatureElsewhereError,
    CosignatureTimeError,
    NoCosignatureError,
    add_cosignatures,
)
from lsi_match.protocol.documents import OPENED_SUFFIX, Justification
from lsi_match.protocol.place_files import COSIGNATURE_SUFFIX, SENT_ALONE

#: Everything that a paper is refused for.
REFUSALS: tuple[type[LsiError], ...] = (
    signing.SignatureMissingError,
    signing.SignedDocumentInvalidError,
    OpeningRefusedError,
    note.NoteMalformedError,
    note.CheckpointMalformedError,
    note.SignatureMissingError,
    note.SignatureWrongError,
    LogUnknownError,
    NoCosignatureError,
    CosignatureTimeError,
    CosignatureElsewhereError,
    CheckpointMissingError,
    CertificateRefusedError,
    CertificateUnreadableError,
    JustificationInvalidError,
    RoundUnknownError,
    hold.RoundNotHeldError,
)


def is_paper(name: str) -> bool:
    """Whether a file of that name is one of these papers."""
    return name.endswith(SENT_ALONE)


def ingest(project: Project, name: str, data: bytes, now: datetime, partner: str) -> None:
    """Take in the paper `data`, which lay as `name` at the place of `partner`.

    Raises:
        LsiError: one of `REFUSALS`; any other says that the paper could not be judged, as `PapersTooManyError` does.
    """
    if name.endswith(OPENED_SUFFIX):
        check_papers(project.view(), partner, now)
        ingest_opened_notices(project, {name: data}, now, only=partner)
    elif name.endswith(COSIGNATURE_SUFFIX):
        add_cosignatures(project, data, now, partner)
    elif digest_of_bytes(data) not in project.view().papers:
        paper = peek(data, Justification, what=name, party=partner)
        check_papers(project.view(), paper.controller, now)
        hold.ingest(project, paper.round, {name: data}, now)
