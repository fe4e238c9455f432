"""Sealing with age: only the holder of one key can open, and a changed byte is noticed.

age says nothing about who sealed; the signed descriptor beside every sealed part does, by its digest.
"""

from __future__ import annotations

from typing import Any

import pyrage

from lsi_match.errors import LsiError


class SealBrokenError(LsiError):
    nl = "{what} van {party} is niet te openen: het is beschadigd, of voor een ander verzegeld. Vraag het opnieuw aan."
    en = "{what} of {party} cannot be opened: it is damaged, or sealed to someone else. Ask for it again."


def seal(data: bytes, recipient: str) -> bytes:
    """`data` encrypted to one age recipient."""
    return bytes(pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient)]))


def unseal(data: bytes, identity: Any, *, what: str, party: str) -> bytes:
    """What `seal` sealed; nothing at all when a byte of it changed.

    Args:
        identity: an age identity, or its text.

    Raises:
        SealBrokenError: damaged, cut short, or sealed to another key.
    """
    if isinstance(identity, str):
        identity = pyrage.x25519.Identity.from_str(identity)
    try:
        return bytes(pyrage.decrypt(data, [identity]))
    except (pyrage.DecryptError, ValueError, OSError):
        raise SealBrokenError(what=what, party=party) from None
