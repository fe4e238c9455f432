"""Identities: an Ed25519 key to sign with and an age key to receive with, made where they are used.

A party's folder holds `signing.pem` (PKCS #8), `encryption.age` (an age X25519 identity), both mode 0600, and
`card.json`: the public half, which goes into the manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ValidationError

from lsi_match.errors import LsiError
from lsi_match.files import FileExistsAlreadyError, private_folder, read_private, write_whole
from lsi_match.protocol.canonical import canonical_json
from lsi_match.protocol.documents import Card


class KeyUnreadableError(LsiError):
    nl = "{file} is geen sleutel die dit programma kent. Maak een nieuwe met: lsi-match keys make"
    en = "{file} is not a key this program knows. Make a new one with: lsi-match keys make"


class CardUnreadableError(LsiError):
    nl = "{file} is geen kaart met openbare sleutels. Vraag de partij om haar card.json."
    en = "{file} is not a card with public keys. Ask the party for its card.json."


@dataclass(frozen=True)
class Identity:
    """The private keys of one party. Never shown: its text names the party only."""

    name: str
    signing: Ed25519PrivateKey
    encryption: pyrage.x25519.Identity

    def __repr__(self) -> str:
        return f"Identity({self.name})"

    @property
    def card(self) -> dict[str, str]:
        """The public half: `name`, `signing_key` (hex), `encryption_key` (age recipient)."""
        return {
            "name": self.name,
            "signing_key": public_hex(self.signing.public_key()),
            "encryption_key": str(self.encryption.to_public()),
        }


def public_hex(key: Ed25519PublicKey) -> str:
    """The 32 raw bytes of a public key as 64 hex digits."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()


def public_key(hex_digits: str) -> Ed25519PublicKey:
    """The key of 64 hex digits; raises ValueError when it is none."""
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(hex_digits))


def make_identity(name: str, folder: Path) -> Identity:
    """Make new keys for `name` in `folder`, which must not hold keys yet."""
    for file in ("signing.pem", "encryption.age"):
        if (folder / file).exists():
            raise FileExistsAlreadyError(file=str(folder / file))
    identity = Identity(name, Ed25519PrivateKey.generate(), pyrage.x25519.Identity.generate())
    pem = identity.signing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    private_folder(folder)
    write_whole(folder / "signing.pem", pem)
    write_whole(folder / "encryption.age", f"{identity.encryption}\n".encode())
    write_whole(folder / "card.json", canonical_json(identity.card) + b"\n")
    return identity


def load_identity(name: str, folder: Path) -> Identity:
    """Read the keys of `name` from `folder`.

    Raises:
        FileMissingError, FileTooOpenError: a key file is absent, or others can read it.
        KeyUnreadableError: a file is no key.
    """
    pem = read_private(folder / "signing.pem")
    age = read_private(folder / "encryption.age")
    try:
        signing = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise KeyUnreadableError(file=str(folder / "signing.pem")) from None
    if not isinstance(signing, Ed25519PrivateKey):
        raise KeyUnreadableError(file=str(folder / "signing.pem"))
    return Identity(name, signing, read_age_identity(age, folder / "encryption.age"))


def read_age_identity(data: bytes, file: Path) -> pyrage.x25519.Identity:
    """An age identity from the bytes of its file."""
    try:
        return pyrage.x25519.Identity.from_str(data.decode().strip())
    except (pyrage.IdentityError, UnicodeDecodeError, ValueError):
        raise KeyUnreadableError(file=str(file)) from None


def read_card(data: bytes, file: str) -> Card:
    """The card in `data`; raises CardUnreadableError when it is none."""
    try:
        card = Card.model_validate_json(data)
        public_key(card.signing_key)
        pyrage.x25519.Recipient.from_str(card.encryption_key)
    except (ValidationError, ValueError, pyrage.RecipientError):
        raise CardUnreadableError(file=file) from None
    return card


def make_round_key() -> tuple[str, str]:
    """A fresh age key for one round: (secret, recipient)."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())
