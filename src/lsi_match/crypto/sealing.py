"""Sealing with age: only the holder of one key can open, and a changed byte is noticed.

age says nothing about who sealed; the signed descriptor beside every sealed part does, by its digest.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from lsi_match.base.errors import RefusedError
from lsi_match.base.files import Digested
from lsi_match.crypto.age_file import open_age, sealed_pieces


class SealBrokenError(RefusedError): ...


def seal(data: bytes, recipient: str) -> bytes:
    """`data` encrypted to one age recipient."""
    sealed = io.BytesIO()
    seal_into(data, recipient, sealed)
    return sealed.getvalue()


def seal_into(data: bytes | memoryview, recipient: str, sink: BinaryIO) -> str:
    """`data`, sealed as `seal` does, into `sink` bit by bit; the digest of what was written.

    Raises:
        OSError: it could not be written.
    """
    digested = Digested(sink)
    for piece in sealed_pieces(data, recipient):
        digested.write(piece)
    return digested.digest


def unseal(data: bytes, identity: Any, *, what: str, party: str) -> bytes:
    """What `seal` sealed; nothing at all when a byte of it changed.

    Only the binary form of age is taken, exactly as it is specified. Around its text form (ASCII armor) there may be white
    space and other line ends, and other readers take stanzas in a form of before: one sealed file would have many bytes.

    Args:
        identity: an age identity, or its text.

    Raises:
        SealBrokenError: damaged, cut short, or sealed to another key.
    """
    return bytes(unseal_view(data, identity, what=what, party=party))


def unseal_view(data: bytes | memoryview, identity: Any, *, what: str, party: str) -> memoryview:
    """As `unseal`, for what is large: it is not copied once more."""
    plain = open_age(data, str(identity))
    if plain is None:
        raise SealBrokenError(what=what, party=party) from None
    return plain
