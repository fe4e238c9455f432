"""Sealing with age: only the holder of one key can open, and a changed byte is noticed.

age says nothing about who sealed; the signed descriptor beside every sealed part does, by its digest.
"""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO

import pyrage

from lsi_match.errors import LsiError
from lsi_match.trust.age_plain import open_plain

#: How the binary form of an age file starts (c2sp.org/age, "Header").
_BINARY = b"age-encryption.org/v1\n"


class SealBrokenError(LsiError):
    nl = "{what} van {party} is niet te openen: het is beschadigd, of voor een ander verzegeld. Vraag het opnieuw aan."
    en = "{what} of {party} cannot be opened: it is damaged, or sealed to someone else. Ask for it again."


def seal(data: bytes, recipient: str) -> bytes:
    """`data` encrypted to one age recipient."""
    return bytes(pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient)]))


def seal_into(source: BinaryIO, recipient: str, sink: BinaryIO) -> str:
    """What `source` holds, sealed as `seal` does, into `sink` bit by bit; the digest of what was written.

    Raises:
        OSError: it could not be written.
    """
    digested = _Digested(sink)
    try:
        pyrage.encrypt_io(source, digested, [pyrage.x25519.Recipient.from_str(recipient)])
    except pyrage.EncryptError:
        raise digested.failed or OSError("it could not be sealed") from None
    return f"sha256:{digested.hash.hexdigest()}"


class _Digested:
    """A file that hashes what is written to it, and remembers why it could not be written."""

    def __init__(self, sink: BinaryIO) -> None:
        self.sink = sink
        self.hash = hashlib.sha256()
        self.failed: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            written = self.sink.write(data)
        except OSError as error:
            self.failed = error
            raise
        self.hash.update(data[:written])
        return written

    def flush(self) -> None:
        self.sink.flush()


def unseal(data: bytes, identity: Any, *, what: str, party: str) -> bytes:
    """What `seal` sealed; nothing at all when a byte of it changed.

    Only the binary form of age is taken. Around its text form (ASCII armor) there may be white space and other line
    ends, so that one sealed file would have many bytes.

    Args:
        identity: an age identity, or its text.

    Raises:
        SealBrokenError: damaged, cut short, or sealed to another key.
    """
    return bytes(unseal_view(data, identity, what=what, party=party))


def unseal_view(data: bytes, identity: Any, *, what: str, party: str) -> memoryview:
    """As `unseal`, for what is large: it is not copied once more."""
    if not data.startswith(_BINARY):
        raise SealBrokenError(what=what, party=party) from None
    if isinstance(identity, str):
        plain = open_plain(data, identity)
        if plain is not None:
            return plain
        identity = pyrage.x25519.Identity.from_str(identity)
    try:
        return memoryview(pyrage.decrypt(data, [identity]))
    except (pyrage.DecryptError, ValueError, OSError):
        raise SealBrokenError(what=what, party=party) from None
