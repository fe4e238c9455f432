"""Opening sealed files as pyrage writes them, several times as fast as pyrage does: its ciphers are those of OpenSSL.

A country is many gigabytes of drops, and opening them is a large part of a round. Only what is certainly right is opened
here: one X25519 stanza for this key, and padding (`grease`) as pyrage adds. Of anything else, damage too, this module
says nothing, and pyrage decides. The format: https://c2sp.org/age.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_32_BYTES: Final = rb"([A-Za-z0-9+/]{43})"
_HEADER: Final = re.compile(
    rb"age-encryption\.org/v1\n-> X25519 " + _32_BYTES + rb"\n" + _32_BYTES + rb"\n"
    rb"(?:-> [!-~]{1,64}-grease(?: [!-~]{1,64}){0,8}\n(?:[A-Za-z0-9+/]{64}\n){0,8}[A-Za-z0-9+/]{0,63}\n)?"
    rb"--- " + _32_BYTES + rb"\n"
)  # fmt: skip
_CHUNK: Final = 65_536
_TAG: Final = 16
_NONCE: Final = 16
#: The alphabet of Bech32 (BIP 173), in which age writes keys.
_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_AGE_KEY: Final = "AGE-SECRET-KEY-1"
_CHECKSUM: Final = 6


def open_plain(data: bytes, identity: str) -> memoryview | None:
    """What was sealed to `identity` (`AGE-SECRET-KEY-1…`); None when that is for pyrage to decide."""
    header = _HEADER.match(data)
    if header is None or not identity.startswith(_AGE_KEY):
        return None
    try:
        share, wrapped, mac = (_decoded(text) for text in header.groups())
        file_key = _file_key(identity, share, wrapped)
        own = hmac.digest(_derived(file_key, b"header"), data[: header.start(3) - 1], "sha256")
        if not hmac.compare_digest(own, mac):
            return None
        return _payload(memoryview(data)[header.end() :], file_key)
    except (InvalidTag, ValueError):
        return None


def _file_key(identity: str, share: bytes, wrapped: bytes) -> bytes:
    secret, recipient = _keys(identity)
    shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
    wrap = _derived(shared, b"age-encryption.org/v1/X25519", share + recipient)
    return ChaCha20Poly1305(wrap).decrypt(bytes(12), wrapped, None)


def _payload(sealed: memoryview, file_key: bytes) -> memoryview:
    """The chunks of STREAM, in order; the last is marked as such, and is empty only where there is nothing at all."""
    cipher = ChaCha20Poly1305(_derived(file_key, b"payload", bytes(sealed[:_NONCE])))
    sealed = sealed[_NONCE:]
    whole = _CHUNK + _TAG
    count = max(1, -(-len(sealed) // whole))
    size = len(sealed) - count * _TAG
    if size < 0 or (count > 1 and size <= (count - 1) * _CHUNK):
        raise ValueError("the last chunk is no chunk")
    # NumPy asks for large pages: with others, the system takes longer to hand out memory than OpenSSL to fill it.
    target = np.empty(size, dtype=np.uint8).data.cast("B")
    for number in range(count):
        nonce = number.to_bytes(11, "big") + bytes([number == count - 1])
        chunk = sealed[number * whole : (number + 1) * whole]
        at = number * _CHUNK
        cipher.decrypt_into(nonce, chunk, None, target[at : at + len(chunk) - _TAG])
    return target.toreadonly()


def _derived(secret: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=salt, info=info).derive(secret)


def _decoded(text: bytes) -> bytes:
    """32 bytes of Base64 without padding, in their only form."""
    data = b64decode(text + b"=", validate=True)
    if b64encode(data)[:-1] != text:
        raise ValueError("bits that mean nothing")
    return data


def _keys(identity: str) -> tuple[X25519PrivateKey, bytes]:
    """A secret key, and its public one. Its checksum was tested when it was made or read; a wrong key opens nothing."""
    number = 0
    for letter in identity[len(_AGE_KEY) : -_CHECKSUM].lower():
        number = number << 5 | _LETTERS.index(letter)
    secret = X25519PrivateKey.from_private_bytes((number >> 4).to_bytes(32, "big"))
    return secret, secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
