"""Identities: an Ed25519 key to sign with and an age key to receive with, made where they are used.

A party's folder holds, all with mode 0600:

| file | holds | protected by a passphrase |
| --- | --- | --- |
| `encryption.age` | an age X25519 identity | an age file to that passphrase (scrypt) around it |
| `signing.pem` | an Ed25519 key (PKCS #8) | absent; instead `signing.pem.age`: that file, sealed to the key above |
| `signing.json` | a reference to a signing key in an HSM or vault (`crypto.external_keys`), instead of both | the PIN |
| `card.json` | the public half, which goes into the manifest | as it is |

From the encryption key a party derives a third one, that signs notes of logs and nothing else: checkpoints and cosignatures
(`Identity.log_key`). So it needs no file, and is there where the key for papers is in an HSM.

One passphrase and one slow derivation guard both keys. An encrypted PKCS #8 file would be the weaker door:
`cryptography` writes it with 2,048 rounds of PBKDF2, some thousand times cheaper to try than age's scrypt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyrage
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ValidationError

from lsi_match.base import dry_run
from lsi_match.base.canonical import canonical_json
from lsi_match.base.errors import LsiError
from lsi_match.base.files import (
    FileExistsAlreadyError,
    FileMissingError,
    destroy,
    private_folder,
    read_bytes,
    read_private,
    write_whole,
)
from lsi_match.crypto import passphrase as passphrases
from lsi_match.crypto.age_keys import AgeIdentity, age_identity, check_recipient, make_age_identity
from lsi_match.crypto.block_cipher import derive_key
from lsi_match.crypto.external_keys import OutsideKey, find_key, key_id, library_key, read_reference
from lsi_match.crypto.sealing import SealBrokenError, seal, unseal
from lsi_match.protocol.documents import PublicKeys

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey

ENCRYPTION = "encryption.age"
SIGNING = "signing.pem"
SIGNING_SEALED = "signing.pem.age"
SIGNING_OUTSIDE = "signing.json"
CARD = "card.json"
KEY_FILES = (ENCRYPTION, SIGNING, SIGNING_SEALED, SIGNING_OUTSIDE)

_OF_LOGS = "lsi-match/v1/log-key"
_OF_LOTS = "lsi-match/v1/withholding"
#: How an age file begins that a passphrase protects (C2SP age.md, "scrypt recipient stanza").
_SCRYPT = b"age-encryption.org/v1\n-> scrypt "


@dataclass(frozen=True)
class Identity:
    """The private keys of one party. Never shown: its text names the party only."""

    name: str
    signing: Ed25519PrivateKey | OutsideKey
    encryption: AgeIdentity

    def __repr__(self) -> str:
        return f"Identity({self.name})"

    @property
    def signing_key(self) -> str:
        """The public signing key, as manifests and cards write it."""
        if isinstance(self.signing, OutsideKey):
            return self.signing.signing_key
        return public_hex(self.signing.public_key())

    @property
    def public(self) -> SSlibKey:
        """The public signing key, as the library has it."""
        return library_key(self.signing_key)

    @property
    def certificates(self) -> tuple[str, ...]:
        """None: this is a bare key. See `crypto.certificates`."""
        return ()

    @property
    def log_key(self) -> Ed25519PrivateKey:
        """The key that signs notes of logs (checkpoints, cosignatures) and nothing else."""
        seed = derive_key(str(self.encryption).encode(), _OF_LOGS)
        return Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def lots(self) -> bytes:
        """By which is drawn what is withheld besides small counts (`protocol.withhold.drawn`), and nothing else."""
        return derive_key(str(self.encryption).encode(), _OF_LOTS)

    def note_key(self, named: Collection[bytes]) -> Ed25519PrivateKey:
        """The key to sign a note of a log with, where these public keys count: the one for that, or, where it is not among
        them, the one that signs papers, as before there were two. Raises LogKeyOutsideError when that is not here."""
        own = self.log_key
        if own.public_key().public_bytes_raw() in named:
            return own
        if isinstance(self.signing, OutsideKey):
            raise LsiError("LogKeyOutsideError")
        return self.signing

    def is_on(self, card: PublicKeys) -> bool:
        """Whether a card is of these keys, as far as people and drops go by them."""
        return card.model_dump(exclude={"log_key"}).items() <= self.card.items()

    @property
    def card(self) -> dict[str, str]:
        """The public half: `name`, `signing_key`, `encryption_key` (age recipient), `log_key`."""
        return {
            "name": self.name,
            "signing_key": self.signing_key,
            "encryption_key": str(self.encryption.to_public()),
            "log_key": public_hex(self.log_key.public_key()),
        }


@dataclass(frozen=True)
class KeyState:
    """What can be seen of the keys in a folder without opening them."""

    card: PublicKeys
    signing_key_id: str
    signing: str
    protected: bool
    modes: dict[str, str]
    readable_by_others: tuple[str, ...]


def public_hex(key: Ed25519PublicKey) -> str:
    """The 32 raw bytes of a public key as 64 hex digits."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()


