"""An opening of a round, as it travels: signed by the matcher, with the proof beside it that the log has it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes
from lsi_match.crypto.signing import verify
from lsi_match.log.events import RoundOpened
from lsi_match.log.log_proof import proof_file
from lsi_match.log.remembered import require_stated
from lsi_match.partner.home import Home
from lsi_match.protocol.documents import Opening


class OpeningNotForManifestError(LsiError): ...


def read_opening(home: Home, file: Path, project: str, now: datetime) -> tuple[Opening, bytes]:
    """The opening in `file`, and its bytes.

    Raises:
        SignatureMissingError, SignedDocumentInvalidError, OpeningNotForManifestError: not signed by the matcher, or of
            another project or manifest.
        ProofMissingError, ProofRefusedError, SplitViewError, ConsistencyMissingError: see `Home.recorded`.
    """
    manifest, data = home.agreed_manifest(project, now), read_bytes(file)
    opening = verify(data, Opening, manifest.matcher.signing_key, what="opening", party="matcher")
    if opening.manifest != manifest.digest or opening.project != project:
        raise OpeningNotForManifestError(partner=home.name)
    proof = proof_file(file)
    recorded = home.recorded(proof, project, now)
    stated = {
        "step": (type(recorded.event), RoundOpened),
        "round": (recorded.round, opening.round),
        "manifest": (recorded.manifest, opening.manifest),
        "opening": (getattr(recorded.event, "opening", None), digest_of_bytes(data)),
    }
    require_stated(proof.name, stated)
    return opening, data
