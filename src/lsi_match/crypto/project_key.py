"""The project key and what is derived from it: subkeys, pseudonyms, the key check value (docs/protocol.md 3).

Only partners hold it. The matcher may not even import this module; a test keeps it so.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsi_match.base.errors import LsiError
from lsi_match.crypto.block_cipher import derive_key

if TYPE_CHECKING:
    import polars as pl

    from lsi_match.crypto.pseudonyms import Blocks

KEY_BYTES = 32
PSEUDONYM_BYTES = 16


@dataclass(frozen=True)
class ProjectKey:
    """The 32 bytes that all partners of a project share. Its text shows nothing of them."""

    project: str
    epoch: int
    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES or not any(self.secret):
            raise LsiError("ProjectKeyInvalidError", project=self.project)

    def __repr__(self) -> str:
        return f"ProjectKey({self.project}, epoch {self.epoch})"

    @classmethod
    def make(cls, project: str, epoch: int) -> ProjectKey:
        """A new random key."""
        return cls(project, epoch, secrets.token_bytes(KEY_BYTES))

    def subkey(self, purpose: str) -> str:
        """64 hex digits derived with HKDF-SHA256 (RFC 5869, no salt) for one purpose under this project and epoch."""
        return derive_key(self.secret, f"lsi-match/v1/{purpose}").hex()

    def pseudonym_key(self, round_id: str, kind: str) -> str:
        """The subkey of the pseudonyms of one kind in one round."""
        return self.subkey(f"pseudonym/{self.project}/{self.epoch}/{round_id}/{kind}")

    @property
    def check_value(self) -> str:
        """32 hex digits that tell whether two parties hold the same key, and nothing else about it."""
        key = self.subkey(f"key-check/{self.project}/{self.epoch}")
        return hmac.digest(key.encode(), b"lsi-match key check", "sha256")[:PSEUDONYM_BYTES].hex()

    def pseudonyms(self, identifiers: pl.Series, round_id: str, kind: str) -> Blocks:
        """Normalised identifiers (String, null where there is none) → their 16-byte pseudonyms.

        The first 16 bytes of HMAC-SHA256, with the 64 hex digits of the subkey as key. Null stays null, and an
        empty text is refused rather than hashed, since all empty texts would match each other.
        """
        from lsi_match.crypto.pseudonyms import keyed_blocks  # loads the engines

        return keyed_blocks(self.pseudonym_key(round_id, kind), identifiers)


def pseudonym(project_key: ProjectKey, identifier: str, round_id: str, kind: str) -> bytes:
    """One pseudonym, with the standard library's HMAC: the plain statement of what `pseudonyms` does in bulk."""
    key = project_key.pseudonym_key(round_id, kind)
    return block(key.encode(), identifier.encode())


def shared_pseudonym(project_key: ProjectKey, evaluated: bytes, round_id: str, kind: str) -> bytes:
    """One pseudonym of what was evaluated together."""
    return block(project_key.pseudonym_key(round_id, kind).encode(), evaluated)


def block(subkey: bytes, data: bytes) -> bytes:
    """The first 16 bytes of HMAC-SHA256, as a pseudonym is made of them."""
    return hmac.digest(subkey, data, "sha256")[:PSEUDONYM_BYTES]