def public_key(hex_digits: str) -> Ed25519PublicKey:
    """The key of 64 hex digits; raises ValueError when it is none."""
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(hex_digits))


def make_identity(
    name: str, folder: Path, passphrase: str | None = None, *, hybrid: bool = False
) -> Identity:
    """Make new keys for `name` in `folder`, which must not hold keys yet; with a passphrase, protected by it.

    Args:
        hybrid: what is sealed to it withstands a quantum computer too, see `crypto.age_keys`.
    """
    _refuse_existing(folder)
    signing = Ed25519PrivateKey.generate()
    identity = Identity(name, signing, make_age_identity(hybrid=hybrid))
    private_folder(folder)
    if passphrase is None:
        write_whole(folder / SIGNING, _pem(signing))
    else:
        write_whole(folder / SIGNING_SEALED, seal(_pem(signing), str(identity.encryption.to_public())))
    _write_encryption(identity, folder, passphrase)
    return identity


def make_outside_identity(
    name: str, folder: Path, uri: str, module: str, passphrase: str | None = None, *, hybrid: bool = False
) -> Identity:
    """Make a new encryption key for `name` in `folder`, beside a signing key that an HSM or vault holds.

    Args:
        uri, module: see `crypto.external_keys.find_key`.
    """
    _refuse_existing(folder)
    identity = Identity(name, find_key(uri, module), make_age_identity(hybrid=hybrid))
    private_folder(folder)
    reference = identity.signing.reference.model_dump()  # type: ignore[union-attr]
    write_whole(folder / SIGNING_OUTSIDE, canonical_json(reference) + b"\n")
    _write_encryption(identity, folder, passphrase)
    return identity


def protect_identity(name: str, folder: Path, passphrase: str) -> None:
    """Put unprotected keys behind a passphrase. At every moment the folder can be loaded.

    Raises:
        KeyProtectedAlreadyError: they are.
    """
    beside = folder / f"{ENCRYPTION}.plain"
    if is_protected(folder):
        leftovers = [file for file in (beside, folder / SIGNING) if file.exists()]
        if not leftovers:
            raise LsiError("KeyProtectedAlreadyError", folder=str(folder))
        for file in leftovers:  # of an earlier attempt that was cut off
            destroy(file)
        return
    beside.unlink(missing_ok=True)
    identity = load_identity(name, folder)
    if not isinstance(identity.signing, OutsideKey):
        sealed = seal(_pem(identity.signing), str(identity.encryption.to_public()))
        write_whole(folder / SIGNING_SEALED, sealed, replace=True)
    beside.hardlink_to(folder / ENCRYPTION)
    write_whole(folder / ENCRYPTION, _behind(identity, passphrase), replace=True)
    destroy(beside)
    destroy(folder / SIGNING)


def _refuse_existing(folder: Path) -> None:
    """Nor are keys made where nothing is to be done."""
    for file in KEY_FILES:
        if (folder / file).exists():
            raise FileExistsAlreadyError(file=str(folder / file))
    dry_run.before("keep", str(folder))


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _behind(identity: Identity, passphrase: str) -> bytes:
    return bytes(pyrage.passphrase.encrypt(f"{identity.encryption}\n".encode(), passphrase))


def _write_encryption(identity: Identity, folder: Path, passphrase: str | None) -> None:
    plain = f"{identity.encryption}\n".encode()
    write_whole(folder / ENCRYPTION, plain if passphrase is None else _behind(identity, passphrase))
    write_card(identity, folder)


def write_card(identity: Identity, folder: Path) -> Path:
    """Write the public half of these keys beside them, in the place of what is there; the file."""
    write_whole(folder / CARD, canonical_json(identity.card) + b"\n", replace=True)
    return folder / CARD


#: Protected keys that this process opened, by the bytes of their files: the derivation takes a second or two.
_opened: dict[bytes, Identity] = {}


