"""A receipt: the proof (C2SP tlog-proof) that the log has the entry `arrive` of one delivery, accepted or refused.

It is signed, since the checkpoint in it is; it tells what was found, since the entry is in it; and it holds what the
matching environment cannot take back: a log without that entry is another log.
"""

from __future__ import annotations

#: How the file of a receipt ends.
RECEIPT_SUFFIX = ".receipt.tlog-proof"


def receipt_name(project: str, partner: str, drop: str) -> str:
    """The file of the receipt for the drop whose descriptor has the digest `drop`."""
    return f"{project}.{partner}.{drop.removeprefix('sha256:')[:32]}{RECEIPT_SUFFIX}"
