"""Receipts of the matching environment (`protocol.receipt_files`), checked at the partner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes
from lsi_match.log.events import DropArrivalRefused, DropArrived, read
from lsi_match.log.log_proof import MAX_SIZE, LogProof, ProofMalformedError
from lsi_match.log.policy import origin_of, policy_of
from lsi_match.partner.home import Home
from lsi_match.protocol.receipt_files import receipt_name


class ReceiptWrongError(LsiError): ...


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
        ReceiptWrongError: not a proof, not signed by the matcher, of another log, step or partner, or under another name.
        ReceiptOfOthersError: about a drop that this partner did not make here.
        LsiError: the project is not joined, or its agreement does not hold any more.
    """
    manifest = home.agreed_manifest(project, now)
    policy = policy_of(manifest, home.trust(project, now).current)
    try:
        text = read_bytes(file, MAX_SIZE).decode()
    except UnicodeDecodeError:
        raise ReceiptWrongError(file=file.name, problem=ProofMalformedError.__name__) from None
    try:
        proof = LogProof.parse(text)
        recorded = read(proof.index, proof.check(policy, origin_of(manifest)))
    except LsiError as problem:
        raise ReceiptWrongError(file=file.name, problem=problem.reason) from None
    event = recorded.event
    if not isinstance(event, DropArrived | DropArrivalRefused):
        raise ReceiptWrongError(file=file.name, problem="step")
    drop = str(event.drop)
    stated = {
        "partner": (event.partner, home.name),
        "name": (file.name, receipt_name(project, home.name, drop)),
    }
    for what, (found, expected) in stated.items():
        if found != expected:
            raise ReceiptWrongError(file=file.name, problem=what)
    round_id = home.round_of_drop(project, drop)
    if round_id is None:
        raise ReceiptOfOthersError(file=file.name)
    return Receipt(
        file.name,
        proof.index,
        recorded.at,
        drop,
        round_id,
        event.message if isinstance(event, DropArrivalRefused) else None,
    )
