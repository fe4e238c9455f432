"""The keys of age: their text, and how a key of one file is wrapped for one of them.

| kind | recipient | identity | stanza |
| --- | --- | --- | --- |
| X25519 | `age1…` | `AGE-SECRET-KEY-1…` | `X25519` |
| hybrid: X25519 with ML-KEM-768 | `age1pq1…` | `AGE-SECRET-KEY-PQ-1…` | `mlkem768x25519` |

The format: https://c2sp.org/age. A hybrid key is that of HPKE (RFC 9180) with the KEM MLKEM768-X25519, HKDF-SHA256 and
ChaCha20-Poly1305; all of it is the library's. Text is Bech32 (BIP 173), without its limit of length.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import subprocess
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol, cast

import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lsi_match.crypto.block_cipher import derive_key
from lsi_match.manifest.base import is_hybrid

_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM: Final = 6
_SUITE: Final = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_INFO: Final = b"age-encryption.org/mlkem768x25519"
_MLKEM: Final = 1184
_ENC: Final = 1120
#: A key of a file, and the tag on it.
_WRAPPED: Final = 16 + 16
_IDENTITY: Final = "AGE-SECRET-KEY-"
_HYBRID_IDENTITY: Final = "AGE-SECRET-KEY-PQ-"
_RECIPIENT: Final = "age"
_HYBRID_RECIPIENT: Final = "age1pq"

#: The words of a stanza behind `->`, and its body.
Stanza = tuple[list[bytes], bytes]


@dataclass(frozen=True)
class HybridIdentity:
    """A hybrid key: 32 random bytes, from which both of its halves follow. Used like `pyrage.x25519.Identity`."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> HybridIdentity:
        return cls(secrets.token_bytes(32))

    @classmethod
    def from_str(cls, text: str) -> HybridIdentity:
        """Raises ValueError when it is none."""
        seed = decoded_key(text, _HYBRID_IDENTITY)
        if len(seed) != 32:
            raise ValueError("no key of 32 bytes")
        return cls(seed)

    def __str__(self) -> str:
        return encoded_key(_HYBRID_IDENTITY, self.seed).upper()

    @cached_property
    def secret(self) -> hpke.MLKEM768X25519PrivateKey:
        return hpke.MLKEM768X25519PrivateKey(*self._halves)

    @property
    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        both = hashlib.shake_256(self.seed).digest(64 + 32)
        return MLKEM768PrivateKey.from_seed_bytes(both[:64]), X25519PrivateKey.from_private_bytes(both[64:])

    def to_public(self) -> str:
        """Its recipient."""
        mlkem, x25519 = self._halves
        raw = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        return encoded_key(_HYBRID_RECIPIENT, raw)


class AgeIdentity(Protocol):
    """The private half of a key: a `HybridIdentity` or `pyrage.x25519.Identity`. Its text is the secret."""

    def to_public(self) -> object:
        """Its recipient, by its text."""


def make_age_identity(*, hybrid: bool) -> AgeIdentity:
    made = HybridIdentity.generate() if hybrid else pyrage.x25519.Identity.generate()
    return cast(AgeIdentity, made)


def tools_open_hybrid() -> bool:
    """Whether what is sealed to a hybrid key is opened by all tools here: this program, and `age` from 1.3, if any."""
    if (program := shutil.which("age")) is None:
        return True
    told = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False, timeout=10
    ).stdout
    version = re.search(r"(\d+)\.(\d+)", told)
    return version is not None and (int(version[1]), int(version[2])) >= (1, 3)


def age_identity(text: str) -> AgeIdentity:
    """The identity of this text.

    Raises:
        ValueError, pyrage.IdentityError: it is none.
    """
    if text.upper().startswith(_HYBRID_IDENTITY):
        return HybridIdentity.from_str(text)
    return cast(AgeIdentity, pyrage.x25519.Identity.from_str(text))


def check_recipient(text: str) -> None:
    """Raises ValueError or pyrage.RecipientError where a text is no recipient."""
    if is_hybrid(text):
        _hybrid_recipient(text)
    else:
        pyrage.x25519.Recipient.from_str(text)


