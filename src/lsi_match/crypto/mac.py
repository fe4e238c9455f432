"""Marks on bytes that were checked: whether they are still the same is told ten times as fast as by a digest.

AES-256-GMAC (NIST SP 800-38D) under a key that nobody else has, with a random nonce for each mark. Unlike a digest it
says nothing to others, and is worth nothing once its key is known.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


def gmac_tag(data: bytes | memoryview, key: bytes) -> bytes:
    """A mark on `data` (28 bytes)."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, b"", data)


def has_mark(data: bytes | memoryview, key: bytes, made: bytes) -> bool:
    """Whether `made` is a mark on these very bytes."""
    try:
        AESGCM(key).decrypt(made[:_NONCE], made[_NONCE:], data)
    except (InvalidTag, ValueError):  # or it is too short for a mark
        return False
    return True