def load_identity(name: str, folder: Path) -> Identity:
    """Read the keys of `name` from `folder`.

    Raises:
        FileMissingError, FileTooOpenError: a key file is absent, or others can read it.
        KeyUnreadableError: a file is no key.
        PassphraseMissingError, PassphraseWrongError: the keys are protected, and stay closed.
    """
    age_file = folder / ENCRYPTION
    signing_file = next(
        (folder / f for f in (SIGNING_OUTSIDE, SIGNING_SEALED) if (folder / f).exists()), folder / SIGNING
    )
    age, signing = read_private(age_file), read_private(signing_file)
    if not age.startswith(_SCRYPT):
        encryption = read_age_identity(age, age_file)
        return Identity(name, _signing(signing, signing_file, encryption), encryption)
    files = hashlib.sha256(
        b"".join(hashlib.sha256(x).digest() for x in (name.encode(), age, signing))
    ).digest()
    if files not in _opened:
        given = passphrases.ask(str(age_file))
        encryption = read_age_identity(_unlocked(age, given, age_file), age_file)
        _opened[files] = Identity(name, _signing(signing, signing_file, encryption), encryption)
    return _opened[files]


def is_protected(folder: Path) -> bool:
    """Whether the keys in `folder` need a passphrase."""
    return read_private(folder / ENCRYPTION).startswith(_SCRYPT)


def passphrase_for(folder: Path) -> str | None:
    """The passphrase of the keys in `folder`, for a process that is about to be started; None without one."""
    file = folder / ENCRYPTION
    return passphrases.ask(str(file)) if file.exists() and is_protected(folder) else None


def key_state(folder: Path) -> KeyState:
    """What `keys show` shows. Opens no key; file modes are told, not judged.

    Raises:
        FileMissingError, CardUnreadableError: there is no identity here.
    """
    card = read_public_keys(read_bytes(folder / CARD), str(folder / CARD))
    present = [file for file in (*KEY_FILES, CARD) if (folder / file).exists()]
    bits = {file: (folder / file).stat().st_mode & 0o777 for file in present}
    signing = next((f for f in (SIGNING_OUTSIDE, SIGNING_SEALED, SIGNING) if f in present), "")
    if not signing:
        raise FileMissingError(file=str(folder / SIGNING))
    return KeyState(
        card=card,
        signing_key_id=key_id(card.signing_key),
        signing=read_reference(read_bytes(folder / signing)).reference.uri
        if signing == SIGNING_OUTSIDE
        else signing,
        protected=read_bytes(folder / ENCRYPTION).startswith(_SCRYPT) and SIGNING not in present,
        modes={file: f"{mode:04o}" for file, mode in bits.items()},
        readable_by_others=tuple(file for file, mode in bits.items() if file != CARD and mode & 0o077),
    )


def _unlocked(data: bytes, passphrase: str, file: Path) -> bytes:
    try:
        return bytes(pyrage.passphrase.decrypt(data, passphrase))
    except (pyrage.DecryptError, ValueError, OSError):
        raise passphrases.PassphraseWrongError(what=str(file)) from None


def _signing(data: bytes, file: Path, encryption: Any) -> Ed25519PrivateKey | OutsideKey:
    """The signing key in the bytes of one of its three kinds of file."""
    unreadable = LsiError("KeyUnreadableError", file=str(file))
    try:
        if file.name == SIGNING_OUTSIDE:
            return read_reference(data)
        if file.name == SIGNING_SEALED:
            data = unseal(data, encryption, what=file.name, party="")
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, SealBrokenError):
        raise unreadable from None
    if not isinstance(key, Ed25519PrivateKey):
        raise unreadable
    return key


def read_age_identity(data: bytes, file: Path) -> AgeIdentity:
    """An age identity from the bytes of its file."""
    try:
        return age_identity(data.decode().strip())
    except (pyrage.IdentityError, UnicodeDecodeError, ValueError):
        raise LsiError("KeyUnreadableError", file=str(file)) from None


def read_public_keys(data: bytes, file: str) -> PublicKeys:
    """The card in `data`; raises CardUnreadableError when it is none."""
    try:
        card = PublicKeys.model_validate_json(data)
        library_key(card.signing_key)
        check_recipient(card.encryption_key)
    except (ValidationError, ValueError, pyrage.RecipientError):
        raise LsiError("CardUnreadableError", file=file) from None
    return card


def make_round_key(*, hybrid: bool = False) -> tuple[str, str]:
    """A fresh age key for one round: (secret, recipient)."""
    identity = make_age_identity(hybrid=hybrid)
    return str(identity), str(identity.to_public())
