"""age files for one X25519 key, several times as fast as with pyrage: the ciphers are those of OpenSSL.

A country is many gigabytes of drops; sealing them is a large part of the work of a partner, opening them of a round.
What is sealed here has the shortest header that there is: one stanza. Only what is certainly right is opened here: that,
or with padding (`grease`) as pyrage adds. Of anything else, damage too, this module says nothing, and pyrage decides.
The format: https://c2sp.org/age.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Final

import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lsi_match.base.buffer_pool import memory
from lsi_match.crypto.block_cipher import derive_key

_32_BYTES: Final = rb"([A-Za-z0-9+/]{43})"
_STANZA: Final = b"age-encryption.org/v1\n-> X25519 %s\n%s\n---"
_HEADER: Final = re.compile(
    rb"age-encryption\.org/v1\n-> X25519 " + _32_BYTES + rb"\n" + _32_BYTES + rb"\n"
    rb"(?:-> [!-~]{1,64}-grease(?: [!-~]{1,64}){0,8}\n((?:[A-Za-z0-9+/]{64}\n){0,8}[A-Za-z0-9+/]{0,63}\n))?"
    rb"--- " + _32_BYTES + rb"\n"
)  # fmt: skip
_CHUNK: Final = 65_536
_TAG: Final = 16
_NONCE: Final = 16
_FILE_KEY: Final = 16
#: Chunks that are handed out at a time: as much as stays in the cache of a processor while it is written.
_AT_A_TIME: Final = 32
#: The alphabet of Bech32 (BIP 173), in which age writes keys.
_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_AGE_KEY: Final = "AGE-SECRET-KEY-1"
_RECIPIENT: Final = "age1"
_CHECKSUM: Final = 6


def sealed_pieces(data: bytes | memoryview, recipient: str) -> Iterator[memoryview]:
    """`data` sealed to `recipient` (`age1…`), piece by piece. A piece is to be used before the next is asked for.

    Raises:
        pyrage.RecipientError: no recipient.
        ValueError: one to whom nothing can be sealed (a point of low order).
    """
    their = _bytes_of(str(pyrage.x25519.Recipient.from_str(recipient)), _RECIPIENT)
    file_key, ephemeral = secrets.token_bytes(_FILE_KEY), X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(their))
    wrapped = _wrapping(shared, share, their).encrypt(bytes(12), file_key, None)
    stanza = _STANZA % (_encoded(share), _encoded(wrapped))
    nonce = secrets.token_bytes(_NONCE)
    yield memoryview(stanza + b" " + _encoded(_mac(file_key, stanza)) + b"\n" + nonce)
    yield from _sealed_chunks(memoryview(data).cast("B"), _payload_cipher(file_key, nonce))


def _sealed_chunks(plain: memoryview, cipher: ChaCha20Poly1305) -> Iterator[memoryview]:
    """The chunks of STREAM, in order; the last is marked as such, and is empty only where there is nothing at all."""
    count = max(1, -(-len(plain) // _CHUNK))
    room = memoryview(bytearray(min(count, _AT_A_TIME) * (_CHUNK + _TAG)))
    filled = 0
    for number in range(count):
        chunk = plain[number * _CHUNK : (number + 1) * _CHUNK]
        end = filled + len(chunk) + _TAG
        cipher.encrypt_into(_chunk_nonce(number, count), chunk, None, room[filled:end])
        filled = end
        if number == count - 1 or filled == len(room):
            yield room[:filled]
            filled = 0


def open_age(data: bytes | memoryview, identity: str) -> memoryview | None:
    """What was sealed to `identity` (`AGE-SECRET-KEY-1…`); None when that is for pyrage to decide."""
    header = _HEADER.match(data)
    if header is None or not identity.startswith(_AGE_KEY):
        return None
    try:
        share, wrapped, mac = (_decoded(header[group]) for group in (1, 2, 4))
        _decoded((header[3] or b"").replace(b"\n", b""))  # padding of another form is no padding
        file_key = _file_key(identity, share, wrapped)
        if not hmac.compare_digest(_mac(file_key, data[: header.start(4) - 1]), mac):
            return None
        return _payload(memoryview(data)[header.end() :], file_key)
    except (InvalidTag, ValueError):
        return None


def _file_key(identity: str, share: bytes, wrapped: bytes) -> bytes:
    secret, recipient = _keys(identity)
    shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
    return _wrapping(shared, share, recipient).decrypt(bytes(12), wrapped, None)


def _wrapping(shared: bytes, share: bytes, recipient: bytes) -> ChaCha20Poly1305:
    """The cipher around the file key, for one file."""
    return ChaCha20Poly1305(derive_key(shared, "age-encryption.org/v1/X25519", share + recipient))


def _mac(file_key: bytes, header: bytes | memoryview) -> bytes:
    return hmac.digest(derive_key(file_key, "header"), header, "sha256")


def _payload_cipher(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(derive_key(file_key, "payload", nonce))


def _chunk_nonce(number: int, count: int) -> bytes:
    return number.to_bytes(11, "big") + bytes([number == count - 1])


def _payload(sealed: memoryview, file_key: bytes) -> memoryview:
    """The chunks of STREAM, in order; the last is marked as such, and is empty only where there is nothing at all."""
    cipher = _payload_cipher(file_key, bytes(sealed[:_NONCE]))
    sealed = sealed[_NONCE:]
    whole = _CHUNK + _TAG
    count = max(1, -(-len(sealed) // whole))
    size = len(sealed) - count * _TAG
    if size < 0 or (count > 1 and size <= (count - 1) * _CHUNK):
        raise ValueError("the last chunk is no chunk")
    target = memory(size)
    for number in range(count):
        chunk = sealed[number * whole : (number + 1) * whole]
        at = number * _CHUNK
        cipher.decrypt_into(_chunk_nonce(number, count), chunk, None, target[at : at + len(chunk) - _TAG])
    return target.toreadonly()


def _decoded(text: bytes) -> bytes:
    """Bytes in Base64 without padding, in their only form."""
    data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    if _encoded(data) != text:
        raise ValueError("bits that mean nothing")
    return data


def _encoded(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _keys(identity: str) -> tuple[X25519PrivateKey, bytes]:
    """A secret key, and its public one."""
    secret = X25519PrivateKey.from_private_bytes(_bytes_of(identity, _AGE_KEY))
    return secret, secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _bytes_of(key: str, prefix: str) -> bytes:
    """The 32 bytes in Bech32 behind `prefix`. The checksum was tested when the key was made or read."""
    number = 0
    for letter in key[len(prefix) : -_CHECKSUM].lower():
        number = number << 5 | _LETTERS.index(letter)
    return (number >> 4).to_bytes(32, "big")
