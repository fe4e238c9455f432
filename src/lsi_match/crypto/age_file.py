"""age files for one key, several times as fast as with pyrage: the ciphers are those of OpenSSL.

A country is many gigabytes of drops; sealing them is a large part of the work of a partner, opening them of a round.
What is sealed here has the shortest header that there is: one stanza. Only what is certainly right is opened; anything else is
refused, also what some readers open (the form of a stanza before the specification). The format: https://c2sp.org/age.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lsi_match.base.buffer_pool import memory
from lsi_match.crypto.age_keys import Stanza, decoded, encoded, unwrapped, wrapped
from lsi_match.crypto.block_cipher import derive_key

_START: Final = b"age-encryption.org/v1\n"
_STANZA: Final = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n((?:[A-Za-z0-9+/]{64}\n){0,64}[A-Za-z0-9+/]{0,63})\n")
_END: Final = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")
#: More recipients than that are no drop or release of ours.
_STANZAS: Final = 64
_CHUNK: Final = 65_536
_TAG: Final = 16
_NONCE: Final = 16
_FILE_KEY: Final = 16
#: Chunks that are handed out at a time: as much as stays in the cache of a processor while it is written.
_AT_A_TIME: Final = 32


def sealed_pieces(data: bytes | memoryview, recipient: str) -> Iterator[memoryview]:
    """`data` sealed to `recipient` (`age1…`), piece by piece. A piece is to be used before the next is asked for.

    Raises:
        pyrage.RecipientError, ValueError: no recipient, or one to whom nothing can be sealed (a point of low order).
    """
    file_key, nonce = secrets.token_bytes(_FILE_KEY), secrets.token_bytes(_NONCE)
    header = _START + wrapped(file_key, recipient) + b"\n---"
    yield memoryview(header + b" " + encoded(_mac(file_key, header)) + b"\n" + nonce)
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
    """What was sealed to `identity` (`AGE-SECRET-KEY-…`); None where it is not certainly right."""
    try:
        stanzas, mac, size = _header(data)
        file_key = unwrapped(stanzas, identity)
        if file_key is None or not hmac.compare_digest(_mac(file_key, data[: size - len(b" \n") - 43]), mac):
            return None
        return _payload(memoryview(data)[size:], file_key)
    except (InvalidTag, ValueError):
        return None


def _header(data: bytes | memoryview) -> tuple[list[Stanza], bytes, int]:
    """The stanzas of a file, the mark on its header, and how long the header is; raises ValueError."""
    at = len(_START)
    stanzas: list[Stanza] = []
    if data[:at] != _START:
        raise ValueError("no age file")
    while (found := _STANZA.match(data, at)) and len(stanzas) < _STANZAS:
        words = found[1].split(b" ")
        stanzas.append((words, decoded(found[2].replace(b"\n", b""))))
        at = found.end()
    end = _END.match(data, at)
    if end is None or not stanzas or any(words[0] == b"scrypt" for words, _ in stanzas):
        raise ValueError("no header")
    return stanzas, decoded(end[1]), end.end()


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
