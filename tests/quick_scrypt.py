"""An age file behind a passphrase whose derivation takes no time: like pyrage's, but for how often it is repeated.

Whether keys are guarded by a slow derivation is shown by `test_one_slow_derivation_guards_both_keys`, which takes the
real one; what is shown of files that are protected does not need a second or two for each.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lsi_match.crypto.age_file import _chunk_nonce, _mac, _payload_cipher

_LOG_N = 4


def encrypt(plain: bytes, passphrase: str) -> bytes:
    """As `pyrage.passphrase.encrypt` (https://c2sp.org/age, the scrypt recipient type); for one chunk."""
    file_key, salt, nonce = (secrets.token_bytes(16) for _ in range(3))
    wrapping = hashlib.scrypt(
        passphrase.encode(), salt=b"age-encryption.org/v1/scrypt" + salt, n=1 << _LOG_N, r=8, p=1, dklen=32
    )
    wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    header = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (_encoded(salt), _LOG_N, _encoded(wrapped))
    sealed = _payload_cipher(file_key, nonce).encrypt(_chunk_nonce(0, 1), plain, None)
    return header + b" " + _encoded(_mac(file_key, header)) + b"\n" + nonce + sealed


def _encoded(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")
