"""What the matcher says of a round, as it travels: signed, with the proof beside it that the log has it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes
from lsi_match.crypto.signing import kind_of, verify
from lsi_match.log.events import EvaluatorsNamed, OfRound, RoundOpened
from lsi_match.log.log_proof import proof_file
from lsi_match.log.remembered import require_stated
from lsi_match.manifest import Manifest
from lsi_match.partner.home import Home
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.evaluation_documents import Evaluators


def read_opening(home: Home, file: Path, project: str, now: datetime) -> tuple[Opening, bytes]:
    """The opening in `file`, and its bytes.

    Raises:
        SignatureMissingError, SignedDocumentInvalidError, OpeningNotForManifestError: not signed by the matcher, or of
            another project or manifest.
        ProofMissingError, ProofRefusedError, SplitViewError, ConsistencyMissingError: see `Home.recorded`.
    """
    return _read(home, file, home.agreed_manifest(project, now), Opening, RoundOpened, now)


def read_evaluators(home: Home, file: Path, project: str, now: datetime) -> tuple[Evaluators, bytes]:
    """The evaluators of a round in `file`, and their bytes; raises as `read_opening`."""
    return _read(home, file, home.agreed_manifest(project, now), Evaluators, EvaluatorsNamed, now)


Said = TypeVar("Said", Opening, Evaluators)


def _read(
    home: Home, file: Path, manifest: Manifest, model: type[Said], step: type[OfRound], now: datetime
) -> tuple[Said, bytes]:
    data, project, name = read_bytes(file), manifest.project.id, kind_of(model)
    said = verify(data, model, manifest.matcher.signing_key, what=name, party="matcher")
    if said.manifest != manifest.digest or said.project != project:
        raise LsiError("OpeningNotForManifestError", partner=home.name)
    proof = proof_file(file)
    recorded = home.recorded(proof, project, now)
    stated = {
        "step": (type(recorded.event), step),
        "round": (recorded.round, said.round),
        "manifest": (recorded.manifest, said.manifest),
        name: (getattr(recorded.event, name, None), digest_of_bytes(data)),
    }
    require_stated(proof.name, stated)
    return said, data
