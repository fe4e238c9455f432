"""Files that only a holder of one key can make or read: AES-256-GCM (NIST SP 800-38D), the nonce in front.

Unlike what is sealed with age, which everybody can make, a box that opens was made by somebody with the key.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class BoxBrokenError(ValueError):
    """Damaged, cut short, or made with another key or for another purpose."""


def encrypt(data: bytes, key: bytes, about: str) -> bytes:
    """`data` encrypted under `key` (32 bytes), and bound to `about`."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, about.encode())


def decrypt(box: bytes, key: bytes, about: str) -> bytes:
    """What `encrypt` enclosed under the same key and `about`.

    Raises:
        BoxBrokenError: it was changed, or is of another key or purpose.
    """
    try:
        return AESGCM(key).decrypt(box[:_NONCE], box[_NONCE:], about.encode())
    except (InvalidTag, ValueError):
        raise BoxBrokenError("not what was enclosed") from None
