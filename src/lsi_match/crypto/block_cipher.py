"""AES-256 over single 16-byte blocks: record references at the partner, re-keying at the matcher.

A keyed permutation of 16 bytes, no mode: equal in, equal out, and nothing else is kept (FIPS 197). It is used
only where equality is all that may be known and values are unique or already pseudonyms.
"""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lsi_match.base.buffer_pool import memory

BLOCK = 16
_CHUNK = 65_536 * BLOCK


def make_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(32)


def derive_key(secret: bytes, info: str, salt: bytes | None = None) -> bytes:
    """32 bytes for one use, by HKDF-SHA256 (RFC 5869)."""
    return HKDF(hashes.SHA256(), 32, salt=salt, info=info.encode()).derive(secret)


def encrypt_blocks(blocks: bytes | memoryview, key: bytes) -> memoryview:
    """Every 16-byte block of `blocks` (whose length is a multiple of 16) encrypted on its own."""
    return _run(blocks, Cipher(algorithms.AES(key), modes.ECB()).encryptor())  # noqa: S305 (see the module text)


def decrypt_blocks(blocks: bytes | memoryview, key: bytes) -> memoryview:
    """The inverse of `encrypt_blocks`."""
    return _run(blocks, Cipher(algorithms.AES(key), modes.ECB()).decryptor())  # noqa: S305


def _run(blocks: bytes | memoryview, context: object) -> memoryview:
    view = memoryview(blocks)
    if not view.nbytes:
        return memoryview(b"")
    view = view.cast("B")
    if len(view) % BLOCK:
        raise ValueError("not a whole number of 16-byte blocks")
    out = memory(len(view) + BLOCK - 1)
    done = 0
    for start in range(0, len(view), _CHUNK):
        done += context.update_into(view[start : start + _CHUNK], out[done:])  # type: ignore[attr-defined]
    return out[:done].toreadonly()
