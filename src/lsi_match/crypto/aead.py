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


def encrypt_rows(rows: memoryview, key: bytes, about: str, bound: memoryview, count: int) -> bytes:
    """`count` rows of equal width, end to end, each encrypted on its own: equal rows do not show.

    Each has a random nonce: a key is good for 2^32 rows (SP 800-38D, 8.3).

    Args:
        bound: to what each row is bound beside `about`, also of equal width and end to end.
    """
    cipher, nonces, prefix = AESGCM(key), secrets.token_bytes(_NONCE * count), about.encode()
    width, beside = len(rows) // max(count, 1), len(bound) // max(count, 1)
    made: list[bytes] = []
    for number in range(count):
        nonce = nonces[_NONCE * number : _NONCE * (number + 1)]
        row = rows[width * number : width * (number + 1)]
        made += (nonce, cipher.encrypt(nonce, row, prefix + bound[beside * number : beside * (number + 1)]))
    return b"".join(made)


def decrypt_rows(rows: memoryview, key: bytes, about: str, bound: memoryview, count: int) -> bytes:
    """What `encrypt_rows` made of them.

    Raises:
        BoxBrokenError: one was changed, or is of another key or purpose, or bound to something else.
    """
    width, beside = len(rows) // max(count, 1), len(bound) // max(count, 1)
    try:
        return b"".join(
            AESGCM(key).decrypt(
                rows[width * number : width * number + _NONCE],
                rows[width * number + _NONCE : width * (number + 1)],
                about.encode() + bound[beside * number : beside * (number + 1)],
            )
            for number in range(count)
        )
    except (InvalidTag, ValueError):
        raise BoxBrokenError("not what was encrypted") from None
