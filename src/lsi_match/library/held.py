"""A round that is held, at a controller: read the report that holds it, with the proof that the log holds the round for it, and say
something to it. A matching environment could show each controller another report; what each signs then would justify nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from lsi_match.agreement.justifications import justify
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_bytes
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.keys import Identity
from lsi_match.log.events import Held
from lsi_match.log.log_proof import proof_file
from lsi_match.log.remembered import require_stated
from lsi_match.manifest import Manifest
from lsi_match.monitor.round_findings import RoundFindings, checked_findings
from lsi_match.monitor.table import CountsTable
from lsi_match.partner.home import Home
from lsi_match.protocol.documents import Reason


def check_report(home: Home, file: Path, digest: str, round_id: str, project: str, now: datetime) -> None:
    """That the log holds this round for the report in `file`, which has this digest. Raises as `Home.recorded` does."""
    proof = proof_file(file)
    recorded = home.recorded(proof, project, now)
    stated = {
        "step": (type(recorded.event), Held),
        "round": (recorded.round, round_id),
        "findings": (getattr(recorded.event, "findings", None), digest),
    }
    require_stated(proof.name, stated)


@dataclass(frozen=True)
class HeldRound:
    """A report that was worked out again from its counts, and that the log holds its round for."""

    manifest: Manifest
    findings: RoundFindings
    digest: str
    table: CountsTable

    @classmethod
    def read(cls, home: Home, manifest: Manifest, report: Path, counts: Path, now: datetime) -> HeldRound:
        """The report and the counts as the matching environment gave them; the proof that the log has it lies beside the report.

        Raises:
            ReportNotOfCountsError, SmallCountShownError: it does not follow from the counts, or these tell too much.
            ProofMissingError, ProofRefusedError, SplitViewError: the log does not hold the round for it.
        """
        told = read_bytes(counts)
        found, digest = checked_findings(read_bytes(report), told, manifest)
        check_report(home, report, digest, found.round, manifest.project.id, now)
        return cls(manifest, found, digest, CountsTable.model_validate_json(told))

    def justify(
        self,
        identity: Identity | Certified,
        decision: Literal["release", "change"],
        said: str | Mapping[str, Reason],
        now: datetime,
    ) -> bytes:
        """What `identity`, a controller, says to the report, as a signed document. Raises WrongUseError where it says
        nothing of a difference, StatementUnfitError where it says too little, or the same of two.

        Args:
            said: digest → why, of every one of `findings.differences`; or one text, where there are none, or to change.
        """
        needed = set(self.findings.differences if decision == "release" else ())
        if left := needed - set(() if isinstance(said, str) else said):
            raise wrong_use("library.differences_left", left=len(left), needed=len(needed))
        return justify(self.manifest, self.findings.round, self.digest, identity, decision, said, now)