def wrapped(file_key: bytes, recipient: str) -> bytes:
    """The stanza that holds the key of a file for this recipient, without its last line end.

    Raises:
        ValueError, pyrage.RecipientError: it is no recipient, or nothing can be sealed to it (a point of low order).
    """
    if is_hybrid(recipient):
        sealed = _SUITE.encrypt(file_key, _hybrid_recipient(recipient), info=_INFO)
        kind, share, body = b"mlkem768x25519", sealed[:_ENC], sealed[_ENC:]
    else:
        their = decoded_key(str(pyrage.x25519.Recipient.from_str(recipient)), _RECIPIENT)
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(their))
        kind, body = b"X25519", _wrapping(shared, share, their).encrypt(bytes(12), file_key, None)
    return b"-> %s %s\n%s" % (kind, encoded(share), encoded(body))


def unwrapped(stanzas: list[Stanza], identity: str) -> bytes | None:
    """The key of a file, from the first stanza that is for this identity; None where none is.

    Raises:
        ValueError: a stanza of its kind is not as it has to be, or the identity is none.
    """
    hybrid = identity.upper().startswith(_HYBRID_IDENTITY)
    kind, size = (b"mlkem768x25519", _ENC) if hybrid else (b"X25519", 32)
    ours = []
    for words, body in stanzas:
        if words[0] == kind:
            if len(words) != 2 or len(body) != _WRAPPED or len(share := decoded(words[1])) != size:
                raise ValueError("no stanza of this kind")
            ours.append((share, body))
    secret = HybridIdentity.from_str(identity) if hybrid else None
    for share, body in ours:
        try:
            if secret is None:
                return unwrap(identity, share, body)
            return _SUITE.decrypt(share + body, secret.secret, info=_INFO)
        except InvalidTag:
            continue
    return None


def unwrap(identity: str, share: bytes, body: bytes) -> bytes:
    """The key of a file from what is in one X25519 stanza."""
    secret = X25519PrivateKey.from_private_bytes(decoded_key(identity, _IDENTITY))
    shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
    return _wrapping(shared, share, secret.public_key().public_bytes_raw()).decrypt(bytes(12), body, None)


def _hybrid_recipient(text: str) -> hpke.MLKEM768X25519PublicKey:
    raw = decoded_key(text, _HYBRID_RECIPIENT)
    if len(raw) != _MLKEM + 32:
        raise ValueError("no recipient of this kind")
    mlkem, x25519 = raw[:_MLKEM], raw[_MLKEM:]
    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(mlkem), X25519PublicKey.from_public_bytes(x25519)
    )


def _wrapping(shared: bytes, share: bytes, recipient: bytes) -> ChaCha20Poly1305:
    """The cipher around the key of a file, for one file."""
    return ChaCha20Poly1305(derive_key(shared, "age-encryption.org/v1/X25519", share + recipient))


# text


def encoded(data: bytes) -> bytes:
    """Base64 without padding."""
    return b64encode(data).rstrip(b"=")


def decoded(text: bytes) -> bytes:
    """Bytes in Base64 without padding, in their only form; raises ValueError."""
    data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    if encoded(data) != text:
        raise ValueError("bits that mean nothing")
    return data


def encoded_key(prefix: str, data: bytes) -> str:
    """A key in Bech32, in small letters."""
    low = prefix.lower()
    size = -(-len(data) * 8 // 5)
    number = int.from_bytes(data, "big") << (size * 5 - len(data) * 8)
    values = [number >> 5 * (size - 1 - place) & 31 for place in range(size)]
    check = _polymod([*_expanded(low), *values, *bytes(_CHECKSUM)]) ^ 1
    values += [check >> 5 * (5 - place) & 31 for place in range(_CHECKSUM)]
    return f"{low}1{''.join(_LETTERS[value] for value in values)}"


def decoded_key(text: str, prefix: str) -> bytes:
    """The bytes in Bech32 behind `prefix`; raises ValueError where it is mistyped."""
    low = text.lower()
    start = f"{prefix.lower()}1"
    if text not in (low, text.upper()) or not low.startswith(start):
        raise ValueError("no key of this kind")
    values = [_LETTERS.index(letter) for letter in low[len(start) :]]
    if len(values) < _CHECKSUM or _polymod([*_expanded(prefix.lower()), *values]) != 1:
        raise ValueError("a key that is mistyped")
    number, size = 0, (len(values) - _CHECKSUM) * 5
    for value in values[:-_CHECKSUM]:
        number = number << 5 | value
    rest = size % 8
    if rest >= 5 or number & ((1 << rest) - 1):
        raise ValueError("bits that mean nothing")
    return (number >> rest).to_bytes(size // 8, "big")


def _expanded(prefix: str) -> list[int]:
    return [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix)]


def _polymod(values: list[int]) -> int:
    found = 1
    for value in values:
        top = found >> 25
        found = (found & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            found ^= generator if top >> place & 1 else 0
    return found
