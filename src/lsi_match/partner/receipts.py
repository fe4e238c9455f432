"""Receipts of the matching environment (`protocol.place_files`), checked at the partner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.log.events import DropArrivalRefused, DropArrived
from lsi_match.log.remembered import ProofRefusedError, require_stated
from lsi_match.partner.home import Home
from lsi_match.protocol.place_files import receipt_name


class ReceiptOfOthersError(LsiError): ...


@dataclass(frozen=True)
class Receipt:
    """What a receipt says: the drop (digest of its descriptor) came in at `at`, as entry `position` of the log, and was
    made here for `round`; `refused` is the reason why it was not taken, in words."""

    file: str
    position: int
    at: datetime
    drop: str
    round: str
    refused: str | None


def check_receipt(home: Home, project: str, file: Path, now: datetime) -> Receipt:
    """What the receipt in `file` says, once everything about it holds.

    Raises:
        ProofRefusedError: not a proof, not signed by the matcher, of another log, step or partner, or under another name.
        SplitViewError, ConsistencyMissingError: it contradicts what was seen before (`Home.recorded`).
        ReceiptOfOthersError: about a drop that this partner did not make here.
        LsiError: the project is not joined, or its agreement does not hold any more.
    """
    recorded = home.recorded(file, project, now)
    event = recorded.event
    if not isinstance(event, DropArrived | DropArrivalRefused):
        raise ProofRefusedError(file=file.name, problem="step")
    drop = str(event.drop)
    stated = {
        "partner": (event.partner, home.name),
        "name": (file.name, receipt_name(project, home.name, drop)),
    }
    require_stated(file.name, stated)
    round_id = home.round_of_drop(project, drop)
    if round_id is None:
        raise ReceiptOfOthersError(file=file.name)
    if isinstance(event, DropArrivalRefused):
        home.forget_counts(project, drop)
    return Receipt(
        file.name,
        recorded.position,
        recorded.at,
        drop,
        round_id,
        event.message if isinstance(event, DropArrivalRefused) else None,
    )
