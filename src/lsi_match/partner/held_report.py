"""The report of the monitor that holds a round, as a controller gets it: with the proof that the log holds the round for it.

A matching environment could show each controller another report; what each signs then would justify nothing.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lsi_match.log.events import Held
from lsi_match.log.log_proof import proof_file
from lsi_match.log.remembered import require_stated
from lsi_match.partner.home import Home


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
